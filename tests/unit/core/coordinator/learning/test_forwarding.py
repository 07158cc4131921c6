"""A household's rounds on a real folder: errands in, means out. Flower's transport is played by ``InProcess``."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from support.in_process import InProcess

from core.api.errors import StorageError
from core.config.exchange import CodecConfig
from core.config.federation import FederationConfig
from core.config.model import ShardConfig
from core.coordinator.home import HostSettings
from core.coordinator.learning.forwarding import HouseholdCloser, closer_of
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.schema import Errand
from core.coordinator.records.store import PRESENT
from core.coordinator.rounds import agenda, conductor
from core.coordinator.rounds.agenda import FORWARDED, ErrandAgenda, OwnAgenda, agenda_of
from core.coordinator.rounds.letters import Answer
from core.coordinator.web import certificates
from core.federation.identity import FederationKey, federation_id
from core.federation.invite import Invite, encode
from core.federation.manifest import open_manifest, seal_manifest
from core.federation.protocol import TrainInstruction
from core.household.terms import household_terms
from core.model.layout import Shapes
from core.model.shard import divide
from core.postprocess.compression.codec import decode
from core.update import Array, ModelUpdate

BASE = "b" * 64


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "TICK_S", 0.002)
    monkeypatch.setattr(agenda, "GATHER_S", 0.05)


def drawn(shapes: Shapes, name: str, instruction: TrainInstruction) -> ModelUpdate:
    rng = np.random.default_rng([*name.encode(), instruction.server_round])
    return ModelUpdate({key: rng.standard_normal(shape).astype(np.float32) for key, shape in shapes.items()})


class Home(InProcess):
    """A household of two machines in a larger federation that nobody runs."""

    def __init__(self, folder: Path, larger: FederationConfig, certificate: bytes) -> None:
        key = FederationKey.generate()
        envelope = seal_manifest(larger, key)
        terms = household_terms(
            larger, federation_id(key.public_bytes), open_manifest(envelope, key.public_bytes).sha256
        )
        self.shapes = {shard.name: shard.shapes() for shard in divide(terms.model, terms.shard.count)}
        invite = Invite(
            name=larger.name, address="localhost:1", federation_key=key.public_bytes, root_certificate=certificate,
            token=b"t" * 16, expires_at=int(time.time()) + 60,
        )  # fmt: skip
        settings = HostSettings(forward=encode(invite))
        super().__init__(folder, terms, ["ada", "bob"], self.train, settings, envelope)

    def train(
        self, name: str, base: dict[str, Array], instruction: TrainInstruction
    ) -> tuple[ModelUpdate, dict[str, float]]:
        metrics = {"steps": 4.0 if name == "ada" else 2.0, "tokens": 100.0, "loss": 3.0 if name == "ada" else 1.0}
        return drawn(self.shapes[instruction.shard], name, instruction), metrics

    def base(self, sha256: str) -> dict[str, Array]:
        return {}

    def answers(self) -> list[Answer]:
        """As ever; and the forwarder has nothing more to ask for once every errand is done."""
        if self.store.open_round() is None and ErrandAgenda(self.store).next() is None:
            self.store.set_meta(FORWARDED, "1")
        return super().answers()

    def ask(self, server_round: int, *, shard: str = "full", seconds: float = 60.0) -> None:
        self.store.set_meta(FORWARDED, "")
        self.store.add_errand(
            Errand(
                server_round=server_round, base_hash=BASE, base_bytes=10, step_clock=40, local_steps=4, shard=shard,
                deadline_at=time.time() + seconds,
            )
        )  # fmt: skip

    def payload(self, server_round: int) -> bytes:
        mean = self.store.mean(server_round)
        assert mean is not None
        return self.federation.home.private.read(mean.sha256)


@pytest.fixture(scope="module")
def certificate() -> bytes:
    return certificates.cert_der(certificates.self_signed("hedgerow gateway", certificates.new_key()))


@pytest.fixture
def home(tmp_path: Path, terms: FederationConfig, certificate: bytes) -> Home:
    dense = msgspec.structs.replace(terms, codec=CodecConfig(name="fp32"))
    return Home(tmp_path / "household", dense, certificate)


def test_an_errand_becomes_the_mean_of_the_machines_undamped_and_unstepped(home: Home) -> None:
    home.ask(3)
    home.conductor().run()
    (done,) = home.store.rounds()
    assert (done.server_round, done.state, done.base_hash, done.step_clock) == (3, "closed", BASE, 40)
    mean = home.store.mean(3)
    assert mean is not None
    assert (mean.machines, mean.steps, mean.tokens, mean.loss) == (2, 3, 200, 2.0)
    shapes = home.shapes["full"]
    (letters,) = home.letters
    both = [drawn(shapes, name, _instruction(3)).flat().astype(np.float64) for name in ("ada", "bob")]
    expected = ((both[0] + both[1]) / 2).astype(np.float32)
    assert decode(home.payload(3), shapes, home.federation.config.codec).flat().tobytes() == expected.tobytes()
    assert {letter.record["base_hash"] for letter in letters} == {BASE}
    assert home.store.checkpoints() == [], "a household keeps no model"
    states = {item.state for item in home.store.assignments(3)}
    assert states == {"accepted"}
    for item in home.store.assignments(3):
        receipt = home.store.receipt(item.update_sha256, item.key_id, 0.0)
        assert receipt is not None
        assert receipt.state == "accepted"
        assert not home.federation.home.private.has(item.update_sha256)


def test_the_mean_of_a_single_machine_outlives_the_update_it_equals(home: Home) -> None:
    for identity, name in home.names.items():
        if name == "bob":
            home.store.leave(identity, 1.0)
    home.ask(1)
    home.conductor().run()
    (item,) = home.store.assignments(1)
    mean = home.store.mean(1)
    assert mean is not None
    assert (mean.machines, mean.sha256) == (1, item.update_sha256), "float32, encoded once more"
    assert home.payload(1)


def _instruction(server_round: int) -> TrainInstruction:
    return TrainInstruction(
        run_id="0" * 32, server_round=server_round, manifest_hash="0" * 64, base_hash=BASE, base_bytes=1, step_clock=0,
        local_steps=1, deadline_at=0.0, nonce=b"n" * 16,
    )  # fmt: skip


def test_everybody_trains_the_shard_that_was_asked_for(
    tmp_path: Path, terms: FederationConfig, certificate: bytes
) -> None:
    divided = msgspec.structs.replace(
        terms, shard=ShardConfig(mode="blocks", count=2), codec=CodecConfig(name="fp32"),
        model=msgspec.structs.replace(terms.model, num_layers=2),
    )  # fmt: skip
    home = Home(tmp_path / "household", divided, certificate)
    home.ask(1, shard="blocks:0-1")
    home.conductor().run()
    assert {item.shard for item in home.store.assignments(1)} == {"blocks:0-1"}
    shapes = home.shapes["blocks:0-1"]
    both = [drawn(shapes, name, _instruction(1)).flat().astype(np.float64) for name in ("ada", "bob")]
    expected = ((both[0] + both[1]) / 2).astype(np.float32)
    got = decode(home.payload(1), shapes, home.federation.config.codec).flat()
    assert got.tobytes() == expected.tobytes(), "two of three trainers, and nothing is damped before it is forwarded"


def test_a_household_nobody_is_home_in_gives_its_round_up_at_the_deadline(home: Home) -> None:
    home.online = lambda: frozenset()  # type: ignore[method-assign]
    home.ask(1, seconds=0.1)
    home.conductor().run()
    (done,) = home.store.rounds()
    assert (done.state, done.reason) == ("void", "No machine of the household was there.")
    assert home.store.mean(1) is None
    assert home.store.meta(PRESENT) == "0"


def test_a_late_machine_does_not_move_the_deadline(home: Home) -> None:
    home.send = lambda letters: home.letters.append(list(letters))  # type: ignore[method-assign]
    home.federation.config = msgspec.structs.replace(
        home.federation.config,
        schedule=msgspec.structs.replace(home.federation.config.schedule, upload_allowance_s=5.0),
    )
    home.ask(1, seconds=-5.1)
    home.conductor().run()
    (done,) = home.store.rounds()
    assert done.state == "void"
    assert done.extensions == 0


def test_an_errand_that_was_overtaken_is_never_begun_and_the_same_one_is_begun_once(home: Home) -> None:
    assert isinstance(agenda_of(home.federation.config, home.store), ErrandAgenda)
    home.ask(2)
    home.ask(5)
    home.ask(5)
    home.conductor().run()
    assert [item.server_round for item in home.store.rounds()] == [5]
    home.ask(5)
    home.conductor().run()
    assert [item.server_round for item in home.store.rounds()] == [5]


def test_the_newest_mean_outlives_a_restart_until_the_forwarder_has_it(home: Home) -> None:
    home.ask(1)
    home.conductor().run()
    orphan = home.federation.home.private.put(b"left by a crash")
    home.conductor().run()
    assert home.payload(1)
    assert not home.federation.home.private.has(orphan)
    home.ask(2)
    first = home.store.mean(1)
    home.conductor().run()
    home.conductor().run()
    assert first is not None
    assert not home.federation.home.private.has(first.sha256)
    assert home.payload(2)


def test_terms_that_are_not_those_consented_to_stop_the_household(
    home: Home, terms: FederationConfig, certificate: bytes, tmp_path: Path
) -> None:
    updates = UpdateReader(home.federation.config)
    assert isinstance(closer_of(home.federation, home.store, updates, lambda: None), HouseholdCloser)
    other = Home(tmp_path / "other", terms, certificate)
    home.federation.home.larger_manifest_path.write_bytes(other.federation.home.larger_manifest_path.read_bytes())
    with pytest.raises(StorageError, match="is damaged"):
        closer_of(home.federation, home.store, updates, lambda: None)


def test_any_other_federation_has_its_own_agenda(
    make_federation: object, terms: FederationConfig, tmp_path: Path
) -> None:
    assert not terms.forwards_to.federation_id
    assert isinstance(agenda_of(terms, None), OwnAgenda)  # type: ignore[arg-type]
