"""Every update that left, as rows and opened up: decoded from the sealed bytes, because nothing else is ever sent."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from core import vault
from core.api.errors import StorageError, UsageError
from core.api.messages.uploads import LayerNorm, UploadDetail, UploadInfo
from core.engine import journal as journals
from core.engine.rounds import SEALED_CONTEXT
from core.federation.manifest import open_manifest
from core.ledger.rows import FederationRow, Release
from core.ledger.store import Ledger
from core.model.shard import parse_shard
from core.postprocess.compression.codec import EncodedUpdate, source_sha256, written_by
from core.update import sum_of_squares

BINS = 41
_PIECE = 1 << 20
SHOWN = {"sealed", "uploading", "sent", "accepted", "refused", "late"}


def listed(ledger: Ledger, limit: int) -> list[UploadInfo]:
    """Updates that left or are about to, newest first."""
    names = {row.federation_id: row for row in ledger.federations()}
    return [info(release, names) for release in ledger.uploads(limit) if release.state in SHOWN]


def info(release: Release, federations: Mapping[str, FederationRow]) -> UploadInfo:
    """One update as a row."""
    federation = federations[release.federation_id]
    return msgspec.convert(
        {
            "upload_id": str(release.release_id),
            "federation_id": release.federation_id,
            "federation_name": federation.name,
            "server_round": release.server_round,
            "state": release.state,
            "sealed_at": release.sealed_at or release.begun_at,
            "sent_at": release.sent_at,
            "size_bytes": release.size_bytes,
            "dense_bytes": release.dense_bytes,
            "sha256": release.sha256,
            "unit": release.unit if release.attributes.corpora else "public",
            "epsilon_after": release.epsilon_after,
            "epsilon_cost": release.epsilon_cost,
            "delta": release.delta,
            "reason": release.reason,
        },
        UploadInfo,
    )


def export(ledger: Ledger, key: bytes, upload_id: str, path: str) -> int:
    """Write the bytes of one update as they were sent, and what is inside as JSON beside them.

    Args:
        ledger: where it is told of.
        key: of the store.
        upload_id: which.
        path: of a new file, whole; its name with ``.json`` behind is a new file too.

    Returns:
        The size of the first file in bytes.

    Raises:
        UsageError: there is none of that id, its bytes are no longer kept, or the path is not whole.
        StorageError: a file of that name exists, the kept one is damaged, or the disk refuses.
    """
    if not os.path.isabs(path):
        raise UsageError("The file to write to needs its whole path.")
    detail = inspect(ledger, key, upload_id)
    told = Path(f"{path}.json")
    vault.write_new(told, [msgspec.json.format(msgspec.json.encode(detail), indent=2)])
    try:
        with vault.open_encrypted(ledger.release(int(upload_id)).path, key, SEALED_CONTEXT) as file:
            pieces = (file.read(start, start + _PIECE) for start in range(0, file.size, _PIECE))
            return vault.write_new(path, pieces)
    except BaseException:
        told.unlink(missing_ok=True)
        raise


def inspect(ledger: Ledger, key: bytes, upload_id: str) -> UploadDetail:
    """Decrypt, check and decode one update.

    Raises:
        UsageError: there is none of that id, or its bytes are no longer kept.
        StorageError: its file is damaged.
    """
    if not upload_id.isdecimal() or len(upload_id) > 18:
        raise UsageError(f"There is no upload {upload_id[:40]!r}.", "`hedgerow uploads` shows all.")
    release = ledger.release(int(upload_id))
    if release.sealed_at is None:
        raise UsageError(f"Nothing has been sealed for round {release.server_round} yet.", "Look again later.")
    if not release.path:
        raise UsageError(
            f"The bytes of upload {upload_id} are no longer kept; hash and size are.", "Raise the limit disk_gb."
        )
    federation = ledger.federation(release.federation_id)
    config = open_manifest(federation.manifest, federation.federation_key).config
    shapes = parse_shard(config.model, release.attributes.shard).shapes()
    with vault.open_encrypted(release.path, key, SEALED_CONTEXT) as file:
        if source_sha256(file).hex() != release.sha256:
            raise StorageError(f"The file of upload {upload_id} is not what was sealed.", "It is not used.")
        codec = written_by(file, shapes, config.codecs)
        update = EncodedUpdate(file, shapes, codec)
        layers = [
            LayerNorm(name=name, size=math.prod(shapes[name]), norm=math.sqrt(sum(map(sum_of_squares, slices))))
            for name, slices in update.parameters()
        ]
        spread = max((float(np.max(np.abs(values))) for values in update.slices()), default=0.0) or 1.0
        counts = np.zeros(BINS, np.int64)
        for values in update.slices():
            counts += np.histogram(values, bins=BINS, range=(-spread, spread))[0]
    journal = journals.load(ledger, release.release_id)
    return UploadDetail(
        upload=info(release, {federation.federation_id: federation}),
        codec=codec.name,
        base_hash=release.attributes.base_hash,
        nonce=journal.instruction.nonce.hex() if journal else "",
        manifest_hash=release.attributes.manifest_hash,
        metrics=dict(journal.metrics) if journal else {},
        layers=layers,
        histogram=[int(count) for count in counts],
        histogram_low=-spread,
        histogram_high=spread,
    )
