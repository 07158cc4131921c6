"""Scenes for the window: plausible snapshots and answers, so that pages are looked at as a person would see them."""

from __future__ import annotations

import hashlib
import math
import random
import time
from datetime import date, timedelta

import msgspec

from core.api.hosting import Hosted, HostedMeasure, HostedRound, HostedVolunteer
from core.api.messages.base import Message, Sentence
from core.api.messages.corpora import CorpusInfo, Part, PreviewTicket, SkippedFile
from core.api.messages.federations import (
    CorpusOffer,
    FederationInfo,
    InviteParams,
    InviteView,
    ManifestView,
    ModelHere,
    TermsView,
)
from core.api.messages.given import Contribution, Footprint, HistoryList, HistoryRow
from core.api.messages.machine import Device, HardwareProfile, LoadView, TrainingPlanView
from core.api.messages.privacy import BudgetInfo
from core.api.messages.state import Check, CheckList, EngineInfo, LogText, Point, RoundProgress, Series, Snapshot
from core.api.messages.uploads import LayerNorm, UploadDetail, UploadInfo, UploadList

HOUR = 3_600.0
ENGINE = EngineInfo(
    version="0.1.0",
    pid=4_211,
    started_at=time.time() - 9 * HOUR,
    home="/home/ada/.local/share/hedgerow",
    keystore="Secret Service",
    sandbox="seccomp",
    device="cpu, 8 threads",
)
INVITE = "hedgerow://join?v=1&n=Common%20Prose&a=prose.example.org:8443&k=K&c=C&t=T&u=1&e=1"


def digest(text: str) -> str:
    """A hash that looks like one."""
    return hashlib.sha256(text.encode()).hexdigest()


def manifest(unit: str = "record") -> ManifestView:
    """What a federation asks for."""
    return ManifestView(
        name="Common Prose",
        operator="Commons Language Lab",
        jurisdiction="the Netherlands",
        purpose="An open model of English prose that fits on any laptop. Weights are published every 50 rounds.",
        licence="Apache-2.0",
        withdrawal="Your key is deleted on the day you leave. Past sums cannot be taken apart again.",
        unit=unit,
        relation={"record": "zero-out", "corpus": "replace-one", "none": "none"}[unit],
        rounds=300,
        steps_per_round=500,
        batch_size=64,
        seq_len=128,
        clip_norm=1.0,
        preset="10m",
        parameters=10_485_760,
        upload_bytes=10_731_520,
        download_bytes=41_943_040,
        cohort_size=20,
        codec="int8",
        shard="full",
    )


def corpora() -> list[CorpusInfo]:
    """Three texts: ready, ready, being read."""
    skipped = [
        *(SkippedFile(path=f"/home/ada/notes/scans/{n}.pdf", reason="a mail without text") for n in range(38)),
        *(SkippedFile(path=f"/home/ada/notes/copy-{n}.md", reason="mostly holes, a sparse file") for n in range(17)),
        *(SkippedFile(path=f"/home/ada/notes/old-{n}.md", reason="in an unknown encoding") for n in range(5)),
        *(SkippedFile(path=f"/home/ada/notes/dump-{n}.txt", reason="larger than 64 MiB") for n in range(2)),
    ]
    return [
        CorpusInfo(
            corpus_id="c1", name="Field notes", paths=["/home/ada/notes"], state="ready", documents=9_870,
            records=331_000, tokens=42_400_000, text_bytes=182_000_000, words=31_200_000, held_out_tokens=3_392_000,
            languages=[Part(name="en", count=8_900, bytes=160_000_000), Part(name="de", count=970, bytes=22_000_000)],
            formats=[Part(name="md", count=9_400, bytes=170_000_000), Part(name="txt", count=470, bytes=12_000_000)],
            sizes=[2_100, 5_300, 2_350, 120, 0], elsewhere=41, copies=17,
            files_done=9_932, files_total=9_932, skipped=skipped, skipped_total=62, added_at=time.time() - 50 * 86_400,
        ),
        CorpusInfo(
            corpus_id="c2", name="Blog archive", paths=["/home/ada/blog"], state="ready", documents=3_415,
            records=135_000, tokens=17_300_000, text_bytes=74_000_000, words=12_900_000, held_out_tokens=1_384_000,
            files_done=3_415, files_total=3_415, added_at=time.time() - 40 * 86_400,
        ),
        CorpusInfo(
            corpus_id="c3", name="Letters", paths=["/home/ada/letters"], state="reading", files_done=1_240,
            files_total=1_905, text_bytes=8_100_000, read_bytes=8_300_000, total_bytes=12_900_000, tokens=2_100_000,
            eta_s=40.0, added_at=time.time() - 60,
        ),
    ]  # fmt: skip


