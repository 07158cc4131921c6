"""Messages on the pipes between the engine and its children, reader and trainer.

A child is started as ``python -I -m core.training.worker --in-fd A --out-fd B --key-fd C`` (or ``core.data.reader``).
The first line it reads is its job. It then sends *up* messages and reads *down* messages, one JSON object per line,
tagged by ``type``. No text of the owner's ever crosses: counts, positions, hashes and file names only. The key
descriptor holds the 32-byte store key and is closed after reading.
"""

from __future__ import annotations

import math
import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from core.config.exchange import CodecConfig
from core.config.learning import TrainingConfig
from core.config.model import ModelSpec
from core.config.privacy import SubspaceTerms

MAX_JOB_LINE = 64 << 20
KEY_BYTES = 32


class Job(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True, forbid_unknown_fields=True):
    """Base of every message on the pipes."""


class ShardRef(Job, frozen=True, kw_only=True, tag="shard"):
    """One encrypted token shard of a corpus."""

    path: str
    sha256: str
    tokens: int
    documents: int
    text_bytes: int


class CorpusRef(Job, frozen=True, kw_only=True, tag="corpus"):
    """One corpus as the trainer sees it."""

    corpus_id: str
    shards: tuple[ShardRef, ...]
    weight: float = 1.0


class PrivacyPlan(Job, frozen=True, kw_only=True, tag="plan"):
    """The mechanism of one round, fixed at consent; its probability and noise never move with edits."""

    unit: Literal["document", "record", "corpus", "none"]
    clip_norm: float = 0.0
    noise_multiplier: float = 0.0
    sampling_prob: float = 0.0
    steps: int = 0
    units: int = 0
    """Bucketed n fixed at consent."""
    windows_per_document: int = 1
    """Unit ``document``: most windows of one document in one step."""
    subspace: SubspaceTerms = SubspaceTerms()
    """What of an update is released at all."""

    @property
    def per_example(self) -> bool:
        """Whether the mechanism is DP-SGD inside the trainer."""
        return self.unit in ("document", "record")


class BatchProbe(Job, frozen=True, kw_only=True, tag="batch_probe"):
    """One whole training step that was measured while the batch size was sought."""

    micro_batch: int
    """Sequences at once."""
    peak_bytes: int
    """Most memory the process held; 0 where it ran out."""
    tokens_per_s: float
    step_s: float


class CodeRef(Job, frozen=True, kw_only=True, tag="code"):
    """Blocks of a model compiled ahead for one plan, as the engine keeps them."""

    path: str
    sha256: str
    """Of the file; nothing of it is loaded that does not have it."""


