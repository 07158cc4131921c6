"""The round loop: opens rounds, sends assignments, admits replies, closes rounds. Knows no Flower.

Everything that decides is elsewhere (``agenda``, ``rounds``, ``judging``, ``closing``); everything that must survive
a crash is written before it is acted on. Killed at any point, a new conductor on the same folder continues
the same round with the same base and assignments, and what was accepted stays accepted.
"""

from __future__ import annotations

import dataclasses
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

from core.coordinator.home import Federation
from core.coordinator.learning.averaging import UpdateLost
from core.coordinator.learning.closing import begins_from_client
from core.coordinator.learning.forwarding import closer_of
from core.coordinator.learning.publishing import delta_bytes, worth_it
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Assignment, Round, Volunteer
from core.coordinator.records.store import PRESENT, Store
from core.coordinator.rounds.admission import Admission
from core.coordinator.rounds.agenda import Opening, agenda_of
from core.coordinator.rounds.decisions import (
    MAX_EXTENSIONS,
    Close,
    Extend,
    Member,
    MemberState,
    Reissue,
    RoundView,
    Void,
    asked_of,
    decide,
    message_ttl_s,
    quota_of,
    sample_cohort,
)
from core.coordinator.rounds.judging import Judge
from core.coordinator.rounds.letters import Answer, Letter, Transport
from core.coordinator.rounds.lottery import alone, draw_shards
from core.federation.protocol import NONCE_BYTES, TrainInstruction, packed

TICK_S = 0.2
ARRIVING_S = 60.0
"""Seconds since a large update last grew within which its round may still wait for it."""