def uploads(count: int = 12) -> list[UploadInfo]:
    """Updates that left, newest first; the oldest three had no guarantee."""
    result = []
    numbers = [213, 211, 209, 206, 204, 202, 201, 198, 197, 195, 193, 190][:count]
    costs = [0.19, 0.20, 0.22, 0.25, 0.29, 0.37, 0.84]
    after = 2.36
    at = time.time() - 1.2 * HOUR
    for index, number in enumerate(numbers):
        guarded = index < len(costs)
        result.append(
            UploadInfo(
                upload_id=str(1_000 + number),
                federation_id="f1",
                federation_name="Common Prose",
                server_round=number,
                state="accepted" if index else "sent",
                sealed_at=at - 120,
                sent_at=at,
                size_bytes=10_731_612,
                dense_bytes=41_943_040,
                sha256=digest(str(number)),
                unit="record" if guarded else "none",
                epsilon_after=round(after, 2) if guarded else None,
                epsilon_cost=costs[index] if guarded else None,
                delta=1e-6 if guarded else None,
            )
        )
        if guarded:
            after -= costs[index]
        at -= 15.4 * HOUR
    return result


def series() -> Series:
    """A loss curve with noise, and the gain on kept-back text."""
    noise = random.Random(7)
    loss = [
        Point(
            step=step * 10,
            server_round=173 + step // 50,
            value=4.1 * math.exp(-step / 90) + 3.32 + noise.gauss(0, 0.035),
        )
        for step in range(380)
    ]
    bits = [
        Point(step=n * 500, server_round=173 + n, value=1.70 + 0.25 * math.exp(-n / 11) + noise.gauss(0, 0.004))
        for n in range(41)
    ]
    return Series(loss=loss, bits_per_byte=bits)


def days() -> list[tuple[str, float]]:
    """Eight weeks of hours with a few gaps."""
    noise = random.Random(3)
    today = date.today()
    result = []
    for back in range(55, -1, -1):
        if back in (45, 46, 31, 32, 33, 14):
            continue
        result.append(((today - timedelta(days=back)).isoformat(), HOUR * (1.6 + noise.random() * 1.8 - 0.9)))
    return result


def budgets() -> list[BudgetInfo]:
    """One budget that runs out first, one untouched, one without guarantee."""
    shared = {"unit": "record", "delta": 1e-6, "relation": "zero-out", "method": "Rényi filter",
              "orders": [2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0]}  # fmt: skip
    return [
        msgspec.convert(
            {**shared, "corpus_id": "c3", "corpus_name": "Letters", "guarantee": "guaranteed", "epsilon": 0.0,
             "limit": 3.0}, BudgetInfo),
        msgspec.convert(
            {**shared, "corpus_id": "c1", "corpus_name": "Field notes", "guarantee": "guaranteed", "epsilon": 2.36,
             "limit": 8.0, "rounds_left": 61, "releases": 7, "epsilon_at_end": 5.83,
             "ahead": [{"rounds": 5 * part, "epsilon": round(2.36 + 3.47 * (part / 8) ** 0.8, 2)}
                       for part in range(1, 9)],
             "plans": [{"federation_id": "f1", "federation_name": "Common Prose", "rounds": 40,
                        "noise_to_signal": 2.4, "verdict": "useful"}]}, BudgetInfo),
        msgspec.convert(
            {**shared, "corpus_id": "c2", "corpus_name": "Blog archive", "unit": "none", "guarantee": "none",
             "epsilon": 0.0, "limit": 0.0, "relation": "none", "ended_by_none": True}, BudgetInfo),
    ]  # fmt: skip


