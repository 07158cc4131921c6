"""Photon's Algorithm 1, one test per step, by its line numbers.

Server steps run the real conductor, admission, aggregation and store over volunteers in this process; client steps run
the real round loop, samplers and chain over real encrypted shards.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from support.crew_round import run_alone, run_crew
from support.federation import config, raw_config
from support.in_process import InProcess
from support.ranks import run_ranks
from support.real_round import KEY, real_job, sealed_bytes, write_words

from core.aggregation import MeanAccumulator, partial_mean
from core.config.exchange import CodecConfig, ScheduleConfig
from core.config.federation import FederationConfig
from core.config.learning import OuterConfig
from core.config.privacy import PrivacyTerms
from core.coordinator.learning.outer_optimizer import outer_step
from core.coordinator.rounds.decisions import sample_cohort
from core.coordinator.service import export
from core.data.packing import Packer
from core.data.store import Shard
from core.data.stream import PackedStream, Source
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.federation.protocol import TrainInstruction, read_instruction
from core.hardware import profile
from core.jobs import PrivacyPlan, ProbeJob, TrainingPlan, TrainJob
from core.model.checkpoint_io import write_weights
from core.model.export import export_huggingface
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.presets import memory_bytes
from core.model.transformer import Transformer
from core.postprocess.base import Chain, build_chain
from core.simulation import Simulation
from core.training import plan as training_plan
from core.training.batch_size import KNEE, MAX_STEP_S, calc_batch_size
from core.training.gradients import Gradients, PackedGradients
from core.training.lines import Line
from core.training.moments import Moments
from core.training.optimizer import AdamW
from core.training.parallel import LARGE_VALUES, SMALL_VALUES, Link, Node, exchange, has_infra, link_from
from core.training.reduction import SharedReducer
from core.training.rehearsal import Rehearsal, memory_budget
from core.training.resume import Checkpoints
from core.training.round import Rooms
from core.training.state import RoundState
from core.training.worker import rooms_of
from core.update import Array, ModelUpdate, pseudo_gradient

ROUNDS, COHORT = 3, 2
PEOPLE = ("ada", "ben", "cem")
TARGETS = {"ada": 0.9, "ben": 0.8, "cem": 0.7}
"""Each volunteer trains to the base times this."""
PROSE = "A hedge is a living boundary. What grows inside stays inside, and only what is meant to pass goes through.\n"


def federation(**changes: Any) -> FederationConfig:
    sections: dict[str, Any] = {
        "privacy": PrivacyTerms(unit="none", relation="none"),
        "codec": CodecConfig(name="fp32"),
        "schedule": ScheduleConfig(rounds=ROUNDS, cohort_size=COHORT, quorum=COHORT),
    }
    return config(**sections | changes)


def scaled(name: str, base: dict[str, Array], instruction: TrainInstruction) -> tuple[ModelUpdate, dict[str, float]]:
    """A volunteer whose trained weights are known."""
    trained = {key: np.float32(TARGETS[name]) * array for key, array in base.items()}
    metrics = {"steps": float(instruction.local_steps), "tokens": 100.0, "loss": 10 * TARGETS[name], "seconds": 1.0}
    return pseudo_gradient(base, trained), metrics


@pytest.fixture
def world(tmp_path: Path) -> InProcess:
    return InProcess(tmp_path / "federation", federation(), PEOPLE, scaled)


@pytest.fixture
def after(world: InProcess) -> InProcess:
    """The same after all rounds."""
    world.conductor().run()
    return world


@pytest.fixture
def local(tmp_path: Path) -> Callable[..., Simulation]:
    """A simulated federation with real shards."""

    def make(**changes: Any) -> Simulation:
        vocabulary = Tokenizer.load(builtin_tokenizer_path()).vocab_size
        model = msgspec.structs.replace(config().model, vocab_size=vocabulary)
        terms = federation(model=model, **changes)
        texts = [[PROSE * (20 + 10 * client) + str(client)] for client in range(2)]
        return Simulation(terms, texts, PROSE * 5, tmp_path / "simulation")

    return make


# Server


def test_line_2_the_server_initialises_the_model(world: InProcess) -> None:
    first = world.store.latest_checkpoint()
    terms = world.federation.config
    expected = seeded_weights(terms.model, terms.seed)
    found = world.files.weights(first.sha256)
    assert first.server_round == 0
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_line_2_or_takes_a_sampled_clients_weights(tmp_path: Path) -> None:
    """One volunteer is asked first; what it trained is the model, to the bit, and rounds go on from there."""
    content = raw_config(
        initialisation={"from": "sampled-client"}, privacy=msgspec.to_builtins(federation().privacy),
        outer={"learning_rate": 0.5, "momentum": 0.9}, **{"codec.name": "fp32", "aggregation.norm_bound": "median"},
    )  # fmt: skip
    terms = msgspec.json.decode(msgspec.json.encode(content), type=FederationConfig)
    assert terms.initialisation.source == "sampled-client"
    world = InProcess(tmp_path / "federation", terms, PEOPLE, scaled)
    world.conductor().run()
    (asked,) = world.store.assignments(1)
    assert [len(letters) for letters in world.letters] == [1, COHORT, COHORT]
    drawn = seeded_weights(terms.model, terms.seed)
    first = world.files.weights(world.store.checkpoints()[1].sha256)
    update, _ = scaled(world.names[asked.key_id], drawn, read_instruction(world.letters[0][0].record))
    for name, array in first.items():
        assert np.array_equal(array, drawn[name] - update.arrays[name])
        assert np.allclose(array, TARGETS[world.names[asked.key_id]] * drawn[name], atol=1e-6)
    assert world.store.checkpoints()[1].momentum == "", "no momentum comes of it"
    assert [item.volunteers for item in world.store.rounds()] == [1, COHORT, COHORT]


def test_line_3_there_are_exactly_t_rounds(after: InProcess) -> None:
    assert [r.server_round for r in after.store.rounds()] == [1, 2, 3]
    assert all(r.state == "closed" for r in after.store.rounds())
    clocks = [r.step_clock for r in after.store.rounds()]
    assert clocks == [0, 4, 8], "the learning-rate clock is the federation's"


def test_line_4_the_cohort_is_k_of_p_at_random(after: InProcess) -> None:
    for number in range(1, ROUNDS + 1):
        asked = [item.key_id for item in after.store.assignments(number)]
        assert len(set(asked)) == COHORT
    population = [f"volunteer {i}" for i in range(10)]
    drawn = Counter(key for number in range(3_000) for key in sample_cohort(7, number, population, 3))
    expected = 3_000 * 3 / 10
    chi_squared = sum((drawn[key] - expected) ** 2 / expected for key in population)
    assert chi_squared < 27.9, "uniform at p = 0.001 with 9 degrees of freedom"
    assert sample_cohort(7, 1, population, 3) != sample_cohort(8, 1, population, 3)


def test_line_5_the_cohort_works_in_parallel(after: InProcess) -> None:
    assert [len(batch) for batch in after.letters] == [COHORT] * ROUNDS, "everybody is asked before anybody answers"
    for batch in after.letters:
        assert len({letter.record["base_hash"] for letter in batch}) == 1


def test_line_6_a_client_returns_weights_and_metrics(after: InProcess) -> None:
    for number in range(1, ROUNDS + 1):
        for item in after.store.assignments(number):
            assert item.state == "accepted"
            assert item.size_bytes > 0
            assert item.loss == pytest.approx(10 * TARGETS[after.names[item.key_id]])


def test_line_7_the_pseudo_gradient_is_base_minus_trained() -> None:
    base = {"w": np.array([1.0, 2.0], np.float32)}
    assert np.array_equal(pseudo_gradient(base, {"w": np.array([0.5, 3.0], np.float32)}).arrays["w"], [0.5, -1.0])


def test_line_8_the_mean_has_equal_weights() -> None:
    total = MeanAccumulator({"w": (2,)})
    for values in ([1.0, 0.0], [2.0, 0.0], [6.0, 3.0]):
        total.add(ModelUpdate({"w": np.array(values, np.float32)}))
    assert np.array_equal(total.mean().arrays["w"], np.array([3.0, 1.0], np.float32))


def test_line_9_the_server_optimiser_moves_towards_the_clients(after: InProcess) -> None:
    """With η = 1 and no momentum the new model is the mean of the cohort's models."""
    before = after.files.weights(after.store.checkpoints()[0].sha256)
    moved = after.files.weights(after.store.checkpoints()[1].sha256)
    names = [after.names[item.key_id] for item in after.store.assignments(1)]
    factor = sum(TARGETS[name] for name in names) / len(names)
    for key, array in before.items():
        assert np.allclose(moved[key], factor * array, atol=1e-6)


