"""What the engine tells and what the app may ask: plain frozen records, nothing else crosses the socket.

Requests and results are named in ``METHODS``. Events are ``Snapshot`` (whole state, at most four a second) and
``Notice``. Times are Unix seconds (float), durations seconds, sizes bytes, energy watt-hours; ε and δ are floats.
Sentences carry a stable ``code`` with ``args`` so that the app can translate them, and an English ``text``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

API_VERSION = 1

State = Literal["training", "waiting", "paused", "paused_rule", "no_budget", "problem", "not_joined"]
Phase = Literal["idle", "download", "reading", "training", "sealing", "slot", "uploading", "receipt"]
Guarantee = Literal["guaranteed", "promised", "none"]
Verdict = Literal["", "useful", "barely", "not useful"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every record on the socket."""


class Sentence(Message, frozen=True, kw_only=True):
    """One sentence for a person: stable code, values, and the English text."""

    code: str
    text: str
    args: dict[str, str | int | float] = {}


class RoundProgress(Message, frozen=True, kw_only=True):
    """The round in progress. ``step`` moves only when a step was really done."""

    federation_id: str
    federation_name: str
    server_round: int
    rounds: int
    phase: Phase
    step: int = 0
    steps: int = 0
    done_bytes: int = 0
    total_bytes: int = 0
    started_at: float = 0.0
    eta_s: float | None = None
    tokens: int = 0
    tokens_per_s: float = 0.0
    upload_bytes: int = 0
    """Size of the sealed update, known beforehand because the codec is fixed-rate."""


class SkippedFile(Message, frozen=True, kw_only=True):
    """A source that was set aside, and why."""

    path: str
    reason: str


class Part(Message, frozen=True, kw_only=True):
    """A part of a text by some property: how many documents or files, and how many bytes."""

    name: str
    count: int
    bytes: int


class CorpusInfo(Message, frozen=True, kw_only=True):
    """One corpus of the owner's. Paths stay on this machine."""

    corpus_id: str
    name: str
    paths: list[str]
    state: Literal["reading", "ready", "error", "missing"]
    documents: int = 0
    records: int = 0
    """Training windows at the default length of 128 tokens; what unit ``record`` counts."""
    tokens: int = 0
    text_bytes: int = 0
    words: int = 0
    held_out_tokens: int = 0
    files_done: int = 0
    files_total: int = 0
    skipped: list[SkippedFile] = []
    skipped_total: int = 0
    error: str = ""
    added_at: float = 0.0
    include: list[str] = []
    exclude: list[str] = []
    hidden: bool = False
    generated: bool = False
    text_field: str = ""
    weight: float = 1.0
    copies: int = 0
    """Documents that are exact copies of others in it; each counts once."""
    elsewhere: int = 0
    """Documents left out because another text of this machine has them; they share its budget all the same."""
    languages: list[Part] = []
    """Documents and bytes by language (ISO 639-1), an empty name for the unknown; largest first."""
    formats: list[Part] = []
    """Files that gave text and their sizes, by the ends of their names."""
    sizes: list[int] = []
    """Documents below 1 kB, 10 kB, 100 kB, 1 MB and above."""
    read_bytes: int = 0
    """While it is read: sizes of the files done, of ``total_bytes``."""
    total_bytes: int = 0
    eta_s: float | None = None
    refreshing: bool = False
    """Whether its files are being looked at again; what was read before is used meanwhile."""


class BudgetPlan(Message, frozen=True, kw_only=True):
    """What one joined federation still means to do with a text."""

    federation_id: str
    federation_name: str
    rounds: int
    """Rounds of the plan still to come."""
    noise_to_signal: float = 0.0
    verdict: Verdict = ""
    """Whether learning can be expected of the whole plan; empty without noise."""
    few: bool = False
    """So little text that learning under noise is unlikely, unless the verdict is useful."""


class PlannedCharge(Message, frozen=True, kw_only=True):
    """A point of the forecast: ε after so many more rounds of everything that is planned."""

    rounds: int
    epsilon: float
    """Rounded up; the last point may lie at the limit, where contribution stops."""