def federation() -> FederationInfo:
    """One federation."""
    return FederationInfo(
        federation_id="f1",
        name="Common Prose",
        operator="Commons Language Lab",
        address="prose.example.org:8443",
        manifest_hash=digest("manifest"),
        manifest=manifest(),
        corpora=["c1", "c2"],
        joined_at=time.time() - 41 * 86_400,
        state="active",
        last_contact_at=time.time() - 40,
        server_round=214,
        rounds_done=41,
    )


def shared() -> Snapshot:
    """Two federations that share the machine, the second with twice the weight."""
    other = msgspec.structs.replace(
        federation(),
        federation_id="f2",
        name="Open Recipes",
        operator="Kitchen Table",
        weight=2.0,
        week_seconds=5 * HOUR,
    )
    one = msgspec.structs.replace(federation(), week_seconds=3 * HOUR)
    return msgspec.structs.replace(training(), federations=[one, other])


def progress(step: int = 305) -> RoundProgress:
    """The round in progress."""
    return RoundProgress(
        federation_id="f1",
        federation_name="Common Prose",
        server_round=214,
        rounds=300,
        phase="training",
        step=step,
        steps=500,
        started_at=time.time() - 4_000,
        eta_s=2_560.0,
        tokens=2_498_560,
        tokens_per_s=640.0,
        upload_bytes=10_731_612,
    )


def training(step: int = 305, revision: int = 1) -> Snapshot:
    """All of it at work."""
    given = days()
    return Snapshot(
        revision=revision,
        state="training",
        why=Sentence(
            code="working_training",
            text=f"Training round 214 of 300 of Common Prose: step {step} of 500.",
            args={"federation": "Common Prose", "round": 214, "rounds": 300},
        ),
        engine=ENGINE,
        round=progress(step),
        federations=[federation()],
        corpora=corpora(),
        contribution=Contribution(
            rounds=41,
            tokens=168_000_000,
            gpu_seconds=sum(s for _, s in given),
            energy_wh=1_640.0,
            uploads=41,
            uploaded_bytes=440_000_000,
            week_seconds=12.4 * HOUR,
            week_offered_s=20 * HOUR,
            week_uploads=7,
            week_uploaded_bytes=75_121_284,
            days=given,
        ),
        privacy=budgets(),
        uploads=uploads(),
        series=series(),
    )


def empty() -> Snapshot:
    """A fresh start: no text, no federation."""
    return Snapshot(
        revision=1,
        state="not_joined",
        why=Sentence(code="no_text", text="Choose text of yours, then paste an invite to join."),
        engine=ENGINE,
    )


def ready_to_join() -> Snapshot:
    """Text is there, no federation yet."""
    return msgspec.structs.replace(
        empty(),
        corpora=corpora()[:2],
        why=Sentence(code="not_joined", text="Not in any federation yet: paste an invite to join."),
    )


def in_state(state: str, code: str, text: str, **changes: object) -> Snapshot:
    """The training scene in another state."""
    return msgspec.structs.replace(training(), state=state, why=Sentence(code=code, text=text), **changes)


def invite_view(expired: bool = False) -> InviteView:
    """What an invite says."""
    return InviteView(
        name="Common Prose",
        address="prose.example.org:8443",
        fingerprint="7f3a 91c2 0be4",
        expires_at=time.time() + (-1 if expired else 3) * 86_400,
        uses=20,
        expired=expired,
    )


def terms(epsilon: float | None = None, unit: str = "record") -> TermsView:
    """What joining would cost at a budget, or at the suggested one."""
    epsilon = 3.0 if epsilon is None else epsilon
    guarded = unit != "none"
    kind = "guaranteed" if guarded else "none"
    offers = [
        CorpusOffer(
            corpus_id="c1", name="Field notes", usable=True, units=262_144, sampling_prob=64 / 262_144,
            noise_multiplier=round(0.4 + 1.1 / epsilon, 2) if guarded else 0.0, epsilon_limit=epsilon,
            epsilon_planned=round(epsilon * 0.96, 2) if guarded else 0.0, delta=1e-6, rounds_affordable=68,
            epsilon_pld=round(epsilon * 0.57, 2) if guarded else None,
            guarantee=kind, noise_to_signal=7.2 / epsilon if guarded else 0.0,
            verdict=("barely" if epsilon < 3 else "useful") if guarded else "",
        ),
        CorpusOffer(
            corpus_id="c2", name="Blog archive", usable=not guarded, units=131_072, guarantee=kind,
            epsilon_limit=epsilon, reason="an earlier round without noise ended its guarantee" if guarded else "",
        ),
    ]  # fmt: skip
    leaves = ["update", "steps", "hashes", "signature"]
    return TermsView(
        invite=invite_view(),
        federation_id="f1",
        manifest_hash=digest("manifest"),
        manifest=manifest(unit),
        offers=offers,
        leaves=leaves if guarded else ["update", "steps", "tokens", "loss", "seconds", "hashes", "signature"],
        memory_bytes=740_000_000,
        fits=True,
        epsilon=epsilon,
    )


