"""May the trainer run now, and for whom? The owner's pause, snooze, weekly hours, machine limits and shares beat every
coordinator's wish.

Nothing here runs while nobody wants to train: the clock ticks only while a trainer runs or a round waits for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from core.engine import shares
from core.engine.children import Child
from core.engine.config_store import ConfigStore
from core.hardware.limits import Decision, Readings, User, decide
from core.jobs import Throttle
from core.ledger.store import Ledger

TICK_S = 5.0


class Governor:
    """One trainer at a time, and only when the owner's rules allow it."""

    def __init__(
        self,
        config: ConfigStore,
        ledger: Ledger,
        read: Callable[[float], Readings],
        refresh: Callable[[Sequence[int]], Awaitable[None]] | None = None,
    ) -> None:
        """Decide nothing yet.

        Args:
            config: the owner's limits and presence.
            ledger: what was given this week.
            read: what is known of the machine, at once; takes the seconds given this week.
            refresh: measures anew what ``read`` knows, beside the loop; takes the trainers' process ids.
        """
        self._config = config
        self._ledger = ledger
        self._read = read
        self._refresh = refresh
        self._taken_at: float | None = None
        """By the monotonic clock, since when somebody has the one place to train."""
        self._worked = 0.0
        """Seconds for which it was taken before."""
        self._claims: list[shares.Claim] = []
        """Rounds that wait for it."""
        self._measuring = 0
        """How many wait for it who do not train."""
        self._expected: dict[str, float] = {}
        """By the monotonic clock, until when the next round of a federation is waited for."""
        self._turn = asyncio.Condition()
        self._child: Child | None = None
        self._seconds: dict[int, float] = {}
        self._told = 1.0
        self._pausing: set[asyncio.Future[None]] = set()
        self._looking: set[asyncio.Future[None]] = set()
        self._snooze: asyncio.TimerHandle | None = None
        self.decision = self._decide(None)
        """What the owner's wish and rules say, with the sentence and until when."""
        self.problem = False
        """Set while something forbids all training, such as a ledger that went back in time."""
        self.on_change: Callable[[], None] = lambda: None
        """Something else is to be done now."""
        self.on_words: Callable[[], None] = lambda: None
        """The same is to be done, but there is another figure in the sentence."""

    @property
    def allowed(self) -> bool:
        """Whether a new round may begin at this moment."""
        return self.decision.action != "pause" and not self.problem

    @property
    def may_go_on(self) -> bool:
        """Whether a round that has begun may be trained at this moment."""
        return not self.decision.stops_trainer and not self.problem

    @property
    def may_send(self) -> bool:
        """Whether a finished update may be sent at this moment."""
        return self.decision.may_send

    def note_seconds(self, release_id: int, seconds: float) -> None:
        """Tell how long an open round has been computed so far, pauses and restarts included."""
        self._seconds[release_id] = seconds

    def forget_seconds(self, release_id: int) -> None:
        """The ledger knows them now, or the round is over."""
        self._seconds.pop(release_id, None)

    def week_seconds(self) -> dict[str, float]:
        """Seconds trained in the last seven days by federation, with those of open rounds so far."""
        given = self._ledger.seconds_by_federation(time.time() - shares.WEEK_S)
        for release in self._ledger.open_releases() if self._seconds else ():
            seconds = self._seconds.get(release.release_id, 0.0)
            given[release.federation_id] = given.get(release.federation_id, 0.0) + seconds
        return given

    def expect(self, federation_id: str) -> None:
        """A round of this federation was just trained, and its next one should be here in a moment."""
        self._expected[federation_id] = time.monotonic() + shares.EXPECTED_S

    @property
    def busy(self) -> bool:
        """Whether somebody trains or measures, or a round waits to be trained."""
        return self._taken_at is not None or bool(self._claims)

    def reconsider(self) -> None:
        """Look at everything again; a running trainer is paused at once if it may not go on."""
        before, self.decision = self.decision, self._decide(self.decision)
        if self._child is not None and not self.may_go_on and not self._child.paused_by_us:
            self._keep(asyncio.ensure_future(self._child.pause()))
        elif self._child is not None and self.decision.share != self._told:
            self._told = self.decision.share
            self._keep(asyncio.ensure_future(self._child.send(Throttle(share=self._told))))
        self._arm_snooze()
        if _acts(before) != _acts(self.decision):
            self.on_change()
        elif before != self.decision:
            self.on_words()
        self._wake_soon()

    async def look(self) -> None:
        """Measure, then decide. While the owner's wish decides, nobody is asked: a sleeping GPU stays asleep."""
        presence = self._config.presence
        if self._refresh is not None and not presence.paused and presence.snoozed_until <= time.time():
            await self._refresh(self._child.pids if self._child is not None else ())
        self.reconsider()

    def look_soon(self) -> None:
        """Measure and decide without anybody waiting for it."""
        task = asyncio.ensure_future(self.look())
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def settled(self) -> None:
        """Wait until a pause that was ordered has been carried out."""
        while self._pausing:
            await asyncio.wait(self._pausing)

    async def changed(self, timeout_s: float) -> bool:
        """Wait until something was reconsidered, or so long; whether it was."""
        try:
            async with asyncio.timeout(timeout_s), self._turn:
                await self._turn.wait()
        except TimeoutError:
            return False
        return True

    @contextlib.asynccontextmanager
    async def turn(self, federation_id: str, begun: bool = False) -> AsyncIterator[None]:
        """Wait for the one place to train, for permission, and for this federation's turn.

        Args:
            federation_id: whose round it is.
            begun: the round was begun before, so it is not held back by what only keeps new ones from beginning.

        Raises:
            Rests: its weight is 0, or became 0 meanwhile, and the round was not begun.
            StorageError: the ledger does not say what was given.
        """
        now = time.monotonic()
        claim = shares.Claim(federation_id=federation_id, since=now, begun=begun, worked=self._worked_until(now))
        self._expected.pop(federation_id, None)
        self._claims.append(claim)
        try:
            await self.look()
            while not self._is_next(claim):
                # A look wakes whoever waits, this one too: only the clock may lead to the next look.
                if not await self.changed(TICK_S):
                    await self.look()
            self._taken_at = time.monotonic()
        finally:
            self._claims.remove(claim)
            self._wake_soon()
        try:
            yield
        finally:
            self._free()

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """The one place to train or measure, before any round that waits and without waiting for permission."""
        self._measuring += 1
        try:
            while self._taken_at is not None:
                await self.changed(TICK_S)
            self._taken_at = time.monotonic()
        finally:
            self._measuring -= 1
            self._wake_soon()
        try:
            yield
        finally:
            self._free()

    @contextlib.asynccontextmanager
    async def running(self, child: Child) -> AsyncIterator[None]:
        """Hold a trainer to the rules as long as it runs."""
        self._child, self._told = child, 1.0
        ticking = asyncio.create_task(self._tick())
        try:
            self.reconsider()
            yield
        finally:
            ticking.cancel()
            self._child = None

    async def stop(self) -> None:
        """Pause the running trainer, as at shutdown."""
        for task in self._looking:
            task.cancel()
        if self._snooze is not None:
            self._snooze.cancel()
        if self._child is not None:
            await self._child.pause()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self.look()

    def _keep(self, task: asyncio.Future[None]) -> None:
        self._pausing.add(task)
        task.add_done_callback(self._pausing.discard)

    def _is_next(self, claim: shares.Claim) -> bool:
        """Whether a round that waits may be trained now; raises as ``turn`` does."""
        weights = self._ledger.weights()
        if not claim.begun and weights.get(claim.federation_id) == 0.0:
            raise shares.Rests("You set the share of this federation to 0, so no new round is begun for it.")
        if self._taken_at is not None or self._measuring:
            return False
        given = self.week_seconds()
        ready = [one for one in self._claims if (self.may_go_on if one.begun else self.allowed)]
        if shares.first(ready, weights, given) is not claim:
            return False
        now, here = time.monotonic(), {one.federation_id for one in self._claims}
        if not shares.may_stand_idle(claim, now, self._worked_until(now)):
            return True
        expected = [one for one, until in self._expected.items() if until > now and one in weights and one not in here]
        return not shares.kept_for_another(claim, expected, weights, given)

    def _worked_until(self, now: float) -> float:
        return self._worked + (now - self._taken_at if self._taken_at is not None else 0.0)

    def _free(self) -> None:
        self._worked, self._taken_at = self._worked_until(time.monotonic()), None
        self._wake_soon()

    def _wake_soon(self) -> None:
        self._keep(asyncio.ensure_future(self._wake()))

    async def _wake(self) -> None:
        async with self._turn:
            self._turn.notify_all()

    def _arm_snooze(self) -> None:
        if self._snooze is not None:
            self._snooze.cancel()
            self._snooze = None
        left = self._config.presence.snoozed_until - time.time()
        if left > 0:
            self._snooze = asyncio.get_running_loop().call_later(min(left + 0.05, 86_400.0), self.reconsider)

    def _decide(self, previous: Decision | None) -> Decision:
        presence = self._config.presence
        readings = self._read(self._ledger.contribution().week_seconds + sum(self._seconds.values()))
        user = User(paused=presence.paused, snoozed_until=presence.snoozed_until)
        return decide(self._config.limits, readings, user, previous)


def _acts(decision: Decision) -> tuple[object, ...]:
    return decision.action, decision.reason, decision.share, decision.may_send