class BudgetInfo(Message, frozen=True, kw_only=True):
    """Privacy of one corpus lineage under one unit."""

    corpus_id: str
    corpus_name: str
    unit: str
    guarantee: Guarantee
    epsilon: float
    """Charged so far, rounded up; the smallest value among the filters."""
    limit: float
    delta: float
    relation: str
    method: str
    orders: list[float] = []
    rounds_left: int | None = None
    releases: int = 0
    ended_by_none: bool = False
    """True once a round without guarantee used this text; no figure holds any more."""
    epsilon_at_end: float | None = None
    """After everything that the joined federations still plan, rounded up, at most the limit; ``None`` without a plan.
    """
    ahead: list[PlannedCharge] = []
    """The way there, in a few points; empty where nothing is planned."""
    plans: list[BudgetPlan] = []
    """The joined federations that charge this budget."""


class ManifestView(Message, frozen=True, kw_only=True):
    """The manifest in words and numbers for the consent page; every text is "in their words", plain."""

    name: str
    operator: str
    jurisdiction: str
    purpose: str
    licence: str
    withdrawal: str
    unit: str
    relation: str
    rounds: int
    steps_per_round: int
    batch_size: int
    seq_len: int
    clip_norm: float
    preset: str
    parameters: int
    upload_bytes: int
    download_bytes: int
    cohort_size: int
    codec: str
    shard: str
    public_tokens: int = 0
    """Tokens of public text that the operator offers to everybody; fetched once."""
    public_bytes: int = 0
    public_weight: float = 0.0
    """Its share in the stream, where each corpus has 1."""
    forwards_to: str = ""
    """Of a household: the larger federation that the mean of its machines' updates goes on to."""
    slower_codecs: list[str] = []
    """What a slow line may send instead, smaller; ``upload_bytes`` is the most of all."""
    carries_over: bool = False
    """Whether what a round leaves out of its update stays here, encrypted, and goes into later ones."""
    starts_alone: bool = False
    """Whether the first weights are one volunteer's training, summed with nobody's."""
    held_out_score: bool = False
    """Whether a score on the owner's held-out text is asked for in some rounds."""


class FederationInfo(Message, frozen=True, kw_only=True):
    """One federation this machine has joined."""

    federation_id: str
    name: str
    operator: str
    address: str
    manifest_hash: str
    manifest: ManifestView
    corpora: list[str]
    """Corpus ids offered to this federation."""
    joined_at: float
    state: Literal["active", "unreachable", "below_floor", "resting", "finished", "left"]
    """``below_floor``: the owner's floor rose above what was joined, so that every round is declined. ``resting``: its
    weight is 0, so that no new round is begun; one that was begun is finished."""
    last_contact_at: float | None = None
    server_round: int = 0
    rounds_done: int = 0
    last_error: str = ""
    """Under ``below_floor`` what is wanted, what the manifest gives, and what can be done."""
    weight: float = 1.0
    """The owner's, beside the other federations; 0 to 100."""
    week_seconds: float = 0.0
    """Seconds trained for it in the last seven days, by which its share is kept."""


class UploadInfo(Message, frozen=True, kw_only=True):
    """One update: everything that left, or is about to."""

    upload_id: str
    federation_id: str
    federation_name: str
    server_round: int
    state: Literal["sealed", "uploading", "sent", "accepted", "refused", "late"]
    sealed_at: float
    sent_at: float | None = None
    size_bytes: int
    dense_bytes: int
    sha256: str
    unit: str
    """What the guarantee protects; ``public`` where no text of the owner's was read."""
    epsilon_after: float | None = None
    epsilon_cost: float | None = None
    delta: float | None = None
    reason: str = ""


class LayerNorm(Message, frozen=True, kw_only=True):
    """L2 norm of one parameter's update as sent."""

    name: str
    size: int
    norm: float


class UploadDetail(Message, frozen=True, kw_only=True):
    """What is inside one upload: decoded from the sealed bytes, nothing else is sent."""

    upload: UploadInfo
    codec: str
    base_hash: str
    nonce: str
    manifest_hash: str
    metrics: dict[str, float]
    layers: list[LayerNorm]
    histogram: list[int]
    histogram_low: float
    histogram_high: float


