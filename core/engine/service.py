"""The engine: everything put together, every request answered, the state told.

A composition root: flat on purpose. Rules live in the modules it composes, facts in the ledger, and what a window sees
is one ``Snapshot`` built here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from core import vault
from core.api import wire
from core.api.client import engine_paths
from core.api.errors import HedgerowError, KeystoreError, UsageError
from core.api.messages.base import Acknowledged, Message, Nothing, Sentence
from core.api.messages.corpora import ChangeParams, CorpusInfo, CorpusList, CorpusParams, PathsParams, PreviewTicket
from core.api.messages.federations import (
    FederationInfo,
    FederationParams,
    InviteParams,
    InviteView,
    JoinParams,
    ManifestView,
    ModelHere,
    ShareParams,
    TermsView,
)
from core.api.messages.given import Contribution, Footprint, HistoryList, HistoryParams
from core.api.messages.machine import HardwareParams, HardwareProfile, LimitsParams, LimitsView, LoadView
from core.api.messages.privacy import BudgetInfo, BudgetList, ExportParams
from core.api.messages.state import CheckList, EngineInfo, LogText, Snapshot, SnoozeParams
from core.api.messages.uploads import UploadDetail, UploadExportParams, UploadInfo, UploadList, UploadParams
from core.engine import budget_view, choices, current_model, doctor, floor, joining, log_tail, machine, plans, uploads
from core.engine.board import Board
from core.engine.config_store import ConfigStore, Presence
from core.engine.corpora import Corpora
from core.engine.editions import Editions
from core.engine.ending import end_part
from core.engine.governor import Governor
from core.engine.ipc import Server
from core.engine.joining import Registrar
from core.engine.keystore import Keystore
from core.engine.leftovers import state_folder
from core.engine.membership import Membership
from core.engine.participation import Participation
from core.engine.plans import Planner
from core.engine.preview import PreviewDesk
from core.engine.room import Room
from core.engine.standing import Facts, standing
from core.engine.training_plans import TrainingPlans
from core.engine.volume import Volume
from core.engine.work import MachineWork
from core.federation.bandwidth import Traffic
from core.federation.manifest import open_manifest
from core.hardware import footprint
from core.hardware.now import LoadGauge
from core.hardware.sensors import Sensors
from core.ledger.releases import MAX_WEIGHT
from core.ledger.rows import FederationRow
from core.ledger.store import Ledger

STORE_KEY = "store-key"
LEDGER_HEAD = "ledger-head"
MAX_SNOOZE_S = 30 * 86_400.0
MAX_UPLOADS_SHOWN = 50
HISTORY_ROWS = 2_000
"""Finished rounds in one answer; about half of what a line may hold."""
WATCH_S = 30.0
SLOW_PARTS_S = 2.0
log = logging.getLogger("hedgerow.engine")


class KeystoreAnchor:
    """The ledger's head, kept in the keystore."""

    def __init__(self, keystore: Keystore) -> None:
        self._keystore = keystore

    def read(self) -> bytes | None:
        """The head written last."""
        return self._keystore.get(LEDGER_HEAD)

    def write(self, head: bytes) -> None:
        """Keep a head."""
        self._keystore.set(LEDGER_HEAD, head)


def open_store_key(home: Path, keystore: Keystore) -> bytes:
    """The key of everything private on disk; made once.

    Raises:
        KeystoreError: there is a ledger but no key. A new one would make known text look new, and its budget fresh.
    """
    key = keystore.get(STORE_KEY)
    if key is not None:
        return key
    if (home / "ledger.db").exists():
        raise KeystoreError(
            f"The key of {home} is not in the {keystore.backend}.",
            "Unlock or restore the place it was kept in; without it this folder cannot be used.",
        )
    key = secrets.token_bytes(vault.KEY_BYTES)
    keystore.set(STORE_KEY, key)
    return key


