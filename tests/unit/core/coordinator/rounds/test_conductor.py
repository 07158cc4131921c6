"""The round loop on a real folder and a real codec; only Flower's transport is played by this file."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.config.federation import FederationConfig
from core.config.learning import AggregationTerms, OuterConfig
from core.coordinator.founding import found
from core.coordinator.home import Federation, HostSettings
from core.coordinator.learning.model_files import ModelFiles
from core.coordinator.learning.updates import UpdateReader
from core.coordinator.records.store import Store
from core.coordinator.rounds import conductor as conductor_module
from core.coordinator.rounds import judging
from core.coordinator.rounds.admission import Admission, RawReply
from core.coordinator.rounds.conductor import Conductor
from core.coordinator.rounds.letters import Answer, Letter
from core.federation.identity import NodeKey, key_id, verify_federation
from core.federation.protocol import ReplySeal, SpooledUpdate, metrics_hash
from core.postprocess.compression.codec import decode, encode
from core.update import ModelUpdate

TOKEN = b"t" * 16


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Person:
    key: NodeKey
    node_id: str

    @property
    def identity(self) -> str:
        return key_id(self.key.public_pem)


@dataclass
class Post:
    """A transport whose volunteers answer as the test says: ``behave(letter)`` gives payload and key, or an error."""

    behave: Callable[[Letter], tuple[bytes, NodeKey] | str | None]
    federation: Federation
    nodes: set[str] = field(default_factory=set)
    spooled: bool = False
    """Updates go up before their reply, as large ones do."""
    sent: list[Letter] = field(default_factory=list)
    _waiting: list[Answer] = field(default_factory=list)

    def online(self) -> frozenset[str]:
        return frozenset(self.nodes)

    def uploading(self, server_round: int) -> frozenset[str]:
        return frozenset()

    def answers(self) -> list[Answer]:
        found, self._waiting = self._waiting, []
        return found

    def send(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            self.sent.append(letter)
            self.deliver(letter, self.behave(letter))

    def deliver(self, letter: Letter, outcome: tuple[bytes, NodeKey] | str | None) -> None:
        if outcome is None:
            return
        if isinstance(outcome, str):
            self._waiting.append(Answer(letter=letter, reply=None, error=outcome))
            return
        reply = self.sealed(letter, *outcome)
        if self.spooled:
            reply = dataclasses.replace(reply, payload=self.put_up(letter.key_id, outcome[0]))
        self._waiting.append(Answer(letter=letter, reply=reply))

    def put_up(self, key_id: str, payload: bytes) -> SpooledUpdate:
        """Have the update in the spool, as the gateway would."""
        sha256, spool = hashlib.sha256(payload).hexdigest(), self.federation.home.spool
        if spool.find(key_id, sha256) is None:
            spool.write(key_id, sha256, 0, payload)
            assert spool.finish(key_id, sha256)
        return SpooledUpdate(sha256=sha256, size_bytes=len(payload))

    def sealed(self, letter: Letter, payload: bytes, key: NodeKey) -> RawReply:
        metrics = {"steps": 4.0, "loss": 3.0}
        seal = ReplySeal(
            federation_id=self.federation.federation_id,
            run_id=letter.record["run_id"],
            server_round=letter.server_round,
            nonce=letter.nonce,
            manifest_hash=letter.record["manifest_hash"],
            base_hash=letter.record["base_hash"],
            shard=letter.record["shard"],
            update_sha256=hashlib.sha256(payload).hexdigest(),
            metrics_sha256=metrics_hash(metrics),
            public_key=b"",
        ).signed_by(key)
        return RawReply(seal=seal.to_record(), metrics=metrics, payload=payload)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor_module, "TICK_S", 0.002)


def people(federation: Federation, count: int, keys: Sequence[NodeKey] = ()) -> list[Person]:
    store = federation.store()
    store.add_token(TOKEN, count, time.time() + 60)
    made = []
    for number in range(count):
        person = Person(keys[number] if keys else NodeKey.generate(), str(1_000 + number))
        store.bind(person.key.public_pem, TOKEN, time.time())
        store.set_node_id(person.identity, person.node_id)
        made.append(person)
    return made


def conduct(federation: Federation, post: Post) -> Store:
    """A conductor in this process, as ``server_app.compose`` makes it."""
    store = federation.store()
    store.take_claim()
    updates = UpdateReader(federation.config)
    admission = Admission(
        federation.config,
        federation_id=federation.federation_id,
        manifest_hash=federation.manifest_hash,
        updates=updates,
    )
    Conductor(federation, store, post, admission, updates, lambda: None).run()
    return store


def update(federation: Federation, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    shapes = ModelFiles(federation).shapes
    arrays = {name: (0.01 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
    return encode(ModelUpdate(arrays), federation.config.codec)


def honest(federation: Federation, crowd: list[Person]) -> Callable[[Letter], tuple[bytes, NodeKey]]:
    """Everybody answers at once; the update depends on person and round alone, as a sealed one does."""
    by_key = {person.identity: (at, person) for at, person in enumerate(crowd)}

    def behave(letter: Letter) -> tuple[bytes, NodeKey]:
        at, person = by_key[letter.key_id]
        return update(federation, 100 * letter.server_round + at), person.key

    return behave


def flat(federation: Federation, sha256: str) -> np.ndarray:
    return ModelUpdate(ModelFiles(federation).weights(sha256)).flat()


def test_a_federation_runs_to_its_last_round(federation: Federation) -> None:
    crowd = people(federation, 2)
    post = Post(honest(federation, crowd), federation, {person.node_id for person in crowd})
    store = conduct(federation, post)
    assert [item.state for item in store.rounds()] == ["closed", "closed"]
    assert [item.step_clock for item in store.rounds()] == [0, 4]
    assert [item.training_loss for item in store.rounds()] == [3.0, 3.0]
    assert len({letter.nonce for letter in post.sent}) == 4
    checkpoints = store.checkpoints()
    assert store.rounds()[1].base_hash == checkpoints[1].sha256
    for item in store.rounds():
        for assignment in store.assignments(item.server_round):
            receipt = store.receipt(assignment.update_sha256, assignment.key_id, 0.0)
            assert receipt is not None
            assert receipt.checkpoint_hash == checkpoints[item.server_round].sha256
            assert verify_federation(federation.key.public_bytes, receipt.signed_bytes(), receipt.signature)
            assert not federation.home.private.has(assignment.update_sha256)


def test_a_bad_update_is_quarantined_and_the_round_closes_with_somebody_else(
    make_federation: Callable[..., Federation],
) -> None:
    federation = make_federation(rounds=1)
    crowd = people(federation, 3)
    good = honest(federation, crowd)
    bad_payload = update(federation, 1)[:-1] + b"?"
    first: list[str] = []

    def behave(letter: Letter) -> tuple[bytes, NodeKey]:
        payload, key = good(letter)
        first.append(letter.key_id)
        return (bad_payload, key) if letter.key_id == first[0] else (payload, key)

    post = Post(behave, federation, {person.node_id for person in crowd})
    store = conduct(federation, post)
    states = {item.key_id: item for item in store.assignments(1)}
    assert states[first[0]].state == "refused"
    assert sorted(item.state for item in states.values()) == ["accepted", "accepted", "refused"]
    assert store.rounds()[0].volunteers == 2
    assert federation.home.quarantine.has(hashlib.sha256(bad_payload).hexdigest())
    receipt = store.receipt(hashlib.sha256(bad_payload).hexdigest(), first[0], 0.0)
    assert receipt is not None
    assert receipt.state == "refused"
    assert receipt.reason


def test_a_forged_reply_only_costs_another_message(make_federation: Callable[..., Federation]) -> None:
    federation = make_federation(rounds=1)
    crowd = people(federation, 2)
    good = honest(federation, crowd)
    stranger = NodeKey.generate()
    forged: set[str] = set()

    def behave(letter: Letter) -> tuple[bytes, NodeKey]:
        payload, key = good(letter)
        if letter.key_id in forged:
            return payload, key
        forged.add(letter.key_id)
        return payload, stranger

    post = Post(behave, federation, {person.node_id for person in crowd})
    store = conduct(federation, post)
    assert store.rounds()[0].state == "closed"
    assert [item.attempt for item in store.assignments(1)] == [2, 2]
    assert len({letter.nonce for letter in post.sent}) == 4


def test_a_restart_keeps_what_was_accepted_and_asks_only_the_others(make_federation: Callable[..., Federation]) -> None:
    federation = make_federation(rounds=1)
    crowd = people(federation, 2)
    good = honest(federation, crowd)
    everybody = {person.node_id for person in crowd}
    answered: list[str] = []

    def dies(letter: Letter) -> tuple[bytes, NodeKey] | None:
        if answered:
            return None
        answered.append(letter.key_id)
        return good(letter)

    first = Post(dies, federation, everybody)
    take, calls = first.answers, []

    def answers() -> list[Answer]:
        calls.append(1)
        if len(calls) > 5:
            raise Killed
        return take()

    first.answers = answers  # type: ignore[method-assign]
    with pytest.raises(Killed):
        conduct(federation, first)
    orphan = federation.home.private.put(b"left behind by a crash after a round was closed")
    held = {item.key_id: item for item in federation.store().assignments(1)}
    assert sorted(item.state for item in held.values()) == ["accepted", "assigned"]
    second = Post(good, federation, everybody)
    store = conduct(federation, second)
    assert [letter.key_id for letter in second.sent] == [key for key in held if key not in answered]
    assert second.sent[0].record["base_hash"] == first.sent[0].record["base_hash"]
    assert second.sent[0].nonce == held[second.sent[0].key_id].nonce
    assert store.rounds()[0].volunteers == 2
    assert not federation.home.private.has(orphan)
    deltas = [update(federation, 100 + at) for at in (0, 1)]
    shapes = ModelFiles(federation).shapes
    mean = np.mean([decode(d, shapes, federation.config.codec).flat().astype(np.float64) for d in deltas], axis=0)
    base = flat(federation, store.checkpoints()[0].sha256)
    assert flat(federation, store.checkpoints()[1].sha256).tobytes() == (base - mean.astype(np.float32)).tobytes()


def test_momentum_survives_a_restart(make_federation: Callable[..., Federation], terms: FederationConfig) -> None:
    seed = make_federation()
    outer = OuterConfig(optimizer="fedmom", momentum=0.5, learning_rate=0.5)
    config = msgspec.structs.replace(terms, outer=outer)
    federation = found(seed.home.root.parent / "momentum", config, HostSettings(), b"t")
    crowd = people(federation, 2)
    good = honest(federation, crowd)

    def until_round_two(letter: Letter) -> tuple[bytes, NodeKey]:
        if letter.server_round == 2:
            raise Killed
        return good(letter)

    everybody = {person.node_id for person in crowd}
    with pytest.raises(Killed):
        conduct(federation, Post(until_round_two, federation, everybody))
    store = conduct(federation, Post(good, federation, everybody))
    shapes = ModelFiles(federation).shapes
    means = [
        np.mean([decode(update(federation, 100 * n + at), shapes, config.codec).flat() for at in (0, 1)], axis=0)
        for n in (1, 2)
    ]
    first, last = (flat(federation, store.checkpoints()[number].sha256) for number in (0, 2))
    np.testing.assert_allclose(last, first - 0.5 * means[0] - 0.5 * (0.5 * means[0] + means[1]), atol=1e-6)
    kept = {path.name for path in (federation.home.root / "private").iterdir()}
    assert kept == {store.checkpoints()[2].momentum}


def test_an_update_lost_from_the_disk_is_asked_for_again(
    make_federation: Callable[..., Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "retry_delay_s", lambda attempt, forged: 0.0)
    federation = make_federation(rounds=1)
    crowd = people(federation, 2)
    lost: list[str] = []

    post = Post(honest(federation, crowd), federation, {person.node_id for person in crowd})
    put = federation.home.private.put

    def damaging(data: bytes) -> str:
        sha256 = put(data)
        if not lost:
            lost.append(sha256)
            federation.home.private.path(sha256).write_bytes(b"gone")
        return sha256

    monkeypatch.setattr(federation.home.private, "put", damaging)
    store = conduct(federation, post)
    assert store.rounds()[0].state == "closed"
    assert sorted(item.attempt for item in store.assignments(1)) == [1, 2]
    assert len(lost) == 1


def test_without_quorum_a_round_is_given_up_and_the_next_names_the_same_base(
    make_federation: Callable[..., Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = make_federation(rounds=2, deadline_s=5.0, upload_allowance_s=5.0)
    crowd = people(federation, 2)
    good = honest(federation, crowd)
    begun = time.time()
    shift = [0.0]
    monkeypatch.setattr(conductor_module.time, "time", lambda: begun + shift[0])

    def behave(letter: Letter) -> tuple[bytes, NodeKey] | None:
        if letter.server_round == 1 and letter.key_id == crowd[0].identity:
            return None
        return good(letter)

    post = Post(behave, federation, {person.node_id for person in crowd})
    uploading = post.uploading

    def passing(server_round: int) -> frozenset[str]:
        shift[0] += 1.0 if server_round == 1 else 0.0
        return uploading(server_round)

    post.uploading = passing  # type: ignore[method-assign]
    store = conduct(federation, post)
    first, second = store.rounds()
    assert (first.state, first.extensions) == ("void", 2)
    assert "1 of 2" in first.reason
    assert (second.state, second.base_hash, second.step_clock) == ("closed", first.base_hash, 0)
    waiting = next(item for item in store.assignments(1) if item.state == "accepted")
    receipt = store.receipt(waiting.update_sha256, waiting.key_id, 0.0)
    assert receipt is not None
    assert receipt.state == "late"


def test_an_update_after_the_close_gets_a_receipt_that_says_late(
    make_federation: Callable[..., Federation],
) -> None:
    federation = make_federation(rounds=2, quorum=1, deadline_s=5.0)
    crowd = people(federation, 2)
    good = honest(federation, crowd)
    slow: list[Letter] = []

    def behave(letter: Letter) -> tuple[bytes, NodeKey] | None:
        if letter.server_round == 1 and letter.key_id == crowd[0].identity:
            slow.append(letter)
            store = federation.store()
            store.extend(1, 1.0, (), count=False)  # the deadline has passed
            store.close()
            return None
        if letter.server_round == 2 and letter.key_id == crowd[1].identity:
            post.deliver(slow[0], good(slow[0]))
        return good(letter)

    post = Post(behave, federation, {person.node_id for person in crowd})
    store = conduct(federation, post)
    late = next(item for item in store.assignments(1) if item.key_id == crowd[0].identity)
    assert late.state == "late"
    receipt = store.receipt(late.update_sha256, late.key_id, 0.0)
    assert receipt is not None
    assert receipt.state == "late"
    assert store.rounds()[0].volunteers == 1


def test_who_left_is_not_waited_for(make_federation: Callable[..., Federation]) -> None:
    federation = make_federation(rounds=1, quorum=1)
    crowd = people(federation, 2)
    good = honest(federation, crowd)

    def behave(letter: Letter) -> tuple[bytes, NodeKey] | None:
        if letter.key_id == crowd[0].identity:
            federation.store().leave(letter.key_id, time.time())
            return None
        return good(letter)

    store = conduct(federation, Post(behave, federation, {person.node_id for person in crowd}))
    assert store.rounds()[0].volunteers == 1


def test_a_letter_says_exactly_what_the_round_says(make_federation: Callable[..., Federation]) -> None:
    federation = make_federation(rounds=1)
    crowd = people(federation, 2)
    post = Post(honest(federation, crowd), federation, {person.node_id for person in crowd})
    store = conduct(federation, post)
    opened = store.rounds()[0]
    for letter in post.sent:
        assert letter.record["base_hash"] == opened.base_hash == store.checkpoints()[0].sha256
        assert letter.record["deadline_at"] == opened.deadline_at
        assert letter.record["manifest_hash"] == federation.manifest_hash
        assert letter.ttl_s == 3 * (30.0 + 600.0)


def test_updates_that_went_up_before_give_the_same_checkpoints(tmp_path: Path, terms: FederationConfig) -> None:
    checkpoints, crowd_keys = [], [NodeKey.generate() for _ in range(2)]
    for spooled in (False, True):
        federation = found(tmp_path / str(spooled), terms, HostSettings(), b"t")
        crowd = people(federation, 2, crowd_keys)
        post = Post(honest(federation, crowd), federation, {person.node_id for person in crowd}, spooled=spooled)
        store = conduct(federation, post)
        checkpoints.append([(item.sha256, item.size_bytes) for item in store.checkpoints()])
        states = [[item.state for item in store.assignments(number)] for number in (1, 2)]
        assert states == [["accepted"] * 2] * 2
        assert store.rounds()[0].upload_bytes == 2 * len(update(federation, 100))
        assert federation.home.spool.size() == 0
        kept = {path.name for path in (federation.home.root / "private").iterdir()}
        assert kept == {store.checkpoints()[-1].momentum}, "no single volunteer's update"
    assert checkpoints[0] == checkpoints[1]


@pytest.mark.parametrize("damage", ["missing", "changed", "gone in that moment"])
def test_an_update_that_is_not_in_the_spool_is_asked_for_again(
    make_federation: Callable[..., Federation], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(judging, "retry_delay_s", lambda attempt, forged: 0.0)
    federation = make_federation(rounds=1)
    crowd = people(federation, 2)
    good, spool = honest(federation, crowd), federation.home.spool
    seen: list[str] = []

    class Lossy(Post):
        def put_up(self, key_id: str, payload: bytes) -> SpooledUpdate:
            said = super().put_up(key_id, payload)
            if not seen:
                seen.append(key_id)
                spool.path(key_id, said.sha256).write_bytes(bytes(len(payload)))
                if damage != "changed":
                    spool.remove(key_id, said.sha256)
            return said

    if damage == "gone in that moment":  # its sender may begin another one at any time
        find = spool.find
        vanishing: list[Path] = []

        def once(key_id: str, sha256: str) -> Path | None:
            found = find(key_id, sha256)
            if found is None and seen == [key_id] and not vanishing:
                vanishing.append(spool.path(key_id, sha256))
                return vanishing[0]
            return found

        monkeypatch.setattr(spool, "find", once)
    post = Lossy(good, federation, {person.node_id for person in crowd}, spooled=True)
    store = conduct(federation, post)
    assert store.rounds()[0].state == "closed"
    assert {item.key_id: item.attempt for item in store.assignments(1)}[seen[0]] == 2
    assert sorted(item.attempt for item in store.assignments(1)) == [1, 2]


def test_a_bad_update_from_the_spool_is_quarantined(make_federation: Callable[..., Federation]) -> None:
    federation = make_federation(rounds=1)
    crowd = people(federation, 3)
    good = honest(federation, crowd)
    bad = update(federation, 1)[:-1] + b"?"
    first: list[str] = []

    def behave(letter: Letter) -> tuple[bytes, NodeKey]:
        payload, key = good(letter)
        first.append(letter.key_id)
        return (bad, key) if letter.key_id == first[0] else (payload, key)

    store = conduct(federation, Post(behave, federation, {person.node_id for person in crowd}, spooled=True))
    assert {item.key_id: item.state for item in store.assignments(1)}[first[0]] == "refused"
    assert federation.home.quarantine.has(hashlib.sha256(bad).hexdigest())
    assert federation.home.spool.size() == 0


def test_a_lie_about_the_size_is_refused(make_federation: Callable[..., Federation]) -> None:
    federation = make_federation(rounds=1, quorum=1)
    crowd = people(federation, 2)
    liar = crowd[0].identity

    class Lying(Post):
        def put_up(self, key_id: str, payload: bytes) -> SpooledUpdate:
            said = super().put_up(key_id, payload)
            return msgspec.structs.replace(said, size_bytes=2**63 - 1) if key_id == liar else said

    post = Lying(honest(federation, crowd), federation, {person.node_id for person in crowd}, spooled=True)
    store = conduct(federation, post)
    refused = next(item for item in store.assignments(1) if item.key_id == liar)
    assert (refused.state, refused.size_bytes) == ("refused", len(update(federation, 100)))
    assert "another size" in refused.reason
    assert {path.name for path in (federation.home.root / "private").iterdir()} == {store.checkpoints()[-1].momentum}


def test_a_copy_from_the_spool_leaves_the_original_where_it_is(make_federation: Callable[..., Federation]) -> None:
    federation = make_federation(rounds=1, quorum=1)
    crowd = people(federation, 2)

    def behave(letter: Letter) -> tuple[bytes, NodeKey]:
        return update(federation, 100), next(one.key for one in crowd if one.identity == letter.key_id)

    store = conduct(federation, Post(behave, federation, {person.node_id for person in crowd}, spooled=True))
    assert sorted(item.state for item in store.assignments(1)) == ["accepted", "refused"]
    assert store.rounds()[0].volunteers == 1


def test_killed_after_an_update_was_taken_from_the_spool_it_is_still_there(
    make_federation: Callable[..., Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = make_federation(rounds=1)
    crowd = people(federation, 2)
    good, everybody = honest(federation, crowd), {person.node_id for person in crowd}
    with monkeypatch.context() as dying:

        def die(*arguments: object) -> None:
            raise Killed

        dying.setattr(Store, "settle", die)
        with pytest.raises(Killed):
            conduct(federation, Post(good, federation, everybody, spooled=True))
    assert federation.home.spool.size() == 2 * len(update(federation, 100)), "nobody has to send it again"
    store = conduct(federation, Post(good, federation, everybody, spooled=True))
    assert store.rounds()[0].volunteers == 2
    assert federation.home.spool.size() == 0


def test_a_round_waits_for_a_large_update_that_is_going_up(
    make_federation: Callable[..., Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = make_federation(rounds=1, quorum=1, deadline_s=5.0, upload_allowance_s=60.0)
    crowd = people(federation, 2)
    good, spool = honest(federation, crowd), federation.home.spool
    begun, shift = time.time(), [0.0]
    monkeypatch.setattr(conductor_module.time, "time", lambda: begun + shift[0])
    slow: list[Letter] = []

    def behave(letter: Letter) -> tuple[bytes, NodeKey] | None:
        if letter.key_id == crowd[0].identity:
            slow.append(letter)
            spool.write(letter.key_id, "c" * 64, 0, b"a first piece")
            return None
        return good(letter)

    post = Post(behave, federation, {person.node_id for person in crowd}, spooled=True)
    uploading = post.uploading

    def passing(server_round: int) -> frozenset[str]:
        shift[0] += 1.0
        os.utime(spool.path(slow[0].key_id, "c" * 64 + ".part"), (begun + shift[0], begun + shift[0]))
        if shift[0] == 20.0:  # long after the deadline
            spool.remove(slow[0].key_id, "c" * 64)
            post.deliver(slow[0], good(slow[0]))
            spool.write(slow[0].key_id, "c" * 64, 0, b"x")
        return uploading(server_round)

    post.uploading = passing  # type: ignore[method-assign]
    assert conduct(federation, post).rounds()[0].volunteers == 2


def test_an_update_of_absurd_length_is_quarantined_with_its_reason(tmp_path: Path, terms: FederationConfig) -> None:
    robust = msgspec.structs.replace(
        terms,
        aggregation=AggregationTerms(norm_bound="median"),
        schedule=msgspec.structs.replace(terms.schedule, quorum=1, rounds=3),
    )
    federation = found(tmp_path / "robust", robust, HostSettings(), b"t")
    crowd = people(federation, 2)
    good = honest(federation, crowd)

    def behave(letter: Letter) -> tuple[bytes, NodeKey]:
        payload, key = good(letter)
        if letter.server_round == 3 and letter.key_id == crowd[0].identity:
            shapes, codec = ModelFiles(federation).shapes, federation.config.codec
            update = decode(payload, shapes, codec)
            payload = encode(ModelUpdate({name: 200 * array for name, array in update.arrays.items()}), codec)
        return payload, key

    store = conduct(federation, Post(behave, federation, {person.node_id for person in crowd}))
    refused = next(item for item in store.assignments(3) if item.key_id == crowd[0].identity)
    assert refused.state == "refused"
    assert "is the most" in refused.reason
    assert federation.home.quarantine.has(refused.update_sha256)
    first, _, last = store.rounds()
    norms = [item.norm for item in store.assignments(1)]
    assert all(norm is not None and norm > 0 for norm in norms)
    assert first.norm_bound == min(norms)  # type: ignore[type-var]
    assert last.volunteers == 1
    receipt = store.receipt(refused.update_sha256, refused.key_id, 0.0)
    assert receipt is not None
    assert receipt.state == "refused"