class Contribution(Message, frozen=True, kw_only=True):
    """What this machine gave, in total and this week (from Monday, local time)."""

    rounds: int = 0
    tokens: int = 0
    gpu_seconds: float = 0.0
    """Seconds of training on the device that trained, GPU or CPU."""
    energy_wh: float = 0.0
    energy_measured: bool = False
    uploads: int = 0
    uploaded_bytes: int = 0
    week_seconds: float = 0.0
    week_offered_s: float = 0.0
    week_uploads: int = 0
    week_uploaded_bytes: int = 0
    days: list[tuple[str, float]] = []
    """(ISO date, seconds given) of the last 56 days that had any."""


class Point(Message, frozen=True, kw_only=True):
    """One point of a plot. ``step`` counts this machine's training steps over all rounds."""

    step: int
    server_round: int
    value: float


class Series(Message, frozen=True, kw_only=True):
    """What the plots show: training loss (nats per token) and held-out bits per byte of the owner's text."""

    loss: list[Point] = []
    bits_per_byte: list[Point] = []


class EngineInfo(Message, frozen=True, kw_only=True):
    """The engine itself."""

    version: str
    pid: int
    started_at: float
    home: str
    keystore: str
    sandbox: str
    """Level reached by the children, such as ``seccomp`` or ``seccomp+landlock``; empty until one has run."""
    device: str = ""


class Snapshot(Message, frozen=True, kw_only=True):
    """Everything a window needs. Pushed on attach and after each change, at most four times a second."""

    revision: int
    state: State
    why: Sentence
    until: float | None = None
    engine: EngineInfo
    round: RoundProgress | None = None
    federations: list[FederationInfo] = []
    corpora: list[CorpusInfo] = []
    contribution: Contribution = Contribution()
    privacy: list[BudgetInfo] = []
    uploads: list[UploadInfo] = []
    """The newest 50; ``uploads.list`` has all."""
    series: Series = Series()


class Notice(Message, frozen=True, kw_only=True):
    """A passing event for a toast or a log line."""

    level: Literal["info", "warning", "error"]
    sentence: Sentence
    at: float


class InviteView(Message, frozen=True, kw_only=True):
    """What an invite says, read without any connection."""

    name: str
    address: str
    fingerprint: str
    """First 12 hex digits of the federation key, in groups of four."""
    expires_at: float
    uses: int
    expired: bool


class CorpusOffer(Message, frozen=True, kw_only=True):
    """What joining would cost one corpus, solved by this machine."""

    corpus_id: str
    name: str
    usable: bool
    reason: str = ""
    units: int = 0
    """n, bucketed: records under ``record``, 1 under ``corpus``."""
    sampling_prob: float = 0.0
    noise_multiplier: float = 0.0
    epsilon_limit: float = 0.0
    epsilon_planned: float = 0.0
    epsilon_pld: float | None = None
    """Of the same plan by privacy loss distributions, which assume that it never changes: to compare, not promised."""
    delta: float = 0.0
    rounds_affordable: int = 0
    guarantee: Guarantee = "none"
    noise_to_signal: float = 0.0
    """r = σ√N/(B√(T·M)) of the whole plan: noise beside the most that is learned; 0 without noise."""
    verdict: Verdict = ""
    """Whether learning can be expected at this price; empty without noise."""
    few: bool = False
    """So little text that learning under noise is unlikely, whatever the verdict."""


class TermsView(Message, frozen=True, kw_only=True):
    """Invite, checked manifest and the cost of joining, before anything is enrolled."""

    invite: InviteView
    federation_id: str
    manifest_hash: str
    manifest: ManifestView
    offers: list[CorpusOffer]
    leaves: list[str]
    """Fields that leave this machine, from the message schema."""
    memory_bytes: int
    fits: bool
    fits_reason: str = ""
    epsilon: float = 8.0
    """The limit that was priced: what was asked for, or the suggestion."""


