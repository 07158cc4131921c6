"""Updates that left this machine, or are about to."""

from __future__ import annotations

from typing import Literal

from core.api.messages.base import Message


class UploadInfo(Message, frozen=True, kw_only=True):
    """One update: everything that left, or is about to."""

    upload_id: str
    federation_id: str
    federation_name: str
    server_round: int
    state: Literal["sealed", "uploading", "sent", "accepted", "refused", "late"]
    sealed_at: float
    sent_at: float | None = None
    size_bytes: int
    dense_bytes: int
    sha256: str
    unit: str
    """What the guarantee protects; ``public`` where no text of the owner's was read."""
    epsilon_after: float | None = None
    epsilon_cost: float | None = None
    delta: float | None = None
    reason: str = ""


class LayerNorm(Message, frozen=True, kw_only=True):
    """L2 norm of one parameter's update as sent."""

    name: str
    size: int
    norm: float


class UploadDetail(Message, frozen=True, kw_only=True):
    """What is inside one upload: decoded from the sealed bytes, nothing else is sent."""

    upload: UploadInfo
    codec: str
    base_hash: str
    nonce: str
    manifest_hash: str
    metrics: dict[str, float]
    layers: list[LayerNorm]
    histogram: list[int]
    histogram_low: float
    histogram_high: float


class UploadList(Message, frozen=True, kw_only=True):
    """All uploads, newest first."""

    uploads: list[UploadInfo]


class UploadParams(Message, frozen=True, kw_only=True):
    """One upload."""

    upload_id: str


class UploadExportParams(Message, frozen=True, kw_only=True):
    """Where to write one update to, for its owner: the very bytes that were sent, and beside them what they say."""

    upload_id: str
    path: str
    """A new file in a folder that exists; absolute. ``.json`` behind it names the second one."""
