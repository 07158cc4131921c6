"""The end of the engine's own log, for its owner to read and to copy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LINES: Final = 400
_BYTES: Final = 128 << 10


def tail(path: Path, lines: int = LINES) -> list[str]:
    """The newest lines, oldest first; none where there is no log. Only the end of the file is read."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _BYTES))
            raw = stream.read(_BYTES)
    except OSError:
        return []
    text = raw.decode("utf-8", "replace").splitlines()
    whole = text if size <= _BYTES else text[1:]  # the first may be cut
    return ["".join(c if c.isprintable() or c == "\t" else " " for c in line) for line in whole[-lines:]]