class Conductor:
    """Runs one federation to its last round."""

    def __init__(
        self,
        federation: Federation,
        store: Store,
        transport: Transport,
        admission: Admission,
        updates: UpdateReader,
        beat: Callable[[], None],
    ) -> None:
        self._federation = federation
        self._config = federation.config
        self._store = store
        self._spool = federation.home.spool
        self._transport = transport
        self._beat = beat
        self._agenda = agenda_of(federation.config, store, evaluates=federation.home.evaluation_text.is_file())
        self._closer = closer_of(federation, store, updates, beat)
        self._judge = Judge(federation, store, admission, self._closer)
        self._shards = updates.shards()
        self._delta_bytes = delta_bytes(federation.config)
        self._inbox: deque[Answer] = deque()
        self._sent: set[tuple[int, str, bytes]] = set()
        self._counted = -1

    def run(self) -> None:
        """Work until the agenda is finished."""
        self._closer.sweep()
        while not self._agenda.finished():
            current = self._store.open_round()
            if current is not None:
                self._resume(current)
            elif (opening := self._agenda.next()) is not None:
                current = self._begin(opening)
            else:
                self._idle()
                continue
            self._work(current.server_round)
        self._take_answers()  # of those who were asked beyond what was needed
        self._closer.drop_all_late()

    def _idle(self) -> None:
        """One look around while there is nothing to do."""
        self._beat()
        self._present()
        self._take_answers()
        time.sleep(2 * TICK_S)

    def _take_answers(self, server_round: int | None = None) -> None:
        """Judge what came, until the open round is full; what came beyond that is late and judged after the close."""
        self._inbox.extend(self._transport.answers())
        target = None if server_round is None else self._target(server_round)
        while self._inbox:
            if server_round is not None and target is not None:
                states = [item.state for item in self._store.assignments(server_round)]
                if states.count("accepted") >= target:
                    return
            self._judge.take(self._inbox.popleft())

    def _target(self, server_round: int) -> int | None:
        """Accepted updates with which a round is full; ``None`` where everybody who was asked is waited for."""
        if begins_from_client(self._config, self._store, server_round):
            return 1
        schedule = self._config.schedule
        return schedule.cohort_size if schedule.over_selection > 1 else None

    # Opening a round

    def _begin(self, opening: Opening) -> Round:
        schedule = self._config.schedule
        cohort = self._wait_for_cohort(opening)
        now = time.time()
        opened = Round(
            server_round=opening.server_round,
            state="open",
            base_hash=opening.base_hash,
            base_bytes=opening.base_bytes,
            step_clock=opening.step_clock,
            started_at=now,
            deadline_at=now + schedule.deadline_s if opening.deadline_at is None else opening.deadline_at,
            outer_lr=opening.outer_lr,
        )
        assignments = self._assign(opened.server_round, cohort, shard=opening.shard) or self._assign(
            opened.server_round, cohort, shard=opening.shard, bars=False
        )
        self._store.begin_round(opened, assignments)
        self._send_held_back(opened, self._present())
        return opened

    def _assign(
        self,
        server_round: int,
        cohort: Sequence[str],
        already: Sequence[Assignment] = (),
        *,
        shard: str = "",
        bars: bool = True,
    ) -> list[Assignment]:
        """One assignment for everybody in ``cohort`` for whom there is a shard."""
        if shard or self._config.shard.mode == "full":
            drawn = dict.fromkeys(cohort, shard or "full")
        else:
            last_round = self._store.assignments(server_round - 1) if bars else []
            fit = {item.key_id: item.capability for item in self._store.volunteers()}
            drawn = draw_shards(
                self._config.seed,
                server_round,
                {key_id: fit[key_id] for key_id in cohort if key_id in fit},
                self._shards,
                taken=[item.shard for item in already],
                barred=alone((item.key_id, item.shard) for item in last_round),
            )
        return [
            Assignment(
                server_round=server_round, key_id=key_id, nonce=secrets.token_bytes(NONCE_BYTES), shard=drawn[key_id]
            )
            for key_id in cohort
            if key_id in drawn
        ]

    def _wait_for_cohort(self, opening: Opening) -> tuple[str, ...]:
        """The cohort, once there are enough: as many as it has, or the quorum after some patience.

        At a deadline that is somebody else's it is whoever is there, nobody perhaps.
        """
        schedule = self._config.schedule
        began = time.time()
        while True:
            present, now = frozenset(self._present()), time.time()
            # As many as the quota of each invite lets in; at least the quorum, or a few with one invite were a cohort.
            able = len(self._draw(opening.server_round, present, schedule.cohort_size))
            enough = able >= schedule.cohort_size
            if self._agenda.fixed and present and len(present) == len(self._store.volunteers()):
                enough = True  # a household is its machines, however many the terms allow
            patient = now - began < self._agenda.patience_s()
            if enough or (able >= schedule.quorum and not patient) or now >= (opening.deadline_at or math.inf):
                return self._cohort(opening.server_round, present)
            self._idle()

    def _cohort(self, server_round: int, present: frozenset[str]) -> tuple[str, ...]:
        """Who is asked: those that are drawn of who is there, and if the terms say so of who is away."""
        if begins_from_client(self._config, self._store, server_round):
            return self._draw(server_round, present, 1)
        schedule = self._config.schedule
        size = asked_of(schedule.cohort_size, schedule.over_selection)
        drawn = self._draw(server_round, present, size)
        if not schedule.ask_absent or len(drawn) >= schedule.cohort_size:
            return drawn
        away = {item.key_id for item in self._store.volunteers()} - present
        return tuple(sorted(drawn + self._draw(server_round, away, schedule.cohort_size - len(drawn), drawn)))

    def _draw(
        self, server_round: int, population: Collection[str], size: int, taken: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """A sample that replays exactly from the seed, the round and who is there."""
        schedule = self._config.schedule
        whole = asked_of(schedule.cohort_size, schedule.over_selection)
        invites = {item.key_id: item.token_hash for item in self._store.volunteers()}
        quota = quota_of(self._config.aggregation.invite_share, whole, invites, taken)
        return sample_cohort(self._config.seed, server_round, population, size, quota)

    def _present(self) -> dict[str, Volunteer]:
        online = self._transport.online()
        present = {item.key_id: item for item in self._store.volunteers() if item.node_id in online}
        if len(present) != self._counted:
            self._counted = len(present)
            self._store.set_meta(PRESENT, str(self._counted))
        return present

    def _resume(self, current: Round) -> None:
        """Continue a round another process began: same base and assignments, fresh messages as people come online."""
        if current.deadline_at <= time.time() and not self._agenda.fixed:
            deadline_at = time.time() + self._config.schedule.deadline_s
            self._store.extend(current.server_round, deadline_at, (), count=False)
            current = dataclasses.replace(current, deadline_at=deadline_at)
        waiting = [item.key_id for item in self._store.assignments(current.server_round) if item.state == "assigned"]
        self._store.log_event("round_resumed", {"round": current.server_round, "volunteers": len(waiting)})

    def _send(self, current: Round, key_ids: Sequence[str]) -> None:
        """Push what is durable already. A volunteer without a registration is asked when it has one."""
        wanted = set(key_ids)
        volunteers = {item.key_id: item for item in self._store.volunteers()}
        schedule, local_steps = self._config.schedule, self._agenda.local_steps(current.server_round)
        deltas = packed(worth_it(self._store.deltas_to(current.base_hash), self._delta_bytes, current.base_bytes))
        letters = []
        for item in self._store.assignments(current.server_round):
            volunteer = volunteers.get(item.key_id)
            if item.key_id not in wanted or volunteer is None or not volunteer.node_id:
                continue
            instruction = TrainInstruction(
                run_id=self._config.run_id,
                server_round=current.server_round,
                manifest_hash=self._federation.manifest_hash,
                base_hash=current.base_hash,
                base_bytes=current.base_bytes,
                deltas=deltas,
                shard=item.shard,
                step_clock=current.step_clock,
                local_steps=local_steps,
                deadline_at=current.deadline_at,
                nonce=item.nonce,
            )
            letters.append(
                Letter(
                    server_round=current.server_round,
                    key_id=item.key_id,
                    node_id=volunteer.node_id,
                    nonce=item.nonce,
                    record=instruction.to_record(),
                    ttl_s=message_ttl_s(schedule.deadline_s, schedule.upload_allowance_s),
                )
            )
        self._sent.update((letter.server_round, letter.key_id, letter.nonce) for letter in letters)
        self._transport.send(letters)

    # While a round is open

    def _work(self, server_round: int) -> None:
        while True:
            self._beat()
            self._take_answers(server_round)
            current = self._store.round(server_round)
            assert current is not None
            present = self._present()
            self._send_held_back(current, present)
            view = self._view(current)
            asked = {member.key_id for member in view.members}
            spare = [key_id for key_id in present if key_id not in asked]
            decision = decide(view, time.time(), present.keys(), len(spare))
            if isinstance(decision, Close):
                try:
                    self._closer.close(current)
                    return
                except UpdateLost as error:
                    if error.assignment.kept:
                        self._closer.drop_late(error.assignment, error.message)
                    else:
                        self._judge.fail(error.assignment, error.message, forged=False)
            elif isinstance(decision, Void):
                self._closer.give_up(current, decision.reason)
                return
            elif isinstance(decision, Reissue):
                for key_id in decision.key_ids:
                    self._store.reissue(server_round, key_id, secrets.token_bytes(NONCE_BYTES))
                self._send(current, decision.key_ids)
            elif isinstance(decision, Extend):
                already = self._store.assignments(server_round)
                taken = [item.key_id for item in already]
                chosen = self._draw(server_round, spare, min(decision.missing, len(spare)), taken)
                given = already[0].shard if already and self._agenda.fixed else ""
                more = self._assign(server_round, chosen, already, shard=given)
                if not more and time.time() < current.deadline_at:
                    # Quotas or shards leave nobody to ask: the round is given no time for it.
                    time.sleep(TICK_S)
                    continue
                deadline_at = current.deadline_at if self._agenda.fixed else decision.deadline_at
                self._store.extend(server_round, deadline_at, more)
                asked_too = [item.key_id for item in more]
                self._send(dataclasses.replace(current, deadline_at=deadline_at), asked_too)
            time.sleep(TICK_S)

    def _send_held_back(self, current: Round, present: Mapping[str, Volunteer]) -> None:
        """Send assignments of this round that this process has not sent yet, once their volunteer is there.

        Work for those who were away when they were drawn waits here, as long as there is time to do it.
        """
        if not self._agenda.fixed and time.time() >= current.deadline_at:
            return
        missing = [
            item.key_id
            for item in self._store.assignments(current.server_round)
            if item.state == "assigned"
            and (item.server_round, item.key_id, item.nonce) not in self._sent
            and item.key_id in present
        ]
        if missing:
            self._send(current, missing)

    def _view(self, current: Round) -> RoundView:
        schedule = self._config.schedule
        # A large update goes up before its reply is announced.
        arriving = self._transport.uploading(current.server_round) | self._spool.arriving(time.time() - ARRIVING_S)
        here = {item.key_id for item in self._store.volunteers()}
        first = begins_from_client(self._config, self._store, current.server_round)
        members, assignments = [], self._store.assignments(current.server_round)
        for item in assignments:
            state: MemberState = "refused" if item.state == "late" else item.state
            if item.key_id not in here and state in ("assigned", "failed"):
                state = "refused"  # It has left; nothing more can come.
            members.append(
                Member(
                    key_id=item.key_id,
                    state=state,
                    attempt=item.attempt,
                    retry_at=item.retry_at,
                    uploading=item.key_id in arriving,
                )
            )
        return RoundView(
            server_round=current.server_round,
            # The lottery may have had no shard for some of those who were there.
            quorum=1 if first else min(schedule.quorum, max(1, len(assignments))),
            deadline_at=current.deadline_at,
            deadline_s=schedule.deadline_s,
            upload_allowance_s=schedule.upload_allowance_s,
            extensions=MAX_EXTENSIONS if self._agenda.fixed else current.extensions,
            members=tuple(members),
            target=self._target(current.server_round),
        )