class GpuProcess(Message, frozen=True, kw_only=True):
    """One program that uses a GPU."""

    pid: int
    name: str = ""
    """Empty where this user may not read it."""
    memory_bytes: int | None = None


class Device(Message, frozen=True, kw_only=True):
    """One device that could train. ``None`` means unknown."""

    device_id: str
    name: str
    kind: Literal["cpu", "cuda", "mps", "xpu"]
    memory_bytes: int | None = None
    free_bytes: int | None = None
    capability: str = ""
    driver: str = ""
    temperature_c: float | None = None
    power_w: float | None = None
    utilisation: float | None = None
    problem: str = ""
    """Why it cannot train, as a sentence; empty if it can."""
    power_limit_w: float | None = None
    """What the driver holds it to; changing that needs an administrator."""
    drives_display: bool | None = None
    mig: bool | None = None
    """Whether the GPU is split into instances; then name and memory are those of the first."""
    processes: list[GpuProcess] | None = None
    """What uses it now, largest first."""


class TrainingPlanView(Message, frozen=True, kw_only=True):
    """How this machine computes one federation's model, as it was measured, and why."""

    federation_name: str
    preset: str
    device: str
    dtype: str
    attention: str
    compiled: bool
    shard: str = "full"
    """What of the model learns in a round."""
    micro_batch: int
    """Sequences at once; the batch itself never changes."""
    batch_size: int
    tokens_per_s: float
    peak_bytes: int
    budget_bytes: int
    probes: int
    measured_at: float
    explanation: list[str]
    """One sentence for each choice."""


class HardwareProfile(Message, frozen=True, kw_only=True):
    """What the machine has. ``None`` means unknown, never guessed."""

    cpu_name: str
    cpu_cores: int
    cpu_threads: int
    cpu_features: list[str]
    memory_bytes: int
    free_memory_bytes: int
    disk_free_bytes: int
    battery_percent: float | None
    on_battery: bool | None
    nvml: str
    """``ok`` with the driver version, or the reason why there is none, as a sentence."""
    devices: list[Device]
    network_metered: bool | None = None
    """Whether the network in use is paid by volume; measured, as the fields below, only by a probe."""
    idle_s: float | None = None
    """Seconds without keyboard and mouse."""
    full_screen: bool | None = None
    torch: str = ""
    """What torch says about itself, as a sentence; empty until it was asked."""
    training: list[TrainingPlanView] = []
    """Measured plans of the joined federations; only what was measured is listed."""


class LoadView(Message, frozen=True, kw_only=True):
    """What the machine does now, whoever makes it do that. ``None`` means unknown."""

    cores_used: float | None = None
    """Since the last look."""
    cores: int
    memory_used_bytes: int
    memory_bytes: int
    devices: list[Device] = []
    """NVIDIA GPUs."""


class TorchView(Message, frozen=True, kw_only=True):
    """What torch sees, asked in a child process."""

    torch: str
    devices: list[Device] = []


class Check(Message, frozen=True, kw_only=True):
    """One line of the doctor."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    code: str = ""
    """What was checked, and how it turned out, for a program that says it in its own words; empty: say ``detail``."""
    args: dict[str, str | int | float] = {}


class Acknowledged(Message, frozen=True, kw_only=True):
    """The request was carried out."""

    detail: str = ""


class Hello(Message, frozen=True, kw_only=True):
    """Answer to the first request."""

    api_version: int
    engine_version: str
    snapshot: Snapshot


class CorpusChoice(Message, frozen=True, kw_only=True):
    """One corpus offered when joining, with its budget."""

    corpus_id: str
    epsilon: float = 8.0


class HelloParams(Message, frozen=True, kw_only=True):
    """First request on every connection."""

    token: str
    api_version: int = API_VERSION


class Nothing(Message, frozen=True, kw_only=True):
    """No parameters."""


class PathsParams(Message, frozen=True, kw_only=True):
    """Files or folders, and what of them is read."""

    paths: list[str]
    name: str = ""
    include: list[str] = []
    """Patterns like those of ``.gitignore``, on the path below a chosen folder; empty for everything."""
    exclude: list[str] = []
    hidden: bool = False
    generated: bool = False
    text_field: str = ""
    """Field or column that holds the text, in files of records; empty for the usual names."""
    weight: float = 1.0
    """How often it is drawn beside other texts."""


class CorpusParams(Message, frozen=True, kw_only=True):
    """One corpus."""

    corpus_id: str


class ChangeParams(Message, frozen=True, kw_only=True):
    """What is to be different about one corpus; ``None`` leaves it as it is."""

    corpus_id: str
    include: list[str] | None = None
    exclude: list[str] | None = None
    hidden: bool | None = None
    generated: bool | None = None
    text_field: str | None = None
    weight: float | None = None


class PreviewTicket(Message, frozen=True, kw_only=True):
    """Lets a preview child, started by whoever asked, show one document; good once and for a few seconds."""

    path: str
    """Of a socket in the engine's private folder."""
    documents: int
    """How many there are to choose from."""


