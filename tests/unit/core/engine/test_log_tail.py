"""The end of a log that may be missing, long, or written by anybody."""

from __future__ import annotations

from pathlib import Path

from core.engine.log_tail import tail


def test_the_newest_lines_come_oldest_first_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    assert tail(path) == []
    path.write_text("".join(f"line {n} {'x' * 100}\n" for n in range(5_000)))
    found = tail(path, 50)
    assert [line.split()[1] for line in found] == [str(n) for n in range(4_950, 5_000)]
    everything = tail(path, 10_000)
    assert 1_000 < len(everything) < 5_000, "only the end is read"
    assert all(line.startswith("line ") and len(line) > 100 for line in everything), "no line is cut"


def test_what_is_not_text_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_bytes(b"a \x1b[31mred\x1b[0m line\n\xff\xfe broken\n\x00\n")
    assert tail(path) == ["a  [31mred [0m line", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} broken", " "]
