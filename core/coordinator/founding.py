"""Founding a federation: keys, certificates, signed manifest, first checkpoint, all in one new private folder."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import tomli_w

from core.api.errors import StorageError
from core.config.federation import FederationConfig
from core.coordinator.home import FOLDERS, Federation, Home, HostSettings
from core.coordinator.learning.model_files import put_checkpoint, values_of
from core.coordinator.records.blobs import sync_folder, write_durably
from core.coordinator.records.schema import Checkpoint
from core.coordinator.records.store import Store
from core.coordinator.superlink import make_keys
from core.coordinator.web import certificates
from core.federation.identity import FederationKey
from core.federation.manifest import seal_manifest
from core.model.checkpoint_io import file_sha256, open_weights
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes


def found(
    root: Path,
    config: FederationConfig,
    settings: HostSettings,
    tokenizer: bytes,
    text: bytes | None = None,
    public: Sequence[Path] = (),
    larger: bytes | None = None,
    first: Path | None = None,
) -> Federation:
    """Make the folder of a federation, or leave nothing behind.

    Args:
        root: a folder that is new or empty.
        config: the terms, to be signed and frozen.
        settings: what only this machine decides.
        tokenizer: the ``tokenizer.json`` bytes that ``config`` names by hash.
        text: the coordinator's own text to evaluate on.
        public: the token shards that ``config`` lists as public data.
        larger: of a household, the signed manifest of the federation it takes part in; it keeps no model of its own.
        first: the first weights as one float32 safetensors file, where ``config`` names a checkpoint.

    Raises:
        StorageError: the disk refused.
    """
    existed = root.exists()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        blobs = itertools.chain([tokenizer], (path.read_bytes() for path in public))
        _fill(Home(root), config, settings, blobs, text, larger, first)
        return Federation(root)
    except BaseException as error:
        for path in root.iterdir() if root.is_dir() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not existed and root.is_dir():
            root.rmdir()
        if isinstance(error, OSError):
            raise StorageError(f"{root} cannot be written: {error.strerror}.", "Choose another folder.") from error
        raise


def _fill(
    home: Home,
    config: FederationConfig,
    settings: HostSettings,
    blobs: Iterable[bytes],
    text: bytes | None,
    larger: bytes | None,
    first: Path | None,
) -> None:
    """Write everything; ``federation.toml`` last, since a folder without it holds no federation."""
    for name in FOLDERS:
        (home.root / name).mkdir(mode=0o700)
    federation_key = FederationKey.generate()
    write_durably(home.key_path("federation.key"), federation_key.to_bytes())
    root_key = certificates.new_key()
    root = certificates.self_signed("hedgerow gateway", root_key)
    write_durably(home.key_path("root.key"), certificates.key_pem(root_key))
    write_durably(home.key_path("root.crt"), certificates.cert_pem(root))
    make_keys(home)
    for blob in blobs:
        home.blobs.put(blob)
    if text is not None:
        write_durably(home.evaluation_text, text)
    store = Store(home.database_path, create=True)
    try:
        if larger is None:
            sha256, size_bytes = _put_first(home, config, first)
            store.add_checkpoint(
                Checkpoint(server_round=0, sha256=sha256, size_bytes=size_bytes, momentum="", created_at=time.time())
            )
        else:
            write_durably(home.larger_manifest_path, larger)
    finally:
        store.close()
    write_durably(home.manifest_path, seal_manifest(config, federation_key))
    document = {
        "coordinator": msgspec.to_builtins(settings),
        "federation": msgspec.to_builtins(config),
    }
    head = "# [coordinator] may be edited. [federation] is signed in manifest.json and frozen.\n\n"
    write_durably(home.settings_path, (head + tomli_w.dumps(document)).encode())
    sync_folder(home.root)


def _put_first(home: Home, config: FederationConfig, first: Path | None) -> tuple[str, int]:
    """Store the first weights, drawn or brought; hash and size in bytes of what names them."""
    if config.initialisation.source != "checkpoint":
        return put_checkpoint(home.blobs, config, values_of(seeded_weights(config.model, config.seed)))
    if first is None or file_sha256(first) != config.initialisation.sha256:
        raise StorageError("The first weights are not those that the terms name.", "Create the federation again.")
    with open_weights(first, parameter_shapes(config.model)) as stored:
        return put_checkpoint(home.blobs, config, stored.part)