class PreviewText(Message, frozen=True, kw_only=True):
    """What a preview child writes: the very text that is used, or the beginning of it. It never crosses the socket."""

    document: int
    """Its number, from 1."""
    documents: int
    text: str
    cut: bool = False
    """Whether the document goes on."""
    tokens: int = 0
    """0 for a file that was not read into shards."""
    text_bytes: int = 0
    held_out: bool = False
    """Whether it is held back for testing."""
    field: str = ""
    """Of a file of records or a table: the field or column that was read."""
    fields: list[str] = []
    """Its fields or columns, the first ones."""


class ModelHere(Message, frozen=True, kw_only=True):
    """The newest model of a federation that lies on this machine, for a completer child that whoever asked starts."""

    name: str
    """The federation's."""
    rounds: int
    """Rounds that made it; 0 for the first weights."""
    preset: str
    parameters: int
    job: str
    """What the child is told beside the text, as it is."""


class InviteParams(Message, frozen=True, kw_only=True):
    """One invite, and for terms the budget asked for per corpus."""

    invite: str
    epsilon: float | None = None
    """``None`` asks for the suggestion: the smallest limit of 1, 3 and 8 whose verdict is *useful*."""


class JoinParams(Message, frozen=True, kw_only=True):
    """Consent: the invite, the manifest that was shown, and the text offered."""

    invite: str
    manifest_hash: str
    corpora: list[CorpusChoice]


class FederationParams(Message, frozen=True, kw_only=True):
    """One federation."""

    federation_id: str


class ShareParams(Message, frozen=True, kw_only=True):
    """What one federation weighs beside the others: 0 to 100, 0 has it rest."""

    federation_id: str
    weight: float


class SnoozeParams(Message, frozen=True, kw_only=True):
    """How long to pause, in seconds."""

    seconds: float


class UploadParams(Message, frozen=True, kw_only=True):
    """One upload."""

    upload_id: str


class HardwareParams(Message, frozen=True, kw_only=True):
    """Whether to measure, not only to list."""

    probe: bool = False


class LimitsParams(Message, frozen=True, kw_only=True):
    """One limit as ``key=value`` of ``core.config.Limits`` or ``NodeConfig``."""

    key: str
    value: str


class LimitsView(Message, frozen=True, kw_only=True):
    """The owner's limits as key → value in words."""

    values: dict[str, str]


class CorpusList(Message, frozen=True, kw_only=True):
    """All corpora."""

    corpora: list[CorpusInfo]


class UploadList(Message, frozen=True, kw_only=True):
    """All uploads, newest first."""

    uploads: list[UploadInfo]


class BudgetList(Message, frozen=True, kw_only=True):
    """All budgets."""

    budgets: list[BudgetInfo]


class ExportParams(Message, frozen=True, kw_only=True):
    """Where to write the privacy ledger to, for its owner."""

    path: str
    """A new file in a folder that exists; absolute."""
    report: bool = False
    """In words instead of JSON."""