def detail(upload: UploadInfo) -> UploadDetail:
    """What is inside one update."""
    noise = random.Random(int(upload.upload_id))
    layers = [LayerNorm(name="model.embed_tokens.weight", size=1_048_576, norm=0.62)]
    for block in range(8):
        for part, size in (("self_attn.q_proj", 102_400), ("self_attn.o_proj", 102_400), ("mlp.down_proj", 276_480)):
            layers.append(
                LayerNorm(name=f"model.layers.{block}.{part}.weight", size=size, norm=0.2 + 0.1 * noise.random())
            )
    layers.append(LayerNorm(name="model.norm.weight", size=320, norm=0.012))
    bins = [round(4e6 * math.exp(-(((n - 20) / 6.2) ** 2) / 2)) for n in range(41)]
    return UploadDetail(
        upload=upload,
        codec="int8",
        base_hash=digest("base" + upload.upload_id),
        nonce=digest("nonce")[:32],
        manifest_hash=digest("manifest"),
        metrics={"steps": 500.0},
        layers=layers,
        histogram=bins,
        histogram_low=-0.0271,
        histogram_high=0.0271,
    )


def history(count: int = 41, before: int = 0) -> HistoryList:
    """Finished rounds with what they took; most of it measured. No more than 2,000 at once, as the engine does."""
    dice = random.Random(5)
    at = time.time() - 1.2 * HOUR
    rows = []
    for index in range(count):
        state = {3: "late", 9: "abandoned"}.get(index, "accepted")
        rows.append(
            HistoryRow(
                federation_name="Common Prose", federation_id="f1", server_round=213 - 2 * index, finished_at=at,
                seconds=dice.uniform(5_200, 6_900), tokens=4_096_000, energy_wh=dice.uniform(110, 170),
                state=state, measured=index < 30, sent_bytes=10_731_612, release_id=count - index,
            )
        )  # fmt: skip
        at -= 15.4 * HOUR
    shown = [one for one in rows if not before or one.release_id < before][:2_000]
    return HistoryList(
        rows=shown,
        older=shown[-1].release_id if len(shown) == 2_000 else 0,
        contribution=training().contribution,
        footprint=Footprint(
            measured_wh=4_150.0, estimated_wh=1_210.0, device_watts=65.0, transfer_wh=129.6, data_centre_wh=1_862.0,
            co2_g=5_489.6 * 0.38, data_centre_co2_g=1_862.0 * 0.38,
        ),
    )  # fmt: skip


def load(busy: float = 0.67) -> LoadView:
    """A machine with one GPU at work."""
    gpu = Device(
        device_id="cuda:0", name="GeForce RTX 4070", kind="cuda", memory_bytes=12_000_000_000, free_bytes=4_600_000_000,
        temperature_c=66.0, utilisation=busy,
    )  # fmt: skip
    return LoadView(
        cores_used=2.1, cores=16, memory_used_bytes=9_400_000_000, memory_bytes=32_000_000_000, devices=[gpu]
    )


def hardware() -> HardwareProfile:
    """What the machine has, and its one measured plan."""
    plan = TrainingPlanView(
        federation_name="Common Prose", preset="10m", device="cuda:0", dtype="bfloat16", attention="fused",
        compiled=False, micro_batch=6, batch_size=64, tokens_per_s=9_900.0, peak_bytes=7_000_000_000,
        budget_bytes=8_000_000_000, probes=3, measured_at=time.time(), explanation=["bfloat16 is faster here."],
    )  # fmt: skip
    return HardwareProfile(
        cpu_name="A processor", cpu_cores=8, cpu_threads=16, cpu_features=["avx2"], memory_bytes=32_000_000_000,
        free_memory_bytes=22_000_000_000, disk_free_bytes=212_000_000_000, battery_percent=None, on_battery=None,
        nvml="ok, driver 550", devices=load().devices, training=[plan],
    )  # fmt: skip


