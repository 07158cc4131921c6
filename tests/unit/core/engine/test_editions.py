"""Editions of a corpus, over a real reader and real TLS."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from support.https import Site, site
from support.joined import KEY, House, config

from core.api.errors import CoordinatorError, HedgerowError, ManifestError
from core.config.federation import FederationConfig
from core.config.model import TokenizerSpec
from core.data.store import Shard
from core.data.train_tokenizer import train
from core.engine import generations
from core.federation.gateway import Gateway
from core.federation.invite import GATEWAY_NAME
from core.federation.transport import Endpoint, Transport
from core.ledger.rows import CorpusRow

RAW = train(iter(["the hedge and the row, the hedgerow. " * 50]), vocab_size=300)
SHA256 = hashlib.sha256(RAW).hexdigest()


def terms(sha256: str = SHA256) -> FederationConfig:
    return msgspec.structs.replace(config(), tokenizer=TokenizerSpec(sha256=sha256, origin="elsewhere"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home")


async def read(house: House, folder: Path) -> CorpusRow:
    info = house.corpora.add([str(folder)], "Notes")
    for _ in range(1_500):
        if not house.corpora.reading:
            break
        await asyncio.sleep(0.02)
    return house.corpora.row(info.corpus_id)


def tell(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        (folder / f"{number}.md").write_text(f"The hedge number {number} along the lane. " * 60)


def run(what: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await what()

    asyncio.run(main())


def test_an_edition_follows_its_corpus_and_leaves_with_it(house: House, tmp_path: Path) -> None:
    (house.home / "tokenizers").mkdir()
    (house.home / "tokenizers" / SHA256).write_bytes(RAW)
    tell(tmp_path / "notes", 4)

    async def what() -> None:
        row = await read(house, tmp_path / "notes")
        assert house.editions.row(row, config()) == row, "the engine's own tokens need none"
        assert house.editions.row(row, terms()) is None
        await house.editions.prepare([row], terms())
        edition = house.editions.row(row, terms())
        assert edition is not None
        assert edition.facts.tokens > row.facts.tokens
        shards = [Shard(ref.path, KEY) for ref in edition.facts.shards]
        assert {shard.tokenizer_sha256 for shard in shards} == {SHA256}
        folder = Path(edition.facts.shards[0].path).parent
        before = (folder / "edition").stat().st_mtime_ns
        await house.editions.prepare([row], terms())
        assert (folder / "edition").stat().st_mtime_ns == before, "read once"

        changed = msgspec.structs.replace(
            row, facts=msgspec.structs.replace(row.facts, shards=(*row.facts.shards, row.facts.shards[0]))
        )
        assert house.editions.row(changed, terms()) is None
        await house.editions.prepare([changed], terms())
        assert house.editions.row(changed, terms()) is not None

        shutil.rmtree(folder)
        assert house.editions.row(changed, terms()) is None
        await house.corpora.remove(row.corpus_id)
        assert not folder.parent.exists()

    run(what)


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (RAW + b" ", CoordinatorError, "does not match its hash"),
        (b'{"model": {"type": "BPE"}}', ManifestError, "not plain byte-level BPE"),
        (b'{"model": {"type": "Unigram"}}', ManifestError, "sentencepiece's kind"),
        (RAW, None, ""),
    ],
)
def test_a_strangers_tokenizer_is_checked(
    house: House, tmp_path: Path, body: bytes, kind: type[HedgerowError] | None, sentence: str
) -> None:
    sha256 = SHA256 if kind is not ManifestError else hashlib.sha256(body).hexdigest()
    with site(tmp_path) as here:

        async def what() -> None:
            transport = Transport(_endpoint(here))
            try:
                await house.editions.fetch(terms(sha256), Gateway(transport))
            finally:
                await transport.close()

        here.give("GET", f"/blobs/{sha256}", body)
        if kind is None:
            run(what)
            assert house.editions.tokenizer_path(terms()).read_bytes() == RAW
        else:
            with pytest.raises(kind, match=sentence):
                run(what)


def test_a_tokenizer_larger_than_the_model_is_refused(house: House, tmp_path: Path) -> None:
    small = msgspec.structs.replace(terms(), model=msgspec.structs.replace(config().model, vocab_size=256))
    with site(tmp_path) as here:

        async def what() -> None:
            transport = Transport(_endpoint(here))
            try:
                await house.editions.fetch(small, Gateway(transport))
            finally:
                await transport.close()

        here.give("GET", f"/blobs/{SHA256}", RAW)
        with pytest.raises(ManifestError, match="more tokens than its model"):
            run(what)


def _endpoint(here: Site) -> Endpoint:
    return Endpoint(here.address, here.root, GATEWAY_NAME)


def test_shards_a_round_is_pinned_to_outlive_a_newer_edition(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house.home / "tokenizers").mkdir()
    (house.home / "tokenizers" / SHA256).write_bytes(RAW)
    tell(tmp_path / "notes", 4)
    kept: list[str] = []

    async def what() -> None:
        row = await read(house, tmp_path / "notes")
        await house.editions.prepare([row], terms())
        first = house.editions.row(row, terms())
        assert first is not None
        old = first.facts.shards[0].path
        monkeypatch.setattr(generations, "pinned", lambda _: {old})
        tell(tmp_path / "notes", 6)
        house.corpora.refresh(row.corpus_id)
        for _ in range(1_500):
            if not house.corpora.reading:
                break
            await asyncio.sleep(0.02)
        row = house.corpora.row(row.corpus_id)
        assert house.editions.row(row, terms()) is None, "the text has changed"
        await house.editions.prepare([row], terms())
        second = house.editions.row(row, terms())
        assert second is not None
        assert second.facts.shards[0].path != old
        kept.append(old)

    run(what)
    assert [Path(one).exists() for one in kept] == [True]


def test_no_two_editions_hold_one_document(house: House, tmp_path: Path) -> None:
    (house.home / "tokenizers").mkdir()
    (house.home / "tokenizers" / SHA256).write_bytes(RAW)
    tell(tmp_path / "first", 3)
    tell(tmp_path / "second", 0)
    both = "What lies in the second text now, and in the first as well from tomorrow on. " * 40
    (tmp_path / "second" / "both.md").write_text(both)
    (tmp_path / "second" / "own.md").write_text("Something of its own, which stands nowhere else. " * 40)

    def held(rows: list[CorpusRow]) -> list[int]:
        there = [house.editions.row(row, terms()) is not None for row in rows]
        found = [house.editions._load(house.editions._folder(row, terms())) for row in rows]
        return [
            one.result.documents if one is not None and is_there else 0
            for one, is_there in zip(found, there, strict=False)
        ]

    async def what() -> None:
        rows = [await read(house, tmp_path / name) for name in ("second", "first")]
        rows.reverse()
        await house.editions.prepare(rows, terms())
        assert held(rows) == [3, 2]
        # Files change after the corpus was read: its edition alone, made anew, has the document.
        later, earlier = rows
        (tmp_path / "first" / "both.md").write_text(both)
        shutil.rmtree(house.home / "store" / later.corpus_id / SHA256[:16])
        await house.editions.prepare([later], terms())
        assert held(rows) == [3, 2], "the earlier corpus keeps it"
        (tmp_path / "second" / "more.md").write_text("Something more, which stands nowhere else either. " * 40)
        (tmp_path / "first" / "0.md").unlink()
        shutil.rmtree(house.home / "store" / earlier.corpus_id / SHA256[:16])
        assert held(rows)[1] == 0
        await house.editions.prepare(rows, terms())
        assert held(rows) == [2, 3], "and what is after it was made anew"

    run(what)
