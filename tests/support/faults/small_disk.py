"""Lives on a file system that is really full: a small one in memory, in a namespace of this process' own.

A life begins with so many bytes free and meets the end of the room wherever it comes, in the middle of a write too;
then there is room again, and another life goes on.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

TESTS = Path(__file__).parents[2]
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
SIZE = 32 << 20
_PAGE = 4096


class Met(msgspec.Struct):
    """What became of a home that began with so little room."""

    free: int
    stopped: bool
    """Whether the first life could not finish."""
    said: list[str]
    """Sentences of the first life."""
    surprises: list[str]
    finished: bool
    """With room again."""
    findings: list[str]


def run(scene: object, folder: Path, free: list[int]) -> list[Met] | None:
    """Two lives for each number of free bytes; ``None`` where no file system can be mounted."""
    known = folder / "scene.pickle"
    known.write_bytes(pickle.dumps(scene))
    done = subprocess.run(
        [sys.executable, "-m", "support.faults.small_disk", str(known), json.dumps(free)], cwd=TESTS.parent,
        env=os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode == 77:
        return None
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return msgspec.json.decode(done.stdout, type=list[Met])


def _mount(place: Path) -> bool:
    """A file system of ``SIZE`` bytes there that only this process sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        if libc.unshare(CLONE_NEWNS):
            return False
    else:
        if libc.unshare(CLONE_NEWNS | CLONE_NEWUSER):
            return False
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    private = 1 << 18 | 1 << 14  # MS_PRIVATE | MS_REC, so that nobody else sees what is mounted
    if libc.mount(b"none", b"/", None, private, None):
        return False
    return libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, f"size={SIZE}".encode()) == 0


def _fill(ballast: Path, free: int) -> None:
    """Leave so many bytes free, to a page."""
    status = os.statvfs(ballast.parent)
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(_PAGE, status.f_bavail * status.f_frsize - free))


def _two_lives(scene: Any, place: Path, outside: Path, free: int) -> Met:
    from support.faults.disk import Disk
    from support.faults.machine import Life
    from support.faults.world import World, repeated, undercharged

    from core.ledger.database import connect

    home, ballast = place / "home", place / "ballast"
    shutil.copytree(scene.home, home)
    world = World(outside)
    _fill(ballast, free)
    first = Life(scene, world, Disk(home), connector=connect)
    stopped = not first.run()
    ballast.unlink()
    second = Life(scene, world, Disk(home), connector=connect)
    finished = second.run()
    findings = undercharged(home / "ledger.db", world, scene.cost) + repeated(world)
    world.close()
    outside.unlink()
    shutil.rmtree(home)
    said = [*first.refusals, *(f"later: {sentence}" for sentence in second.refusals)]
    return Met(free, stopped, said, first.surprises + second.surprises, finished, findings)


def main() -> None:
    """Mount, live, and tell."""
    scene_path = Path(sys.argv[1])
    place = scene_path.parent / "small"
    place.mkdir()
    if not _mount(place):  # before torch starts its threads
        sys.exit(77)
    import torch

    torch.set_num_threads(1)
    from support.faults import machine

    assert machine.ROUNDS
    scene = pickle.loads(scene_path.read_bytes())
    found = [_two_lives(scene, place, scene_path.parent / "outside", free) for free in json.loads(sys.argv[2])]
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
