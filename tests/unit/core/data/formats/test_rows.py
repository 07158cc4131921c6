"""Records, tables and columns."""

from __future__ import annotations

from typing import Any

import pytest
from support.extraction import aside, parquet, read, reason

from core.data.formats import encoding


@pytest.mark.parametrize(
    ("line", "text_field", "expected"),
    [
        ('{"id": "a long identifier", "text": "t"}', "", "t"),
        ('{"content": "c", "body": "b"}', "", "c"),
        ('{"a": "short", "b": "the longest string"}', "", "the longest string"),
        ('{"text": "t", "other": "o"}', "other", "o"),
        ('"a bare string"', "", "a bare string"),
        ('{"text": "nan too", "x": NaN}', "", "nan too"),
        ('{"text": "half \\ud800 pair"}', "", "half \ufffd pair"),
    ],
)
def test_the_field_of_a_record_is_found_or_chosen(line: str, text_field: str, expected: str) -> None:
    assert read("a.jsonl", line.encode(), text_field) == [expected]


def test_damaged_records_are_counted_and_cost_themselves() -> None:
    raw = b'{"text": "good"}\n{"text": 5}\n[1, 2]\n{broken\n\n{"text": "also good"}'
    assert read("a.jsonl", raw) == ["good", "also good"]
    assert aside("a.jsonl", raw) == [
        ("", "1 of 5 records are damaged"),
        ("", "2 of 5 records have no text in any field"),
    ]
    assert reason("a.jsonl", b"plain words\n" * 3_000) == "no JSON records"
    assert reason("a.jsonl", b'{"text": "x"}\n', "story") == "no text in the field 'story'"


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_record_too_long_costs_itself_alone(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(encoding, "MAX_LINE_CHARACTERS", 100)
    raw = "".join(('{"text": "first"}\n', '{"text": "', "long " * 700, '"}', end or "\n", '{"text": "last"}', end))
    assert read("a.jsonl", raw.encode()) == ["first", "last"]
    assert aside("a.jsonl", raw.encode()) == [("", "1 of 3 records are longer than 0 million characters")]
    assert "longer than" in reason("a.csv", ("text\n" + "x" * 300).encode())


@pytest.mark.parametrize(
    ("name", "raw", "text_field", "expected"),
    [
        ("a.csv", b'id,text\n1,"one, with comma"\n2,"two\nlines"\n', "", ["one, with comma", "two\nlines"]),
        ("a.csv", b"id;note;x\n1;the longest cells are here;2\n2;and here as well;3\n", "",
         ["the longest cells are here", "and here as well"]),
        ("a.csv", b"a,b\nfirst,second\n", "a", ["first"]),
        ("a.csv", b"1,row without names\n2,another such row\n", "", ["row without names", "another such row"]),
        ("a.tsv", b"id\tcontent\n1\tone, two\n", "", ["one, two"]),
        ("a.csv", "id,text\n1,grün\n".encode("utf-16"), "", ["grün"]),
    ],
)  # fmt: skip
def test_each_row_of_a_table_is_a_document(name: str, raw: bytes, text_field: str, expected: list[str]) -> None:
    assert read(name, raw, text_field) == expected


def test_a_column_that_is_not_there_is_said() -> None:
    assert reason("a.csv", b"id,text\n1,x\n", "story") == "has no column called 'story'"
    assert reason("a.parquet", parquet({"text": ["x"]}), "story") == "has no column called 'story'"
    assert reason("a.parquet", parquet({"n": [1, 2]})) == "has no column of text"


@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}, {"use_dictionary": False}, {"row_group_size": 7}])
def test_each_row_of_a_parquet_file_is_a_document(options: dict[str, Any]) -> None:
    rows = [f"row number {number}" for number in range(200)]
    raw = parquet({"id": [str(n) for n in range(200)], "body": rows}, **options)
    assert read("a.parquet", raw) == rows
    assert read("a.parquet", raw, "id") == [str(n) for n in range(200)]
    assert read("part-0001", raw) == rows, "the content decides where the name says nothing"
    long_cells = parquet({"a": ["x", None, "y"], "b": ["the longer one", "of the two", ""]})
    assert read("a.parquet", long_cells) == ["the longer one", "of the two"]