class UploadExportParams(Message, frozen=True, kw_only=True):
    """Where to write one update to, for its owner: the very bytes that were sent, and beside them what they say."""

    upload_id: str
    path: str
    """A new file in a folder that exists; absolute. ``.json`` behind it names the second one."""


class Footprint(Message, frozen=True, kw_only=True):
    """Energy of everything this machine gave, and of the same training in a data centre; method: docs of
    ``core.hardware.footprint``. CO₂ follows where the owner said how clean the grid is."""

    measured_wh: float = 0.0
    estimated_wh: float = 0.0
    """Of the time in which nothing could be measured: at ``device_watts``."""
    device_watts: float = 0.0
    transfer_wh: float = 0.0
    """At most, for what went up and came down."""
    data_centre_wh: float = 0.0
    co2_g: float | None = None
    """Grams of everything here; ``None`` where the owner did not say how clean the grid is."""
    data_centre_co2_g: float | None = None

    @property
    def here_wh(self) -> float:
        """Measured, estimated and the network's share together."""
        return self.measured_wh + self.estimated_wh + self.transfer_wh


class HistoryRow(Message, frozen=True, kw_only=True):
    """One finished round."""

    federation_name: str
    server_round: int
    finished_at: float
    seconds: float
    tokens: int
    energy_wh: float
    state: str
    measured: bool = False
    """Whether all of its energy was measured."""
    federation_id: str = ""
    sent_bytes: int = 0
    release_id: int = 0


class HistoryParams(Message, frozen=True, kw_only=True):
    """Which finished rounds: the newest, or those older than one of them."""

    before: int = 0
    """A ``HistoryList.older``; 0 means the newest."""


class HistoryList(Message, frozen=True, kw_only=True):
    """Finished rounds, newest first, as many as fit into one answer."""

    rows: list[HistoryRow]
    older: int = 0
    """Ask again with this for the older ones; 0 where these are all."""
    contribution: Contribution
    footprint: Footprint = Footprint()


class CheckList(Message, frozen=True, kw_only=True):
    """The doctor's report."""

    checks: list[Check]


class LogText(Message, frozen=True, kw_only=True):
    """The end of the engine's log. It holds no text of the owner's and no names of their files."""

    lines: list[str]


METHODS: dict[str, tuple[type[Message], type[Message]]] = {
    "hello": (HelloParams, Hello),
    "status": (Nothing, Snapshot),
    "start": (Nothing, Acknowledged),
    "pause": (Nothing, Acknowledged),
    "resume": (Nothing, Acknowledged),
    "snooze": (SnoozeParams, Acknowledged),
    "shutdown": (Nothing, Acknowledged),
    "corpus.add": (PathsParams, CorpusInfo),
    "corpus.list": (Nothing, CorpusList),
    "corpus.inspect": (CorpusParams, CorpusInfo),
    "corpus.remove": (CorpusParams, Acknowledged),
    "corpus.change": (ChangeParams, CorpusInfo),
    "corpus.refresh": (CorpusParams, CorpusInfo),
    "corpus.cancel": (CorpusParams, CorpusInfo),
    "corpus.preview": (CorpusParams, PreviewTicket),
    "model.here": (FederationParams, ModelHere),
    "invite.inspect": (InviteParams, InviteView),
    "federation.terms": (InviteParams, TermsView),
    "federation.join": (JoinParams, FederationInfo),
    "federation.leave": (FederationParams, Acknowledged),
    "federation.share": (ShareParams, FederationInfo),
    "uploads.list": (Nothing, UploadList),
    "uploads.inspect": (UploadParams, UploadDetail),
    "uploads.export": (UploadExportParams, Acknowledged),
    "privacy": (Nothing, BudgetList),
    "privacy.export": (ExportParams, Acknowledged),
    "history": (HistoryParams, HistoryList),
    "hardware": (HardwareParams, HardwareProfile),
    "limits.show": (Nothing, LimitsView),
    "limits.set": (LimitsParams, LimitsView),
    "doctor": (Nothing, CheckList),
    "log": (Nothing, LogText),
    "load": (Nothing, LoadView),
}
"""Every request: name → (parameters, result). The engine refuses any other name."""
