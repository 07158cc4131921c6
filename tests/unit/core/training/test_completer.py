"""The completer child: locked down, it continues a text piece by piece, and keeps nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core import jobs, sandbox
from core.api import completion
from core.api.errors import HedgerowError, ModelError
from core.api.messages.federations import ModelHere
from core.config.model import ModelSpec
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.jobs import CompleteJob
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights
from core.model.transformer import Transformer
from core.training.completer import Request, pieces, tokens_after

SPEC = ModelSpec(preset="test", vocab_size=4_096, num_layers=1, d_model=32, num_heads=2, d_ff=64, max_seq_len=24)
TOKENIZER = builtin_tokenizer_path()
SECRET = "Rumpelstiltskin"


@pytest.fixture
def here(tmp_path: Path) -> ModelHere:
    path = tmp_path / "weights"
    path.write_bytes(encode_weights(seeded_weights(SPEC, 1)))
    job = CompleteJob(
        weights_path=str(path), weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(), model=SPEC,
        tokenizer_path=str(TOKENIZER), tokenizer_sha256=hashlib.sha256(TOKENIZER.read_bytes()).hexdigest(),
    )  # fmt: skip
    return ModelHere(name="Commons", rounds=3, preset="test", parameters=1, job=jobs.encode(job).decode())


def ask(here: ModelHere, prompt: str = SECRET, **how: Any) -> list[completion.Piece | completion.Done]:
    given = {"max_tokens": 30, "temperature": 0.8, "seed": 5} | how
    done = subprocess.run(
        completion.command(), input=completion.request(here, prompt, **given), capture_output=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert SECRET.encode() not in done.stderr
    return [completion.read(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_text_is_continued_piece_by_piece_and_the_same_seed_says_the_same(here: ModelHere) -> None:
    *grown, end = ask(here)
    assert isinstance(end, completion.Done)
    assert end.tokens == len(grown) == 30
    assert not end.ended
    text = "".join(piece.text for piece in grown if isinstance(piece, completion.Piece))
    assert len(text) > 30
    again = ask(here)
    assert again[:-1] == grown
    assert ask(here, seed=6)[:-1] != grown


@pytest.mark.slow
def test_weights_that_changed_are_not_opened(here: ModelHere, tmp_path: Path) -> None:
    raw = bytearray((tmp_path / "weights").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "weights").write_bytes(raw)
    with pytest.raises(ModelError, match="not the one that was received"):
        ask(here)


@pytest.mark.parametrize("how", [{"max_tokens": 0}, {"max_tokens": 9_999}, {"temperature": -1.0}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(here: ModelHere, how: dict[str, Any]) -> None:
    raw = completion.request(here, "x", **({"max_tokens": 5, "temperature": 1.0, "seed": 0} | how))
    with pytest.raises(msgspec.ValidationError, match="out of range"):
        msgspec.json.decode(raw, type=Request)


class Fixed(Transformer):
    """Always the same next tokens, one after another."""

    def __init__(self, said: list[int]) -> None:
        super().__init__(SPEC)
        self.load_arrays(seeded_weights(SPEC, 1))
        self.said, self.asked = said, []

    def forward(self, tokens_BT: Any) -> Any:  # noqa: N803
        logits = super().forward(tokens_BT)
        self.asked.append(tokens_BT.shape[1])
        logits[0, -1, self.said[len(self.asked) - 1]] = 1e4
        return logits


def request(here: ModelHere, **how: Any) -> Request:
    return Request(job=msgspec.json.decode(here.job, type=CompleteJob), prompt="", **how)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_model_may_end_the_text_and_reads_no_more_than_it_can(here: ModelHere, temperature: float) -> None:
    model = Fixed([9, 8, 7, 0])
    found = list(tokens_after(model, list(range(1, 24)), request(here, temperature=temperature), end_of_text=0))
    assert found == [9, 8, 7]
    assert model.asked == [23, 24, 24, 24]


def test_a_letter_waits_until_all_its_bytes_are_there() -> None:
    tokenizer = Tokenizer.load(TOKENIZER)
    prompt = [int(one) for one in tokenizer.encode("A hedge: ")]
    ids = [int(one) for one in tokenizer.encode("A hedge: 🌿 ü")][len(prompt) :]
    grown = list(pieces(tokenizer, prompt, iter(ids)))
    assert "".join(grown) == "🌿 ü"
    assert not any("\ufffd" in piece for piece in grown)
    assert "" in grown


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"piece": 3}', b'{"done": {}}', b"null"])
def test_anything_else_is_one_sentence(line: bytes) -> None:
    with pytest.raises(HedgerowError, match="without an answer"):
        completion.read(line)


def test_a_refusal_is_passed_on() -> None:
    raw = json.dumps({"error": {"code": "model", "message": "No.", "hint": "Later."}}).encode()
    with pytest.raises(ModelError, match=r"No\."):
        completion.read(raw)


LOOK = """
import socket, subprocess, sys
from pathlib import Path
from core.training import completer

def look(*_):
    found = {}
    tries = {
        "home": lambda: list(Path.home().iterdir()),
        "file": lambda: open(sys.argv[1]).read(),
        "write": lambda: open(sys.argv[1] + ".new", "w"),
        "tcp": lambda: socket.create_connection(("127.0.0.1", 9), 1),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
        "program": lambda: subprocess.run(["/bin/true"], check=True),
    }
    for name, act in tries.items():
        try:
            act()
        except ConnectionRefusedError:
            continue
        except OSError:
            found[name] = True
    raise completer.ModelError(" ".join(sorted(found)))

completer.read_weights = look
sys.exit(completer.main())
"""


@pytest.mark.slow
def test_from_inside_nothing_else_can_be_reached(here: ModelHere, tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text(SECRET)
    raw = completion.request(here, "x", max_tokens=5, temperature=0.0, seed=0)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path / "diary.txt")], input=raw, capture_output=True, timeout=120,
        check=False,
    )  # fmt: skip
    with pytest.raises(ModelError) as caught:
        completion.read(done.stdout.splitlines()[-1])
    refused = set(caught.value.message.split())
    expected = {"tcp", "udp", "program"} | (
        {"home", "file", "write"} if "landlock" in sandbox.level_available() else set()
    )
    assert expected <= refused
