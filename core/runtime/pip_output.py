"""What pip says while it works, turned into figures; and what it says when it fails, turned into one sentence.

pip 24.1 and later write ``Progress DONE of TOTAL`` for each download when asked for ``--progress-bar raw``.
"""

from __future__ import annotations

import re
from collections import deque

from core.api.errors import EngineError, HedgerowError, StorageError

_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_COLLECTING = re.compile(r"Collecting ([A-Za-z0-9][\w.-]*)")
_MISMATCH = re.compile(r"^\s+([A-Za-z0-9][\w.-]*?)(?:==\S+)? from ", re.M)
_LAST_LINES = 60


class PipOutput:
    """Listens to one run of pip.

    Attributes:
        item: packages seen so far.
        name: the newest of them.
        done_bytes: of all downloads, finished ones included.
        file_bytes: (done, total) of the present download.
        unpacking: whether everything is here and is being unpacked.
    """

    def __init__(self) -> None:
        self.item = 0
        self.name = ""
        self.file_bytes = (0, 0)
        self.unpacking = False
        self._finished_bytes = 0
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    @property
    def done_bytes(self) -> int:
        """Bytes downloaded so far."""
        return self._finished_bytes + self.file_bytes[0]

    def hear(self, line: str) -> None:
        """Take one line."""
        if found := _PROGRESS.match(line):
            done, total = int(found[1]), int(found[2])
            if done < self.file_bytes[0] or total != self.file_bytes[1]:
                self._finished_bytes += self.file_bytes[0]
            self.file_bytes = (done, total)
            return
        self._last.append(line.rstrip())
        if found := _COLLECTING.match(line):
            self._finished_bytes += self.file_bytes[0]
            self.file_bytes = (0, 0)
            self.item += 1
            self.name = found[1]
        elif line.startswith("Installing collected packages"):
            self.unpacking = True

    def failure(self, what: str) -> HedgerowError:
        """Why pip failed at installing ``what``."""
        said = "\n".join(self._last)
        if "No space left on device" in said:
            return StorageError("The disk became full while the compute runtime was installed.", "Free some space.")
        if "DO NOT MATCH THE HASHES" in said:
            named = _MISMATCH.search(said)
            which = named[1] if named else self.name or what
            return StorageError(
                f"A file of {which} is not the one this version of Hedgerow was built with, so nothing was installed.",
                "Try again later; if it happens again, tell the package's maker.",
            )
        unreachable = ("NewConnectionError", "Failed to establish", "ConnectTimeout", "Read timed out", "SSLError")
        if any(word in said for word in (*unreachable, "NameResolutionError", "Temporary failure in name resolution")):
            return EngineError("The package registry cannot be reached.", "Check the network, then try again.")
        if any(
            word in said for word in ("No matching distribution", "Could not find a version", "ResolutionImpossible")
        ):
            return EngineError(
                f"The package registry has no {what} for this Python and system.", "Choose another variant."
            )
        errors = [line.removeprefix("ERROR:").strip() for line in self._last if line.startswith("ERROR:")]
        last = (errors or [line for line in self._last if line.strip()] or ["no word of why"])[-1]
        return EngineError(f"{what} cannot be installed: {last[:300]}", "Try again.")
