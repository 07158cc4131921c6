"""The preview child as a real process, the engine's one-use tickets, and what neither of them may tell."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from support.documents import zipped
from support.extraction import parquet
from support.joined import House

from core.api import preview
from core.api.errors import CorpusError, EngineError
from core.api.messages.corpora import PreviewText, PreviewTicket
from core.engine import preview as desks
from core.engine.preview import PreviewDesk
from core.ledger.rows import CorpusRow

KEY = bytes(range(32))
PROSE = "Along lane {n} the hedge holds {n} nests and a wren that sings of them. "


class Home(House):
    """Text that the real reader read, and a desk for tickets."""

    async def begin(self, text: Path) -> CorpusRow:
        self.desk = PreviewDesk(KEY)
        corpus_id = self.corpora.add([str(text)], "").corpus_id
        async with asyncio.timeout(60):
            while self.corpora.reading:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return self.corpora.row(corpus_id)

    async def ticket(self, row: CorpusRow) -> PreviewTicket:
        text = self.corpora
        return await self.desk.issue(self.home / "run", row, text.tokenizer_path, text.tokenizer_sha256)


def there(path: str) -> bool:
    return os.path.lexists(path)


async def shown(source: PreviewTicket | str, document: int = 1) -> PreviewText:
    command = preview.command(source, document)
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        out, _ = await child.communicate()
    return preview.read(out)


def run(house: Home, what: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await what()
        finally:
            await house.desk.close()
            await house.corpora.close()
            house.ledger.close()

    asyncio.run(main())


@pytest.fixture
def house(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(PROSE.format(n=number) * 60)
    return folder


def test_every_document_is_shown_as_it_is_used(house: Home, text: Path) -> None:
    async def what() -> None:
        row = await house.begin(text)
        ticket = await house.ticket(row)
        assert ticket.documents == 6, "each of three documents has its last part held back"
        found = [await shown(ticket, 1)]
        found += [await shown(await house.ticket(row), number) for number in range(2, 7)]
        parts = {number: "".join(f.text for f in found if f"lane {number}" in f.text) for number in range(3)}
        assert sorted(len(part) for part in parts.values()) == sorted(len(PROSE.format(n=n) * 60) for n in range(3))
        assert sum(f.tokens for f in found) == row.facts.tokens
        assert sum(f.text_bytes for f in found) == row.facts.text_bytes
        assert [f.held_out for f in found] == [False] * 3 + [True] * 3
        assert not any(f.cut for f in found)

    run(house, what)


def test_a_ticket_is_good_once_for_a_short_while_and_in_a_private_place(
    house: Home, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def what() -> None:
        row = await house.begin(text)
        ticket = await house.ticket(row)
        mode = os.stat(ticket.path).st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(ticket.path)).st_mode) == 0o700
        await shown(ticket)
        assert not there(ticket.path)
        with pytest.raises(EngineError, match="shown already"):
            await shown(ticket)
        monkeypatch.setattr(desks, "LIFE_S", 0.05)
        late = await house.ticket(row)
        await asyncio.sleep(0.3)
        assert not there(late.path)
        with pytest.raises(EngineError, match="shown already, or took too long"):
            await shown(late)

    run(house, what)


def test_a_stranger_gets_nothing_and_the_ticket_is_void(
    house: Home, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def what() -> None:
        row = await house.begin(text)
        monkeypatch.setattr(desks, "same_user", lambda end: False)
        ticket = await house.ticket(row)
        with pytest.raises(EngineError, match="did not say"):
            await shown(ticket)
        assert not there(ticket.path)

    run(house, what)


def test_tickets_that_nobody_uses_are_bounded_and_taken_back(house: Home, text: Path) -> None:
    async def what() -> None:
        row = await house.begin(text)
        tickets = [await house.ticket(row) for _ in range(desks.MAX_TICKETS)]
        with pytest.raises(EngineError, match="Too many"):
            await house.ticket(row)
        await house.desk.close()
        assert not any(there(ticket.path) for ticket in tickets)

    run(house, what)


def test_what_cannot_be_shown_is_one_sentence(house: Home, text: Path) -> None:
    async def what() -> None:
        row = await house.begin(text)
        for number in (0, 7, -1):
            with pytest.raises(CorpusError, match="There is no document"):
                await shown(await house.ticket(row), number)
        path = Path(row.facts.shards[0].path)
        path.write_bytes(b"HGTS" + os.urandom(400))  # noqa: ASYNC240
        with pytest.raises(Exception, match="token shard"):
            await shown(await house.ticket(row))
        house.ledger.add_corpus("d" * 32, "Later", (str(text),))
        with pytest.raises(CorpusError, match="not been read yet"):
            await house.ticket(house.corpora.row("d" * 32))

    run(house, what)


def test_a_long_document_is_cut_and_says_so(house: Home, tmp_path: Path) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    (folder / "a.txt").write_text("word after word goes on and on, " * 9_000)

    async def what() -> None:
        row = await house.begin(folder)
        found = await shown(await house.ticket(row))
        assert (len(found.text), found.cut) == (20_000, True)
        assert found.tokens > 20_000

    run(house, what)


def of_file(path: Path, field: str = "") -> PreviewText:
    done = subprocess.run(preview.command(str(path), 1, field), capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    return preview.read(done.stdout)


def test_a_file_is_shown_without_the_engine_or_named_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "-a.txt"
    path.write_bytes("Grüße\r\naus der Hecke".encode("cp1252") * 40)
    assert of_file(path).text.startswith("Grüße\naus der Hecke")
    path.write_bytes(os.urandom(5_000))
    with pytest.raises(CorpusError, match=r"-a\.txt would be set aside: binary"):
        of_file(path)
    with pytest.raises(CorpusError, match="not there any more"):
        of_file(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="would be set aside: "):
        of_file(tmp_path)


def test_the_child_is_locked_down_before_it_opens_a_file(tmp_path: Path) -> None:
    """Where the text is extracted, the network cannot be reached."""
    code = (
        "import core.data.preview as p, sys, socket\n"
        "real = p.extract.documents\n"
        "def look(*given):\n"
        "    try: socket.socket(); sys.exit('a socket')\n"
        "    except PermissionError: pass\n"
        "    return real(*given)\n"
        "p.extract.documents = look\n"
        "sys.stdout.buffer.write(p.show(['--file', sys.argv[1]]))\n"
    )
    path = tmp_path / "a.txt"
    path.write_text("some text of the owner's " * 20)
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, timeout=60, check=True)
    assert preview.read(done.stdout).text.startswith("some text")


@pytest.mark.parametrize("written", [b"", b"{}", b"[]", b"\xff", b'{"text": 5}', b'"x"', b"x" * 2_000_000])
def test_what_is_no_preview_is_refused(written: bytes) -> None:
    with pytest.raises(EngineError, match="without a text"):
        preview.read(written)


def test_an_engine_that_sends_rubbish_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "p"))
        listening.listen(1)
        ticket = PreviewTicket(path=str(tmp_path / "p"), documents=1)
        child = subprocess.Popen(preview.command(ticket), stdout=subprocess.PIPE)
        other, _ = listening.accept()
        other.sendall(b"rubbish" * 20)
        other.close()
        out, _ = child.communicate(timeout=60)
    with pytest.raises(EngineError, match="did not say"):
        preview.read(out)


def test_a_file_of_any_format_is_shown_as_its_first_document(tmp_path: Path) -> None:
    rows = [f"row number {number} of the table" for number in range(3)]
    files = {
        "a.jsonl": "".join(f'{{"text": "{row}"}}\n' for row in rows).encode(),
        "a.zip": zipped({f"{number}.txt": row for number, row in enumerate(rows)}),
        "a.parquet": parquet({"text": rows}),
    }
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
        found = of_file(tmp_path / name)
        assert (found.text, found.documents, found.cut) == (rows[0], 3, False), name


TABLE = "id;note;story\n1;short;the longest cells stand here\n"


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.jsonl", b'{"id": "1", "note": "short", "story": "the longest cells stand here"}\n'),
        ("a.csv", TABLE.encode()),
        ("a.parquet", parquet({"id": ["1"], "note": ["short"], "story": ["the longest cells stand here"]})),
        ("a.zip", zipped({"inner.csv": TABLE})),
    ],
)
def test_a_file_of_records_says_which_field_was_read_and_shows_another(tmp_path: Path, name: str, raw: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    first = of_file(path)
    assert (first.text, first.field, first.fields) == ("the longest cells stand here", "story", ["id", "note", "story"])
    other = of_file(path, "note")
    assert (other.text, other.field) == ("short", "note")
    with pytest.raises(CorpusError) as caught:
        of_file(path, "-nowhere")
    assert caught.value.hint == "It has id, note, story."
