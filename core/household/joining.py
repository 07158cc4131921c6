"""Making a household: read the larger federation's terms, consent, found the folder, enrol once.

Nothing is enrolled before the owner has said yes, and a crash anywhere is mended by the same command again: the folder
is whole or not there, and enrolling twice with one key is enrolling once.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.api.errors import ClockError, CoordinatorError, InviteError, UsageError
from core.config.federation import FederationConfig
from core.coordinator.founding import found
from core.coordinator.home import Federation, Home, HostSettings
from core.engine import plans
from core.engine.lock import prepare_home
from core.engine.membership import encode_root, key_name_of
from core.federation.gateway import Gateway
from core.federation.identity import NodeKey, federation_id, fingerprint
from core.federation.invite import Invite, parse
from core.federation.manifest import OpenedManifest, open_manifest
from core.federation.transport import Transport, endpoint_of
from core.household.keys import FolderKeystore
from core.household.terms import household_terms
from core.ledger.rows import FederationRow
from core.ledger.store import Ledger

MAX_TOKENIZER_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class Household:
    """A household's folder with what its forwarder keeps in ``forward/``."""

    federation: Federation
    keystore: FolderKeystore
    ledger: Ledger

    @property
    def membership(self) -> FederationRow | None:
        """The joining of the larger federation; ``None`` before it enrolled us."""
        rows = [row for row in self.ledger.federations() if row.left_at is None]
        return rows[0] if rows else None


def open_household(root: Path) -> Household:
    """Open the folder of a household.

    Raises:
        UsageError: it holds another federation, or none.
        StorageError: it is damaged.
    """
    federation = Federation(root)
    if not federation.config.forwards_to.federation_id:
        raise UsageError(
            f"{root} holds a federation of its own, which goes nowhere else.",
            "Choose a new folder for your machines at home.",
        )
    forward = federation.home.forward
    prepare_home(forward)
    return Household(federation, FolderKeystore(forward / "keys"), Ledger.open(forward / "ledger.db", None))


async def join(
    root: Path, link: str, consent: Callable[[Invite, FederationConfig], bool], settings: HostSettings
) -> Household:
    """Make a household in a new folder, or complete one whose making was cut short.

    Args:
        root: the folder.
        link: invite to the larger federation.
        consent: shown what the invite and the terms say; asked only before a folder is made.
        settings: what only this machine decides.

    Raises:
        UsageError: the owner said no, or the folder holds something else.
        InviteError: the invite is damaged, expired or used up.
        HedgerowError: the larger federation does not answer, or its terms cannot be taken on.
    """
    invite = parse(link)
    if await asyncio.to_thread(holds_federation, root):
        household = open_household(root)
        if household.federation.settings.forward != link.strip():
            raise UsageError(f"{root} goes on to another federation.", "Choose a new folder.")
    else:
        household = await _found(root, link, invite, consent, settings)
    if household.membership is None:
        await _enrol(household, link, invite)
    return household


def holds_federation(root: Path) -> bool:
    """Whether a folder holds a federation, of whichever kind."""
    return Home(root.expanduser()).settings_path.is_file()


async def _found(
    root: Path,
    link: str,
    invite: Invite,
    consent: Callable[[Invite, FederationConfig], bool],
    settings: HostSettings,
) -> Household:
    if invite.expired:
        raise InviteError("The invite has expired.", "Ask for a new one, or set this machine's clock.")
    transport = Transport(endpoint_of(invite))
    try:
        gateway = Gateway(transport)
        envelope = await gateway.manifest()
        larger = open_manifest(envelope, invite.federation_key).config
        if not await asyncio.to_thread(consent, invite, larger):
            raise UsageError("Nothing was joined.")
        with tempfile.TemporaryDirectory(prefix="hedgerow-household-") as scratch:
            folder = Path(scratch)
            tokenizer = await gateway.fetch_blob(larger.tokenizer.sha256, folder, MAX_TOKENIZER_BYTES)
            public = [await gateway.fetch_blob(said.sha256, folder, said.bytes) for said in larger.public_data]
            await asyncio.to_thread(_write, root, link, invite, envelope, settings, tokenizer, public)
    finally:
        await transport.close()
    return open_household(root)


def _write(
    root: Path,
    link: str,
    invite: Invite,
    envelope: bytes,
    settings: HostSettings,
    tokenizer: Path,
    public: Sequence[Path],
) -> None:
    opened = open_manifest(envelope, invite.federation_key)
    own = household_terms(opened.config, federation_id(invite.federation_key), opened.sha256)
    here = HostSettings(listen=settings.listen, address=settings.address, forward=link.strip())
    found(root, own, here, tokenizer.read_bytes(), public=public, larger=envelope)


async def _enrol(household: Household, link: str, invite: Invite) -> None:
    """Enrol the household's key and write the joining down."""
    identity = federation_id(invite.federation_key)
    name = key_name_of(identity, invite)
    pem = household.keystore.get(name)
    key = NodeKey.generate() if pem is None else NodeKey.from_pem(pem)
    if pem is None:
        household.keystore.set(name, key.to_pem())
    envelope = household.federation.home.larger_manifest_path.read_bytes()
    opened = open_manifest(envelope, invite.federation_key)
    transport = Transport(endpoint_of(invite))
    try:
        answer = await Gateway(transport, key).enrol(invite.token, opened.sha256)
    except ClockError:
        raise transport.unauthorised() from None
    finally:
        await transport.close()
    if answer.federation_id != identity or answer.run_id != opened.config.run_id or not answer.node_id.isdecimal():
        raise CoordinatorError("The coordinator enrolled this household somewhere else.", "Ask the operator.")
    household.ledger.save_federation(_row(link, invite, envelope, opened, int(answer.node_id), name))


def _row(
    link: str, invite: Invite, envelope: bytes, opened: OpenedManifest, node_id: int, key_name: str
) -> FederationRow:
    """Without corpora: the household's coordinator reads no text, and so it charges none."""
    return FederationRow(
        federation_id=federation_id(invite.federation_key),
        name=opened.config.name,
        operator=opened.config.operator,
        address=invite.address,
        invite=link.strip(),
        federation_key=invite.federation_key,
        root_certificate=encode_root(invite.root_certificate),
        manifest=envelope,
        manifest_hash=opened.sha256,
        run_id=opened.config.run_id,
        node_id=node_id,
        key_name=key_name,
        joined_at=time.time(),
    )


def in_words(invite: Invite, larger: FederationConfig) -> str:
    """What the owner agrees to, for a terminal."""
    view = plans.manifest_view(larger)
    rounds = "1 round" if view.rounds == 1 else f"{view.rounds:,} rounds"
    if view.unit == "none":
        said, guarantee = "keeps its own budget", "NO GUARANTEE: updates leave without noise and may reveal text."
    else:
        said, guarantee = "keeps its own budget and adds its own noise", f"One guarantee protects a {view.unit}."
    return "\n".join(
        (
            f"{view.name}, run by {view.operator}, at {invite.address}; key {fingerprint(invite.federation_key)}.",
            f"In their words: {view.purpose}" if view.purpose else "They gave no purpose.",
            f"Model {view.preset} with {view.parameters:,} parameters, {rounds}. {guarantee}",
            f"From this household one update of {view.upload_bytes:,} bytes goes there each round: the mean of what",
            f"your machines trained. Each of them is asked for consent by itself and {said}.",
        )
    )
