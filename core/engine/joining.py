"""Joining and leaving: what an invite says, what a federation asks and what that costs, consent, and the way out.

Nothing is sent before the owner has seen the invite, nothing is enrolled before they have seen the terms, and nothing
is written down before the coordinator has said yes.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from core.api.errors import (
    ClockError,
    CoordinatorError,
    CorpusError,
    InviteError,
    ManifestError,
    PrivacyError,
    UsageError,
)
from core.api.messages.federations import CorpusChoice, CorpusOffer, InviteView, TermsView
from core.config.base import UnitOfPrivacy
from core.config.federation import FederationConfig
from core.engine import floor, machine, plans
from core.engine.children import ChildDied
from core.engine.config_store import ConfigStore
from core.engine.corpora import Corpora
from core.engine.editions import Editions, check_edition
from core.engine.keystore import Keystore
from core.engine.membership import Membership, encode_root, key_name_of
from core.engine.plans import Plan, Planner
from core.engine.public_data import folder_of
from core.engine.verdict import RANK
from core.federation import invite as invites
from core.federation.bandwidth import Traffic
from core.federation.gateway import Gateway
from core.federation.identity import NodeKey, federation_id, fingerprint
from core.federation.invite import Invite
from core.federation.manifest import OpenedManifest, open_manifest
from core.federation.transport import Transport, endpoint_of
from core.ledger.budget import rungs
from core.ledger.rows import CorpusRow, FederationRow
from core.ledger.store import Ledger

_READING_S = 40.0
"""Longest that a question for terms waits for text to be read with another tokenizer."""
_BUDGET_HINT = "Choose 1, 3, 8, or a figure between."
_SUGGESTED = (1.0, 3.0, 8.0)
"""Limits tried for the suggestion, the strictest first; a wider one is only ever the owner's own wish."""


def inspect(link: str) -> InviteView:
    """What an invite says; opens no connection.

    Raises:
        InviteError: it is damaged.
    """
    return _view(invites.parse(link))


def _view(invite: Invite) -> InviteView:
    return InviteView(
        name=invite.name,
        address=invite.address,
        fingerprint=fingerprint(invite.federation_key),
        expires_at=float(invite.expires_at),
        uses=invite.uses,
        expired=invite.expired,
    )