def test_line_9_with_server_momentum() -> None:
    base = {"w": np.zeros(1, np.float32)}
    terms, delta = OuterConfig(learning_rate=0.5, momentum=0.9), ModelUpdate({"w": np.ones(1, np.float32)})
    first = outer_step(terms, base, delta, None)
    second = outer_step(terms, first.weights, delta, first.momentum)
    assert first.weights["w"][0] == pytest.approx(-0.5)
    assert second.weights["w"][0] == pytest.approx(-0.5 - 0.5 * 1.9)


def test_line_10_metrics_are_aggregated_over_the_cohort(after: InProcess) -> None:
    for closed in after.store.rounds():
        names = [after.names[item.key_id] for item in after.store.assignments(closed.server_round)]
        assert closed.training_loss == pytest.approx(sum(10 * TARGETS[name] for name in names) / COHORT)
        assert closed.volunteers == COHORT
        assert closed.upload_bytes > 0
        assert closed.dense_bytes == COHORT * 4 * sum(math.prod(shape) for shape in after.files.shapes.values())


def test_line_11_every_round_leaves_a_checkpoint(after: InProcess) -> None:
    checkpoints = after.store.checkpoints()
    assert [item.server_round for item in checkpoints] == [0, 1, 2, 3]
    for item in checkpoints:
        path = after.federation.home.blobs.path(item.sha256)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == item.sha256


