"""The worker as the engine meets it: a locked process behind three descriptors, over real shards."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
from support import compiled
from support.compiled import Made

from core import sandbox, vault
from core.api.errors import CorpusError, PrivacyError
from core.config.exchange import CodecConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.config.privacy import SubspaceTerms
from core.data import public
from core.data.store import Document, write_shard
from core.data.tokenizer import Tokenizer, builtin_tokenizer_path
from core.engine import rounds
from core.engine.plans import Plan
from core.jobs import (
    Alive,
    BasePart,
    ChargeRequest,
    CodeRef,
    CorpusRef,
    DPRecord,
    Evaluated,
    EvaluateJob,
    Failed,
    Grant,
    HeldOut,
    Job,
    Pause,
    Paused,
    PrivacyPlan,
    Progress,
    Ready,
    Refuse,
    Sealed,
    ShardRef,
    Throttle,
    TrainingPlan,
    TrainJob,
    decode_up,
    encode,
)
from core.model.checkpoint_io import encode_weights
from core.model.initialise import seeded_weights
from core.model.layout import parameter_shapes
from core.model.presets import num_parameters
from core.model.shard import parse_shard, units
from core.model.transformer import Transformer
from core.postprocess.base import build_chain
from core.postprocess.privacy.dp_sgd import Chunked, clipped_sum
from core.subspace import reduced_size
from core.training import plan as plan_module
from core.training import worker as worker_module
from core.training.gradients import PackedGradients
from core.training.private_gradients import PrivateGradients
from core.training.resume import Checkpoints
from core.training.round import SEALED_CONTEXT, SEALED_NAME
from core.training.state import RoundState

pytestmark = pytest.mark.slow

SPEC = ModelSpec(preset="test", vocab_size=4_096, num_layers=1, d_model=32, num_heads=2, d_ff=64, max_seq_len=64)
KEY = bytes(range(32))
SECRET = "Rumpelstiltskin"
PLANS = {
    "document": PrivacyPlan(
        unit="document",
        clip_norm=1.0,
        noise_multiplier=0.8,
        sampling_prob=0.2,
        steps=6,
        units=38,
        windows_per_document=2,
    ),
    "none": PrivacyPlan(unit="none"),
    "corpus": PrivacyPlan(unit="corpus", clip_norm=1.0, noise_multiplier=0.01, units=1),
    "record": PrivacyPlan(unit="record", clip_norm=1.0, noise_multiplier=0.8, sampling_prob=0.2, steps=6, units=40),
}
MakeJob = Callable[..., TrainJob]
_Wanted = TypeVar("_Wanted", bound=Job)


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> ShardRef:
    """40 documents of real words, two of them held out."""
    from pydoc_data import topics

    tokenizer = Tokenizer.load(builtin_tokenizer_path())
    texts = [f"{SECRET} {text[:600]}" for text in list(topics.topics.values())[:40]]
    documents = [Document(tokenizer.encode(text), len(text.encode())) for text in texts]
    facts = write_shard(
        tmp_path_factory.mktemp("store"), KEY, documents[2:], documents[:2], end_of_text=tokenizer.end_of_text,
        tokenizer_sha256=tokenizer.sha256, extractor_version=1, dtype=tokenizer.dtype,
    )  # fmt: skip
    return ShardRef(
        path=facts.path, sha256=facts.sha256, tokens=facts.tokens, documents=facts.documents,
        text_bytes=facts.text_bytes,
    )  # fmt: skip


@pytest.fixture
def make_job(tmp_path: Path, shard: ShardRef) -> MakeJob:
    def make(unit: str, **changes: Any) -> TrainJob:
        base = tmp_path / "base.safetensors"
        base.write_bytes(encode_weights(seeded_weights(SPEC, 1)))
        folder = tmp_path / str(changes.pop("folder", "round"))
        folder.mkdir(exist_ok=True)
        job = TrainJob(
            federation_id="f" * 32, run_id="e" * 32, server_round=1, round_dir=str(folder),
            state_dir=str(tmp_path / f"{folder.name}-state"), base_path=str(base),
            base_sha256=hashlib.sha256(base.read_bytes()).hexdigest(), model=SPEC,
            training=TrainingConfig(seq_len=32, batch_size=8, local_steps=6, learning_rate=5e-3, decay_steps=40),
            codec=CodecConfig(), privacy=PLANS[unit], corpora=(CorpusRef(corpus_id="c", shards=(shard,)),),
            tokenizer_path=str(builtin_tokenizer_path()), step_clock=0, local_steps=6,
        )  # fmt: skip
        return msgspec.structs.replace(job, **changes)

    return make


class Worker:
    """The engine's side of one worker process."""

    def __init__(self, job: Job, key: bytes = KEY, limit: Callable[[], None] | None = None) -> None:
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        key_read, key_write = os.pipe()
        os.write(key_write, key)
        os.close(key_write)
        arguments = []
        for name, descriptor in (("in", in_read), ("out", out_write), ("key", key_read)):
            arguments += [f"--{name}-fd", str(descriptor)]
        self.begin(arguments, (in_read, out_write, key_read), limit)
        self.down, self.up = os.fdopen(in_write, "wb", buffering=0), os.fdopen(out_read, "rb")
        self.seen: list[Job] = []
        self.raw = b""
        self.send(job)

    def begin(self, arguments: list[str], theirs: tuple[int, ...], limit: Callable[[], None] | None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "core.training.worker", *arguments],
            pass_fds=theirs, stderr=subprocess.PIPE, preexec_fn=limit,
        )  # fmt: skip
        for descriptor in theirs:
            os.close(descriptor)

    def send(self, message: Job) -> None:
        self.down.write(encode(message))

    def until(self, kind: type[_Wanted], when: Callable[[_Wanted], bool] = lambda _: True) -> _Wanted:
        """Read up to a message; grants every charge."""
        while line := self.up.readline():
            self.raw += line
            message = decode_up(line)
            self.seen.append(message)
            if isinstance(message, ChargeRequest) and kind is not ChargeRequest:
                self.send(Grant(charge_id=5))
            if isinstance(message, kind) and when(message):
                return message
        raise AssertionError(f"no {kind.__name__}: {self.seen[-3:]} {self.errors()}")

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def end(self) -> int:
        """Exit code, after which nothing of the process is left."""
        while line := self.up.readline():
            self.raw += line
            self.seen.append(decode_up(line))
        code = self.process.wait(30)
        self.close()
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.down, self.up, self.process.stderr):
            if stream is not None:
                stream.close()

    def kinds(self) -> list[type[Job]]:
        return [type(m) for m in self.seen if not isinstance(m, Alive | Progress)]


