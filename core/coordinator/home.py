"""The coordinator's folder, one per federation: what lies where, and how it is made and opened.

========================  ======================================================================================
``federation.toml``       the settings in words; ``[federation]`` must equal the signed manifest
``manifest.json``         the signed manifest as served
``keys/``                 federation key, gateway root and leaf, SuperLink certificate, superexec secret
``blobs/``                checkpoints and tokenizer, served by hash
``private/``              accepted updates until they are used, outer moments, a strategy's memory; never served
``uploads/``              large updates on their way in, a folder for each node; never served
``quarantine/``           the newest refused updates, for the operator to look at
``coordinator.db``        see ``records``
``state.db``              Flower's SuperLink; may be lost, rebuilt from ``coordinator.db``
``flwr/`` ``logs/``       Flower's private home, logs
``evaluate.txt``          the coordinator's own text, if it has one
``larger.json``           of a household: the signed manifest of the federation it takes part in
``forward/``              of a household: its node key there, ledger, round in progress
========================  ======================================================================================
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from core.api.errors import HedgerowError, StorageError, UsageError
from core.config.base import Frozen
from core.config.federation import FederationConfig
from core.coordinator.records.blobs import BlobStore
from core.coordinator.records.store import Store
from core.coordinator.web.spool import Spool
from core.federation.identity import FederationKey, federation_id
from core.federation.manifest import open_manifest

FOLDERS = ("keys", "blobs", "private", "uploads", "quarantine", "flwr", "logs")


class HostSettings(Frozen, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only this machine decides; may be edited."""

    version: Literal[1] = 1
    listen: str = "127.0.0.1:0"
    """Where the gateway listens, ``host:port``; port 0 takes a free one."""
    address: str = ""
    """Host or ``host:port`` that invites name; empty means the listening address."""
    forward: str = ""
    """Invite of the larger federation that a household takes part in; empty for any other."""
    namespace: Literal["auto", "off"] = "auto"
    """Whether Flower's ports are put into a network of their own where the system allows it (Linux)."""
    metrics: int = 0
    """Port on 127.0.0.1 where figures are served for Prometheus; 0 for nowhere."""

    def __post_init__(self) -> None:
        """Bound the number.

        Raises:
            ValueError: not a port.
        """
        if not 0 <= self.metrics <= 65_535:
            raise ValueError(f"metrics is {self.metrics}, but a port is 1 to 65535, and 0 for none")


class _Document(Frozen, frozen=True, kw_only=True, forbid_unknown_fields=True):
    coordinator: HostSettings
    federation: FederationConfig


class Home:
    """An opened folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = BlobStore(root / "blobs")
        self.private = BlobStore(root / "private")
        self.spool = Spool(root / "uploads")
        self.quarantine = BlobStore(root / "quarantine")
        self.settings_path = root / "federation.toml"
        self.manifest_path = root / "manifest.json"
        self.database_path = root / "coordinator.db"
        self.superlink_database = root / "state.db"
        self.evaluation_text = root / "evaluate.txt"
        self.lock_path = root / "run.lock"
        self.larger_manifest_path = root / "larger.json"
        self.forward = root / "forward"

    def key_path(self, name: str) -> Path:
        """A file under ``keys/``."""
        return self.root / "keys" / name

    def log_path(self, name: str) -> Path:
        """A file under ``logs/``."""
        return self.root / "logs" / f"{name}.log"


class Federation:
    """The settings, keys and identity of a folder, checked against each other."""

    def __init__(self, root: Path) -> None:
        """Open a folder made by ``create``.

        Raises:
            UsageError: there is no federation in the folder.
            StorageError: a file is missing or damaged, or the frozen terms were edited.
        """
        self.home = Home(root.expanduser().resolve())
        if not self.home.settings_path.is_file():
            raise UsageError(f"{root} holds no federation.", "Make one with `hedgerow host create`.")
        try:
            self.key = FederationKey.from_bytes(self.home.key_path("federation.key").read_bytes())
            self.manifest = self.home.manifest_path.read_bytes()
            document = msgspec.convert(tomllib.loads(self.home.settings_path.read_text(encoding="utf-8")), _Document)
            opened = open_manifest(self.manifest, self.key.public_bytes)
        except OSError as error:
            raise StorageError(
                f"The federation in {root} is damaged: {error.filename} cannot be read.", "Restore it from a backup."
            ) from error
        except (ValueError, HedgerowError) as error:
            raise StorageError(f"The federation in {root} is damaged: {error}.", "Restore it from a backup.") from error
        if document.federation != opened.config:
            raise StorageError(
                f"The [federation] part of {self.home.settings_path} differs from the signed manifest.",
                "Terms are frozen once created; undo the edit, or create a new federation.",
            )
        self.config = opened.config
        self.manifest_hash = opened.sha256
        self.settings = document.coordinator
        self.federation_id = federation_id(self.key.public_bytes)

    def store(self) -> Store:
        """A new connection to ``coordinator.db``.

        Raises:
            StorageError: missing or damaged.
        """
        return Store(self.home.database_path)

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer as a blob."""
        return self.home.blobs.path(self.config.tokenizer.sha256)
