"""Faults in bulk: at each operation of a volunteer's life something happens, it goes on, and the witness judges.

A death is followed by several futures: what a kill leaves, and what a power cut may leave, drawn by dice; in some of
them it dies again while it recovers. Every future is lived to the end of the round that was hit, some to the end of all
rounds. Every fault counts by its class once it has really fired.
"""

from __future__ import annotations

import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.faults.disk import Disk, Fault
from support.faults.machine import ROUNDS, Life, Scene, rebooted
from support.faults.world import World, charged_rounds, head_of, repeated, undercharged

from core.ledger.store import Ledger

RECOVERY_POINTS = 60
"""A second death falls into so many operations of the next life."""


class Campaign:
    """Faults on one scene, their count, and everything that the witness found."""

    def __init__(self, scene: Scene, folder: Path, seed: int = 1) -> None:
        self.scene, self.folder = scene, folder
        self.dice = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.findings: list[str] = []
        self.lost = 0
        """Operations that power cuts took back."""
        self.missed = 0
        """Faults that did not fire, because a life was a few operations shorter; never many."""
        self.struck: set[str] = set()
        """Kinds of operations at which something died."""
        self._homes = 0
        self.points = self._undisturbed()

    def kinds(self) -> set[str]:
        """Every kind of operation of an undisturbed life."""
        return {_plain(point) for point in self.points}

    def _undisturbed(self) -> list[str]:
        with self.life() as life:
            assert life.run(), life.refusals
            assert not life.refusals + life.surprises, (life.refusals, life.surprises)
            self.judge("no fault", life)
            return list(life.disk.points)

    @contextmanager
    def life(self, fault: Fault | None = None, after: Path | None = None, world: World | None = None) -> Iterator[Life]:
        """A life in a folder of its own that is removed afterwards."""
        self._homes += 1
        folder = self.folder / f"{self._homes}"
        folder.mkdir()
        shutil.copytree(after or self.scene.home, folder / "home")
        outside = world.copy(folder / "world") if world else World(folder / "world")
        try:
            yield Life(self.scene, outside, Disk(folder / "home", fault), again=self.dice.random() < 0.3)
        finally:
            outside.close()
            shutil.rmtree(folder)

    def judge(self, what: str, life: Life) -> None:
        """Keep what the witness has to say about one outcome."""
        said = undercharged(life.disk.root / "ledger.db", life.world, self.scene.cost) + repeated(life.world)
        said += [f"a surprise: {surprise}" for surprise in life.surprises]
        if life.finished and life.until == ROUNDS and not life.rolled_back:
            known = life.world.of("keyring")[-1].value
            said += [] if known == head_of(life.disk.root / "ledger.db") else ["the keyring is not where the ledger is"]
        self.findings += [f"{what}: {sentence}" for sentence in said]

    # Deaths

    def deaths(self, points: Iterable[int], kills: int = 1, cuts: int = 2, twice: int = 2, judged: int = 0) -> None:
        """Die at each point, and go on from what each kind of death leaves.

        Args:
            points: operations to die at.
            kills: futures after a kill.
            cuts: futures after a power cut.
            twice: futures in which recovery dies as well, kills and power cuts in turn.
            judged: further power cuts after which the ledger is judged and opened, but nothing is lived on.
        """
        for number in points:
            with self._struck(number) as life:
                what = f"at {number} ({life.disk.points[-1]})"
                for _ in range(judged):
                    self._judged(f"power cut {what}", life)
                for _ in range(kills):
                    self._future(f"killed {what}", life, [False])
                for _ in range(cuts):
                    self._future(f"power cut {what}", life, [True])
                for turn in range(twice):
                    self._future(f"twice {what}", life, [turn % 2 == 0, self.dice.random() < 0.5])

    def _judged(self, what: str, life: Life) -> None:
        home = life.disk.root.parent / "rebooted"
        home.mkdir()
        self.lost += life.disk.after_power_cut(home, self.dice)
        self.counts["power cut, judged"] += 1
        self._check_disk(what, home, life.world)
        with Ledger.open(home / "ledger.db", None) as ledger:
            self.findings += [f"{what}: {problem}" for problem in ledger.damage]
        shutil.rmtree(home)

    @contextmanager
    def _struck(self, number: int) -> Iterator[Life]:
        """A life that died at a point, or a little before: how often SQLite writes differs by a page or two."""
        while True:
            fault = Fault(number)
            with self.life(fault) as life:
                if not life.run() and fault.fired:
                    self.struck.add(_plain(life.disk.points[-1]))
                    yield life
                    return
            number -= 9
            assert number >= 0, "nothing happened"

    def _future(self, what: str, life: Life, powers: list[bool]) -> None:
        """What follows: a reboot for each of ``powers``, the last life undisturbed."""
        names, before, home = [], life, life.disk.root.parent / "rebooted"
        for number, power in enumerate(powers):
            world = before.world.copy(home.with_name("world-after"))
            try:
                self.lost += rebooted(before.disk, home, world, self.dice, power=power)
                names.append("power cut" if power else "kill")
                self.counts[f"{names[-1]}{' in recovery' if number else ''}"] += 1
                self._check_disk(what, home, world)
                last = number == len(powers) - 1
                fault = None if last else Fault(self.dice.randrange(RECOVERY_POINTS))
                with self.life(fault, home, world) as next_life:
                    if not power:
                        next_life.disk.inherit(before.disk)
                    hit = world.current
                    next_life.until = ROUNDS if self.dice.random() < 0.25 else min(hit, ROUNDS)
                    finished = next_life.run()
                    if fault is not None and fault.fired:
                        self._second(what, next_life, powers[number + 1 :])
                        return
                    if not finished:
                        self.findings.append(f"{what}: it never came to an end: {next_life.refusals}")
                    self.judge(what, next_life)
                    return
            finally:
                world.close()
                shutil.rmtree(home)

    def _second(self, what: str, life: Life, powers: list[bool]) -> None:
        before = dict(self.counts)
        self._future(f"{what}, again at {len(life.disk.points) - 1} of recovery", life, powers)
        for name in ("kill", "power cut"):  # they count as faults in recovery
            more = self.counts[name] - before.get(name, 0)
            self.counts[name] -= more
            self.counts[f"{name} in recovery"] += more

    def _check_disk(self, what: str, home: Path, world: World) -> None:
        self.findings += [f"{what}: on the disk: {s}" for s in undercharged(home / "ledger.db", world, self.scene.cost)]

    def changed_texts(self, points: Iterable[int]) -> None:
        """Killed, and when it goes on the text is another one: what was drawn from is given up and stays charged."""
        for number in points:
            with self._struck(number) as life:
                home = life.disk.root.parent / "rebooted"
                rebooted(life.disk, home, life.world, self.dice, power=False)
                hit = life.world.current
                with self.life(None, home, life.world) as after:
                    after.changed, after.again = True, False
                    if not after.run():
                        self.findings.append(f"text changed after {number}: it never came to an end: {after.refusals}")
                    self.judge(f"text changed after {number} ({life.disk.points[-1]})", after)
                    self.counts["text changed"] += 1
                    if hit not in after.world.left():
                        charged = charged_rounds(after.disk.root / "ledger.db")
                        self.counts["text changed, given up"] += 1
                        self.findings += [] if hit in charged else [f"round {hit} was given up and is not charged"]

    # Faults that the engine survives

    def survived(self, name: str, make: Callable[[int, Life], Fault], points: Iterable[int]) -> None:
        """One fault in each life, which goes on to the end of all rounds."""
        for number in points:
            with self.life() as life:
                fault = life.disk.fault = make(number, life)
                finished = life.run()
                if not fault.fired:
                    self.missed += 1
                    continue
                self.counts[name] += 1
                what = f"{name} at {number} ({self.points[number]})"
                if not finished:
                    self.findings.append(f"{what}: it never came to an end: {life.refusals}")
                self.judge(what, life)

    def trainer_kills(self, points: Iterable[int]) -> None:
        """The trainer alone is killed; it is started again."""
        self.survived("trainer killed", lambda number, life: Fault(number, "trainer"), points)

    def full_disks(self, points: Iterable[int]) -> None:
        """There is no room for this operation, or for this and the next ones."""
        self.survived("disk full once", lambda number, life: Fault(number, "full"), points := list(points))
        self.survived("disk full for a while", lambda number, life: Fault(number, "full", times=6), points)

    def clock_jumps(self, points: Iterable[int]) -> None:
        """The clock jumps by years while the engine runs."""

        def make(number: int, life: Life) -> Fault:
            years = self.dice.choice([-30.0, -1.0, -0.1, 0.1, 3.0, 50.0])
            return Fault(number, "call", action=lambda: setattr(time, "time", lambda: real() + years * 31_557_600.0))

        real = time.time
        for number in points:
            try:
                self.survived("clock jump", make, [number])
            finally:
                time.time = real

    # Old files

    def restored(self, points: Iterable[int]) -> None:
        """The ledger's files are put back as they were at an earlier point; the keyring is what it is.

        Where the keyring knows more, nothing may leave any more that had not left before.
        """
        for number in points:
            with self.life() as life:
                backup = life.disk.root.parent / "backup"
                end = Fault(number)

                def save(life: Life = life, backup: Path = backup, end: Fault = end) -> None:
                    backup.mkdir()
                    for file in life.disk.root.glob("ledger.db*"):
                        shutil.copy(file, backup)
                    life.disk.fault = end

                life.disk.fault = Fault(self.dice.randrange(number), "call", action=save)
                if life.run() or not end.fired:
                    self.missed += 1
                    continue
                self.counts["restored database"] += 1
                self._after_restoring(f"restored at {number}", life, backup)

    def _after_restoring(self, what: str, life: Life, backup: Path) -> None:
        home = life.disk.root.parent / "rebooted"
        rebooted(life.disk, home, life.world, self.dice, power=False)
        for file in home.glob("ledger.db*"):
            file.unlink()
        for file in backup.iterdir():
            shutil.copy(file, home)
        ahead = life.world.of("keyring")[-1].value != head_of(home / "ledger.db")
        with self.life(None, home, life.world) as after:
            left = after.world.left()
            after.run()
            if after.rolled_back != ahead:
                self.findings.append(f"{what}: rolled back was {ahead}, but the ledger said {after.rolled_back}")
            if not ahead:
                self.judge(what, after)
                return
            self.counts["restored database, noticed"] += 1
            new = {n: hashes - left.get(n, set()) for n, hashes in after.world.left().items()}
            if any(new.values()):
                self.findings.append(f"{what}: {new} left although the ledger had gone back in time")
        shutil.rmtree(home)


def _plain(point: str) -> str:
    """An operation without the numbers and hashes in its name."""
    return re.sub(r"[0-9a-f]{16,}|\d+", "#", point)