def test_line_12_the_last_model_is_returned(local: Callable[..., Simulation], tmp_path: Path) -> None:
    simulation = local()
    simulation.step()
    out = tmp_path / "model"
    export_huggingface(simulation.config.model, simulation.weights, builtin_tokenizer_path(), out)
    assert json.loads((out / "config.json").read_text())["model_type"] == "llama"
    assert {"model.safetensors", "tokenizer.json", "generation_config.json"} <= {path.name for path in out.iterdir()}
    assert callable(export)


# Client


def pack(folder: Path, texts: list[str]) -> list[Shard]:
    """Real shards of these texts."""
    folder.mkdir()
    key = b"k" * 32
    packer = Packer(folder, key, Tokenizer.load(builtin_tokenizer_path()))
    for text in texts:
        packer.add(text)
    return [Shard(facts.path, key) for facts in packer.finish()]


def test_line_14_sources_are_bound_to_one_stream(tmp_path: Path) -> None:
    """BindStream: two corpora become one stream, mixed by weight."""
    one = pack(tmp_path / "one", [PROSE * 40])
    other = pack(tmp_path / "other", ["Quite another text about winter and snow on the hills. " * 80])
    stream = PackedStream([(3.0, Source(one, 32)), (1.0, Source(other, 32))], b"k" * 32)
    first = {tuple(Source(one, 32).window(i)) for i in range(Source(one, 32).num_windows)}
    drawn = [tuple(window) in first for window in stream.next_batch(40)]
    assert sum(drawn) == 30


