"""What left can be opened and is exactly what was sealed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from support.joined import KEY, House, config

from core import vault
from core.api.errors import StorageError, UsageError
from core.api.messages.uploads import UploadDetail
from core.engine import uploads
from core.engine.rounds import SEALED_CONTEXT
from core.federation.identity import FederationKey
from core.federation.manifest import open_manifest, seal_manifest
from core.ledger.rows import EventSpec, FederationRow, ReleaseAttributes
from core.model.layout import parameter_shapes
from core.model.presets import num_parameters
from core.model.shard import parse_shard
from core.postprocess.compression.codec import encode
from core.update import ModelUpdate

HOST = FederationKey.generate()
EVENT = EventSpec("sampled_gaussian", 1.0, 0.01, 3, "zero-out", "record")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return sealed(tmp_path, "full")


def sealed(tmp_path: Path, shard: str) -> House:
    """A home with one sealed update of a part of the model."""
    one = House(tmp_path / "home")
    corpus = one.add_text()
    envelope = seal_manifest(config(), HOST)
    row = FederationRow(
        federation_id="f", name="Moor", operator="o", address="a:1", invite="", federation_key=HOST.public_bytes,
        root_certificate="", manifest=envelope, manifest_hash=open_manifest(envelope, HOST.public_bytes).sha256,
        run_id="r", node_id=1, key_name="k", joined_at=0.0, plans={corpus: {}},
    )  # fmt: skip
    one.ledger.save_federation(row)
    one.ledger.set_budget(corpus, "record", 8.0, 1e-5)
    release = one.ledger.begin_release("f", "r", 1, ReleaseAttributes("b" * 64, shard, (corpus,), row.manifest_hash))
    one.ledger.charge(release.release_id, [(corpus, EVENT)])
    rng = np.random.default_rng(1)
    shapes = parse_shard(config().model, shard).shapes()
    update = ModelUpdate({n: 0.01 * rng.standard_normal(s, dtype=np.float32) for n, s in shapes.items()})
    payload = encode(update, config().codec)
    path = one.home / "rounds" / "update.sealed"
    vault.encrypt_file(path, KEY, payload, SEALED_CONTEXT)
    sha256 = hashlib.sha256(payload).hexdigest()
    one.ledger.seal(release.release_id, sha256, len(payload), update.dense_bytes, str(path))
    return one


def test_an_upload_is_opened_down_to_its_layers(house: House) -> None:
    (row,) = uploads.listed(house.ledger, 10)
    assert (row.state, row.unit, row.server_round, row.federation_name) == ("sealed", "record", 1, "Moor")
    assert row.epsilon_after is not None
    assert row.epsilon_after > 0
    detail = uploads.inspect(house.ledger, KEY, row.upload_id)
    assert [layer.name for layer in detail.layers] == list(parameter_shapes(config().model))
    assert sum(layer.size for layer in detail.layers) == sum(detail.histogram) == row.dense_bytes // 4
    assert detail.histogram_low == -detail.histogram_high
    total = sum(layer.norm**2 for layer in detail.layers) ** 0.5
    assert total == pytest.approx(0.01 * (row.dense_bytes // 4) ** 0.5, rel=0.02)
    assert msgspec.json.encode(detail)


def test_an_upload_of_a_part_of_the_model_is_opened(tmp_path: Path) -> None:
    house = sealed(tmp_path, "blocks:0-0")
    (row,) = uploads.listed(house.ledger, 10)
    detail = uploads.inspect(house.ledger, KEY, row.upload_id)
    assert [layer.name for layer in detail.layers] == list(parse_shard(config().model, "blocks:0-0").shapes())
    assert sum(layer.size for layer in detail.layers) == row.dense_bytes // 4 < num_parameters(config().model)


def test_what_cannot_be_opened_is_named(house: House) -> None:
    (row,) = uploads.listed(house.ledger, 10)
    with pytest.raises(StorageError, match="damaged or was written with another key"):
        uploads.inspect(house.ledger, bytes(32), row.upload_id)
    vault.encrypt_file(house.home / "rounds" / "update.sealed", KEY, b"other", SEALED_CONTEXT)
    with pytest.raises(StorageError, match="is not what was sealed"):
        uploads.inspect(house.ledger, KEY, row.upload_id)
    house.ledger.drop_sealed_bytes(int(row.upload_id))
    with pytest.raises(UsageError, match="no longer kept"):
        uploads.inspect(house.ledger, KEY, row.upload_id)
    for bad in ("", "-1", "x", "9" * 40, "12"):
        with pytest.raises(UsageError, match="no upload"):
            uploads.inspect(house.ledger, KEY, bad)


def test_an_export_is_the_very_bytes_that_were_sent(house: House, tmp_path: Path) -> None:
    (row,) = uploads.listed(house.ledger, 10)
    out = tmp_path / "mine.bin"
    assert uploads.export(house.ledger, KEY, row.upload_id, str(out)) == row.size_bytes
    assert hashlib.sha256(out.read_bytes()).hexdigest() == row.sha256
    told = msgspec.json.decode((tmp_path / "mine.bin.json").read_bytes(), type=UploadDetail)
    assert told == uploads.inspect(house.ledger, KEY, row.upload_id)
    assert out.stat().st_mode & 0o077 == 0
    with pytest.raises(StorageError, match="exists already"):
        uploads.export(house.ledger, KEY, row.upload_id, str(out))


def test_an_export_that_fails_leaves_nothing(house: House, tmp_path: Path) -> None:
    (row,) = uploads.listed(house.ledger, 10)
    (tmp_path / "taken.bin").write_bytes(b"mine")
    with pytest.raises(StorageError, match="exists already"):
        uploads.export(house.ledger, KEY, row.upload_id, str(tmp_path / "taken.bin"))
    assert not (tmp_path / "taken.bin.json").exists()
    assert (tmp_path / "taken.bin").read_bytes() == b"mine"
    with pytest.raises(UsageError, match="whole path"):
        uploads.export(house.ledger, KEY, row.upload_id, "mine.bin")
    with pytest.raises(UsageError, match="no upload"):
        uploads.export(house.ledger, KEY, "99", str(tmp_path / "x"))
    with pytest.raises(StorageError):
        uploads.export(house.ledger, KEY, row.upload_id, str(tmp_path / "no" / "x"))