class Thread(Worker):
    """The same worker without its lock, in this process: for what does not need a process of its own."""

    def begin(self, arguments: list[str], theirs: tuple[int, ...], limit: Callable[[], None] | None) -> None:
        self.code = -1

        def work() -> None:
            self.code = worker_module.main(arguments)

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def errors(self) -> str:
        return ""

    def end(self) -> int:
        self.down.close()
        self.thread.join(30)
        return self.code

    def close(self) -> None:
        self.end()
        self.up.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def begin(job: Job, *, kind: type[Worker] = Worker, **named: Any) -> Worker:
        if kind is Thread and isinstance(job, TrainJob):
            job = msgspec.structs.replace(job, sandbox=False)
        workers.append(kind(job, **named))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.close()


def payload(job: TrainJob) -> bytes:
    return vault.decrypt_file(Path(job.round_dir) / SEALED_NAME, KEY, SEALED_CONTEXT)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("none", [Ready, HeldOut, ChargeRequest, Sealed]),
        ("corpus", [Ready, HeldOut, ChargeRequest, DPRecord, Sealed]),
        ("record", [Ready, HeldOut, ChargeRequest, DPRecord, Sealed]),
        ("document", [Ready, HeldOut, ChargeRequest, DPRecord, Sealed]),
    ],
)
def test_a_whole_round(make_job: MakeJob, start: Callable[..., Worker], unit: str, expected: list[type[Job]]) -> None:
    job = make_job(unit)
    worker = start(job, kind=Worker if unit == "record" else Thread)
    ready = worker.until(Ready)
    if unit == "record":
        assert ready.sandbox.startswith("seccomp")
        assert ready.pid == worker.process.pid
        assert "Seccomp:\t2" in Path(f"/proc/{ready.pid}/status").read_text()
    sealed = worker.until(Sealed)
    assert worker.end() == 0
    assert worker.kinds() == expected
    plain = payload(job)
    assert hashlib.sha256(plain).hexdigest() == sealed.sha256
    assert sealed.size_bytes == len(plain) < sealed.dense_bytes / 3
    update = build_chain(job.privacy, job.codec).decode(plain, parameter_shapes(SPEC))
    assert update.norm() > 0
    assert SECRET.encode() not in worker.raw
    for record in (m for m in worker.seen if isinstance(m, DPRecord)):
        steps = 6 if job.privacy.per_example else 1
        assert (record.unit, record.noise_draws) == (unit, steps * num_parameters(SPEC))


