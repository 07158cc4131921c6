"""One joining: consent, plan, key and the connections that go with it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import msgspec

from core.api.errors import CoordinatorError, KeystoreError
from core.config.federation import FederationConfig
from core.engine import plans, terms
from core.engine.keystore import Keystore
from core.engine.plans import Plan
from core.engine.public_data import PublicData
from core.federation.bandwidth import Traffic
from core.federation.fleet import Fleet
from core.federation.gateway import Gateway
from core.federation.identity import NodeKey
from core.federation.invite import GATEWAY_NAME, Invite
from core.federation.manifest import open_manifest
from core.federation.transport import Endpoint, Transport
from core.ledger.rows import EventSpec, FederationRow


class Membership:
    """A joined federation with everything needed to take part."""

    def __init__(self, row: FederationRow, keystore: Keystore, traffic: Traffic | None = None) -> None:
        """Open what was stored at consent.

        Raises:
            KeystoreError: the node key is gone.
            ManifestError: the stored manifest does not fit its key any more.
        """
        self.row = row
        self.config: FederationConfig = open_manifest(row.manifest, row.federation_key).config
        self.plans: Mapping[str, Plan] = {cid: msgspec.convert(raw, Plan) for cid, raw in row.plans.items()}
        pem = keystore.get(row.key_name)
        if pem is None:
            raise KeystoreError(
                f"The key for {row.name} is not in the {keystore.backend} any more.",
                "Leave the federation and ask for a new invite.",
            )
        self.key = NodeKey.from_pem(pem)
        endpoint = Endpoint(row.address, base64.b64decode(row.root_certificate), GATEWAY_NAME)
        self.transport = Transport(endpoint, traffic=traffic)
        self.gateway = Gateway(self.transport, self.key)
        self.fleet = Fleet(self.transport, self.key, row.node_id)

        self.public = PublicData(self.config, self.gateway)

    @property
    def plan(self) -> Plan:
        """The mechanism, the same for every corpus of this joining."""
        return next(iter(self.plans.values()), plans.public_only(self.config))

    @property
    def reads_public(self) -> bool:
        """Whether rounds read the public text: where it is trained on, and where a public subspace is found in it."""
        mechanism = self.plan.mechanism()
        reads = not mechanism.per_example or mechanism.subspace.kind == "public"
        return bool(self.config.public_data) and reads

    def lines(self, rounds: int = 1) -> list[tuple[str, EventSpec]]:
        """What so many rounds cost: corpus id and event."""
        return [(corpus_id, plan.event(rounds)) for corpus_id, plan in self.plans.items()]

    async def adopt(self, manifest_hash: str) -> None:
        """Take on other terms that the coordinator names, if they are simply tighter than those consented to.

        Args:
            manifest_hash: of the signed terms that a round is asked under.

        Raises:
            CoordinatorError: they are not the ones it serves, or need the owner's consent, in a sentence.
            ManifestError: they are not signed with the federation's key.
            Unreachable: nobody answers.
        """
        envelope, name = await self.gateway.manifest(), self.row.name
        opened = open_manifest(envelope, self.row.federation_key)
        if opened.sha256 != manifest_hash:
            raise CoordinatorError(
                f"{name} asked for a round under terms that it does not show.", "It was not answered."
            )
        reason = terms.needs_consent(self.config, opened.config)
        if reason:
            raise CoordinatorError(
                f"{name} has changed its terms since you joined: {reason}.",
                "Leave and join again if you agree to the new ones.",
            )
        if not all(terms.keeps(plan, opened.config) for plan in self.plans.values()):
            raise CoordinatorError(
                f"{name} asks for more protection than you joined with.", "Leave and join again to give it."
            )
        self.row = msgspec.structs.replace(self.row, manifest=envelope, manifest_hash=opened.sha256)
        self.config = opened.config

    async def close(self) -> None:
        """Let go of the connections."""
        await self.transport.close()


def key_name_of(federation_id: str, invite: Invite) -> str:
    """Name of the node key of one invite: the same again if the answer of an enrolment was lost."""
    return f"node-{federation_id}-{hashlib.sha256(invite.token).hexdigest()[:16]}"


def encode_root(root_certificate: bytes) -> str:
    """As the ledger keeps it."""
    return base64.b64encode(root_certificate).decode()
