"""The index of a checkpoint's parts, as it may come from a stranger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.api.errors import ModelError
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights
from core.model.parts import Part, download_bytes, encode_index, part_limit, read_index, wanted
from core.model.presets import PRESETS, num_parameters, preset
from core.model.shard import divide, full, parse_shard, units

SPEC = PRESETS["tiny-gpt2"]


def index() -> bytes:
    return encode_index(
        [Part(unit=u.name, sha256=f"{n:064x}", narrow_sha256=f"{n + 100:064x}") for n, u in enumerate(units(SPEC))]
    )


def test_a_shard_wants_its_own_units_whole_and_the_others_narrow() -> None:
    files = wanted(read_index(index(), SPEC), parse_shard(SPEC, "blocks:1-1"))
    assert [(file.unit, file.narrow, int(file.sha256, 16)) for file in files] == [
        ("embedding", True, 100), ("blocks:0-0", True, 101), ("blocks:1-1", False, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_no_file_of_a_part_is_longer_than_its_limit_by_arithmetic(name: str) -> None:
    spec = preset(name)
    if num_parameters(spec) < 20e6:
        weights = seeded_weights(spec, 1)
        for unit in units(spec):
            for narrow in (True, False):
                size = len(encode_weights({key: weights[key] for key in unit.shapes()}, narrow=narrow))
                assert 0.99 * part_limit(unit, narrow=narrow) - 4_096 < size <= part_limit(unit, narrow=narrow)
    assert 0.5 < download_bytes(divide(spec, 2)[0]) / download_bytes(full(spec)) <= 1
    assert download_bytes(full(spec)) == 4 * num_parameters(spec)


def change(edit: Any) -> bytes:
    content = json.loads(index())
    edit(content)
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"null", b"{" * 100_000, b'{"version": 1, "parts": []}', index() + b" " * 70_000,
        change(lambda c: c["parts"].pop()),
        change(lambda c: c["parts"].reverse()),
        change(lambda c: c["parts"].append(c["parts"][0])),
        change(lambda c: c["parts"][0].update(unit="blocks:0-1")),
        change(lambda c: c["parts"][0].update(sha256="../../etc/passwd")),
        change(lambda c: c["parts"][0].update(narrow_sha256=7)),
        change(lambda c: c["parts"][0].update(path="/etc/passwd")),
        change(lambda c: c.update(version=2)),
    ],
)  # fmt: skip
def test_a_hostile_index_is_refused(raw: bytes) -> None:
    with pytest.raises(ModelError):
        read_index(raw, SPEC)