@pytest.mark.parametrize(
    ("unit", "kind"),
    [("document", "public"), ("corpus", "public"), ("document", "released"), ("corpus", "mask")],
)
def test_a_round_inside_a_public_subspace(
    make_job: MakeJob, start: Callable[..., Worker], unit: str, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "public.txt").write_text("This text belongs to everybody, and everybody may read it. " * 200)
    (tmp_path / "open").mkdir()
    (facts,) = public.write_public(tmp_path / "public.txt", Tokenizer.load(builtin_tokenizer_path()), tmp_path / "open")
    shards = (
        ShardRef(path=facts.path, sha256=facts.sha256, tokens=facts.tokens, documents=1, text_bytes=facts.text_bytes),
    )
    subspace = SubspaceTerms(kind=kind, rank=4)  # type: ignore[arg-type]
    job = make_job(
        unit, privacy=msgspec.structs.replace(PLANS[unit], subspace=subspace), seed=1, server_round=2,
        public=CorpusRef(corpus_id="public", shards=shards) if kind == "public" else None,
    )  # fmt: skip
    worker = start(job, kind=Worker if unit == "document" else Thread)
    worker.until(Sealed)
    assert worker.end() == 0
    (record,) = (message for message in worker.seen if isinstance(message, DPRecord))
    steps = 6 if unit == "document" else 1
    size = reduced_size(parameter_shapes(SPEC), subspace)
    assert record.noise_draws == steps * size < steps * num_parameters(SPEC) / 2
    rounds._check_record(record, plan_like(job.privacy), parameter_shapes(SPEC))
    with pytest.raises(PrivacyError, match="did not do what was charged"):
        rounds._check_record(record, plan_like(PLANS[unit]), parameter_shapes(SPEC))
    assert build_chain(job.privacy, job.codec).decode(payload(job), parameter_shapes(SPEC)).norm() > 0


def plan_like(plan: PrivacyPlan) -> Plan:
    """What was consented to, for this mechanism."""
    return Plan(
        unit=plan.unit, units=plan.units, sampling_prob=plan.sampling_prob, noise_multiplier=plan.noise_multiplier,
        clip_norm=plan.clip_norm, steps=plan.steps, relation="zero-out", rdp_per_step=(), epsilon_limit=8.0,
        epsilon_planned=1.0, delta=1e-5, rounds_affordable=1, subspace=plan.subspace,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["none", "public"])
def test_public_text_goes_with_a_public_subspace_and_with_no_other_dp_sgd(
    make_job: MakeJob, start: Callable[..., Worker], kind: str, shard: ShardRef
) -> None:
    given = CorpusRef(corpus_id="public", shards=(shard,)) if kind == "none" else None
    subspace = SubspaceTerms(kind=kind)  # type: ignore[arg-type]
    worker = start(
        make_job("record", privacy=msgspec.structs.replace(PLANS["record"], subspace=subspace), public=given)
    )
    failed = worker.until(Failed)
    assert "ublic text" in failed.message
    assert worker.end() == 1


