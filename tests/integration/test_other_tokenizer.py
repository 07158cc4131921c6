"""A federation with a tokenizer of its own: fetched by hash, checked, and the owner's text read once more with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.live_federation import federation, wait_for

from core.api.messages.federations import InviteParams, TermsView
from core.data.train_tokenizer import train

pytestmark = pytest.mark.slow
PROSE = "The hedge along the lane is older than the lane. Number {0} was planted by somebody who liked thorns.\n\n"


@pytest.mark.campaign
def test_text_is_read_once_more_with_the_federations_tokenizer(tmp_path: Path) -> None:
    tokenizer = tmp_path / "small.json"
    tokenizer.write_bytes(train(iter([PROSE * 50]), vocab_size=260))
    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(30):
        (notes / f"{number}.md").write_text(PROSE.format(number) * 40)
    terms = {
        "name": "Other", "privacy": "none", "rounds": 1, "cohort": 1, "local_steps": 2, "batch_size": 4,
        "seq_len": 32, "tokenizer": tokenizer, "deadline": "2m",
    }  # fmt: skip
    with federation(tmp_path, **terms) as (coordinator, (volunteer,), _):
        coordinator.start()
        volunteer.start()
        own = volunteer.add_text(notes)
        invite = coordinator.invite()
        seen = volunteer.call("federation.terms", InviteParams(invite=invite, epsilon=8.0))
        assert isinstance(seen, TermsView)
        (offer,) = seen.offers
        assert offer.usable, offer.reason
        # Nearly a token a byte; how much is held out depends on the store key, but is never near half.
        assert offer.units > 1.5 * own.tokens / 32, "counted in the federation's tokens"
        volunteer.join(invite, own)
        volunteer.call("start")
        wait_for(coordinator.closed_rounds, 90, "the round")
        folders = [path for path in (volunteer.home / "store" / own.corpus_id).iterdir() if path.is_dir()]
        assert len(folders) == 1
        assert list(folders[0].glob("*.shard"))
        (shown,) = volunteer.status().corpora
        assert shown.tokens == own.tokens, "counts are shown in the engine's own tokens"
