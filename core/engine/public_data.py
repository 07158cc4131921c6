"""The public text of a federation on this machine: fetched by hash, checked once, handed to the trainer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from core.config.federation import FederationConfig
from core.data.public import check_public
from core.data.store import Shard
from core.federation.gateway import Gateway
from core.jobs import CorpusRef, ShardRef

CORPUS_ID = "public"
Progress = Callable[[int, int], None]


class PublicData:
    """The public shards of one joining."""

    def __init__(self, config: FederationConfig, gateway: Gateway) -> None:
        self._config = config
        self._gateway = gateway
        self._checked: dict[str, ShardRef] = {}

    async def fetch(self, folder: Path, progress: Progress) -> CorpusRef:
        """Every shard the manifest lists, going on where an earlier try ended.

        Args:
            folder: where they are kept.
            progress: called with bytes done and bytes in all.

        Raises:
            Unreachable: the connection broke; call again.
            CoordinatorError: the bytes are not what their hash says.
            ManifestError: a shard is not what the manifest says of it.
            StorageError: no room.
        """
        listed = self._config.public_data
        total, before = sum(said.bytes for said in listed), 0
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        for said in listed:

            def here(done: int, _: int, start: int = before) -> None:
                progress(start + done, total)

            path = await self._gateway.fetch_blob(said.sha256, folder, said.bytes, here)
            if said.sha256 not in self._checked:
                spec, tokenizer = self._config.model, self._config.tokenizer
                shard = await asyncio.to_thread(check_public, path, said, spec.vocab_size, tokenizer.sha256)
                self._checked[said.sha256] = _ref(shard, said.sha256)
                shard.close()
            before += said.bytes
        shards = tuple(self._checked[said.sha256] for said in listed)
        return CorpusRef(corpus_id=CORPUS_ID, shards=shards, weight=sum(said.weight for said in listed))


def folder_of(home: Path, federation_id: str) -> Path:
    """Where a federation's public text is kept; removed on leaving."""
    return home / "public" / federation_id


def _ref(shard: Shard, sha256: str) -> ShardRef:
    text_bytes = int(shard.document_bytes.clip(0, 1 << 40).sum())
    return ShardRef(
        path=str(shard.path), sha256=sha256, tokens=shard.num_tokens, documents=shard.num_documents,
        text_bytes=text_bytes,
    )  # fmt: skip