class _Slow(msgspec.Struct):
    """Parts of the snapshot that cost database reads; kept for a moment."""

    made_at: float
    federations: list[FederationInfo]
    contribution: Contribution
    privacy: list[BudgetInfo]
    uploads: list[UploadInfo]


class Engine:
    """One engine on one home folder."""

    def __init__(self, home: Path, keystore: Keystore, version: str) -> None:
        """Open everything; nothing runs yet.

        Raises:
            KeystoreError: the keys are not there.
            StorageError: the ledger is damaged or cannot be written.
        """
        self.home = home
        self.keystore = keystore
        self.version = version
        self.paths = engine_paths(home)
        self.started_at = time.time()
        key = open_store_key(home, keystore)
        self.key = key
        self.config = ConfigStore(home / "config.toml")
        self.ledger = Ledger.open(home / "ledger.db", KeystoreAnchor(keystore))
        self.board = Board(home / "series.enc", key)
        self.corpora = Corpora(home, self.ledger, key, self.config, self.board)
        self.joined: dict[str, Participation] = {}
        self.volume = Volume(home / "volume.json")
        self.traffic = Traffic(self.volume.add)
        self.sensors = Sensors(home, lambda: self.config.limits, self._month)
        self.governor = Governor(self.config, self.ledger, self.sensors.readings, self.sensors.refresh)
        self.planner = Planner(self.config.node.worker_interpreter, home / "logs" / "planner.log")
        self.editions = Editions(home, key, self.corpora)
        self.registrar = Registrar(
            self.ledger, keystore, self.config, self.corpora, self.planner, self.editions, self.traffic
        )
        self.room = Room(home, self.ledger, self.config, key, self.board, self.corpora, self.governor, self.editions)
        self.server = Server(self.paths, self.handle, self.snapshot, version)
        self.previews = PreviewDesk(key)
        self.broken: dict[str, HedgerowError] = {}
        self.stopping = asyncio.Event()
        self._revision = 0
        self._slow: _Slow | None = None
        self._views: dict[str, ManifestView] = {}
        self._gauge = LoadGauge()
        self._handlers: dict[str, Callable[[Any], Awaitable[Message]]] = {
            "status": self._status,
            "start": self._resume,
            "pause": self._pause,
            "resume": self._resume,
            "snooze": self._snooze,
            "shutdown": self._shutdown,
            "corpus.add": self._corpus_add,
            "corpus.list": self._corpus_list,
            "corpus.inspect": self._corpus_inspect,
            "corpus.remove": self._corpus_remove,
            "corpus.change": self._corpus_change,
            "corpus.refresh": self._corpus_refresh,
            "corpus.cancel": self._corpus_cancel,
            "corpus.preview": self._corpus_preview,
            "model.here": self._model_here,
            "invite.inspect": self._invite_inspect,
            "federation.terms": self._terms,
            "federation.join": self._join,
            "federation.leave": self._leave,
            "federation.share": self._share,
            "uploads.list": self._uploads_list,
            "uploads.inspect": self._uploads_inspect,
            "uploads.export": self._uploads_export,
            "privacy": self._privacy,
            "privacy.export": self._privacy_export,
            "history": self._history,
            "hardware": self._hardware,
            "limits.show": self._limits_show,
            "limits.set": self._limits_set,
            "doctor": self._doctor,
            "log": self._log,
            "load": self._load,
        }

    # Life

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until ``stopping`` is set, then put everything down."""
        self._set_rates()
        self.board.changed = self._changed
        self.board.publish = self.server.notice
        self.governor.on_change = self._reconsidered
        self.governor.on_words = self._changed
        self.governor.problem = self.ledger.blocked
        self.corpora.on_ready = self._reconsidered
        self.corpora.resume()
        for row in self.ledger.federations():
            if row.left_at is None:
                self._open(row)
        self.governor.look_soon()
        await self.server.start()
        watching = asyncio.create_task(self._watch())
        try:
            ready(str(self.server.address))
            await self.stopping.wait()
        finally:
            watching.cancel()
            await self._close()

    async def _close(self) -> None:
        self.governor.problem = True
        await end_part("The trainer", self.governor.stop())
        reading = [self.editions.close(), self.corpora.close(), self.previews.close()]
        speaking = [one.stop() for one in self.joined.values()]
        await asyncio.gather(*(end_part("A part of the engine", part) for part in (*reading, *speaking)))
        await end_part("The socket", self.server.stop())
        self.volume.close()
        self.ledger.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            with contextlib.suppress(HedgerowError):
                self.corpora.watch()
                if self.governor.allowed:
                    self.corpora.between_rounds()

    def _open(self, row: FederationRow) -> None:
        try:
            self._begin(Membership(row, self.keystore, self.traffic))
        except HedgerowError as error:
            log.warning("federation %s cannot be opened: %s", row.federation_id, error)
            self.broken[row.federation_id] = error

    def _begin(self, member: Membership) -> Participation:
        one = Participation(self.room, member, MachineWork(self.room, member))
        one.on_change = self._refresh
        self.joined[member.row.federation_id] = one
        one.start()
        return one

    def _set_rates(self) -> None:
        self.traffic.limit(self.config.limits.upload_mbit_s, self.config.limits.download_mbit_s)

    def _month(self) -> tuple[int, int]:
        """Bytes of this month, and what the next round adds: the largest one, and updates that are still to be sent."""
        members = {one.member.row.federation_id: one.member.config for one in self.joined.values() if not one.finished}
        rounds = [plans.upload_bytes(config) + plans.base_limit(config) for config in members.values()]
        owed = [plans.upload_bytes(members[r.federation_id]) for r in self.ledger.open_releases()
                if r.federation_id in members and r.state != "sent"]  # fmt: skip
        return self.volume.month_bytes, max(rounds, default=0) + sum(owed)

    def _reconsidered(self) -> None:
        for one in self.joined.values():
            one.kick()
        self._refresh()

    def _refresh(self) -> None:
        self._slow = None
        self._changed()

    def _changed(self) -> None:
        if not self.stopping.is_set():
            self.governor.problem = self.ledger.blocked
        self._revision += 1
        self.server.changed()

    # What a window sees

    def snapshot(self) -> Snapshot:
        """The whole state now."""
        if self._slow is None or time.monotonic() - self._slow.made_at > SLOW_PARTS_S:
            self._slow = self._read_slow_parts()
        slow, corpora = self._slow, self.corpora.infos()
        now = standing(
            Facts(
                decision=self.governor.decision,
                problem=self._problem(),
                federations=slow.federations,
                corpora=corpora,
                exhausted=frozenset(i for i, one in self.joined.items() if one.exhausted),
                progress=self.board.progress,
            )
        )
        return Snapshot(
            revision=self._revision,
            state=now.state,
            why=now.why,
            until=now.until,
            engine=EngineInfo(
                version=self.version,
                pid=os.getpid(),
                started_at=self.started_at,
                home=str(self.home),
                keystore=self.keystore.backend,
                sandbox=self.board.sandbox,
                device=self.board.device,
            ),
            round=self.board.progress,
            federations=slow.federations,
            corpora=corpora,
            contribution=slow.contribution,
            privacy=slow.privacy,
            uploads=slow.uploads,
            series=self.board.series,
        )

    def _problem(self) -> Sentence | None:
        if self.ledger.rolled_back:
            text = "The privacy ledger is older than it was: nothing more is spent until the newer one is back."
            return Sentence(code="ledger_rolled_back", text=text)
        if self.ledger.newer_elsewhere:
            name = next(iter(self.ledger.newer_elsewhere.values()))
            text = (
                f"{name} has seen a newer privacy ledger of this machine: nothing more is spent until that one is "
                "back. If you never restored an older one, leave that federation."
            )
            return Sentence(code="ledger_newer_elsewhere", text=text, args={"federation": name})
        if self.ledger.damage:
            return Sentence(code="ledger_damaged", text=f"The privacy ledger does not add up: {self.ledger.damage[0]}.")
        if self.config.problem and self.config.presence.paused:
            return Sentence(
                code="settings_damaged", text=f"{self.config.problem} Check your limits, then press Resume."
            )
        return None

    def _read_slow_parts(self) -> _Slow:
        given = self.ledger.contribution()
        return _Slow(
            made_at=time.monotonic(),
            federations=[self._federation_info(row) for row in self.ledger.federations() if row.left_at is None],
            contribution=msgspec.structs.replace(
                given, week_offered_s=self.config.limits.offered_hours_per_week * 3_600.0
            ),
            privacy=self._budgets(),
            uploads=uploads.listed(self.ledger, MAX_UPLOADS_SHOWN),
        )

    def _federation_info(self, row: FederationRow) -> FederationInfo:
        one, weight = self.joined.get(row.federation_id), self.ledger.weights().get(row.federation_id, 1.0)
        error = one.last_error if one else str(self.broken.get(row.federation_id, ""))
        state = "active"
        if one is not None and one.finished:
            state, error = "finished", ""
        elif one is not None and (
            below := floor.refusal(one.member.config, one.member.plans.values(), self.config.floor)
        ):
            state, error = "below_floor", below
        elif one is not None and not weight:
            state = "resting"
        elif one is None or (one.unreachable and error):
            state = "unreachable"
        done = [u for u in self.ledger.uploads(1_000_000) if u.federation_id == row.federation_id]
        return msgspec.convert(
            {
                "federation_id": row.federation_id,
                "name": row.name,
                "operator": row.operator,
                "address": row.address,
                "manifest_hash": row.manifest_hash,
                "manifest": self._view(row),
                "corpora": list(row.plans),
                "joined_at": row.joined_at,
                "state": state,
                "last_contact_at": one.member.transport.last_contact_at if one else None,
                "server_round": max(0, row.high_water_round),
                "rounds_done": sum(1 for u in done if u.state == "accepted"),
                "last_error": error,
                "weight": weight,
                "week_seconds": self.governor.week_seconds().get(row.federation_id, 0.0),
            },
            FederationInfo,
        )

    def _view(self, row: FederationRow) -> ManifestView:
        if row.manifest_hash not in self._views:
            config = open_manifest(row.manifest, row.federation_key).config
            self._views[row.manifest_hash] = plans.manifest_view(config)
        return self._views[row.manifest_hash]

    def _budgets(self) -> list[BudgetInfo]:
        return budget_view.views(self.ledger, [one.member for one in self.joined.values()])

    # Requests

    async def handle(self, request: wire.Request) -> Message:
        """Answer one request.

        Raises:
            HedgerowError: it cannot be done, in one sentence.
        """
        if request.method == "hello":
            raise UsageError("This connection has said hello already.")
        return await self._handlers[request.method](request.params)

    async def _status(self, params: Nothing) -> Snapshot:
        return self.snapshot()

    async def _set_presence(self, presence: Presence) -> Acknowledged:
        self.config.set_presence(presence)
        if not presence.paused:
            self.config.problem = ""
        self.governor.reconsider()
        await self.governor.settled()
        return Acknowledged(detail=self.snapshot().why.text)

    async def _resume(self, params: Nothing) -> Acknowledged:
        return await self._set_presence(Presence())

    async def _pause(self, params: Nothing) -> Acknowledged:
        return await self._set_presence(Presence(paused=True))

    async def _snooze(self, params: SnoozeParams) -> Acknowledged:
        if not 0 < params.seconds <= MAX_SNOOZE_S:
            raise UsageError("A snooze lasts from a moment to 30 days.", "Use pause to stop for longer.")
        return await self._set_presence(Presence(snoozed_until=time.time() + params.seconds))

    async def _shutdown(self, params: Nothing) -> Acknowledged:
        asyncio.get_running_loop().call_later(0.1, self.stopping.set)
        return Acknowledged(detail="The engine stops; what was begun goes on next time.")

    async def _corpus_add(self, params: PathsParams) -> CorpusInfo:
        return self.corpora.add(params.paths, params.name, choices.first(params))

    async def _corpus_list(self, params: Nothing) -> CorpusList:
        self.corpora.watch()
        return CorpusList(corpora=self.corpora.infos())

    async def _corpus_inspect(self, params: CorpusParams) -> CorpusInfo:
        self.corpora.watch()
        return self.corpora.info(self.corpora.row(params.corpus_id))

    async def _corpus_remove(self, params: CorpusParams) -> Acknowledged:
        name = self.corpora.row(params.corpus_id).name
        await self.corpora.remove(params.corpus_id)
        self._reconsidered()
        return Acknowledged(detail=f"{name} is no longer used. What it was charged stays in the ledger.")

    async def _corpus_change(self, params: ChangeParams) -> CorpusInfo:
        return await self.corpora.change(params)

    async def _corpus_refresh(self, params: CorpusParams) -> CorpusInfo:
        return self.corpora.refresh(params.corpus_id)

    async def _corpus_cancel(self, params: CorpusParams) -> CorpusInfo:
        return await self.corpora.cancel(params.corpus_id)

    async def _corpus_preview(self, params: CorpusParams) -> PreviewTicket:
        row, text = self.corpora.row(params.corpus_id), self.corpora
        folder = self.server.address.parent
        return await self.previews.issue(folder, row, text.tokenizer_path, text.tokenizer_sha256)

    async def _model_here(self, params: FederationParams) -> ModelHere:
        one = self.joined.get(params.federation_id)
        if one is None:
            raise UsageError("This machine is in no such federation.", "`hedgerow federations` shows all.")
        tokenizer = self.editions.tokenizer_path(one.member.config)
        return current_model.here(self.home, self.ledger, one.member, tokenizer, machine.threads(self.config.limits))

    async def _invite_inspect(self, params: InviteParams) -> InviteView:
        return joining.inspect(params.invite)

    async def _terms(self, params: InviteParams) -> TermsView:
        return await self.registrar.terms(params.invite, params.epsilon)

    async def _join(self, params: JoinParams) -> FederationInfo:
        member = await self.registrar.join(params.invite, params.manifest_hash, params.corpora)
        self.broken.pop(member.row.federation_id, None)
        self._begin(member)
        self._refresh()
        return self._federation_info(member.row)

    async def _leave(self, params: FederationParams) -> Acknowledged:
        one = self.joined.get(params.federation_id)
        if one is None:
            if params.federation_id not in self.broken:
                raise UsageError("This machine is in no such federation.", "`hedgerow federations` shows all.")
            self.ledger.leave_federation(params.federation_id)
            del self.broken[params.federation_id]
        else:
            await self.registrar.leave(one.member)
            del self.joined[params.federation_id]
            await one.stop()
            await asyncio.to_thread(shutil.rmtree, state_folder(self.home, params.federation_id), ignore_errors=True)
            self.board.show(None)
        self._reconsidered()
        return Acknowledged(detail="You left, and the key was destroyed. What was charged stays charged.")

    async def _share(self, params: ShareParams) -> FederationInfo:
        if not 0.0 <= params.weight <= MAX_WEIGHT:
            raise UsageError("The weight of a federation lies between 0 and 100.", "1 is usual; with 0 it rests.")
        self.ledger.set_weight(params.federation_id, params.weight)
        self.governor.reconsider()  # whoever waits for the trainer asks again whose turn it is
        self._reconsidered()
        return self._federation_info(self.ledger.federation(params.federation_id))

    async def _uploads_list(self, params: Nothing) -> UploadList:
        return UploadList(uploads=uploads.listed(self.ledger, 1_000))

    async def _uploads_inspect(self, params: UploadParams) -> UploadDetail:
        return await asyncio.to_thread(uploads.inspect, self.ledger, self.key, params.upload_id)

    async def _uploads_export(self, params: UploadExportParams) -> Acknowledged:
        size = await asyncio.to_thread(uploads.export, self.ledger, self.key, params.upload_id, params.path)
        return Acknowledged(detail=f"{size:,} bytes written to {params.path}, and what they say beside it.")

    async def _privacy(self, params: Nothing) -> BudgetList:
        return BudgetList(budgets=self._budgets())

    async def _privacy_export(self, params: ExportParams) -> Acknowledged:
        pieces = [self.ledger.export_report().encode()] if params.report else self.ledger.export_json()
        if not os.path.isabs(params.path):
            raise UsageError("The file to write to needs its whole path.")
        written = await asyncio.to_thread(vault.write_new, params.path, pieces)
        return Acknowledged(detail=f"{written:,} bytes written to {params.path}.")

    async def _history(self, params: HistoryParams) -> HistoryList:
        rows = await asyncio.to_thread(self.ledger.history, HISTORY_ROWS, params.before)
        given = self.snapshot().contribution
        return HistoryList(
            rows=rows,
            older=rows[-1].release_id if len(rows) == HISTORY_ROWS else 0,
            contribution=given,
            footprint=self._footprint(given.uploaded_bytes),
        )

    def _footprint(self, uploaded_bytes: int) -> Footprint:
        views = {row.federation_id: self._view(row) for row in self.ledger.federations()}
        work = self.ledger.work()
        watts = self.config.node.device_watts
        moved = uploaded_bytes + sum(views[one.federation_id].download_bytes * one.rounds for one in work)
        done = (footprint.training_operations(views[one.federation_id].parameters, one.tokens) for one in work)
        found = Footprint(
            measured_wh=sum(one.measured_wh for one in work),
            estimated_wh=footprint.device_wh(watts, sum(one.unmeasured_s for one in work)),
            device_watts=watts,
            transfer_wh=footprint.transfer_wh(moved),
            data_centre_wh=footprint.same_training_wh(sum(done)),
        )
        grid = self.config.node.grid_g_per_kwh
        if not grid:
            return found
        return msgspec.structs.replace(
            found,
            co2_g=footprint.co2_g(found.here_wh, grid),
            data_centre_co2_g=footprint.co2_g(found.data_centre_wh, grid),
        )

    async def _hardware(self, params: HardwareParams) -> HardwareProfile:
        profile = await machine.look(self.home, self.config.node.worker_interpreter, params.probe)
        members = [one.member for one in self.joined.values()]
        training = TrainingPlans(self.home, self.config, self.governor)
        return msgspec.structs.replace(profile, training=await training.views(members, params.probe))

    async def _limits_show(self, params: Nothing) -> LimitsView:
        return LimitsView(values=self.config.values())

    async def _limits_set(self, params: LimitsParams) -> LimitsView:
        self.config.set(params.key, params.value)
        self._set_rates()
        self.governor.reconsider()
        self.governor.look_soon()  # a rule that was off has measured nothing yet
        self._refresh()
        return LimitsView(values=self.config.values())

    async def _load(self, params: Nothing) -> LoadView:
        return await asyncio.to_thread(self._gauge.look)

    async def _log(self, params: Nothing) -> LogText:
        return LogText(lines=await asyncio.to_thread(log_tail.tail, self.home / "logs" / "engine.log"))

    async def _doctor(self, params: Nothing) -> CheckList:
        joined = list(self.joined.values())
        parts = (self.home, self.ledger, self.keystore, self.config, self.corpora, self.board, self.volume, joined)
        return CheckList(checks=await asyncio.to_thread(doctor.examine, *parts))