@pytest.mark.parametrize(
    ("name", "unit", "plan"),
    [
        ("blocks:0-0", "record", None),
        ("embedding", "none", TrainingPlan(dtype="bfloat16", attention="math", micro_batch=4)),
    ],
    ids=["private blocks", "embedding as measured"],
)
def test_a_round_over_a_shard_in_the_locked_down_process(
    make_job: MakeJob, start: Callable[..., Worker], name: str, unit: str, plan: TrainingPlan | None, tmp_path: Path
) -> None:
    """Nothing that only a shard needs is loaded after the door is shut, and its parts lie where they may be read."""
    parts, weights, learning = [], seeded_weights(SPEC, 1), parse_shard(SPEC, name)
    for part in units(SPEC):
        narrow = part.name != name
        path = tmp_path / f"{part.name.partition(':')[0]}.part"
        path.write_bytes(encode_weights({key: weights[key] for key in part.shapes()}, narrow=narrow))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        parts.append(BasePart(unit=part.name, path=str(path), sha256=sha256, narrow=narrow))
    job = make_job(unit, shard=name, base_parts=tuple(parts), plan=plan)
    worker = start(job)
    assert worker.until(Ready).sandbox.startswith("seccomp")
    worker.until(Sealed)
    assert worker.end() == 0
    records = [message.noise_draws for message in worker.seen if isinstance(message, DPRecord)]
    assert records == ([6 * learning.size()] if unit == "record" else [])
    update = build_chain(job.privacy, job.codec).decode(payload(job), learning.shapes())
    assert update.norm() > 0


@pytest.fixture
def commons(tmp_path: Path) -> CorpusRef:
    """Public text, of one token that no private text has."""
    facts = write_shard(
        tmp_path, public.KEY, [Document(np.full(2_000, 77, np.uint16), 2_000)], [], end_of_text=0,
        tokenizer_sha256=Tokenizer.load(builtin_tokenizer_path()).sha256, extractor_version=0,
        dtype=np.dtype(np.uint16),
    )  # fmt: skip
    ref = ShardRef(path=facts.path, sha256=facts.sha256, tokens=facts.tokens, documents=1, text_bytes=2_000)
    return CorpusRef(corpus_id="public", shards=(ref,), weight=3.0)


def test_public_text_is_trained_on_alone_by_a_locked_worker(
    make_job: MakeJob, start: Callable[..., Worker], commons: CorpusRef
) -> None:
    worker = start(make_job("none", corpora=(), public=commons))
    worker.until(Sealed)
    assert worker.end() == 0
    assert worker.kinds() == [Ready, ChargeRequest, Sealed], "there is nothing to hold out"


def test_public_text_is_mixed_in_by_weight_but_not_under_dp_sgd(make_job: MakeJob, commons: CorpusRef) -> None:
    gradients = worker_module.rooms_of(make_job("none", public=commons), KEY).gradients(RoundState())
    assert isinstance(gradients, PackedGradients)
    windows = gradients.stream.next_batch(40)
    assert int((windows == 77).all(axis=1).sum()) >= 28, "three of four, but for windows with an end of text"
    for unit in ("record", "document"):
        with pytest.raises(PrivacyError, match="no place"):
            worker_module.rooms_of(make_job(unit, public=commons), KEY)


def test_training_moves_the_model_towards_the_text(make_job: MakeJob, start: Callable[..., Worker]) -> None:
    job = make_job("none", local_steps=40)
    worker = start(job, kind=Thread)
    worker.until(Sealed)
    losses = [m.loss for m in worker.seen if isinstance(m, Progress) and m.loss is not None]
    assert losses[-1] < losses[0] - 1.0
    assert worker.end() == 0


def test_killed_without_warning_it_resumes_to_the_same_bytes(make_job: MakeJob, start: Callable[..., Worker]) -> None:
    whole = make_job("none", folder="whole", local_steps=30)
    reference = start(whole)  # bytes are compared with those of a process, which shares its state with no other test
    reference.until(Sealed)
    assert reference.end() == 0
    job = make_job("none", folder="killed", local_steps=30, checkpoint_interval_s=0.05)
    worker = start(job)
    worker.until(Progress, lambda m: m.step >= 10)
    os.kill(worker.process.pid, signal.SIGKILL)
    assert worker.process.wait() == -signal.SIGKILL
    assert not (Path(job.round_dir) / SEALED_NAME).exists()
    again = start(job)
    first = again.until(Progress)
    assert 0 < first.step <= 30
    again.until(Sealed)
    assert again.end() == 0
    assert ChargeRequest not in again.kinds()
    assert payload(job) == payload(whole)


