"""The child that sees tokens: ``python -I -m core.training.worker --in-fd A --out-fd B --key-fd C``.

Here, and nowhere else in training, the rooms meet: shards and samplers, model and trainer, mechanism and chain. The
order is fixed: imports, job, key, sandbox, and only then text. Nothing but fixed messages goes up the pipe; a failure
is one sentence and exit code 1, a pause is exit code 0. An ``EvaluateJob`` needs no key: its text is the coordinator's.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from numpy.random import PCG64, Generator  # at once: inside the trainer's lock nothing more is loaded

from core import vault
from core.api.errors import CorpusError, HedgerowError, ModelError, PrivacyError, SandboxError, StorageError
from core.data import public
from core.data.documents import DocumentSampler
from core.data.store import Shard, allow_open
from core.data.stream import PackedStream, RecordSampler, Source, held_out_windows, joined
from core.data.tokenizer import Tokenizer
from core.jobs import DPRecord, Evaluated, EvaluateJob, Failed, Paused, Ready, TrainJob, read_key
from core.model.checkpoint_io import read_weights
from core.model.shard import parse_shard
from core.model.transformer import Transformer
from core.postprocess.base import build_chain
from core.postprocess.compression.codec import Held, decode, written_by
from core.postprocess.privacy.dp_sgd import add_noise, way_on
from core.postprocess.privacy.gaussian import CsprngNormal, fresh_key
from core.sandbox import lock_down
from core.subspace import Subspace
from core.training.base import build_model, read_base
from core.training.channel import Channel
from core.training.devices import cap_memory, synchroniser
from core.training.evaluation import score, text_windows
from core.training.gradients import Gradients, PackedGradients, Tokens
from core.training.group import Group, Links
from core.training.ladder import Ladder, ran_out_of_memory
from core.training.pacing import Pacer, busy_clock
from core.training.plan import check_memory, plan_of, usable_device, use_threads
from core.training.private_gradients import PrivateGradients
from core.training.residual import ErrorFeedback
from core.training.round import Rooms, TrainingRound
from core.training.state import Interrupted, RoundState
from core.training.subspaces import Choose, chooser
from core.update import Array, ModelUpdate

MAX_TEXT_BYTES = 256 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one job; the exit code is 0 when it was done or paused, 1 when it failed."""
    parser = argparse.ArgumentParser(prog="core.training.worker", allow_abbrev=False)
    for name in ("--in-fd", "--out-fd"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--key-fd", type=int)
    parser.add_argument("--memory-fd", type=int)
    parser.add_argument("--line", action="append", default=[])
    parser.add_argument("--rendezvous", default="")
    options = parser.parse_args(arguments)
    channel = Channel(options.in_fd, options.out_fd)
    try:
        job = channel.read_job()
        if isinstance(job, EvaluateJob):
            _evaluate(job, channel)
        else:
            links = Links(options.memory_fd, tuple(options.line), options.rendezvous) if options.line else None
            _train(job, options.key_fd, channel, links)
    except BrokenPipeError:
        return 1  # the engine is gone; what is on disk is complete
    except Exception as error:  # noqa: BLE001 - the border: whatever it is, one sentence goes up
        return _fail(channel, error)
    return 0


def _train(job: TrainJob, key_descriptor: int | None, channel: Channel, links: Links | None) -> None:
    if key_descriptor is None:
        raise StorageError("The trainer was started without the store key.")
    key = read_key(key_descriptor)
    check_memory(job)
    use_threads(job.threads)
    Path(job.state_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    group = Group(job, links, channel.check_pause) if links is not None else None
    with group.together() if group is not None else contextlib.nullcontext():
        if group is not None:
            group.connect(usable_device)
        level = _lock(job, group is not None and group.sends) if job.sandbox else "none"
        channel.start()
        channel.send(Ready(sandbox=level, pid=os.getpid()))
        _work(job, key, channel, group)


def _work(job: TrainJob, key: bytes, channel: Channel, group: Group | None) -> None:
    training: TrainingRound | None = None
    try:
        rooms = rooms_of(job, key)
        cap_memory(rooms.device, job.memory_bytes)
        pacer = Pacer(channel, synchroniser(rooms.device), busy_clock(rooms.device))
        rooms = dataclasses.replace(rooms, rest=pacer.rest, waiting=pacer.waiting)
        if group is not None and job.rank:
            group.serve(key, channel, rooms)
            return
        if group is not None:
            rooms = group.lead(key, joined).lend(rooms)
        training = TrainingRound(job, key, channel, rooms)
        training.run()
    except Interrupted:
        state = training.state if training is not None else RoundState()
        channel.send(Paused(step=state.step, seconds=state.seconds))


def _lock(job: TrainJob, sending: bool) -> str:
    corpora = (*job.corpora, job.public) if job.public else job.corpora
    shards = {Path(shard.path).parent for corpus in corpora for shard in corpus.shards}
    code = [job.plan.code.path] if job.plan is not None and job.plan.code is not None else []
    return lock_down(
        read_paths=[*shards, job.base_path, *(part.path for part in job.base_parts), job.tokenizer_path, *code],
        write_paths=[job.round_dir, job.state_dir],
        sending=sending,
    )


def rooms_of(job: TrainJob, key: bytes) -> Rooms:
    """Open tokenizer and shards, and bind sampler, mechanism and chain for this job."""
    tokenizer = Tokenizer.load(job.tokenizer_path)
    if tokenizer.vocab_size > job.model.vocab_size:
        raise ModelError(
            f"The tokenizer knows {tokenizer.vocab_size} tokens, but the model only {job.model.vocab_size}."
        )
    allow_open(sum(len(corpus.shards) for corpus in (*job.corpora, *([job.public] if job.public else []))))
    if job.public and job.privacy.per_example and job.privacy.subspace.kind != "public":
        raise PrivacyError("Public text has no place in this DP-SGD round.")
    if job.privacy.subspace.kind == "public" and not job.public:
        raise PrivacyError("The round needs public text to find its subspace, and there is none.")
    opened = [(corpus, [_shard(ref.path, key, tokenizer) for ref in corpus.shards]) for corpus in job.corpora]
    shards = [shard for _, of_corpus in opened for shard in of_corpus]
    training, plan, learning = job.training, job.privacy, parse_shard(job.model, job.shard).size()
    device = usable_device(job.device)
    open_to_all = (
        Source([_shard(ref.path, public.KEY, tokenizer) for ref in job.public.shards], training.seq_len)
        if job.public
        else None
    )
    choose = chooser(job, functools.partial(_some_windows, open_to_all))

    def gradients(state: RoundState) -> Gradients:
        if plan.per_example:
            records = _examples(shards, job, tokenizer.end_of_text)
            computed = state.plan or plan_of(job)
            way = way_on(device.partition(":")[0], computed.micro_batch, ran_out_of_memory)
            return PrivateGradients(
                records, plan, training.batch_size, way, add_noise, CsprngNormal, computed, choose, job.step_clock
            )
        sources = [(corpus.weight, Source(of_corpus, training.seq_len)) for corpus, of_corpus in opened]
        if job.public and open_to_all is not None:
            sources.append((job.public.weight, open_to_all))
        stream = PackedStream(sources, vault.derive(key, b"window order" + job.federation_id.encode()))
        if state.stream:
            stream.load_state_dict(state.stream)
        return PackedGradients(stream, training.batch_size, state.plan or plan_of(job), training.grad_clip)

    def encode(update: ModelUpdate, record: DPRecord | None) -> tuple[bytes, DPRecord | None]:
        noise = CsprngNormal(fresh_key()) if plan.unit == "corpus" else None
        subspace = _of_release(job, choose) if choose is not None and plan.unit == "corpus" else None
        payload, metrics = build_chain(plan, job.codec, learning, subspace).encode(update, record, noise)
        if plan.unit == "corpus":
            record = DPRecord(
                unit="corpus", steps=1, sampling_prob=1.0, clip_norm=plan.clip_norm,
                noise_multiplier=plan.noise_multiplier, noise_draws=int(metrics["noise_draws"]),
                noise_energy=metrics["noise_energy"],
            )  # fmt: skip
        return payload, record

    return Rooms(
        byte_lengths=tokenizer.byte_lengths,
        held_out=lambda: held_out_windows(shards, training.seq_len, job.held_out_windows),
        gradients=gradients,
        encode=encode,
        feedback=feedback_of(job),
        fresh_key=fresh_key,
        device=device,
    )


def feedback_of(job: TrainJob) -> ErrorFeedback | None:
    """The chain's side of error feedback, where the codec has it; any codec of the terms may have written before."""
    if not job.codec.error_feedback:
        return None
    shapes, allowed = parse_shard(job.model, job.shard).shapes(), job.codecs or (job.codec,)

    def given_back(payload: bytes) -> Array:
        return decode(payload, shapes, written_by(Held(payload), shapes, allowed)).flat()

    return ErrorFeedback(build_chain(job.privacy, job.codec).encode_with_residual, given_back)


def _some_windows(source: Source | None, seed: int, count: int) -> list[Tokens]:
    """Windows of the public text, the same on every machine for one seed."""
    if source is None or not source.num_windows:
        raise PrivacyError("The federation's public text is too short to find a subspace in.")
    generator = Generator(PCG64(seed))
    return [source.window(int(index)) for index in generator.integers(source.num_windows, size=count)]


def _of_release(job: TrainJob, choose: Choose) -> Subspace:
    """The subspace of a whole update, found at the weights the round started from."""
    model = build_model(job).to(usable_device(job.device))
    model.load_arrays(read_base(job))
    return choose(model, job.step_clock, Ladder(plan_of(job)).loss)


def _examples(shards: list[Shard], job: TrainJob, end_of_text: int) -> RecordSampler | DocumentSampler:
    plan, seq_len = job.privacy, job.training.seq_len
    if plan.unit == "document":
        return DocumentSampler(shards, seq_len, plan.sampling_prob, plan.windows_per_document, end_of_text)
    return RecordSampler(shards, seq_len, plan.sampling_prob, end_of_text)


def _shard(path: str, key: bytes, tokenizer: Tokenizer) -> Shard:
    shard = Shard(path, key)
    if shard.tokenizer_sha256 != tokenizer.sha256:
        raise CorpusError(
            f"The token shard {shard.path.name} was made with another tokenizer.", "Add the corpus again."
        )
    return shard


def _evaluate(job: EvaluateJob, channel: Channel) -> None:
    use_threads(job.threads)
    try:
        level = lock_down()
    except SandboxError:
        level = "none"  # the coordinator's own text and weights: nothing here is a stranger's secret
    channel.start()
    channel.send(Ready(sandbox=level, pid=os.getpid()))
    tokenizer = Tokenizer.load(job.tokenizer_path)
    model = Transformer(job.model)
    model.load_arrays(read_weights(job.weights_path, job.model))
    tokens = tokenizer.encode(_text(Path(job.text_path)))
    windows = text_windows(tokens, job.seq_len, job.max_windows)
    try:
        found = score(model, windows, tokenizer.byte_lengths, channel.check_pause)
    except Interrupted:
        channel.send(Paused(step=0, seconds=0.0))
        return
    channel.send(Evaluated(**found._asdict()))


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()[: MAX_TEXT_BYTES + 1]
    except OSError as error:
        raise CorpusError(f"{path} could not be read: {error.strerror or error}.") from error
    if len(raw) > MAX_TEXT_BYTES:
        raise CorpusError(f"{path} is larger than 256 MiB.", "Use a smaller text to evaluate on.")
    return raw.decode("utf-8", errors="replace")


def _fail(channel: Channel, error: Exception) -> int:
    if isinstance(error, HedgerowError):
        failed = Failed(code=error.code, message=error.message, hint=error.hint)
    elif isinstance(error, MemoryError) or "not enough memory" in str(error):
        failed = Failed(code="model", message="The machine ran out of memory.", hint="Close other programs.")
    elif isinstance(error, OSError):
        path = Path(os.fsdecode(error.filename)) if error.filename else Path("a file")
        stored = vault.storage_error(path, error)
        failed = Failed(code=stored.code, message=stored.message, hint=stored.hint)
    else:
        failed = Failed(code="engine", message=f"The trainer failed inside ({type(error).__name__}).")
    # Places only: an exception's own words could quote the text.
    sys.stderr.write("".join(traceback.format_tb(error.__traceback__)) + type(error).__name__ + "\n")
    try:
        channel.send(failed)
    except (OSError, ValueError):
        return 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
