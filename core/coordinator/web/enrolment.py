"""Enrolling, leaving, and rebuilding the SuperLink's registrations from ours.

Our database is written first: a token is bound to a key before the SuperLink hears of it, so a lost answer, a crash in
between, or a lost ``state.db`` all end in the same place when the request is repeated.
"""

from __future__ import annotations

import time

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.api.errors import CoordinatorError, ManifestError, UsageError
from core.coordinator.home import Federation
from core.coordinator.records.schema import Volunteer
from core.coordinator.records.store import Store
from core.coordinator.superlink import Control, KeyInUse, NodeRow
from core.federation.identity import key_id
from core.federation.protocol import EnrolAnswer, EnrolRequest

CURVES = ("secp256r1", "secp384r1", "secp521r1")


class Enrolment:
    """The volunteers of one federation, in our database and at the SuperLink."""

    def __init__(self, federation: Federation, store: Store, control: Control) -> None:
        self._federation = federation
        self._store = store
        self._control = control

    def enrol(self, public_key: bytes, body: bytes) -> EnrolAnswer:
        """Enrol the key that signed ``body``; a repeat gives the same answer.

        Raises:
            UsageError: the body or the key is not what it must be.
            ManifestError: consent was given to other terms.
            InviteError: the token is unknown, expired or used up, or the key has left.
            CoordinatorError: the SuperLink does not answer; the repeat will succeed.
        """
        try:
            request = msgspec.json.decode(body, type=EnrolRequest)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise UsageError("The enrolment request has the wrong form.", "Update Hedgerow.") from error
        if request.manifest_hash != self._federation.manifest_hash:
            raise ManifestError("These are not the federation's present terms.", "Read the terms again, then join.")
        _check_key(public_key)
        volunteer = self._store.bind(public_key, request.token, time.time(), request.capability)
        return EnrolAnswer(
            node_id=self._registered(volunteer),
            federation_id=self._federation.federation_id,
            run_id=self._federation.config.run_id,
        )

    def leave(self, public_key: bytes) -> bool:
        """Unregister for good; leaving twice is fine. False for a key that was never enrolled.

        Raises:
            CoordinatorError: the SuperLink does not answer; the repeat, or its next start, will do the rest.
        """
        volunteer = self._store.volunteer(key_id(public_key))
        if volunteer is None:
            return False
        self._store.leave(volunteer.key_id, time.time())
        node = self._control.nodes().get(public_key)
        if node is not None:
            self._control.unregister(node.node_id)
        return True

    def reconcile(self) -> int:
        """Make the SuperLink's registrations equal ours; returns how many had to change.

        Raises:
            CoordinatorError: the SuperLink does not answer.
        """
        nodes, changes = self._control.nodes(), 0
        for volunteer in self._store.volunteers():
            row = nodes.get(volunteer.public_key)
            if row is None or row.node_id != volunteer.node_id:
                self._register(volunteer, nodes)
                changes += 1
        for volunteer in self._store.volunteers(gone=True):
            row = nodes.get(volunteer.public_key)
            if row is not None:
                self._control.unregister(row.node_id)
                changes += 1
        return changes

    def _registered(self, volunteer: Volunteer) -> str:
        return volunteer.node_id or self._register(volunteer, self._control.nodes())

    def _register(self, volunteer: Volunteer, nodes: dict[bytes, NodeRow]) -> str:
        if volunteer.public_key in nodes:
            node_id = nodes[volunteer.public_key].node_id
        else:
            try:
                node_id = self._control.register(volunteer.public_key)
            except KeyInUse as error:
                found = self._control.nodes().get(volunteer.public_key)
                if found is None:
                    raise CoordinatorError("This key was unregistered and cannot return.", "Join again.") from error
                node_id = found.node_id
        self._store.set_node_id(volunteer.key_id, node_id)
        return node_id


def _check_key(public_key: bytes) -> None:
    """Refuse what the SuperLink would refuse, before a token is used up.

    Raises:
        UsageError: not a NIST EC key in canonical PEM.
    """
    try:
        key = serialization.load_pem_public_key(public_key)
    except ValueError as error:
        raise UsageError("The node key cannot be read.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise UsageError("The node key is not a NIST elliptic-curve key.")
    canonical = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if canonical != public_key:
        raise UsageError("The node key is not in canonical PEM.")
