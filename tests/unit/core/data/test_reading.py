from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from support.documents import docx, paragraph, tarred, zipped

from core import vault
from core.api.errors import CorpusError, HedgerowError, StorageError
from core.data import content, digests, extract, generation, packing, survey, telling, watching
from core.data.content import Content
from core.data.reading import Reading
from core.data.store import Shard
from core.data.tokenizer import BUILTIN, Tokenizer, builtin_tokenizer_path
from core.jobs import Job, ReadJob, ReadProgress, ReadResult, ShardRef, Skipped

KEY = bytes(range(32))
TOKENIZER = Tokenizer.load(builtin_tokenizer_path())
PROSE = "The hedgerow along lane {n} hides a wren, two blackbirds and {n} sloes in a thorn. " * 12


class Desk:
    """A folder of text, a store, and a reader that works in this process."""

    def __init__(self, root: Path) -> None:
        self.text = root / "text"
        self.store = root / "store"
        self.text.mkdir()
        self.store.mkdir()
        self.messages: list[Job] = []
        self.extracted = 0
        self._sketches: dict[tuple[ShardRef, ...], set[str]] = {}

    def put(self, name: str, content: str | bytes) -> Path:
        """A file that is old enough for its stamp to be trusted."""
        path = self.text / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def job(self, *paths: Path, **changes: Any) -> ReadJob:
        return ReadJob(
            corpus_id="c", paths=tuple(map(str, paths or (self.text,))), store_dir=str(self.store),
            tokenizer_path=str(builtin_tokenizer_path()), tokenizer_sha256=BUILTIN["hedgerow-4k"], **changes,
        )  # fmt: skip

    def read(self, *paths: Path, **changes: Any) -> ReadResult:
        self.messages = []
        self.extracted = 0
        result = Reading(self.job(*paths, **changes), KEY, self.messages.append).run()
        batches = digests.batches(result.digests_path, KEY, 1_000)
        self._sketches[result.shards] = {digest for batch in batches for digest in batch}
        return result

    @property
    def skips(self) -> dict[str, str]:
        return {os.path.basename(m.path): m.reason for m in self.messages if isinstance(m, Skipped)}

    def documents(self, result: ReadResult) -> list[str]:
        shards = [Shard(ref.path, KEY) for ref in result.shards]
        return sorted(TOKENIZER.decode(s.document(i)) for s in shards for i in range(s.num_documents))

    def sketch(self, result: ReadResult) -> set[str]:
        """Digests of all its documents."""
        return self._sketches[result.shards]

    def files(self) -> set[str]:
        return {path.name for path in self.store.iterdir()}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    real = extract.documents

    def counted(*arguments: Any) -> Iterator[str]:
        desk.extracted += 1
        return real(*arguments)

    monkeypatch.setattr(extract, "documents", counted)
    monkeypatch.setattr(content, "SETTLED_S", -1.0)  # files of this test are never too young
    return desk


def test_a_folder_becomes_shards_with_the_right_counts(desk: Desk) -> None:
    texts = [PROSE.format(n=n) for n in range(25)]
    for number, text in enumerate(texts):
        desk.put(f"{number:02}.txt", text)
    result = desk.read()
    assert desk.documents(result) == sorted(texts)
    assert result.documents == len(desk.sketch(result)) == 25
    assert result.words == sum(len(text.split()) for text in texts)
    assert result.text_bytes == sum(len(text.encode()) for text in texts) == sum(s.text_bytes for s in result.shards)
    assert 0 < result.held_out_tokens < result.tokens / 10
    assert result.skipped_total == 0
    progress = [message for message in desk.messages if isinstance(message, ReadProgress)]
    assert (progress[-1].files_done, progress[-1].files_total, progress[-1].tokens) == (25, 25, result.tokens)
    assert {Path(s.path).stat().st_mode & 0o777 for s in result.shards} == {0o600}