def test_line_14_whatever_their_format(tmp_path: Path) -> None:
    """Sources of several formats are one stream: each record, row, mail and file in it is a document."""
    from core.data import extract

    mailbox = b"From a\nSubject: x\n\nthe first mail\n\nFrom b\nSubject: y\n\nthe second mail\n"
    sources = {
        "rows.jsonl": (b'{"text": "one record"}\n{"text": "another record"}\n', ["one record", "another record"]),
        "table.csv": (b"id,text\n1,a first row\n2,a second row\n", ["a first row", "a second row"]),
        "letters.mbox": (mailbox, ["the first mail", "the second mail"]),
        "page.html": (b"<html><nav>menu</nav><p>a <b>page</b></p></html>", ["a page"]),
        "notes.txt.gz": (gzip.compress(b"packed notes"), ["packed notes"]),
    }
    found = {name: [text.strip() for text in extract.documents(name, raw)] for name, (raw, _) in sources.items()}
    assert found == {name: expected for name, (_, expected) in sources.items()}
    (shard,) = pack(tmp_path / "store", [text for texts in found.values() for text in texts])
    kept = {Tokenizer.load(builtin_tokenizer_path()).decode(shard.document(i)) for i in range(shard.num_documents)}
    assert kept == {text for texts in found.values() for text in texts}


def test_line_15_a_client_knows_its_hardware() -> None:
    """GetNodes, for a client that is one machine."""
    found = profile.read_profile()
    assert found.cpu_threads >= found.cpu_cores >= 1
    assert found.memory_bytes > 0
    assert any(device.kind == "cpu" for device in found.devices)


@pytest.fixture
def several(tmp_path: Path) -> Callable[..., TrainJob]:
    """A round over a real shard, to be trained by several nodes of one client."""
    shard = write_words(tmp_path)

    def make(strategy: str, name: str = "round", **changes: Any) -> TrainJob:
        return real_job(tmp_path, shard, "none", name, strategy=strategy, **changes)

    return make


def rooms_with_plans(job: TrainJob) -> Rooms:
    """Each node measured its own plan: the first takes four sequences at once, the second one."""
    plan = TrainingPlan(micro_batch=1 if job.rank else 4)
    return rooms_of(msgspec.structs.replace(job, plan=plan), KEY)


def rooms(job: TrainJob) -> Rooms:
    return rooms_of(job, KEY)


def sealed_update(job: TrainJob) -> ModelUpdate:
    return build_chain(job.privacy, job.codec).decode(sealed_bytes(job), parameter_shapes(job.model))


def one_node(job: TrainJob, index: int, count: int) -> ModelUpdate:
    """What a node trains by itself on its partition of the stream."""

    def gradients(state: RoundState) -> Gradients:
        inner = rooms(job).gradients(state)
        assert isinstance(inner, PackedGradients)
        inner.stream = inner.stream.partition(index, count)  # type: ignore[attr-defined]
        return inner

    run_alone(job, rooms=lambda job: dataclasses.replace(rooms(job), gradients=gradients))
    return sealed_update(job)


def test_line_15_and_that_of_its_other_nodes(several: Callable[..., TrainJob]) -> None:
    """GetNodes: every other device of the client says what it is before the round begins."""
    nodes: list[Node] = []
    run_crew(several("ddp"), 3, make_rooms=rooms, meet=lambda crew: nodes.extend(crew.siblings))
    assert [node.device for node in nodes] == ["cpu", "cpu"]


def test_line_16_it_measures_how_its_nodes_are_connected() -> None:
    """HasInfra: a real exchange between two nodes, held against the time of a step."""

    def measure(reducer: SharedReducer, _: list[Line]) -> Link:
        small, large = (exchange(reducer, values, "cpu") for values in (SMALL_VALUES, LARGE_VALUES))
        return link_from(small, large)

    link = run_ranks(2, measure, slot_bytes=1 << 20)[0]
    cost = link.seconds(4 * LARGE_VALUES)
    assert cost > 0
    assert has_infra(link, 4 * LARGE_VALUES, step_s=5 * cost)
    assert not has_infra(link, 4 * LARGE_VALUES, step_s=cost)