def test_a_private_round_killed_and_resumed_twice_makes_the_same_draws(
    make_job: MakeJob, start: Callable[..., Worker], tmp_path: Path
) -> None:
    job = make_job("record", local_steps=12, privacy=msgspec.structs.replace(PLANS["record"], steps=12))
    worker = start(job)
    worker.until(Progress, lambda m: m.step >= 3)
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    copy = msgspec.structs.replace(job, round_dir=str(tmp_path / "copy"), state_dir=str(tmp_path / "copy-state"))
    shutil.copytree(job.round_dir, copy.round_dir)
    for each in (job, copy):
        again = start(each, kind=Thread)
        again.until(Sealed)
        assert again.end() == 0
        assert ChargeRequest not in again.kinds()
    assert payload(job) == payload(copy)


@pytest.mark.parametrize(("unit", "share"), [("none", 1.0), ("record", 1.0), ("none", 0.1)])
def test_pause_is_felt_within_a_second_and_nothing_is_lost(
    make_job: MakeJob, start: Callable[..., Worker], unit: str, share: float
) -> None:
    plan = msgspec.structs.replace(PLANS[unit], steps=4_000 if unit == "record" else 0)
    job = make_job(unit, local_steps=4_000, privacy=plan)
    worker = start(job, kind=Worker if unit == "none" else Thread)
    worker.until(Progress, lambda m: m.step >= 1)
    if share < 1.0:
        worker.send(Throttle(share=share))
        worker.until(Progress)
    began = time.monotonic()
    worker.send(Pause())
    paused = worker.until(Paused)
    assert time.monotonic() - began < 1.0
    assert paused.step >= 1
    assert worker.end() == 0
    again = start(job, kind=Thread)
    assert again.until(Progress).step == paused.step
    assert again.until(Progress, lambda m: m.step > paused.step)
    assert ChargeRequest not in again.kinds()
    again.send(Pause())
    again.until(Paused)


def test_a_crash_between_seal_and_message_is_answered_with_the_same_bytes(
    make_job: MakeJob, start: Callable[..., Worker]
) -> None:
    job = make_job("record")
    worker = start(job, kind=Thread)
    first = worker.until(Sealed)
    assert worker.end() == 0
    plain = payload(job)
    again = start(job, kind=Thread)
    assert again.until(Sealed) == first
    assert again.end() == 0
    assert again.kinds() == [Ready, DPRecord, Sealed]
    assert payload(job) == plain


def test_an_engine_that_dies_stops_the_worker(make_job: MakeJob, start: Callable[..., Worker]) -> None:
    job = make_job("none", local_steps=100_000)
    worker = start(job)
    worker.until(Progress, lambda m: m.step >= 2)
    worker.down.close()
    worker.up.close()
    assert worker.process.wait(5) in (0, 1)
    assert list(Path(job.round_dir).glob("checkpoint.*"))


def _no_shard(job: TrainJob) -> TrainJob:
    corpus = job.corpora[0]
    gone = msgspec.structs.replace(corpus.shards[0], path=corpus.shards[0].path + ".gone")
    return msgspec.structs.replace(job, corpora=(msgspec.structs.replace(corpus, shards=(gone,)),))


def _no_base(job: TrainJob) -> TrainJob:
    return msgspec.structs.replace(job, base_path=job.base_path + ".gone")


def _bad_base(job: TrainJob) -> TrainJob:
    Path(job.base_path).write_bytes(b"\x00" * 100)
    return msgspec.structs.replace(job, base_sha256=hashlib.sha256(b"\x00" * 100).hexdigest())


def _too_big(job: TrainJob) -> TrainJob:
    return msgspec.structs.replace(job, memory_bytes=1)


def _bad_plan(job: TrainJob) -> TrainJob:
    return msgspec.structs.replace(job, local_steps=7)


def _little_text(job: TrainJob) -> TrainJob:
    return msgspec.structs.replace(job, corpora=(), privacy=PLANS["none"])


@pytest.mark.parametrize(
    ("damage", "code"),
    [(_no_shard, "storage"), (_no_base, "storage"), (_bad_base, "model"), (_too_big, "model"), (_bad_plan, "privacy"),
     (_little_text, "corpus")],
    ids=lambda v: getattr(v, "__name__", v).strip("_"),
)  # fmt: skip
def test_every_failure_is_one_sentence_and_exit_code_1(
    make_job: MakeJob, start: Callable[..., Worker], damage: Callable[[TrainJob], TrainJob], code: str
) -> None:
    worker = start(damage(make_job("record")), kind=Thread)
    failed = worker.until(Failed)
    assert failed.code == code
    assert failed.message.endswith(".")
    assert "Traceback" not in failed.message
    assert worker.end() == 1
    assert Sealed not in worker.kinds()