def test_an_unchanged_folder_is_not_read_again_and_keeps_its_shards(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        desk.put(f"{number}.txt", PROSE.format(n=number))
    desk.put("copy.txt", PROSE.format(n=1))
    desk.put("zero.txt", bytes(90))
    first = desk.read()
    skips, files = desk.skips, desk.files()
    monkeypatch.setattr(Content, "digest", lambda *_: pytest.fail("a file was read that did not change"))
    assert desk.read() == first
    assert desk.extracted == 0
    assert desk.skips == skips == {"copy.txt": "an exact copy of another document", "zero.txt": "binary"}
    assert desk.files() == files


def test_one_changed_file_is_read_and_the_others_are_copied(desk: Desk) -> None:
    texts = {f"{n:02}.txt": PROSE.format(n=n) for n in range(24)}
    for name, text in texts.items():
        desk.put(name, text)
    before = desk.read()
    assert desk.extracted == 24
    texts["07.txt"] = "Something quite different stands here now. " * 9
    desk.put("07.txt", texts["07.txt"])
    after = desk.read()
    assert desk.extracted == 1
    assert desk.documents(after) == sorted(texts.values())
    assert len(desk.sketch(before) & desk.sketch(after)) == 23
    copied = [Shard(ref.path, KEY) for ref in after.shards]
    shutil.rmtree(desk.store)
    desk.store.mkdir()
    fresh = desk.read()
    assert desk.extracted == 24
    for a, b in zip(copied, [Shard(ref.path, KEY) for ref in fresh.shards], strict=True):
        assert np.array_equal(a.tokens(0, a.num_tokens), b.tokens(0, b.num_tokens))
        assert a.num_training_tokens == b.num_training_tokens
    assert desk.sketch(after) == desk.sketch(fresh)


def test_a_split_document_is_put_together_again_when_the_corpus_grows(desk: Desk) -> None:
    desk.put("00.txt", PROSE.format(n=0) * 6)
    assert desk.read().held_out_tokens > 0
    for number in range(1, 22):
        desk.put(f"{number:02}.txt", PROSE.format(n=number))
    result = desk.read()
    assert desk.extracted == 21
    assert PROSE.format(n=0) * 6 in desk.documents(result)


def test_a_removed_file_is_forgotten_and_its_copy_takes_its_place(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    desk.put("b.txt", PROSE.format(n=1))
    desk.put("c.txt", PROSE.format(n=2))
    first = desk.read()
    assert desk.skips == {"b.txt": "an exact copy of another document"}
    (desk.text / "a.txt").unlink()
    second = desk.read()
    assert (desk.extracted, desk.skips) == (0, {})
    assert desk.sketch(second) == desk.sketch(first)
    (desk.text / "b.txt").unlink()
    third = desk.read()
    assert "".join(desk.documents(third)).count("The hedgerow along lane 1") == 0
    assert third.documents == 1
    assert desk.files() == {"generation", "digests", *(Path(s.path).name for s in third.shards)}


def test_a_touched_or_renamed_file_is_hashed_but_not_extracted(desk: Desk) -> None:
    path = desk.put("a.txt", PROSE.format(n=1))
    desk.put("b.txt", PROSE.format(n=2))
    first = desk.read()
    os.utime(path, (1, 1))
    assert desk.read() == first
    path.rename(desk.text / "z.txt")
    assert desk.read() == first
    assert desk.extracted == 0


def test_a_young_file_is_hashed_every_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "SETTLED_S", 3_600.0)
    desk.put("a.txt", PROSE.format(n=1))
    first = desk.read()
    path = desk.text / "a.txt"
    status = path.stat()
    path.write_text(PROSE.format(n=2))  # the same size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert desk.sketch(desk.read()) != desk.sketch(first)


def test_damage_is_repaired_from_the_files(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    desk.put("b.txt", PROSE.format(n=2))
    first = desk.read()
    for victim in (Path(first.shards[0].path), desk.store / "generation"):
        current = desk.read()
        victim = Path(current.shards[0].path) if victim.suffix == ".shard" else victim
        raw = bytearray(victim.read_bytes())
        raw[-1] ^= 1
        victim.write_bytes(raw)
        repaired = desk.read()
        assert desk.extracted == 2
        assert desk.sketch(repaired) == desk.sketch(first)
        Shard(repaired.shards[0].path, KEY).verify()


def test_a_file_that_vanishes_or_closes_during_the_run_costs_that_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        desk.put(f"{number}.txt", PROSE.format(n=number))
    real = survey.find

    def find_then_lose(*arguments: object) -> object:
        found = real(*arguments)  # type: ignore[arg-type]
        (desk.text / "1.txt").unlink()
        (desk.text / "2.txt").rename(desk.text / "away")
        (desk.text / "2.txt").symlink_to("/etc/hostname")
        return found

    monkeypatch.setattr(survey, "find", find_then_lose)
    result = desk.read()
    assert result.documents == 2
    assert desk.skips == {"1.txt": "not there any more", "2.txt": "a link, which is not followed"}
    assert result.skipped_total == 2


def test_a_disk_taken_out_during_the_run_leaves_the_last_generation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        desk.put(f"{number}.txt", PROSE.format(n=number))
    first = desk.read()
    desk.put("0.txt", PROSE.format(n=9))
    real = Reading._take

    def take_then_lose(self: Reading, file: Any) -> None:
        real(self, file)
        if desk.text.exists():
            desk.text.rename(desk.text.parent / "away")

    monkeypatch.setattr(Reading, "_take", take_then_lose)
    with pytest.raises(CorpusError, match="is not there any more"):
        desk.read()
    monkeypatch.undo()
    (desk.text.parent / "away").rename(desk.text)
    desk.put("0.txt", PROSE.format(n=0))
    assert Reading(desk.job(), KEY, desk.messages.append).run().documents == first.documents


def test_a_file_that_cannot_be_read_does_not_make_the_rest_new_each_time(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    desk.put("large.txt", "x" * 5_000)
    first = desk.read(max_file_bytes=4_000)
    assert "larger than" in desk.skips["large.txt"]
    assert desk.read(max_file_bytes=4_000) == first
    assert "larger than" in desk.skips["large.txt"]


def test_a_file_that_takes_too_long_costs_itself_and_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    slow = desk.put("slow.txt", "word " * 40_000)
    real = extract.documents

    def documents(name: str, *rest: Any) -> Iterator[str]:
        monkeypatch.setattr(watching, "FILE_S", -1e9 if name == str(slow) else 25.0)
        return real(name, *rest)

    monkeypatch.setattr(watching, "_LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(extract, "documents", documents)
    assert desk.read().documents == 1
    assert desk.skips == {"slow.txt": "took too long to read"}
    monkeypatch.setattr(extract, "documents", real)
    monkeypatch.setattr(watching, "FILE_S", 25.0)
    assert desk.read().documents == 2


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "text is empty"),
        ({"a.bin": b"x"}, "not a format that is read"),
        ({"a.txt": b""}, "empty"),
        ({"a.txt": bytes(100), "b.txt": b"  ", "c.txt": b""}, "3 files or folders were set aside (most often: empty)"),
        ({"a.txt": bytes(100), "b.txt": bytes(99)}, "2 files or folders were set aside (all: binary)"),
    ],
)
def test_nothing_usable_is_one_sentence_and_changes_nothing(desk: Desk, files: dict[str, bytes], message: str) -> None:
    for name, raw in files.items():
        desk.put(name, raw)
    with pytest.raises(CorpusError) as caught:
        desk.read()
    assert message in caught.value.message
    assert caught.value.message.count(".") <= 2
    assert caught.value.hint
    assert desk.files() == set()


def test_a_folder_that_is_gone_leaves_the_last_generation(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    desk.read()
    before = {path.name: path.read_bytes() for path in desk.store.iterdir()}
    shutil.rmtree(desk.text)
    with pytest.raises(CorpusError, match="not there any more"):
        desk.read()
    assert {path.name: path.read_bytes() for path in desk.store.iterdir()} == before


@pytest.mark.parametrize("fail_at", [0, 1])
def test_a_full_disk_leaves_the_last_generation_and_no_rubbish(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    """The disk is full at the first shard, and at the generation manifest after it."""
    desk.put("a.txt", PROSE.format(n=1))
    first = desk.read()
    before = {path.name: path.read_bytes() for path in desk.store.iterdir()}
    desk.put("b.txt", PROSE.format(n=2))
    real, calls = os.replace, 0

    def full(source: str, target: str) -> None:
        nonlocal calls
        calls += 1
        if calls > fail_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(vault.os, "replace", full)
    with pytest.raises(StorageError, match="disk is full"):
        desk.read()
    assert calls == fail_at + 1
    assert {path.name: path.read_bytes() for path in desk.store.iterdir()} == before
    monkeypatch.setattr(vault.os, "replace", real)
    assert desk.read().documents == first.documents + 1


def test_a_killed_reader_leaves_nothing_that_stays(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    (desk.store / ("0" * 64 + ".shard")).write_bytes(b"left over")
    (desk.store / ".abc.shard.x1.part").write_bytes(b"left over")
    result = desk.read()
    assert desk.files() == {"generation", "digests", *(Path(s.path).name for s in result.shards)}


def test_another_tokenizer_or_extractor_reads_everything_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    first = desk.read()
    monkeypatch.setattr(extract, "VERSION", 77)
    second = desk.read()
    assert desk.extracted == 1
    assert desk.sketch(second) == desk.sketch(first)
    assert Shard(second.shards[0].path, KEY).extractor_version == 77


def test_names_of_any_bytes_are_read(desk: Desk) -> None:
    with open(os.fsencode(desk.text) + b"/caf\xe9.txt", "wb") as stream:
        stream.write(PROSE.format(n=1).encode())
    with open(os.fsencode(desk.text) + b"/bad\xff.txt", "wb") as stream:
        stream.write(bytes(50))
    assert desk.read().documents == 1
    assert list(desk.skips) == ["bad\ufffd.txt"]
    assert desk.read().documents == 1


def test_neither_manifest_nor_messages_hold_text_or_names_in_clear(desk: Desk) -> None:
    desk.put("secret-name.txt", "a canary sings in the hedgerow " * 50)
    desk.read()
    for path in desk.store.iterdir():
        raw = path.read_bytes()
        assert b"canary" not in raw
        assert b"secret-name" not in raw
    assert "canary" not in repr(desk.messages)


def test_messages_about_skipped_files_are_bounded_but_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "MAX_SKIPPED_MESSAGES", 5)
    desk.put("a.txt", PROSE.format(n=1))
    for number in range(12):
        desk.put(f"{number}.jpg", b"x")
    assert desk.read().skipped_total == 12
    assert len(desk.skips) == 5


def test_a_manifest_of_another_version_is_not_used(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    desk.read()
    current = generation.load(desk.store, KEY)
    assert current is not None
    assert generation.load(desk.store, bytes(32)) is None
    generation.store(desk.store, KEY, msgspec.structs.replace(current, version=99))
    assert generation.load(desk.store, KEY) is None
    desk.read()
    assert desk.extracted == 1


def test_a_wrong_tokenizer_is_refused_before_any_text_is_opened(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    job = ReadJob(
        corpus_id="c", paths=(str(desk.text),), store_dir=str(desk.store),
        tokenizer_path=str(builtin_tokenizer_path()), tokenizer_sha256="0" * 64,
    )  # fmt: skip
    with pytest.raises(HedgerowError, match="hash"):
        Reading(job, KEY, desk.messages.append)


def test_reading_again_tokenises_only_what_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real, encoded = Tokenizer.encode, [0]

    def counted(self: Tokenizer, text: str, *rest: Any) -> Any:
        encoded[0] += 1
        return real(self, text, *rest)

    monkeypatch.setattr(Tokenizer, "encode", counted)
    for number in range(40):
        desk.put(f"{number:02}.txt", PROSE.format(n=number) * 30)
    desk.read()
    desk.put("00.txt", "changed " * 50)
    desk.read()
    assert encoded == [41]


def other_corpus(desk: Desk, *texts: str) -> str:
    """The digest file of a corpus with these documents."""
    root = desk.text.parent / f"other-{len(list(desk.text.parent.iterdir()))}"
    root.mkdir()
    other = Desk(root)
    for number, text in enumerate(texts):
        other.put(f"{number}.txt", text)
    other.read()
    return str(other.store / "digests")


def test_a_document_of_another_corpus_is_not_packed_again_but_stays_in_the_sketch(desk: Desk) -> None:
    mine, shared = PROSE.format(n=1), PROSE.format(n=2)
    desk.put("a.txt", mine)
    desk.put("b.txt", shared)
    desk.put("c.txt", shared.replace(" ", "\n"))  # white space makes no other document
    alone = desk.read()
    assert (alone.documents, alone.copies, alone.elsewhere) == (2, 1, 0)
    result = desk.read(elsewhere=(other_corpus(desk, shared, "Something else stands here. " * 9),))
    assert sorted("".join(desk.documents(result))) == sorted(mine)
    assert (result.documents, result.elsewhere, result.copies) == (1, 1, 1)
    assert desk.extracted == 0
    assert desk.skips == dict.fromkeys(("b.txt", "c.txt"), "already in another of your texts")
    assert desk.sketch(result) == desk.sketch(alone), "a shared document shares the budget"
    found = digests.load(result.digests_path, KEY)
    assert (len(found.packed), len(found.dropped)) == (32, 32)


def test_what_another_corpus_has_no_more_is_packed_at_the_next_reading(desk: Desk) -> None:
    for number in range(3):
        desk.put(f"{number}.txt", PROSE.format(n=number))
    other = other_corpus(desk, PROSE.format(n=1))
    first = desk.read(elsewhere=(other,))
    assert (first.documents, desk.read(elsewhere=(other,))) == (2, first)
    assert desk.skips == {"1.txt": "already in another of your texts"}
    second = desk.read()
    assert (second.documents, second.elsewhere, desk.skips) == (3, 0, {})
    assert desk.extracted == 1, "only the one that was not in the shards"
    assert any("lane 1" in text for text in desk.documents(second))
    third = desk.read(elsewhere=(other,))
    assert (third.documents, desk.extracted) == (2, 0)
    assert desk.sketch(third) == desk.sketch(first)


def test_a_damaged_digest_file_loses_no_document(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    other = Path(other_corpus(desk, PROSE.format(n=1)))
    for raw in (b"", b"HGVF", other.read_bytes()[:-1], os.urandom(400)):
        other.write_bytes(raw)
        assert desk.read(elsewhere=(str(other), str(desk.store / "missing"))).elsewhere == 0
    path = desk.store / "digests"
    path.write_bytes(b"x")
    result = desk.read()
    assert len(digests.load(path, KEY).packed) == 32 * result.documents


def test_a_corpus_that_is_all_in_another_says_so(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    with pytest.raises(CorpusError, match="already in another of your texts") as caught:
        desk.read(elsewhere=(other_corpus(desk, PROSE.format(n=1)),))
    assert caught.value.hint == "It is used there, and counts once."


def test_shards_still_in_use_are_kept_and_others_are_not(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    first = Path(desk.read().shards[0].path)
    desk.put("a.txt", PROSE.format(n=2))
    second = Path(desk.read(keep=(str(first),)).shards[0].path)
    assert desk.files() == {"generation", "digests", first.name, second.name}
    desk.put("a.txt", PROSE.format(n=3))
    third = Path(desk.read(keep=(str(second),)).shards[0].path)
    assert desk.files() == {"generation", "digests", second.name, third.name}


def test_a_glance_reads_no_shard_where_no_file_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    desk.put("b.txt", PROSE.format(n=2))
    first = desk.read()
    with monkeypatch.context() as patch:
        patch.setattr(Shard, "verify", lambda *_: pytest.fail("a shard was read through"))
        assert desk.read(glance=True) == first
    path = Path(first.shards[0].path)
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    desk.put("b.txt", PROSE.format(n=3))
    assert desk.read(glance=True).documents == 2
    assert desk.extracted == 2, "damage is found before anything is copied"
    Path(desk.read().shards[0].path).unlink()
    assert desk.read(glance=True).documents == 2


def test_another_text_field_reads_everything_again(desk: Desk) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    desk.read()
    desk.read(text_field="body")
    assert desk.extracted == 1
    desk.read(text_field="body")
    assert desk.extracted == 0


def test_languages_sizes_and_formats_are_counted_and_known_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put("a.txt", PROSE.format(n=1))
    desk.put("b.md", "Die Hecke ist die Grenze des Feldes, und was in ihr wächst, war schon immer da. " * 20)
    desk.put("c.md", PROSE.format(n=1))
    desk.put("d.txt", "x = f(y) + g[z]; " * 10)
    desk.put("e.txt", bytes(99))
    first = desk.read()
    assert {share.name: share.count for share in first.languages} == {"en": 1, "de": 1, "": 1}
    assert sum(share.bytes for share in first.languages) == first.text_bytes
    assert sum(first.sizes) == first.documents == 3
    assert {share.name: share.count for share in first.formats} == {"txt": 2, "md": 2}
    desk.put("d.txt", "y = f(x) + g[z]; " * 10)
    monkeypatch.setattr(packing, "language", lambda text: "xx")
    second = desk.read()
    assert {share.name: share.count for share in second.languages} == {"en": 1, "de": 1, "xx": 1}
    (desk.text / "a.txt").rename(desk.text / "a.rst")
    third = desk.read()
    assert third.shards == second.shards
    assert {share.name: share.count for share in third.formats} == {"txt": 1, "md": 2, "rst": 1}


def test_what_one_text_has_no_room_for_is_said_and_read_when_there_is_room(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MAX_DOCUMENTS", 30)
    lines = [f'{{"text": "Record {n} of one file that has many of them."}}\n' for n in range(40)]
    desk.put("a.jsonl", "".join(lines[:25]))
    desk.put("b.jsonl", "".join(lines[20:]))
    desk.put("c.txt", PROSE.format(n=1))
    first = desk.read()
    assert (first.documents, first.skipped_total) == (30, 2), "25 of the first file, 5 new ones of the second"
    assert set(desk.skips) == {"b.jsonl", "c.txt"}
    assert all("documents that one text may have" in reason for reason in desk.skips.values())
    assert desk.read() == first
    assert desk.extracted == 0
    (desk.text / "a.jsonl").unlink()
    second = desk.read()
    assert (second.documents, desk.skips) == (21, {})


MEMBERS = {
    "notes/a.md": PROSE.format(n=1), "notes/deep/b.md": PROSE.format(n=2), "log.txt": PROSE.format(n=3),
    ".hidden/c.md": PROSE.format(n=4), "build/d.md": PROSE.format(n=5),
    "inner.zip": zipped({"e.md": PROSE.format(n=6), "f.txt": PROSE.format(n=7)}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "lanes"),
    [
        ({}, {1, 2, 3, 6, 7}),
        ({"include": ("*.md",)}, {1, 2, 6}),
        ({"exclude": ("*.txt",)}, {1, 2, 6}),
        ({"exclude": ("deep/", "inner.zip")}, {1, 3}),
        ({"include": ("old/pack.zip/notes/",)}, {1, 2}),
        ({"include": ("pack.zip",), "exclude": ("/old/pack.zip/log.txt",)}, {1, 2, 6, 7}),
        ({"include": ("*.md",), "hidden": True, "generated": True}, {1, 2, 4, 5, 6}),
    ],
    ids=["all", "include", "exclude", "names", "path", "archive", "switches"],
)
@pytest.mark.parametrize(
    "pack",
    [zipped, lambda m: tarred({k: v if isinstance(v, bytes) else v.encode() for k, v in m.items()})],
    ids=["zip", "tar"],
)
def test_the_owners_choice_holds_inside_archives(
    desk: Desk, choice: dict[str, Any], lanes: set[int], pack: Callable[[Any], bytes]
) -> None:
    desk.put("old/pack.zip", pack(MEMBERS))
    desk.put("old/plain.md", PROSE.format(n=1))
    result = desk.read(**choice)
    assert "".join(desk.documents(result)).count("The hedgerow along lane") == 12 * len(lanes)
    assert {n for n in range(1, 8) if any(f"lane {n} " in text for text in desk.documents(result))} == lanes


def test_another_choice_opens_archives_again_and_nothing_else(desk: Desk) -> None:
    path = desk.put("pack.zip", zipped(MEMBERS))
    desk.put("plain.md", PROSE.format(n=9))
    desk.read()
    assert desk.extracted == 2
    second = desk.read(include=("*.md",))
    assert (second.documents, desk.extracted) == (4, 1)
    assert desk.skips["log.txt"] == "not among the included patterns"
    assert desk.read(include=("*.md",)) == second
    assert desk.extracted == 0
    assert desk.read(path, include=("/notes/*.md",)).documents == 1, "an archive chosen itself is the folder"


def test_an_archive_in_name_only_is_no_way_around_the_patterns(desk: Desk) -> None:
    desk.put("a.md", PROSE.format(n=1))
    desk.put("b.zip", docx(paragraph(PROSE.format(n=2))))
    assert desk.read(include=("*.md",)).documents == 1
    assert desk.skips == {"b.zip": "not among the included patterns"}
    assert desk.read(include=("*.md", "b.*")).documents == 2
    assert desk.read(include=("*.md",)).documents == 1
