"""Base weights from differences, over real TLS: a little is fetched where much was there, and never anything wrong."""

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

from core.api.errors import CoordinatorError
from core.config.exchange import CodecConfig, DownlinkTerms
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.coordinator.learning.model_files import values_of
from core.engine.base import fetch
from core.federation.gateway import Gateway
from core.federation.protocol import Delta, TrainInstruction, packed, read_instruction
from core.federation.transport import Transport, Unreachable
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.shard import parse_shard
from core.postprocess.compression.delta import Sending
from core.update import Array

MODEL = ModelSpec(preset="test", vocab_size=256, num_layers=4, d_model=64, num_heads=2, d_ff=128, max_seq_len=64)
SHAPES = parameter_shapes(MODEL)
CODEC = CodecConfig(name="int8")
TERMS = config(
    model=MODEL,
    training=TrainingConfig(seq_len=64, batch_size=8, local_steps=4, learning_rate=1e-3),
    downlink=DownlinkTerms(mode="delta", codec=CODEC),
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "blobs"
    made.mkdir()
    return made


class Lineage:
    """Checkpoints that follow each other, served whole and as differences."""

    def __init__(self, here: Site, rounds: int) -> None:
        weights = seeded_weights(MODEL, 1)
        self.files, self.deltas = [encode_weights(weights)], []
        for number in range(rounds):
            sending = Sending(SHAPES, values_of(weights), values_of(seeded_weights(MODEL, 2 + number)), None)
            payload, sent = sending.encode(CODEC)
            after = sent.after(values_of(weights))
            weights: dict[str, Array] = {
                name: after(name, 0, int(np.prod(shape))).reshape(shape) for name, shape in SHAPES.items()
            }
            self.files.append(encode_weights(weights))
            self.deltas.append(payload)
        for content in (*self.files, *self.deltas):
            here.give_blob(f"/blobs/{name(content)}", content)

    def instruction(self, number: int, **changes: Any) -> TrainInstruction:
        chain = [Delta(name(self.files[i]), name(self.deltas[i])) for i in reversed(range(number))]
        base = self.files[number]
        instruction = TrainInstruction(
            run_id="0" * 32, server_round=number + 1, manifest_hash="d" * 64, base_hash=name(base),
            base_bytes=len(base), deltas=packed(chain), step_clock=0, local_steps=4, deadline_at=0.0, nonce=bytes(16),
        )  # fmt: skip
        return read_instruction(msgspec.structs.replace(instruction, **changes).to_record())


def name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def get(here: Site, folder: Path, instruction: TrainInstruction, *, ours: bool = True) -> Path:
    here.asked.clear()
    before = {path.name for path in folder.iterdir()} if ours else set()

    async def main() -> Path:
        transport = Transport(here.endpoint)
        try:
            gateway, shard = Gateway(transport), parse_shard(MODEL, "full")
            return (await fetch(gateway, folder, instruction, TERMS, shard, lambda done, total: None, before)).path
        finally:
            await transport.close()

    return asyncio.run(main())


def asked(here: Site) -> list[str]:
    return [one.path.removeprefix("/blobs/") for one in here.asked]


def test_whoever_has_the_last_checkpoint_fetches_the_difference_alone(here: Site, folder: Path) -> None:
    line = Lineage(here, 1)
    get(here, folder, line.instruction(0))
    assert asked(here) == [name(line.files[0])]
    path = get(here, folder, line.instruction(1))
    assert asked(here) == [name(line.deltas[0])]
    assert path.read_bytes() == line.files[1]
    assert len(line.deltas[0]) < 0.3 * len(line.files[1])
    assert {one.name for one in folder.iterdir()} == {name(line.files[0]), name(line.files[1])}


def test_whoever_missed_rounds_catches_up(here: Site, folder: Path) -> None:
    line = Lineage(here, 3)
    get(here, folder, line.instruction(0))
    path = get(here, folder, line.instruction(3))
    assert asked(here) == [name(delta) for delta in line.deltas]
    assert path.read_bytes() == line.files[3]


def test_what_another_federation_has_here_is_neither_used_nor_told_nor_removed(here: Site, folder: Path) -> None:
    line = Lineage(here, 1)
    path = get(here, folder, line.instruction(0))
    get(here, folder, line.instruction(1), ours=False)
    assert asked(here) == [name(line.files[1])], "as if nothing were here"
    (folder / name(line.files[1])).unlink()
    named = packed([Delta(name(line.files[0]), path.name)])
    get(here, folder, line.instruction(1, deltas=named))
    assert asked(here) == [name(line.files[1])]
    assert path.exists(), "the base that was named as a difference is still here"


def test_a_late_joiner_takes_the_whole(here: Site, folder: Path) -> None:
    line = Lineage(here, 2)
    path = get(here, folder, line.instruction(2))
    assert asked(here) == [name(line.files[2])]
    assert path.read_bytes() == line.files[2]


def test_what_costs_more_than_the_whole_is_not_fetched(here: Site, folder: Path) -> None:
    line = Lineage(here, 5)
    get(here, folder, line.instruction(0))
    get(here, folder, line.instruction(5))
    assert asked(here) == [name(line.files[5])]


def test_a_damaged_checkpoint_here_leads_to_the_whole(here: Site, folder: Path) -> None:
    line = Lineage(here, 1)
    path = get(here, folder, line.instruction(0))
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.write_bytes(raw)
    assert get(here, folder, line.instruction(1)).read_bytes() == line.files[1]
    assert asked(here)[-1] == name(line.files[1])


@pytest.mark.parametrize("content", [b"", b"nonsense", b"HGUP" + bytes(400)])
def test_a_difference_that_is_none_leads_to_the_whole(here: Site, folder: Path, content: bytes) -> None:
    line = Lineage(here, 1)
    get(here, folder, line.instruction(0))
    here.give_blob(f"/blobs/{name(content)}", content)
    lying = packed([Delta(name(line.files[0]), name(content))])
    path = get(here, folder, line.instruction(1, deltas=lying))
    assert path.read_bytes() == line.files[1]
    assert asked(here) == [name(content), name(line.files[1])]


def test_a_difference_that_is_gone_leads_to_the_whole(here: Site, folder: Path) -> None:
    line = Lineage(here, 1)
    get(here, folder, line.instruction(0))
    del here.routes["GET", f"/blobs/{name(line.deltas[0])}"]
    assert get(here, folder, line.instruction(1)).read_bytes() == line.files[1]


def test_a_difference_to_other_weights_is_not_used(here: Site, folder: Path) -> None:
    """It would lead a volunteer to a model of its own; the hash of the base says so."""
    line = Lineage(here, 2)
    get(here, folder, line.instruction(0))
    wrong = packed([Delta(name(line.files[0]), name(line.deltas[1]))])
    path = get(here, folder, line.instruction(1, deltas=wrong))
    assert path.read_bytes() == line.files[1]
    assert {one.name for one in folder.iterdir()} == {name(line.files[0]), name(line.files[1])}


def test_a_broken_line_is_gone_on_with(here: Site, folder: Path) -> None:
    line = Lineage(here, 2)
    get(here, folder, line.instruction(0))
    here.cut_after = 100
    with pytest.raises(Unreachable):
        get(here, folder, line.instruction(2))
    path = get(here, folder, line.instruction(2))
    assert path.read_bytes() == line.files[2]
    assert asked(here) == [name(delta) for delta in line.deltas]


def test_terms_without_differences_ignore_them(here: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Lineage(here, 1)
    get(here, folder, line.instruction(0))
    monkeypatch.setitem(globals(), "TERMS", msgspec.structs.replace(TERMS, downlink=DownlinkTerms()))
    get(here, folder, line.instruction(1))
    assert asked(here) == [name(line.files[1])]


@pytest.mark.parametrize("deltas", [b"x", bytes(63), bytes(64 * 9)])
def test_an_instruction_with_half_a_list_is_refused(deltas: bytes, here: Site) -> None:
    record = Lineage(here, 0).instruction(0).to_record() | {"deltas": deltas}
    with pytest.raises(CoordinatorError, match="deltas"):
        read_instruction(record)
