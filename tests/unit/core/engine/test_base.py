"""Fetching the base weights of a shard over real TLS: only what is needed, and nothing twice."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from support.federation import config
from support.https import Site, site

from core.api.errors import CoordinatorError, ModelError
from core.config.model import ModelSpec, ShardConfig
from core.engine.base import Base, fetch
from core.federation.gateway import Gateway
from core.federation.protocol import TrainInstruction
from core.federation.transport import Transport, Unreachable
from core.model.checkpoint_io import encode_weights, open_weights
from core.model.initialise import seeded_weights
from core.model.parts import Part, download_bytes, encode_index
from core.model.shard import parse_shard, units
from core.update import Array

MODEL = ModelSpec(preset="test", vocab_size=256, num_layers=4, d_model=32, num_heads=2, d_ff=64, max_seq_len=64)
TERMS = config(model=MODEL, shard=ShardConfig(mode="blocks", count=3))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "blobs"
    made.mkdir()
    return made


def offer(here: Site, weights: dict[str, Array]) -> bytes:
    """Serve a checkpoint in parts; returns its index."""
    parts = []
    for unit in units(MODEL):
        hashes = []
        for narrow in (False, True):
            content = encode_weights({name: weights[name] for name in unit.shapes()}, narrow=narrow)
            hashes.append(hashlib.sha256(content).hexdigest())
            here.give_blob(f"/blobs/{hashes[-1]}", content)
        parts.append(Part(unit=unit.name, sha256=hashes[0], narrow_sha256=hashes[1]))
    return serve(here, encode_index(parts))


def serve(here: Site, index: bytes) -> bytes:
    here.give_blob(f"/blobs/{hashlib.sha256(index).hexdigest()}", index)
    return index


def get(here: Site, folder: Path, index: bytes, shard: str, **changes: Any) -> Base:
    instruction = TrainInstruction(
        run_id="0" * 32, server_round=1, manifest_hash="d" * 64, base_hash=hashlib.sha256(index).hexdigest(),
        base_bytes=len(index), shard=shard, step_clock=0, local_steps=4, deadline_at=0.0, nonce=bytes(16),
    )  # fmt: skip
    instruction = msgspec.structs.replace(instruction, **changes)

    async def main() -> Base:
        transport = Transport(here.endpoint)
        try:
            gateway = Gateway(transport)
            return await fetch(gateway, folder, instruction, TERMS, parse_shard(MODEL, shard), lambda done, total: None)
        finally:
            await transport.close()

    return asyncio.run(main())


def stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_a_shard_comes_whole_and_the_rest_at_half_the_bytes(here: Site, folder: Path) -> None:
    weights = seeded_weights(MODEL, 1)
    index = offer(here, weights)
    base = get(here, folder, index, "blocks:2-3")
    assert [(part.unit, part.narrow) for part in base.parts] == [
        ("embedding", True), ("blocks:0-0", True), ("blocks:1-1", True), ("blocks:2-2", False), ("blocks:3-3", False),
    ]  # fmt: skip
    data = download_bytes(parse_shard(MODEL, "blocks:2-3"))
    assert data < stored(folder) < data + 6 * 2_048
    assert data < 0.8 * 4 * sum(array.size for array in weights.values())
    last = base.parts[-1]
    with open_weights(last.path, parse_shard(MODEL, last.unit).shapes()) as arrays:
        assert all(np.array_equal(array, weights[name]) for name, array in arrays.items())


def test_what_did_not_change_is_not_fetched_again(here: Site, folder: Path) -> None:
    weights = seeded_weights(MODEL, 1)
    get(here, folder, offer(here, weights), "blocks:2-3")
    here.asked.clear()
    moved = weights | {name: weights[name] + 1 for name in parse_shard(MODEL, "blocks:2-3").shapes()}
    base = get(here, folder, offer(here, moved), "blocks:2-3")
    assert len(here.asked) == 3, "the index and two blocks"
    assert len(list(folder.iterdir())) == 6, "and what is not needed any more is gone"
    assert all(Path(part.path).exists() for part in base.parts)


def test_a_broken_line_costs_only_the_part_it_broke_in(here: Site, folder: Path) -> None:
    index = offer(here, seeded_weights(MODEL, 1))
    get(here, folder, index, "embedding")
    for path in list(folder.iterdir())[:2]:
        path.unlink()
    here.asked.clear()
    here.cut_after = 100
    with pytest.raises(Unreachable):
        get(here, folder, index, "embedding")
    get(here, folder, index, "embedding")
    assert len(here.asked) == 3


def test_a_part_that_is_longer_than_the_model_allows_is_refused(here: Site, folder: Path) -> None:
    index = offer(here, seeded_weights(MODEL, 1))
    name = msgspec.json.decode(index)["parts"][1]["narrow_sha256"]
    here.give_blob(f"/blobs/{name}", bytes(10_000_000))
    with pytest.raises(CoordinatorError, match="longer"):
        get(here, folder, index, "embedding")
    assert stored(folder) < 500_000


def test_a_list_of_other_parts_is_refused_before_any_is_fetched(here: Site, folder: Path) -> None:
    index = serve(here, encode_index([Part(unit="embedding", sha256="a" * 64, narrow_sha256="b" * 64)]))
    with pytest.raises(ModelError, match="names others"):
        get(here, folder, index, "embedding")
    with pytest.raises(CoordinatorError, match="another size"):
        get(here, folder, index, "embedding", base_bytes=len(index) + 1)
    assert len(here.asked) == 1