class TrainingPlan(Job, frozen=True, kw_only=True, tag="training_plan"):
    """How the numbers of a round are computed. It changes speed and rounding, never what is computed."""

    device: str = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products; weights, sums and moments are always float32."""
    compiled: bool = False
    """Whether blocks run from ``code``."""
    code: CodeRef | None = None
    attention: Literal["fused", "math"] = "fused"
    micro_batch: int = 1
    """Sequences at once; under DP-SGD on a GPU, examples at once."""
    loss_rows: int = 0
    """Predictions whose logits exist at a time; 0 means all of a micro-batch."""
    tokens_per_s: float = 0.0
    """Measured; 0 where nothing was."""
    peak_bytes: int = 0
    """Measured with this micro-batch; 0 where nothing was."""
    bytes_per_sequence: int = 0
    """Measured growth of the peak for one sequence more; 0 where nothing was."""
    budget_bytes: int = 0
    """Memory the search kept within."""
    probes: tuple[BatchProbe, ...] = ()
    explanation: tuple[str, ...] = ()
    """One sentence for each choice, for the owner to read."""


class BasePart(Job, frozen=True, kw_only=True, tag="base_part"):
    """One unit of the base weights as a file of its own."""

    unit: str
    path: str
    sha256: str
    narrow: bool = False
    """Its matrices are bfloat16; only for units that do not learn."""


class TrainJob(Job, frozen=True, kw_only=True, tag="train"):
    """One round of local training."""

    federation_id: str
    run_id: str
    server_round: int
    round_dir: str
    """Folder of this round, 0700; checkpoints and the sealed update go here."""
    state_dir: str
    """Folder of inner-optimiser state that stays on this machine, tagged (federation, unit, corpora)."""
    base_path: str
    """safetensors file of the base weights, already hash-checked by the engine."""
    base_sha256: str
    model: ModelSpec
    training: TrainingConfig
    codec: CodecConfig
    codecs: tuple[CodecConfig, ...] = ()
    """Every codec that earlier updates of this federation may have been written by; empty: this one alone."""
    privacy: PrivacyPlan
    corpora: tuple[CorpusRef, ...]
    tokenizer_path: str
    step_clock: int
    """Federation steps done before this round; drives the learning rate."""
    local_steps: int
    seed: int = 0
    """The federation's; first weights and public subspaces follow from it."""
    token_budget: int = 0
    """Unit ``none`` only: most tokens this round; 0 means no bound."""
    deadline_at: float = 0.0
    """Unit ``none`` only: Unix time after which no further step starts; 0 means none."""
    device: str = "cpu"
    threads: int = 1
    memory_bytes: int = 0
    """Most memory the trainer may use; 0 means what the machine has free."""
    checkpoint_interval_s: float = 60.0
    held_out_windows: int = 32
    sandbox: bool = True
    """Only the simulation, which holds no private text, may turn this off."""
    plan: TrainingPlan | None = None
    """Measured by the probe; without one the plan follows from the job alone. A resumed round keeps its first."""
    shard: str = "full"
    """What learns, as ``core.model.shard`` names it."""
    base_parts: tuple[BasePart, ...] = ()
    """The base weights unit by unit, where the checkpoint is stored so; ``base_path`` is then their index."""
    frozen_dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """How the matrices that do not learn are held."""
    public: CorpusRef | None = None
    """The federation's public shards, already hash-checked; packed windows only, under ``none`` and ``corpus``."""
    devices: tuple[str, ...] = ()
    """Devices that share the round, one process each; empty means ``device`` alone."""
    rank: int = 0
    """Which of ``devices`` this process is; 0 leads, and alone speaks of charges, progress and the update."""
    strategy: Literal["", "ddp", "fsdp", "local"] = ""
    """How they share it; empty means as measured."""
    returned: tuple[str, ...] = ()
    """With error feedback: SHA-256 of earlier updates that were refused, which go back into it once."""


class CompleteJob(Job, frozen=True, kw_only=True, tag="complete"):
    """Which model continues a text that its owner writes; the text itself comes from whoever asks."""

    weights_path: str
    """Whole weights as they were received."""
    weights_sha256: str
    model: ModelSpec
    tokenizer_path: str
    tokenizer_sha256: str
    threads: int = 1


class ReadJob(Job, frozen=True, kw_only=True, tag="read"):
    """Read sources into encrypted shards."""

    corpus_id: str
    paths: tuple[str, ...]
    store_dir: str
    tokenizer_path: str
    tokenizer_sha256: str
    max_file_bytes: int = 64 << 30
    max_memory_bytes: int = 2 << 30
    include: tuple[str, ...] = ()
    """Patterns of what is read, on the path below a chosen folder; empty for everything."""
    exclude: tuple[str, ...] = ()
    hidden: bool = False
    generated: bool = False
    text_field: str = ""
    """Name of the field or column that holds the text; empty for the usual names."""
    elsewhere: tuple[str, ...] = ()
    """Digest files of corpora whose documents are not packed a second time."""
    keep: tuple[str, ...] = ()
    """Shards of older generations that are still in use."""
    glance: bool = False
    """Only look whether a file changed: the shards are then not read through where none did."""
    excluded: tuple[tuple[str, str], ...] = ()
    """Hashed names of files that ended an earlier reader, each with the reason."""


class PreviewJob(Job, frozen=True, kw_only=True, tag="preview"):
    """Show the owner a document of a corpus; the child's own pipe takes the text, never the engine."""

    corpus_id: str
    shards: tuple[ShardRef, ...]
    tokenizer_path: str
    tokenizer_sha256: str


class EvaluateJob(Job, frozen=True, kw_only=True, tag="evaluate"):
    """Bits per byte of a plain text the coordinator owns; never private text."""

    model: ModelSpec
    weights_path: str
    tokenizer_path: str
    text_path: str
    seq_len: int
    threads: int = 1
    max_windows: int = 256


