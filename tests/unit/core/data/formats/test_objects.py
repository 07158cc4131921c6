"""JSON files, notebooks and subtitles."""

from __future__ import annotations

import json

import pytest
from support.extraction import aside, read, reason

from core.data import extract
from core.data.formats import encoding, objects

DAMAGED = "cut or damaged; what came before is used"


@pytest.mark.parametrize(
    ("raw", "text_field", "expected"),
    [
        (b'[{"text": "one"}, {"text": "two"}]', "", ["one", "two"]),
        (b' \n[ "bare" ,\r\n "strings"\t]\n ', "", ["bare", "strings"]),
        (b'\xef\xbb\xbf[{"a": "short", "b": "the longest"}]', "", ["the longest"]),
        ('[{"text": "wörter"}]'.encode("utf-16"), "", ["wörter"]),
        (b'{"title": "t", "body": "one object"}', "", ["one object"]),
        (b'{"title": "t", "story": "one object"}', "story", ["one object"]),
        (b'{"name": "a dump", "rows": [{"text": "one"}, {"text": "two"}], "few": [{"text": "x"}]}', "", ["one", "two"]),
        (b'{"text": "lines"}\n{"text": "in"}\n{"text": "a .json"}', "", ["lines", "in", "a .json"]),
        (b'{"text": "side"}{"text": "by side"}', "", ["side", "by side"]),
        (b'[{"text": "half \\ud800 of a pair", "n": NaN}]', "", ["half \ufffd of a pair"]),
    ],
)
def test_records_are_found_in_any_of_its_forms(raw: bytes, text_field: str, expected: list[str]) -> None:
    assert read("a.json", raw, text_field) == expected


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"name": "settings", "version": 1}', "one JSON object without a field of text or a list of records"),
        (b'[{"text": "x"}, {"te', DAMAGED),
        (b'[{"text": "x"} {"text": "y"}]', DAMAGED),
        (b'[{"text": "x"}', DAMAGED),
        (b'[{"text": "x"},]', DAMAGED),
        (b"plain words", "no JSON"),
        (b"{broken", "no JSON"),
        (b"[1, 2, 3]", "no text in any field"),
        (b"[]", "empty"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" + b"9" * 100_000 + b"]", "cut or damaged (ValueError)"),
        (bytes(2_000), "binary"),
    ],
)
def test_what_is_no_text_is_set_aside_with_a_reason(raw: bytes, why: str) -> None:
    assert reason("a.json", raw) == why


def test_records_without_text_are_counted() -> None:
    raw = b'[{"text": "x"}, {"n": 5}, 7, {"text": " "}]'
    assert read("a.json", raw) == ["x"]
    assert aside("a.json", raw) == [("", "3 of 4 records have no text in any field")]
    assert reason("a.json", b'[{"text": "x"}]', "story") == "no text in the field 'story'"


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_values_are_whole_wherever_the_text_is_cut(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(objects, "_FIRST_READ", size)
    texts = [f'record {n} with \\ and " and ü {"long " * n}' for n in range(40)]
    listed = json.dumps([*({"text": text} for text in texts), 12345678, -1.5e10, True])
    assert read("a.json", listed.encode()) == [text.strip() for text in texts]
    assert read("a.json", "\n".join(json.dumps(text) for text in texts).encode()) == [text.strip() for text in texts]


def test_a_long_file_is_read_piece_by_piece_and_a_long_value_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    real = objects._Text.more

    def counted(self: objects._Text) -> None:
        real(self)
        held.append(len(self.held))

    monkeypatch.setattr(objects._Text, "more", counted)
    raw = json.dumps([{"text": f"record {n} of a long file"} for n in range(40_000)]).encode()
    assert len(read("a.json", raw)) == 40_000
    assert max(held) <= 2 * objects._FIRST_READ
    monkeypatch.setattr(encoding, "MAX_LINE_CHARACTERS", 100_000)
    long = b'[{"text": "first"}, {"text": "' + b"x" * 500_000 + b'"}, {"text": "last"}]'
    texts = extract.documents("a.json", long)
    assert next(texts) == "first"
    assert "a value is longer than" in reason("a.json", long)
    assert max(held) < 500_000


def notebook(*cells: dict[str, object]) -> bytes:
    """A notebook with these cells."""
    return json.dumps({"cells": cells, "metadata": {"kernelspec": {}}, "nbformat": 4, "nbformat_minor": 5}).encode()


def test_of_a_notebook_what_was_written_is_used_and_no_output() -> None:
    raw = notebook(
        {"cell_type": "markdown", "source": ["# Title\n", "words"], "attachments": {"a.png": {"image/png": "iVBORw0"}}},
        {"cell_type": "code", "source": "print(1)", "outputs": [{"text": ["printed"], "data": {"x": "y"}}]},
        {"cell_type": "code", "source": [], "outputs": []},
        {"cell_type": "raw", "source": "raw"},
    )
    assert read("a.ipynb", raw) == ["# Title\nwords\n\nprint(1)\n\nraw"]
    old = b'{"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"], "outputs": [{"text": "no"}]}]}]}'
    assert read("a.ipynb", old) == ["x = 1"]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"words", "not a notebook, or damaged"),
        (b'{"cells": 5}', "not a notebook, or damaged"),
        (b'{"cells": [{"source": [5]}]}', "not a notebook, or damaged"),
        (b'{"cells": []}', "empty"),
        (b'{"cells": [{"outputs": ' + b"[" * 100_000, "nested too deeply"),
        (notebook({"cell_type": "code", "source": "x"})[:-9], "not a notebook, or damaged"),
    ],
)
def test_what_is_no_notebook_is_set_aside(raw: bytes, why: str) -> None:
    assert reason("a.ipynb", raw) == why


def test_of_subtitles_the_words_stay_and_the_times_go() -> None:
    srt = (
        "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Who lives</i> in the hedge?\r\n\r\n"
        "2\n00:00:03,000 --> 00:00:04,000\n{\\an8}A wren.\nAnd 1984.\n"
    )
    assert read("a.srt", srt.encode()) == ["Who lives in the hedge?\nA wren.\nAnd 1984."]
    vtt = (
        "WEBVTT - a title\n\nNOTE not said\nat all\n\nintro\n00:01.000 --> 00:02.000 align:start\n"
        "<v Ada>Look at\n<c.loud>that</c>.\n\n"
    )
    assert read("a.vtt", vtt.encode()) == ["Look at\nthat."]
    assert read("a.srt", b"only words, no times") == ["only words, no times"]
    assert reason("a.srt", b"\0\1\2" * 99) == "binary"