def some_job(tmp_path: Path, **changes: Any) -> TrainJob:
    terms = config()
    fields: dict[str, Any] = {
        "federation_id": "f" * 32,
        "run_id": "0" * 32,
        "server_round": 1,
        "round_dir": str(tmp_path),
        "state_dir": str(tmp_path),
        "base_path": str(tmp_path / "base"),
        "base_sha256": "0" * 64,
        "model": terms.model,
        "training": terms.training,
        "codec": terms.codec,
        "privacy": PrivacyPlan(unit="none"),
        "corpora": (),
        "tokenizer_path": str(builtin_tokenizer_path()),
        "step_clock": 0,
        "local_steps": 4,
    }
    return TrainJob(**fields | changes)


def test_line_17_the_batch_in_memory_fits_and_changes_nothing(tmp_path: Path) -> None:
    """Where nothing was measured the micro-batch comes from a closed form; it divides the work, never the batch."""
    job = some_job(tmp_path)
    assert 1 <= training_plan.micro_batch(job) <= job.training.batch_size


def test_line_17_calc_batch_size_searches_from_a_guess(tmp_path: Path) -> None:
    """CalcBatchSize: whole steps on the real model are measured, within a budget, and the largest gain is kept."""
    job = some_job(tmp_path)
    probe = ProbeJob(model=job.model, training=job.training, unit="none")
    budget = memory_budget("cpu", 2 << 30)
    with Rehearsal(probe, "cpu", budget) as rehearsal:
        found = calc_batch_size(
            lambda count: rehearsal.measure(TrainingPlan(micro_batch=count)),
            lambda count: memory_bytes(job.model, count, job.training.seq_len),
            initial_guess=2,
            largest=job.training.batch_size,
            budget_bytes=budget,
        )
    assert 1 <= len(found.probes) <= 5
    assert found.out_of_memory == 0
    assert found.probes[0].micro_batch == 2
    assert all(0 < step.peak_bytes <= budget for step in found.probes)
    speeds = {step.micro_batch: step.tokens_per_s for step in found.probes if step.step_s <= MAX_STEP_S}
    assert not speeds or speeds[found.micro_batch] * KNEE >= max(speeds.values())


def test_line_18_one_device_trains_the_client(local: Callable[..., Simulation]) -> None:
    simulation = local()
    before = simulation.measure()[0]
    assert simulation.step().bits_per_byte < before


def test_line_18_several_devices_train_the_client(several: Callable[..., TrainJob]) -> None:
    """Well connected nodes share each batch; their update is that of one device, up to the order of sums."""
    alone, job = several("", "alone"), several("ddp")
    run_alone(alone, rooms=rooms)
    run_crew(job, 2, make_rooms=rooms)
    expected = sealed_update(alone)
    assert np.linalg.norm(sealed_update(job).flat() - expected.flat()) < 2e-3 * expected.norm()


def test_lines_19_to_21_each_node_has_its_own_batch(several: Callable[..., TrainJob]) -> None:
    nodes: list[Node] = []
    sealed = run_crew(
        several("local"), 2, make_rooms=rooms_with_plans, meet=lambda crew: nodes.extend(crew.siblings)
    )  # fmt: skip
    assert [node.micro_batch for node in nodes] == [1], "and four at the leader"
    assert sealed.steps == several("local").local_steps