def test_a_refused_charge_ends_the_worker_with_the_engines_reason(
    make_job: MakeJob, start: Callable[..., Worker]
) -> None:
    worker = start(make_job("record"), kind=Thread)
    worker.until(ChargeRequest)
    worker.send(Refuse(reason="The budget of Letters is used up."))
    failed = worker.until(Failed)
    assert (failed.code, failed.message) == ("privacy", "The budget of Letters is used up.")
    assert worker.end() == 1


def test_another_key_opens_nothing(make_job: MakeJob, start: Callable[..., Worker]) -> None:
    worker = start(make_job("record"), key=b"o" * 32, kind=Thread)
    assert worker.until(Failed).code == "storage"
    assert worker.end() == 1


def test_a_disk_that_refuses_is_a_storage_error(make_job: MakeJob, start: Callable[..., Worker]) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))

    job = make_job("record")
    worker = start(job, limit=small_files)
    failed = worker.until(Failed)
    assert failed.code == "storage"
    assert worker.end() == 1
    assert not list(Path(job.round_dir).iterdir())


def test_evaluation_of_a_plain_text_needs_no_key(make_job: MakeJob, start: Callable[..., Worker]) -> None:
    import math
    from pydoc_data import topics

    job = make_job("none")
    folder = Path(job.round_dir)
    text = str(topics.topics["assert"]) * 2
    (folder / "text.txt").write_text(text)
    worker = start(
        EvaluateJob(
            model=SPEC, weights_path=job.base_path, tokenizer_path=job.tokenizer_path,
            text_path=str(folder / "text.txt"), seq_len=32,
        )
    )  # fmt: skip
    found = worker.until(Evaluated)
    assert worker.end() == 0
    assert len(text.encode()) - 12 <= found.text_bytes <= len(text.encode())
    assert found.nats_per_token == pytest.approx(math.log(4_096), abs=0.2)
    assert found.bits_per_byte == pytest.approx(
        found.nats_per_token * found.tokens / math.log(2) / found.text_bytes, rel=1e-6
    )


def test_text_that_is_missing_or_huge_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match=r"/gone\.txt"):
        worker_module._text(Path("/gone.txt"))
    monkeypatch.setattr(worker_module, "MAX_TEXT_BYTES", 4)
    (tmp_path / "text").write_bytes(b"12345")
    with pytest.raises(CorpusError, match="larger"):
        worker_module._text(tmp_path / "text")


def compiled_job(make_job: MakeJob, made: Made, tmp_path: Path, **changes: Any) -> TrainJob:
    """A round whose blocks run from a copy of compiled code."""
    assert made.plan.code is not None
    code, base = tmp_path / "kept" / "code", tmp_path / "compiled.safetensors"
    code.parent.mkdir(exist_ok=True)
    if not code.exists():
        shutil.copy(made.plan.code.path, code)
    base.write_bytes(encode_weights(seeded_weights(compiled.MODEL, 1)))
    plan = msgspec.structs.replace(made.plan, code=msgspec.structs.replace(made.plan.code, path=str(code)))
    return make_job(
        "none", model=compiled.MODEL, training=compiled.TRAINING, plan=plan, base_path=str(base),
        base_sha256=hashlib.sha256(base.read_bytes()).hexdigest(), local_steps=200, **changes,
    )  # fmt: skip


def last_plan(job: TrainJob) -> TrainingPlan:
    """How the numbers of a round are computed, as its last checkpoint says."""
    found = [entry for entry in map(Checkpoints(job, KEY)._read, ("checkpoint.0", "checkpoint.1")) if entry]
    plan = max(found, key=lambda entry: entry[0].generation)[0].state.plan
    assert plan is not None
    return plan