class ProbeJob(Job, frozen=True, kw_only=True, tag="probe"):
    """Find the plan for one model on this machine, on made-up tokens."""

    model: ModelSpec
    training: TrainingConfig
    unit: Literal["document", "record", "corpus", "none"]
    device: str = "cpu"
    threads: int = 1
    memory_bytes: int = 0
    """Most memory the trainer may use; 0 means most of what the machine has free."""
    shard: str = "full"
    """What learns, as ``core.model.shard`` names it; the rest is held without gradients."""
    max_seconds: float = 30.0
    """No further measurement starts after this time."""


class Probed(Job, frozen=True, kw_only=True, tag="probed"):
    """What the probe found."""

    plan: TrainingPlan


class CompileJob(Job, frozen=True, kw_only=True, tag="compile"):
    """Compile the blocks of one model for one plan, and say whether that is faster, on made-up numbers."""

    probe: ProbeJob
    """What the plan was measured for."""
    plan: TrainingPlan
    folder: str
    """The only folder it may write into; the code is left there."""


class Compiled(Job, frozen=True, kw_only=True, tag="compiled"):
    """What came of compiling."""

    outcome: Literal["faster", "slower", "failed"]
    """Only code of the first kind is kept."""
    sentence: str
    tokens_per_s: float = 0.0
    peak_bytes: int = 0


class Ready(Job, frozen=True, kw_only=True, tag="ready"):
    """The child is locked down and understood its job."""

    sandbox: str
    """Level reached, such as ``seccomp``."""
    pid: int = 0


class Alive(Job, frozen=True, kw_only=True, tag="alive"):
    """Sign of life, at least every 2 s while working; no claim of progress."""

    looks: int = 0
    """How often the work has looked at the pause button so far; one that does not grow says that it hangs."""


class Progress(Job, frozen=True, kw_only=True, tag="progress"):
    """Real progress. ``step`` counts optimiser steps done in this round."""

    step: int
    steps: int
    tokens: int
    loss: float | None = None
    seconds: float = 0.0
    """Seconds of computing in this round so far, over all restarts."""
    tokens_per_s: float = 0.0
    fraction: float | None = None
    """Share of the current step that is done; DP steps are long on a CPU."""


class HeldOut(Job, frozen=True, kw_only=True, tag="held_out"):
    """Bits per byte of the base weights on the owner's held-out text; local only."""

    bits_per_byte: float
    nats_per_token: float


class ChargeRequest(Job, frozen=True, kw_only=True, tag="charge_request"):
    """The trainer is about to do the first thing that can influence an upload."""

    plan: PrivacyPlan


class Grant(Job, frozen=True, kw_only=True, tag="grant"):
    """The charge is durable; go on."""

    charge_id: int


class Refuse(Job, frozen=True, kw_only=True, tag="refuse"):
    """No; stop without writing anything."""

    reason: str


class Pause(Job, frozen=True, kw_only=True, tag="pause"):
    """Write a checkpoint and exit."""


class Throttle(Job, frozen=True, kw_only=True, tag="throttle"):
    """Compute only so much of the time, and sleep for the rest."""

    share: Annotated[float, Meta(gt=0.0, le=1.0)]


class Paused(Job, frozen=True, kw_only=True, tag="paused"):
    """The checkpoint is on disk; the process ends now."""

    step: int
    seconds: float


class DPRecord(Job, frozen=True, kw_only=True, tag="dp_record"):
    """What the mechanism really did; the chain's privacy link verifies it against the plan."""

    unit: str
    steps: int
    sampling_prob: float
    clip_norm: float
    noise_multiplier: float
    noise_draws: int
    """Gaussian values drawn: for DP-SGD in each step, for ``corpus`` once, as many as are released of an update."""
    noise_energy: float
    """Sum of the squares of all of them as they were added, about (σC)² each."""

    @property
    def too_quiet(self) -> bool:
        """Whether what was drawn is quieter than the record says, beyond chance: eight standard deviations."""
        expected = self.noise_draws * (self.noise_multiplier * self.clip_norm) ** 2
        least = 1 - 8 * math.sqrt(2 / self.noise_draws) if self.noise_draws else 0.0
        return not self.noise_energy >= least * expected