@dataclass(frozen=True)
class Registrar:
    """Reads terms, joins and leaves."""

    ledger: Ledger
    keystore: Keystore
    config: ConfigStore
    corpora: Corpora
    planner: Planner
    editions: Editions
    traffic: Traffic | None = None

    async def terms(self, link: str, epsilon: float | None = None) -> TermsView:
        """Fetch and check the manifest and say what joining would cost each corpus. Enrols nothing.

        Without a limit the suggested one is priced.

        Raises:
            InviteError: damaged or expired.
            ManifestError: not signed with the invite's key, or with absurd fields.
            CoordinatorError: nobody answers.
        """
        invite = _usable(link)
        if epsilon is not None and not 0 < epsilon <= 1_000:
            raise UsageError(f"ε {epsilon:g} is not a budget.", _BUDGET_HINT)
        _, opened = await self._fetch(invite)
        config = opened.config
        reason = plans.too_big(config, machine.memory_limit(self.config.limits))
        await self._prepare(config, invite, _READING_S)
        rows = self.corpora.rows()
        limits = self._suggestions(config, rows) if epsilon is None else (epsilon,)
        limit, offers = await self._priced(config, rows, limits)
        return TermsView(
            invite=_view(invite),
            federation_id=federation_id(invite.federation_key),
            manifest_hash=opened.sha256,
            manifest=plans.manifest_view(config),
            offers=list(offers),
            leaves=plans.leaves(config),
            memory_bytes=plans.memory_needed(config),
            fits=not reason,
            fits_reason=reason,
            epsilon=limit,
        )

    async def join(self, link: str, manifest_hash: str, choices: Sequence[CorpusChoice]) -> Membership:
        """Consent to exactly the terms that were shown.

        Raises:
            ManifestError: the terms are others now.
            PrivacyError: the text is too little, or a limit cannot be raised so far.
            InviteError: the invite is used up.
            UsageError: already joined, or no text was chosen.
        """
        invite = _usable(link)
        identity = federation_id(invite.federation_key)
        if any(f.federation_id == identity and f.left_at is None for f in self.ledger.federations()):
            raise UsageError(f"You are in {invite.name} already.", "Leave it first to join with other text.")
        envelope, opened = await self._fetch(invite)
        if opened.sha256 != manifest_hash:
            raise ManifestError("The federation's terms are not those you were shown.", "Read them again, then join.")
        config = opened.config
        if not choices and not config.public_data:
            raise UsageError("No text was chosen.", "Choose at least one text to join with.")
        reason = plans.too_big(config, machine.memory_limit(self.config.limits))
        if reason:
            raise UsageError(reason)
        await self._prepare(config, invite, _READING_S if choices else 0.0)
        chosen = await self._plans(config, choices)
        key, key_name = self._key(identity, invite)
        answer = await self._enrol(invite, key, opened)
        row = FederationRow(
            federation_id=identity,
            name=config.name,
            operator=config.operator,
            address=invite.address,
            invite=link.strip(),
            federation_key=invite.federation_key,
            root_certificate=encode_root(invite.root_certificate),
            manifest=envelope,
            manifest_hash=opened.sha256,
            run_id=config.run_id,
            node_id=answer,
            key_name=key_name,
            joined_at=time.time(),
            plans={corpus_id: msgspec.to_builtins(plan) for corpus_id, plan in chosen.items()},
            high_water_round=-1,
        )
        for corpus_id, plan in chosen.items():
            if plan.unit != "none":
                self.ledger.set_budget(corpus_id, plan.unit, plan.epsilon_limit, plan.delta)
        self.ledger.save_federation(row)
        return Membership(row, self.keystore, self.traffic)

    async def leave(self, member: Membership) -> None:
        """Unregister, burn the key, abandon what was open. Without an answer nothing is burned, so it can be repeated.

        Raises:
            Unreachable: nobody answers.
        """
        await member.gateway.leave()
        self.ledger.leave_federation(member.row.federation_id)
        folder = folder_of(self.config.path.parent, member.row.federation_id)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        self.keystore.delete(member.row.key_name)

    async def _fetch(self, invite: Invite) -> tuple[bytes, OpenedManifest]:
        transport = Transport(endpoint_of(invite), traffic=self.traffic)
        try:
            envelope = await Gateway(transport).manifest()
        finally:
            await transport.close()
        return envelope, open_manifest(envelope, invite.federation_key)

    async def _enrol(self, invite: Invite, key: NodeKey, opened: OpenedManifest) -> int:
        transport = Transport(endpoint_of(invite), traffic=self.traffic)
        try:
            fit = plans.capability(opened.config, machine.memory_limit(self.config.limits))
            answer = await Gateway(transport, key).enrol(invite.token, opened.sha256, fit)
        except ClockError:
            raise transport.unauthorised() from None
        finally:
            await transport.close()
        if answer.federation_id != federation_id(invite.federation_key) or answer.run_id != opened.config.run_id:
            raise CoordinatorError("The coordinator enrolled this machine somewhere else.", "Ask the operator.")
        if not answer.node_id.isdecimal() or int(answer.node_id) >= 1 << 64:
            raise CoordinatorError("The coordinator's answer to joining makes no sense.", "Ask the operator.")
        return int(answer.node_id)

    def _key(self, identity: str, invite: Invite) -> tuple[NodeKey, str]:
        """The key of this joining, safely kept before anybody hears of it."""
        name = key_name_of(identity, invite)
        pem = self.keystore.get(name)
        if pem is not None:
            return NodeKey.from_pem(pem), name
        key = NodeKey.generate()
        self.keystore.set(name, key.to_pem())
        return key, name

    def _suggestions(self, config: FederationConfig, rows: Sequence[CorpusRow]) -> tuple[float, ...]:
        """Limits to choose the suggestion from: what the owner set before, else the steps within their floor."""
        budgets = [budget for row in rows if (budget := self._budget(row, config.privacy.unit))]
        if config.privacy.unit == "none":
            return (_SUGGESTED[-1],)
        most = min(self.config.floor.epsilon, _SUGGESTED[-1])
        if budgets:
            return (min(most, max(limit for limit, _ in budgets)),)
        return tuple(limit for limit in _SUGGESTED if limit <= most) or (most,)

    async def _priced(
        self, config: FederationConfig, rows: Sequence[CorpusRow], limits: Sequence[float]
    ) -> tuple[float, list[CorpusOffer]]:
        """The smallest limit with the best verdict, and what each corpus costs at it.

        Texts share one mechanism, which is no noisier than that of the largest alone: so the best of them decides.
        """
        found: list[tuple[int, float, list[CorpusOffer]]] = []
        for limit in limits:
            offers = await asyncio.gather(*(self._offer(config, row, limit) for row in rows))
            best = min((RANK[offer.verdict] for offer in offers if offer.usable), default=RANK[""])
            found.append((best, limit, list(offers)))
            if best == RANK["useful"] or not offers:
                break
        _, limit, offers_at = min(found, key=lambda one: one[:2])
        return limit, offers_at

    async def _offer(self, config: FederationConfig, row: CorpusRow, epsilon: float) -> CorpusOffer:
        reason = self._below_floor(config, epsilon) or self._unusable(config, row)
        if reason:
            return plans.offer(config, row, reason)
        try:
            units = await self._units(config, row)
            delta = self._delta(config, row, units)
            plan = await self.planner.plan(config, units, epsilon, delta, self.config.floor.noise)
            self._check_limit(row, config.privacy.unit, epsilon)
            self._check_cut(row, plan)
        except PrivacyError as error:
            return plans.offer(config, row, str(error))
        return plans.offer(config, row, self._with_history(row, plan))

    async def _prepare(self, config: FederationConfig, invite: Invite, timeout_s: float) -> None:
        """Have the federation's tokenizer, and text read with it; long reading goes on by itself.

        A corpus that fails is told among the offers by its absence, not instead of all others.
        """
        transport = Transport(endpoint_of(invite), traffic=self.traffic)
        try:
            await self.editions.fetch(config, Gateway(transport))
        finally:
            await transport.close()
        rows = [row for row in self.corpora.rows() if self.corpora.present(row)]
        with contextlib.suppress(CorpusError, ChildDied):
            await self.editions.prepare(rows, config, timeout_s)

    def _below_floor(self, config: FederationConfig, epsilon: float) -> str:
        """Why the owner's own floor forbids it, or an empty string."""
        of_unit = floor.unit_refusal(config, self.config.floor)
        return of_unit or ("" if config.privacy.unit == "none" else floor.epsilon_refusal(epsilon, self.config.floor))

    def _unusable(self, config: FederationConfig, row: CorpusRow) -> str:
        ready = self.editions.row(row, config) is not None
        tokenizer = config.tokenizer.sha256 if ready else ""
        return plans.unusable(config, row, tokenizer, self.corpora.present(row))

    async def _units(self, config: FederationConfig, row: CorpusRow) -> int:
        """Units of a corpus in this federation's own tokens."""
        edition = check_edition(self.editions.row(row, config), row.name)
        return await self.corpora.units_at(edition, config.privacy.unit, config.training.seq_len)

    def _with_history(self, row: CorpusRow, plan: Plan) -> Plan:
        """The same plan, with the rounds that what was spent before leaves room for."""
        if plan.unit == "none" or not self._budget(row, plan.unit):
            return plan
        left = self.ledger.rounds_left([(row.corpus_id, plan.event())])
        return msgspec.structs.replace(plan, rounds_affordable=min(plan.rounds_affordable, left))

    def _budget(self, row: CorpusRow, unit: UnitOfPrivacy) -> tuple[float, float] | None:
        for budget in self.ledger.budgets():
            if budget.corpus_id == row.corpus_id and budget.unit == unit:
                return budget.limit, budget.delta
        return None

    def _delta(self, config: FederationConfig, row: CorpusRow, units: int) -> float:
        budget = self._budget(row, config.privacy.unit)
        return budget[1] if budget else plans.fresh_delta(config, units)

    def _check_cut(self, row: CorpusRow, plan: Plan) -> None:
        """Refuse before consent records that overlap those which were charged before.

        Raises:
            PrivacyError: the text was cut otherwise before.
        """
        if plan.unit == "record" and (reason := self.ledger.cut_otherwise(row.corpus_id, plan.event())):
            raise PrivacyError(f"{row.name}: {reason}")

    def _check_limit(self, row: CorpusRow, unit: UnitOfPrivacy, epsilon: float) -> None:
        """Refuse before consent what the ledger would refuse after it.

        Raises:
            PrivacyError: the limit cannot be raised to this figure.
        """
        budget = self._budget(row, unit)
        if budget is not None and epsilon > budget[0]:
            try:
                rungs(budget[0], epsilon)
            except ValueError as error:
                raise PrivacyError(
                    f"The limit of {row.name!r} is ε {budget[0]:g} and rises only to 3, 8, 16, …, not to {epsilon:g}."
                ) from error

    async def _plans(self, config: FederationConfig, choices: Sequence[CorpusChoice]) -> dict[str, Plan]:
        """One mechanism for all chosen corpora together, so that it fits the strictest of their budgets.

        Nothing chosen means the public text alone, which needs none.
        """
        if not choices:
            return {}
        epsilon = {choice.corpus_id: choice.epsilon for choice in choices}
        below = self._below_floor(config, max(epsilon.values()))
        if below:
            raise PrivacyError(below)
        rows = [self.corpora.row(corpus_id) for corpus_id in epsilon]
        units: dict[str, int] = {}
        for row in rows:
            reason = self._unusable(config, row)
            if reason:
                raise UsageError(f"{row.name} cannot be used here: {reason}")
            if not 0 < epsilon[row.corpus_id] <= 1_000:
                raise UsageError(
                    f"ε {epsilon[row.corpus_id]:g} is not a budget.", "Choose 1, 3, 8, or a figure between."
                )
            self._check_limit(row, config.privacy.unit, epsilon[row.corpus_id])
            units[row.corpus_id] = await self._units(config, row)
        deltas = {row.corpus_id: self._delta(config, row, units[row.corpus_id]) for row in rows}
        joint = await self.planner.plan(
            config, sum(units.values()), min(epsilon.values()), min(deltas.values()), self.config.floor.noise
        )
        if joint.unit == "none":
            return dict.fromkeys(epsilon, joint)
        for row in rows:
            self._check_cut(row, joint)
        return {
            corpus_id: msgspec.structs.replace(joint, epsilon_limit=epsilon[corpus_id], delta=deltas[corpus_id])
            for corpus_id in epsilon
        }


def _usable(link: str) -> Invite:
    invite = invites.parse(link)
    if invite.expired:
        day = time.strftime("%d %B %Y", time.localtime(invite.expires_at))
        raise InviteError(f"This invite expired on {day}.", "Ask for a new one, or set this machine's clock.")
    return invite