def log_lines() -> list[str]:
    """What an engine says of itself."""
    return [
        f"2026-11-30 0{8 + n // 60}:{n % 60:02d}:07,{120 + n} hedgerow.{who} INFO {what}"
        for n, (who, what) in enumerate(
            [("engine", "listening"), ("participation", "round 213 sealed"), ("participation", "round 213 accepted")]
            * 6
        )
    ]


def checks() -> CheckList:
    """The doctor's report with one trouble."""
    good: list[tuple[str, str, str, dict[str, str | int | float]]] = [
        ("home", "it is yours alone", "home_private", {"path": "/home/ada/.local/share/hedgerow"}),
        ("disk", "212.4 GB free", "disk_free", {"free_bytes": 212_400_000_000}),
        ("keystore", "keys are in Secret Service", "keys_here", {"place": "Secret Service"}),
        ("ledger", "118 entries, chain unbroken", "ledger_whole", {"entries": 118}),
        ("settings", "readable", "settings_readable", {}),
        ("sandbox", "seccomp", "sandbox", {"level": "seccomp"}),
        ("worker", "torch is installed", "torch_here", {}),
        ("federation Common Prose", "reached", "federation_reached", {"address": "prose.example.org:8443"}),
    ]
    bad = Check(
        name="text Letters", ok=False, detail="/home/ada/letters is not there",
        fix="Put the folder back, or remove it in Data.",
    )  # fmt: skip
    return CheckList(checks=[*(Check(name=n, ok=True, detail=d, code=c, args=a) for n, d, c, a in good), bad])


def replies(unit: str = "record") -> dict[str, object]:
    """Answers to every question a page asks."""

    def inspect(params: Message) -> Message:
        return detail(next(u for u in uploads() if u.upload_id == params.upload_id))  # type: ignore[attr-defined]

    def price(params: Message) -> Message:
        assert isinstance(params, InviteParams)
        return terms(params.epsilon, unit)

    return {
        "invite.inspect": invite_view(),
        "federation.terms": price,
        "federation.join": federation(),
        "uploads.list": UploadList(uploads=uploads()),
        "uploads.inspect": inspect,
        "doctor": checks(),
        "history": history(),
        "load": load(),
        "hardware": hardware(),
        "log": LogText(lines=log_lines()),
        "corpus.add": corpora()[2],
        "corpus.change": corpora()[0],
        "corpus.refresh": corpora()[0],
        "corpus.cancel": corpora()[2],
        "model.here": ModelHere(name="Common Prose", rounds=41, preset="tiny", parameters=926_336, job="{}"),
        "corpus.preview": PreviewTicket(path="/nowhere/p1", documents=9_870),
    }


def hosted(*, running: bool = True) -> Hosted:
    """A federation of the owner's own, in its fifth round."""
    now = time.time()
    bits = (4.902, 4.011, 3.644, 3.310)
    rounds = [
        HostedRound(
            round=n, state="closed", volunteers=3 if n != 2 else 2, upload_bytes=2_781_000 + n * 310, bits_per_byte=b,
            seconds=1_260.0 + 77 * n,
        )
        for n, b in enumerate(bits, 1)
    ]  # fmt: skip
    rounds.append(HostedRound(round=5, state="open", volunteers=1, upload_bytes=929_400))
    people = [
        HostedVolunteer(id=digest("a")[:12], joined_at=now - 30 * HOUR, updates=4, last_round=5),
        HostedVolunteer(id=digest("b")[:12], joined_at=now - 52 * HOUR, updates=3, last_round=4),
        HostedVolunteer(
            id=digest("c")[:12], joined_at=now - 76 * HOUR, left_at=now - 40 * HOUR, updates=1, last_round=1
        ),
    ]
    return Hosted(
        name="Village prose", federation_id="f" * 32, unit="record", preset="tiny", rounds_planned=10, rounds=rounds,
        bits_per_byte=HostedMeasure(initial=8.021, final=3.310), volunteers=2, upload_bytes=11_200_000, running=running,
        address="192.168.1.5:8470" if running else "", people=people,
    )  # fmt: skip