def test_line_22_the_stream_splits_into_partitions(tmp_path: Path) -> None:
    """PartitionStream: |I| parts, disjoint, together the whole, in order."""
    shards = pack(tmp_path / "shards", [PROSE * 60])
    whole = PackedStream([(1.0, Source(shards, 32))], b"k" * 32)
    parts = [whole.partition(i, 3) for i in range(3)]
    expected = [tuple(window) for window in whole.next_batch(12)]
    found = [[tuple(window) for window in part.next_batch(4)] for part in parts]
    assert [found[i % 3][i // 3] for i in range(12)] == expected


def test_line_22_each_node_gets_its_partition(several: Callable[..., TrainJob]) -> None:
    """Nodes that trained apart leave the stream where reading on repeats and misses nothing."""
    job = several("local")
    run_crew(job, 2, make_rooms=rooms)
    place = Moments(job, KEY).place()

    def read(state: RoundState, count: int) -> list[Any]:
        inner = rooms(job).gradients(state)
        assert isinstance(inner, PackedGradients)
        return [tuple(window) for window in inner.stream.next_batch(count)]

    used = 2 * job.local_steps * job.training.batch_size
    assert place
    assert read(RoundState(stream=place), 20) == read(RoundState(), used + 20)[used:]


def test_line_23_each_node_trains_on_its_partition(several: Callable[..., TrainJob]) -> None:
    updates = [one_node(several("", f"node {index}"), index, 2) for index in range(2)]
    assert all(update.norm() > 0 for update in updates)
    assert not np.allclose(updates[0].flat(), updates[1].flat())


def test_line_24_the_nodes_are_partially_aggregated(several: Callable[..., TrainJob]) -> None:
    """One update leaves: the mean of what each node trained, by the arithmetic that averages a cohort."""
    job = several("local")
    sealed = run_crew(job, 2, make_rooms=rooms)
    mean = partial_mean(one_node(several("", f"node {index}"), index, 2) for index in range(2))
    assert np.allclose(sealed_update(job).flat(), mean.flat(), atol=1e-6)
    assert sealed.tokens == 2 * job.local_steps * job.training.batch_size * job.training.seq_len


def test_line_25_model_and_data_are_checkpointed_together(tmp_path: Path) -> None:
    terms = config()
    model, key = Transformer(terms.model), b"k" * 32
    model.load_arrays(seeded_weights(terms.model, 3))
    optimizer = AdamW(model.ordered(), terms.training)
    job = some_job(tmp_path)
    state = RoundState(step=2, tokens=64, stream={"window": 32, "counters": [32], "credits": [0.25]})
    Checkpoints(job, key).save(model, optimizer, state, charge_id=None)
    again = Transformer(terms.model)
    header = Checkpoints(job, key).load(again, AdamW(again.ordered(), terms.training))
    assert header is not None
    assert header.state.stream == state.stream
    assert header.state.step == 2
    kept, loaded = model.to_arrays(), again.to_arrays()
    assert all(np.array_equal(kept[name], loaded[name]) for name in kept)
    on_disk = b"".join(path.read_bytes() for path in tmp_path.glob("checkpoint.*"))
    assert len(on_disk) > sum(array.nbytes for array in kept.values())
    assert kept["model.embed_tokens.weight"].tobytes()[:64] not in on_disk, "encrypted"


def test_line_26_the_update_is_post_processed_with_privacy_then_compression() -> None:
    terms = config(privacy=PrivacyTerms(unit="corpus", relation="replace-one"))
    chain = build_chain(terms.privacy, terms.codec)
    assert [link.role for link in chain.links] == ["bound", "noise"]
    assert chain.codec.name == "int8"
    with pytest.raises(ValueError, match="privacy mechanism"):
        Chain([], terms.codec)


def test_line_27_a_client_returns_a_sealed_update_and_its_metrics(
    local: Callable[..., Simulation], tmp_path: Path
) -> None:
    simulation = local()
    base = tmp_path / "base.safetensors"
    write_weights(base, simulation.weights)
    payload, sealed, _ = simulation.clients[0].train(simulation.config, PrivacyPlan(unit="none"), base, 1, 1)
    assert hashlib.sha256(payload).hexdigest() == sealed.sha256
    assert list(simulation.decode(payload).arrays) == list(parameter_shapes(simulation.config.model))
    assert sealed.steps == simulation.config.training.local_steps
    assert sealed.mean_loss is not None