class Sealed(Job, frozen=True, kw_only=True, tag="sealed"):
    """The update is encoded, encrypted, fsynced and renamed."""

    path: str
    sha256: str
    """Of the encoded (plain, to be sent) bytes."""
    size_bytes: int
    dense_bytes: int
    steps: int
    tokens: int
    seconds: float
    mean_loss: float | None = None


class Failed(Job, frozen=True, kw_only=True, tag="failed"):
    """The child could not do its job; ``message`` is one sentence without text of the owner's."""

    code: str
    message: str
    hint: str = ""


class ReadProgress(Job, frozen=True, kw_only=True, tag="read_progress"):
    """How far the reader is."""

    files_done: int
    files_total: int
    text_bytes: int
    tokens: int
    bytes_done: int = 0
    """Sizes of the files done, whatever text was in them."""
    bytes_total: int = 0
    eta_s: float | None = None
    """Seconds to go at the pace so far; none where nothing can be said yet."""


class Skipped(Job, frozen=True, kw_only=True, tag="skipped"):
    """One source set aside."""

    path: str
    reason: str


class Share(Job, frozen=True, kw_only=True, tag="share"):
    """A part of a corpus by some property: how many documents or files, and how many bytes."""

    name: str
    count: int
    bytes: int


class ReadResult(Job, frozen=True, kw_only=True, tag="read_result"):
    """What the reader made."""

    shards: tuple[ShardRef, ...]
    documents: int
    records: int
    tokens: int
    text_bytes: int
    words: int
    held_out_tokens: int
    skipped_total: int
    digests_path: str = ""
    """Where the keyed digests of its documents lie, encrypted: the lineage sketch, independent of extractor and
    tokenizer. Millions do not fit a line."""
    copies: int = 0
    """Documents that are exact copies of others of this corpus, and so were not packed."""
    elsewhere: int = 0
    """Documents that were not packed because another corpus has them; their digests are in the sketch."""
    languages: tuple[Share, ...] = ()
    """Documents and bytes of text by language, an empty name for the unknown; largest first."""
    formats: tuple[Share, ...] = ()
    """Files that gave text and their sizes, by the ends of their names."""
    sizes: tuple[int, ...] = ()
    """Documents below 1 kB, 10 kB, 100 kB, 1 MB and above."""


class Evaluated(Job, frozen=True, kw_only=True, tag="evaluated"):
    """Result of an evaluation."""

    bits_per_byte: float
    nats_per_token: float
    tokens: int
    text_bytes: int


Up = (
    Ready | Alive | Progress | HeldOut | ChargeRequest | Paused | DPRecord | Sealed | Failed
    | ReadProgress | Skipped | ReadResult | Evaluated | Probed | Compiled
)  # fmt: skip
Down = TrainJob | ReadJob | PreviewJob | EvaluateJob | ProbeJob | CompileJob | Grant | Refuse | Pause | Throttle

_decode_up: msgspec.json.Decoder[Up] = msgspec.json.Decoder(Up)
_decode_down: msgspec.json.Decoder[Down] = msgspec.json.Decoder(Down)


def encode(message: Job) -> bytes:
    """One line, newline included."""
    return msgspec.json.encode(message) + b"\n"


def decode_up(line: bytes) -> Up:
    """Check one line from a child.

    Raises:
        ValueError: it is not a known message.
    """
    if len(line) > MAX_JOB_LINE:
        raise ValueError("line too long")
    return _decode_up.decode(line)


def decode_down(line: bytes) -> Down:
    """Check one line from the engine.

    Raises:
        ValueError: it is not a known message.
    """
    if len(line) > MAX_JOB_LINE:
        raise ValueError("line too long")
    return _decode_down.decode(line)


def read_key(descriptor: int) -> bytes:
    """Read the store key from an inherited descriptor and close it.

    Raises:
        ValueError: it holds anything but 32 bytes.
    """
    with os.fdopen(descriptor, "rb") as stream:
        key = stream.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise ValueError("the key descriptor does not hold 32 bytes")
    return key
