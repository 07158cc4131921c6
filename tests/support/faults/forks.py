"""Lives that end by a real SIGKILL: a process that has loaded everything forks one for each, and tells how it ended.

Here SQLite is the standard library's and files are the system's. A kill falls before each statement that changes the
ledger, after each commit, and before each other operation that is counted elsewhere.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2]


class Forks:
    """The test's end of it."""

    def __init__(self, scene: object, folder: Path) -> None:
        known = folder / "scene.pickle"
        known.write_bytes(pickle.dumps(scene))
        environment = os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "support.faults.forks", str(known)], cwd=TESTS.parent, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

        assert process.stdin
        assert process.stdout
        self._process, self._ask, self._hear = process, process.stdin, process.stdout

    def live(self, home: Path, world: Path, at: int | None = None) -> tuple[int, list[str]]:
        """One life on a home folder, killed at a point: its exit status, negative for a signal, and its points."""
        points = home.with_name("points")
        question = {"home": str(home), "world": str(world), "at": at, "points": str(points)}
        self._ask.write(json.dumps(question) + "\n")
        self._ask.flush()
        answer = self._hear.readline()
        assert answer, "the parent of all lives is gone"
        return int(answer), points.read_text().splitlines()

    def close(self) -> None:
        """No more lives."""
        self._ask.close()
        self._process.wait(30)
        self._hear.close()


def _live(scene: Any, question: dict[str, Any]) -> int:
    from support.faults.disk import Disk, Fault, Spoken
    from support.faults.machine import Life
    from support.faults.world import World

    told = os.open(question["points"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    class Told(Disk):
        def point(self, name: str, *, room: bool = False) -> None:
            super().point(name, room=room)
            os.write(told, f"{name}\n".encode())

    fault = None
    if question["at"] is not None:
        fault = Fault(question["at"], "call", action=lambda: os.kill(os.getpid(), signal.SIGKILL))
    disk = Told(Path(question["home"]), fault)
    life = Life(scene, World(Path(question["world"])), disk, again=True, connector=lambda path: Spoken(path, disk))
    finished = life.run()
    return 0 if finished and not life.surprises else 3


def main() -> None:
    """Fork a life for each question, one after the other."""
    import torch

    torch.set_num_threads(1)
    from support.faults import machine

    assert machine.ROUNDS
    scene = pickle.loads(Path(sys.argv[1]).read_bytes())
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_live(scene, json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
