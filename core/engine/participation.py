"""Taking part in one federation: stay online, take messages over, do the rounds, send, wait for receipts.

Three loops. ``_listen`` speaks with the coordinator every few seconds and never does work; ``_work`` trains one release
after another, and ``_deliver`` sends what was sealed, so that a slow line does not keep the next round waiting where it
came before the last was there. None waits for another; they meet in the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

import msgspec

from core.api.errors import BudgetExhausted, ClockError, CoordinatorError, HedgerowError, StorageError
from core.engine import asking, ledger_seen, leftovers, progress, slots
from core.engine import journal as journals
from core.engine.children import ChildDied
from core.engine.ending import end_tasks
from core.engine.floor import BelowFloor
from core.engine.journal import Inbox, Journal, Received
from core.engine.membership import Membership
from core.engine.room import Desk
from core.engine.sending import Outcome, Sender
from core.engine.shares import Rests
from core.engine.work import Work
from core.federation import invite as invites
from core.federation.fleet import Delivery, RunEnded
from core.federation.protocol import MESSAGE_TYPE, TrainInstruction, read_instruction
from core.federation.transport import RegistrationLost, Unreachable, WrongServer
from core.ledger.rows import OPEN_STATES, Release

POLL_S = 2.0
SOON_POLL_S = 1.0
SOON_S = 5.0
"""After an update was sent the next round may be there in a moment."""
BUSY_POLL_S = 8.0
REST_POLL_S = 15.0
HEARTBEAT_S = 30.0
BUSY_HEARTBEAT_S = 120.0
"""While a round is open a longer promise, so that a crash, a reboot or a short sleep does not lose it."""
BACKOFF_S = (2.0, 60.0)
REFUSED_RETRY_S = 60.0
DISK_RETRY_S = 20.0
SEND_RETRY_S = 15.0
MAX_DEATHS = 4
_RECEIPT_GRACE_S = 300.0
TO_TRAIN = ("assigned", "training")
"""States of a release that is not sealed yet."""
_REMEMBERED = 16
"""Newest releases that may still be asked for again."""
log = logging.getLogger("hedgerow.participation")


class Participation:
    """One federation, as long as the engine runs or until it is left."""

    def __init__(self, desk: Desk, member: Membership, work: Work) -> None:
        self._desk = desk
        self.member = member
        self._rounds = work
        self._sender = Sender(desk, member, work)
        self._inbox = Inbox(desk.home / "rounds" / f"inbox-{member.row.federation_id}")
        self._wake = asyncio.Event()
        self._deliver_wake = asyncio.Event()
        self._kick = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._beat_at = 0.0
        self._beat_s = HEARTBEAT_S
        self._soon_until = 0.0
        self._deaths: dict[int, int] = {}
        self._orphans: dict[int, str] = {}
        """Releases not sent because their Flower run ended or an answer was lost, with the message that cannot
        be answered any more; they wait to be asked again."""
        self._again: set[int] = set()
        """Releases that were asked for again after they were answered: the same bytes go out once more."""
        self._resent: set[int] = set()
        """Releases that had ended and were sent again; a receipt may overrule how they ended."""
        self.last_error = ""
        self.unreachable = False
        self.exhausted = False
        self._floor_told = ""
        self._compared = False
        self.on_change: Callable[[], None] = desk.board.changed

    def start(self) -> None:
        """Begin to take part."""
        self.count_budget()
        self._again = {release.release_id for release in self._unanswered()}
        self._tasks = [asyncio.create_task(self._forever(loop)) for loop in (self._listen, self._work, self._deliver)]

    async def stop(self) -> None:
        """Stop; whatever was begun goes on next time."""
        await end_tasks(self._tasks)
        await self.member.close()

    def kick(self) -> None:
        """Look again now: the owner resumed, a corpus became ready, the budget rose."""
        self._kick.set()
        self._look_again()

    def _look_again(self) -> None:
        self._wake.set()
        self._deliver_wake.set()

    @property
    def finished(self) -> bool:
        """Whether the last planned round is over for this machine."""
        last = self._desk.ledger.federation(self.member.row.federation_id).high_water_round
        return last >= self.member.config.schedule.rounds and not self._open()

    def _open(self) -> list[Release]:
        mine = self.member.row.federation_id
        return [r for r in self._desk.ledger.open_releases() if r.federation_id == mine]

    def _unanswered(self) -> list[Release]:
        """What was asked for again and not yet sent when the engine ended."""
        mine = self.member.row.federation_id
        found = []
        for release in self._desk.ledger.uploads(_REMEMBERED):
            if release.federation_id != mine or (release.state in OPEN_STATES and release.state != "sent"):
                continue
            journal = journals.load(self._desk.ledger, release.release_id)
            if journal is not None and journal.asked_again and time.time() < journal.delivery.expires_at:
                found.append(release)
        return found

    async def _forever(self, loop: Callable[[], object]) -> None:
        while True:
            try:
                await loop()  # type: ignore[misc]
            except StorageError as error:  # not even what became of a round could be written down
                self._fail(str(error), unreachable=False)
                await asyncio.sleep(DISK_RETRY_S)
            except Exception:  # nothing may end the engine; the next try starts from what is on disk
                log.exception("a loop of %s failed", self.member.row.name)
                self._fail("The engine failed inside; see logs/engine.log. It goes on.", unreachable=False)
                await asyncio.sleep(BACKOFF_S[0])

    # Speaking with the coordinator

    async def _listen(self) -> None:
        failures = 0
        while True:
            delay = REST_POLL_S if self.finished else max(self._poll_s(), self.member.transport.poll_s)
            if not self._rounds.allowed and not self._open():
                # Offline to the coordinator, so that no round waits for a machine that rests.
                delay = REFUSED_RETRY_S
                await self._rounds.look()
            else:
                try:
                    await self._exchange()
                    failures = 0
                    self._well()
                except Unreachable as error:
                    failures += 1
                    delay = min(BACKOFF_S[1], BACKOFF_S[0] * 2.0 ** min(failures, 6)) * random.uniform(0.6, 1.0)
                    self._fail(str(error), unreachable=True)
                except RegistrationLost as error:
                    delay = POLL_S if await self._enrolled_again(error) else REFUSED_RETRY_S
                except ClockError as error:
                    delay = REFUSED_RETRY_S
                    self._fail(str(error), unreachable=False)
                except StorageError as error:
                    delay = DISK_RETRY_S
                    self._fail(str(error), unreachable=False)
                except CoordinatorError as error:
                    delay = POLL_S * 2
                    self._fail(str(error), unreachable=False)
            await _wait(self._kick, delay)

    def _poll_s(self) -> float:
        """While a round is trained there is nothing to be asked but the same again."""
        if any(release.state in TO_TRAIN for release in self._open()):
            return BUSY_POLL_S
        return SOON_POLL_S if time.monotonic() < self._soon_until else POLL_S

    async def _enrolled_again(self, error: RegistrationLost) -> bool:
        """Ask for this key's node id once more: a coordinator that lost its database gives everybody a new one."""
        row = self.member.row
        try:
            answer = await self.member.gateway.enrol(invites.parse(row.invite).token, row.manifest_hash)
        except HedgerowError as refused:
            self._fail(str(error if isinstance(refused, Unreachable) else refused), unreachable=False)
            return False
        if answer.node_id == str(row.node_id) or not answer.node_id.isdecimal() or int(answer.node_id) >= 1 << 64:
            self._fail(str(error), unreachable=False)
            return False
        self.member.row = msgspec.structs.replace(row, node_id=int(answer.node_id))
        self.member.fleet.node_id = self.member.row.node_id
        self._desk.ledger.save_federation(self.member.row)
        self._beat_at = 0.0
        return True

    async def _exchange(self) -> None:
        """One turn: a sign of life, a message if there is one, a receipt if one is due."""
        interval = BUSY_HEARTBEAT_S if self._open() else HEARTBEAT_S
        if time.monotonic() >= self._beat_at or interval > self._beat_s:
            await self.member.fleet.heartbeat(interval)
            self._beat_at, self._beat_s = time.monotonic() + HEARTBEAT_S, interval
        if not self._compared:
            await self._compare_ledger()
        received = self._inbox.get()
        if received is None:
            delivery = await self.member.fleet.pull()
            if delivery is not None:
                received = Received(delivery=delivery)
                self._inbox.put(received)
        if received is not None:
            await self._take(received)
        due = [r for r in self._open() if r.state == "sent"]
        for release in [*due, *map(self._desk.ledger.release, sorted(self._resent))]:
            await self._ask_receipt(release)

    async def _compare_ledger(self) -> None:
        """Once a life, before any round is taken: does this ledger hold what the coordinator saw of it last?"""
        row = self.member.row
        seen = await self.member.gateway.ledger_seen(row.federation_key)
        fits = await asyncio.to_thread(ledger_seen.fits, self._desk.ledger, self._desk.key, row.federation_id, seen)
        self._compared = True
        if not fits:
            self._desk.ledger.newer_elsewhere[row.federation_id] = row.name
            self.count_budget()
            self.on_change()

    async def _take(self, received: Received) -> None:
        """Fetch, confirm, understand and file one message; whatever happens, it is dealt with once."""
        fleet, delivery = self.member.fleet, received.delivery
        try:
            if delivery.message_type.split(".")[0] != MESSAGE_TYPE:
                await fleet.decline(delivery)
                return
            if received.record is None:
                received.record = await fleet.instruction(delivery)
                self._inbox.put(received)
            await fleet.confirm(delivery)
            await self._file(delivery, read_instruction(received.record))
        except (Unreachable, ClockError, RegistrationLost, WrongServer, StorageError):
            raise  # not dealt with: the inbox keeps it
        except RunEnded:
            pass
        except HedgerowError as error:
            self._desk.board.error(error)
            await self._decline(delivery)
        self._inbox.clear()

    async def _file(self, delivery: Delivery, instruction: TrainInstruction) -> None:
        """Begin a release or attach the message to the one it repeats."""
        if instruction.manifest_hash != self.member.row.manifest_hash and instruction.run_id == self.member.row.run_id:
            await self.member.adopt(instruction.manifest_hash)
            self._desk.ledger.save_federation(self.member.row)
            name = self.member.row.name
            self._desk.board.notice("info", "terms_tighter", f"{name} asks for less than before.", federation=name)
        asking.check(instruction, self.member)
        ledger, row = self._desk.ledger, self.member.row
        release = ledger.begin_release(
            row.federation_id, instruction.run_id, instruction.server_round, asking.attributes(instruction, self.member)
        )
        if release.state == "abandoned":
            raise CoordinatorError(f"Round {release.server_round} of {row.name} was given up and is not begun again.")
        journal = journals.load(ledger, release.release_id)
        if journal is None:
            journal = Journal(instruction=instruction, delivery=delivery)
        journal.instruction, journal.delivery = instruction, delivery
        journals.save(ledger, release.release_id, journal)
        if release.state not in OPEN_STATES or release.state == "sent":
            self._again.add(release.release_id)
        self._look_again()
        self.on_change()

    async def _decline(self, delivery: Delivery) -> None:
        """Say no, so that nobody waits; that it is heard is a courtesy."""
        try:
            await self.member.fleet.decline(delivery)
        except CoordinatorError as error:
            log.info("declining failed: %s", error)

    async def _ask_receipt(self, release: Release) -> None:
        receipt = await self.member.gateway.receipt(release.sha256, self.member.row.federation_key)
        if receipt is None:
            journal = journals.load(self._desk.ledger, release.release_id)
            if journal is None or self.member.transport.now() > journal.delivery.expires_at + _RECEIPT_GRACE_S:
                self._resent.discard(release.release_id)
                if release.state == "sent":
                    self._end(release, "late", "No receipt came.")
            return
        if receipt.server_round != release.server_round:
            raise CoordinatorError("A receipt is about another round.", "It is ignored.")
        self._resent.discard(release.release_id)
        state = {"accepted": "accepted", "refused": "refused"}.get(receipt.state, "late")
        if release.state in ("sent", "late") or state == "accepted":
            self._end(release, state, receipt.reason[:300])
        if state != "accepted":
            text = f"{self.member.row.name} did not take the update of round {release.server_round}: {receipt.reason}"
            self._desk.board.notice("warning", f"update_{state}", text[:400])

    def _end(self, release: Release, state: str, reason: str) -> None:
        ended = self._desk.ledger.mark(release.release_id, state, reason=reason)  # type: ignore[arg-type]
        self._rounds.ended(ended)
        leftovers.forget(self._desk.home, ended)
        leftovers.forget_state(self._desk.home, self._desk.ledger)
        leftovers.drop_old(self._desk.home, self._desk.ledger, self._desk.config.limits.disk_gb * 1e9)
        if progress.shown(self._desk.board, release):
            self._desk.board.show(None)
        self.on_change()

    # Doing the rounds

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            release = self._to_train()
            if release is None and not self.finished:
                await self._rounds.between()
            await _wait(self._wake, 3_600.0 if release is None else await self._advance(release))

    async def _deliver(self) -> None:
        while True:
            self._deliver_wake.clear()
            release = self._to_send()
            rest = REFUSED_RETRY_S if self._orphans else 3_600.0
            await _wait(self._deliver_wake, rest if release is None else await self._advance(release))

    def _to_train(self) -> Release | None:
        """The oldest release that is not sealed."""
        return next((one for one in self._open() if one.state in TO_TRAIN), None)

    def _to_send(self) -> Release | None:
        """The oldest release that was sealed and not sent; first of all one that is asked for again."""
        if self._again:
            return self._desk.ledger.release(min(self._again))
        pending = [r for r in self._open() if r.state != "sent"]
        for release in pending:
            if release.state in TO_TRAIN:
                continue
            journal = journals.load(self._desk.ledger, release.release_id)
            if journal is None or self._orphans.get(release.release_id) != journal.delivery.message_id:
                return release
            if release is not pending[-1]:  # its run ended and a later round came: nobody will ask again
                self._end(release, "late", "The coordinator had gone on to a later round.")
            elif self.member.transport.now() > journal.delivery.expires_at:
                self._end(release, "late", "It was not asked for again in time.")
        return None

    async def _advance(self, release: Release) -> float:
        """Do what is next for one release; returns the seconds after which to look again."""
        journal = journals.load(self._desk.ledger, release.release_id)
        if journal is None:  # begun, but the engine ended before the message was filed: the inbox still has it
            return POLL_S
        again = release.release_id in self._again
        try:
            if not again and release.state in TO_TRAIN:
                if not self._compared and release.charge_id is None:
                    return POLL_S
                done = await self._train(release, journal)
                self._deliver_wake.set()
                return 0.0 if done else POLL_S
            await self._rounds.look()
            if not self._rounds.may_send:  # sealed and kept; the owner's rule about the network says when
                progress.show(self._desk.board, self.member, release, journal.instruction, "uploading")
                return SEND_RETRY_S
            if not again and (wait := self._slot_opens_in(release)) > 0:
                progress.show(self._desk.board, self.member, release, journal.instruction, "slot")
                return wait
            return await self._send(release)
        except RunEnded:
            # The same round comes again under a new run, with another message.
            self._again.discard(release.release_id)
            self._orphans[release.release_id] = journal.delivery.message_id
            return 0.0
        except Unreachable as error:
            self._fail(str(error), unreachable=True)
            return BACKOFF_S[0] * random.uniform(1.0, 2.0)
        except (ClockError, RegistrationLost, WrongServer) as error:
            self._fail(str(error), unreachable=False)
            return REFUSED_RETRY_S
        except StorageError as error:
            if self.last_error != str(error):
                self._desk.board.error(error)
            self._fail(str(error), unreachable=False)
            return DISK_RETRY_S
        except ChildDied as error:
            return await self._died(release, journal, error)
        except BudgetExhausted as error:
            self.count_budget()
            return await self._give_up(release, journal, error)
        except BelowFloor as error:  # a state of the membership says it; a notice each round would be noise
            told, self._floor_told = self._floor_told, str(error)
            return await self._give_up(release, journal, error, quietly=told == str(error))
        except Rests as error:  # the owner knows; what is declined costs nobody a wait
            return await self._give_up(release, journal, error, quietly=True)
        except HedgerowError as error:
            return await self._give_up(release, journal, error)

    def _slot_opens_in(self, release: Release) -> float:
        """Seconds until a sealed update may set out; one that has begun its way goes on."""
        if release.state != "sealed" or release.sealed_at is None:
            return 0.0
        return slots.opens_in(self.member.plan.unit, self.member.config.schedule, release.sealed_at, time.time())

    async def _train(self, release: Release, journal: Journal) -> bool:
        """From an assignment to a sealed update; ``False`` if it has to wait or was paused on the way."""
        done = await self._rounds.do(release, journal, lambda sealed: self._sender.keep_metrics(release, sealed))
        self.count_budget()
        return done

    def count_budget(self) -> None:
        """Find out whether another round fits the budgets."""
        exhausted = not self._desk.ledger.can_afford(self.member.lines())
        if exhausted != self.exhausted:
            self.exhausted = exhausted
            self.on_change()

    async def _send(self, release: Release) -> float:
        """Send the sealed bytes and note how that went; returns the seconds after which to look again."""
        release_id = release.release_id
        match await self._sender.send(release):
            case Outcome.SENT:
                self._soon_until = time.monotonic() + SOON_S
                self._kick.set()
                if release_id in self._again and release.state not in ("accepted", "sent"):
                    self._resent.add(release_id)
                journal = journals.load(self._desk.ledger, release_id)
                if journal is None or not journal.asked_again:
                    self._again.discard(release_id)
                else:  # in the last moment
                    self._again.add(release_id)
                self._kick.set()
            case Outcome.HELD:
                return SEND_RETRY_S
            case Outcome.TOO_LATE:
                self._again.discard(release_id)
                if release.state in OPEN_STATES:
                    reason = f"{self.member.row.name} had closed the round before the update was sent."
                    self._end(release, "late", reason)
            case Outcome.SWALLOWED:
                self._again.discard(release_id)
                journal = journals.load(self._desk.ledger, release_id)
                if journal is not None:
                    self._orphans[release_id] = journal.delivery.message_id
            case Outcome.ASKED_AGAIN:
                pass
        return 0.0

    async def _died(self, release: Release, journal: Journal, error: ChildDied) -> float:
        """Start the trainer again a few times; it goes on from its checkpoint."""
        deaths = self._deaths[release.release_id] = self._deaths.get(release.release_id, 0) + 1
        self._desk.board.error(error)
        if deaths >= MAX_DEATHS:
            return await self._give_up(release, journal, error)
        return 2.0 * deaths

    async def _give_up(
        self, release: Release, journal: Journal, error: HedgerowError, *, quietly: bool = False
    ) -> float:
        """This round, or this message of a round that was answered, will not be answered; a charge stays."""
        if not quietly:
            self._desk.board.error(error)
        if release.release_id in self._again:
            self._again.discard(release.release_id)
        else:
            self._end(release, "abandoned", str(error)[:300])
        await self._decline(journal.delivery)
        return 0.0

    def _fail(self, sentence: str, *, unreachable: bool) -> None:
        if (self.last_error, self.unreachable) != (sentence, unreachable):
            self.last_error, self.unreachable = sentence, unreachable
            self.on_change()

    def _well(self) -> None:
        if self.last_error:
            self.last_error, self.unreachable = "", False
            self.on_change()


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for the event or so long, and reset it."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()