def test_compiled_code_runs_behind_the_lock_and_a_broken_off_round_resumes_to_the_same_bytes(
    make_job: MakeJob, start: Callable[..., Worker], made: Made, tmp_path: Path
) -> None:
    whole = compiled_job(make_job, made, tmp_path, folder="whole")
    reference = start(whole)
    assert reference.until(Ready).sandbox == sandbox.level_available()
    reference.until(Sealed)
    job = compiled_job(make_job, made, tmp_path, folder="broken")
    worker = start(job)
    worker.until(Progress, lambda m: m.step >= 1)
    worker.send(Pause())
    step = worker.until(Paused).step
    assert last_plan(job).compiled
    again = start(job)
    assert again.until(Progress).step >= step > 0
    again.until(Sealed)
    assert [one.errors() for one in (reference, worker, again)] == ["", "", ""], "no rung was left"
    assert payload(job) == payload(whole)


def test_code_that_vanished_during_a_round_drops_a_rung_and_the_checkpoint_says_so(
    make_job: MakeJob, start: Callable[..., Worker], made: Made, tmp_path: Path
) -> None:
    job = msgspec.structs.replace(compiled_job(make_job, made, tmp_path), local_steps=4_000)
    worker = start(job, kind=Thread)
    worker.until(Progress, lambda m: m.step >= 1)
    worker.send(Pause())
    step = worker.until(Paused).step
    worker.end()
    assert last_plan(job).compiled
    assert job.plan is not None
    assert job.plan.code is not None
    Path(job.plan.code.path).unlink()
    again = start(job)
    assert again.until(Progress).step >= step, "it goes on, it does not begin again"
    again.until(Progress, lambda m: m.step > step)
    again.send(Pause())
    again.until(Paused)
    assert not last_plan(job).compiled
    assert "The compiled code cannot be read" in again.errors()


def test_code_that_was_exchanged_is_never_run_and_the_round_is_the_uncompiled_one(
    make_job: MakeJob, start: Callable[..., Worker], made: Made, tmp_path: Path
) -> None:
    job = compiled_job(make_job, made, tmp_path, folder="exchanged")
    assert job.plan is not None
    assert job.plan.code is not None
    with Path(job.plan.code.path).open("r+b") as stream:
        stream.seek(-1_000, os.SEEK_END)
        stream.write(b"\x90" * 16)
    worker = start(job)
    worker.until(Sealed)
    assert "not what was compiled here" in worker.errors()
    plan = msgspec.structs.replace(job.plan, compiled=False, code=None)
    plain = compiled_job(make_job, made, tmp_path, folder="plain")
    plain = msgspec.structs.replace(plain, plan=plan)
    start(plain).until(Sealed)
    assert payload(job) == payload(plain)


def test_a_bounded_example_is_never_left_to_compiled_code(make_job: MakeJob) -> None:
    plan = TrainingPlan(compiled=True, code=CodeRef(path="/nowhere", sha256="0" * 64))
    gradients = worker_module.rooms_of(make_job("record", plan=plan), KEY).gradients(RoundState())
    assert isinstance(gradients, PrivateGradients)
    assert gradients._ladder.plan == TrainingPlan()


@pytest.mark.parametrize("unit", ["record", "document"])
def test_on_a_gpu_examples_are_taken_in_chunks_and_a_halved_chunk_is_remembered(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    """No GPU is here: what would be built for one, and then the step on this processor."""
    job = make_job("record", device="cuda:0")
    job = msgspec.structs.replace(job, privacy=msgspec.structs.replace(job.privacy, unit=unit, windows_per_document=2))
    here = worker_module.rooms_of(job, KEY).gradients(RoundState())
    assert isinstance(here, PrivateGradients)
    assert here.clipped_sum is clipped_sum, "a device that is not there leaves the processor"
    for module in (worker_module, plan_module):
        monkeypatch.setattr(module, "usable_device", lambda wanted: wanted)
    there = worker_module.rooms_of(job, KEY).gradients(RoundState())
    assert isinstance(there, PrivateGradients)
    assert isinstance(there.clipped_sum, Chunked)
    assert there.computes.micro_batch == plan_module.EXAMPLES_AT_ONCE
    there.clipped_sum.size = 2
    state = RoundState(step_key=KEY)
    model = Transformer(job.model)
    model.load_arrays(seeded_weights(job.model, 1))
    assert there.compute(model, state, lambda _: None).noise_draws > 0
    there.finished(state)
    again = worker_module.rooms_of(job, KEY).gradients(state)
    assert isinstance(again, PrivateGradients)
    assert again.computes.micro_batch == 2
