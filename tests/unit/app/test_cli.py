"""The command line: exit codes, one JSON document, errors where they belong, and what an invite link may not do."""

from __future__ import annotations

import io
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from support.engine_double import ENGINE, SENTENCE, SNAPSHOT, scripted, serving

from app import cli
from app.terminal import console_privacy
from core.api.errors import BudgetExhausted, ManifestError
from core.api.messages.base import Acknowledged
from core.api.messages.corpora import CorpusInfo
from core.api.messages.federations import (
    CorpusChoice,
    CorpusOffer,
    FederationInfo,
    InviteParams,
    InviteView,
    JoinParams,
    ManifestView,
    ShareParams,
    TermsView,
)
from core.api.messages.given import Contribution, Footprint, HistoryList, HistoryRow
from core.api.messages.machine import Device, GpuProcess, HardwareParams, HardwareProfile, LimitsParams, LimitsView
from core.api.messages.privacy import BudgetInfo, BudgetList, BudgetPlan
from core.api.messages.state import Check, CheckList, Snapshot, SnoozeParams

MANIFEST = ManifestView(
    name="Common [red]Prose",
    operator="Someone",
    jurisdiction="Nowhere",
    purpose="To learn\x1b[31m.",
    licence="Apache-2.0",
    withdrawal="Stop at any time.",
    unit="record",
    relation="zero-out",
    rounds=3,
    steps_per_round=20,
    batch_size=64,
    seq_len=128,
    clip_norm=1.0,
    preset="tiny",
    parameters=940_000,
    upload_bytes=950_000,
    download_bytes=3_800_000,
    cohort_size=2,
    codec="int8",
    shard="full",
)
INVITE = InviteView(
    name="Common Prose", address="127.0.0.1:9", fingerprint="c4e8 22d1 0000", expires_at=0.0, uses=1, expired=False
)
OFFER = CorpusOffer(
    corpus_id="c1", name="Letters", usable=True, units=1_000, epsilon_limit=8.0, epsilon_planned=7.9,
    noise_to_signal=2.04, verdict="useful",
)  # fmt: skip
TERMS = TermsView(
    invite=INVITE,
    federation_id="f" * 32,
    manifest_hash="a" * 64,
    manifest=MANIFEST,
    offers=[OFFER, CorpusOffer(corpus_id="c2", name="Stamps", usable=False, reason="too few records")],
    leaves=["steps"],
    memory_bytes=10,
    fits=True,
)
JOINED = FederationInfo(
    federation_id="f" * 32,
    name="Common Prose",
    operator="Someone",
    address="127.0.0.1:9",
    manifest_hash="a" * 64,
    manifest=MANIFEST,
    corpora=["c1"],
    joined_at=0.0,
    state="active",
)
LINK = "hedgerow://join?v=1"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setenv("HOME", str(tmp_path / "user"))  # uninstall looks there too
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HEDGEROW_RUNTIME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEDGEROW_HOME", str(tmp_path / "h"))
    return tmp_path / "h"


def test_without_an_engine_status_says_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "No engine is running" in err
    assert "hedgerow engine" in err
    assert not home.exists()


def test_a_named_error_is_one_json_document(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home, scripted({"limits.show": BudgetExhausted("Letters has reached ε 8.", "Raise it.")})):
        assert cli.main(["limits", "show", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "budget"
    assert error["message"] == "Letters has reached ε 8."
    assert error["hint"] == "Raise it."


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["status", "--watch", "--json"],
        ["join", LINK, "--json"],
        ["limits", "set", "no-equals-sign"],
        ["snooze", "soon"],
        ["snooze", "0m"],
        ["snooze", "31d"],
        ["privacy", "estimate", "--unit", "village", "--noise-multiplier", "1", "--steps", "1", "--delta", "1e-5"],
    ],
)
def test_wrong_usage_is_exit_code_2(home: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert capsys.readouterr().out == ""


ESTIMATES = {  # unit → sampling probability, relation
    "document": ("0.01", "zero-out"), "record": ("0.01", "zero-out"), "corpus": ("1", "replace-one"),
}  # fmt: skip


@pytest.mark.parametrize("unit", ESTIMATES)
def test_an_estimate_says_by_which_orders_relation_and_method(unit: str, capsys: pytest.CaptureFixture[str]) -> None:
    probability, relation = ESTIMATES[unit]
    arguments = ["privacy", "estimate", "--unit", unit, "--noise-multiplier", "2", "--steps", "100"]
    arguments += ["--delta", "1e-5", "--sampling-prob", probability]
    assert cli.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"epsilon", "epsilon_pld", "delta", "relation", "method", "orders"}
    assert 0 < found["epsilon_pld"] <= found["epsilon"]
    assert (found["relation"], found["delta"]) == (relation, 1e-5)
    assert found["orders"] == [2, 3, 4, 6, 8, 12, 16, 32]
    best = "gaussian-dp" if unit == "corpus" else "rényi order 32"
    assert found["method"] == f"{best} of 9 filters at δ/9"
    assert cli.main(arguments) == 0
    shown = next(line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("epsilon "))
    assert 0 <= float(shown) - found["epsilon"] <= 1e-4, "spent is rounded up"


def test_status_json_has_what_scripts_read(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home, scripted({"status": SNAPSHOT})):
        assert cli.main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["state"] == "not_joined"
    assert found["why"] == "Nothing to do."
    assert found["until"] is None
    assert found["federations"] == []
    assert {"rounds", "tokens", "gpu_seconds", "energy_wh"} <= set(found["contribution"])
    assert found["privacy"] == []


def test_join_shows_the_terms_and_asks(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    priced = msgspec.structs.replace(TERMS, epsilon=3.0)
    answers = {"invite.inspect": INVITE, "federation.terms": priced, "federation.join": JOINED}
    monkeypatch.setattr("typer.confirm", lambda *_, **__: pytest.fail("asked although --yes was given"))
    with serving(home, scripted(answers)) as seen:
        assert cli.main(["join", LINK, "--yes", "--epsilon", "3"]) == 0
    asked = [request.params for request in seen if request.method == "federation.terms"]
    assert asked == [InviteParams(invite=LINK, epsilon=3.0)]
    assert seen[-1].params == JoinParams(
        invite=LINK, manifest_hash="a" * 64, corpora=[CorpusChoice(corpus_id="c1", epsilon=3.0)]
    )
    shown = capsys.readouterr().out
    assert "Common [red]Prose" in shown
    assert "\x1b[31m" not in shown


def test_the_suggested_limit_is_joined_with_and_its_verdict_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    priced = msgspec.structs.replace(TERMS, epsilon=1.0)
    with serving(
        home, scripted({"invite.inspect": INVITE, "federation.terms": priced, "federation.join": JOINED})
    ) as seen:
        assert cli.main(["join", LINK, "--yes"]) == 0
    assert [r.params for r in seen if r.method == "federation.terms"] == [InviteParams(invite=LINK, epsilon=None)]
    assert seen[-1].params.corpora == [CorpusChoice(corpus_id="c1", epsilon=1.0)]
    said = "".join(capsys.readouterr())
    assert "Useful at ε 8" in said
    assert "about half" in said


def test_too_little_text_is_told_where_the_plan_is_not_useful(capsys: pytest.CaptureFixture[str]) -> None:
    console_privacy.show_terms(
        msgspec.structs.replace(TERMS, offers=[msgspec.structs.replace(OFFER, few=True, verdict="barely")])
    )
    said = "".join(capsys.readouterr())
    assert "learning under this noise is unlikely" in said
    assert "Barely" not in said
    console_privacy.show_terms(msgspec.structs.replace(TERMS, offers=[msgspec.structs.replace(OFFER, few=True)]))
    assert "unlikely" not in "".join(capsys.readouterr()), "three hundred documents learned half at the widest limit"


def test_what_an_open_federation_asks_beyond_the_usual_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = ("topk or sign up", "stays here, encrypted", "one volunteer's alone")
    console_privacy.show_terms(TERMS)
    said = "".join(capsys.readouterr())
    assert not any(part in said for part in told)
    manifest = msgspec.structs.replace(
        TERMS.manifest, slower_codecs=["topk", "sign"], carries_over=True, starts_alone=True
    )
    console_privacy.show_terms(msgspec.structs.replace(TERMS, manifest=manifest))
    said = "".join(capsys.readouterr())
    assert all(part in said for part in told)


BUDGET = BudgetInfo(
    corpus_id="c1", corpus_name="Letters", unit="document", guarantee="guaranteed", epsilon=2.101, limit=8.0,
    delta=1e-5, relation="zero-out", method="rényi order 8 of 9 filters at δ/9", releases=3, rounds_left=17,
    epsilon_at_end=7.94,
    plans=[BudgetPlan(federation_id="f", federation_name="Moor", rounds=12, noise_to_signal=5.0, verdict="barely")],
)  # fmt: skip


def test_a_budget_is_told_with_its_end_its_rounds_and_what_it_is_for(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(home, scripted({"privacy": BudgetList(budgets=[BUDGET])})):
        assert cli.main(["privacy"]) == 0
    said = " ".join("".join(capsys.readouterr()).split())
    for words in (
        "Letters", "unit document, guaranteed by this machine", "each document of it", "ε 2.11 of 8 in 3 rounds",
        "ε 7.94, after the 12 rounds still planned", "about 17 rounds more", "Barely at noise to signal 5.0",
        "Promised by the federations and not checkable here",
    ):  # fmt: skip
        assert words in said


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rounds_left": 4, "epsilon_at_end": 8.0}, "the limit, ε 8: it does not last for the 12 rounds still planned"),
        ({"plans": [], "epsilon_at_end": None, "rounds_left": None}, "ε 2.11 of 8 in 3 rounds"),
        ({"guarantee": "none", "ended_by_none": True}, "no figure of it holds any more"),
    ],
)
def test_a_budget_that_does_not_last_or_ended_says_so(
    home: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], sentence: str
) -> None:
    with serving(home, scripted({"privacy": BudgetList(budgets=[msgspec.structs.replace(BUDGET, **changes)])})):
        assert cli.main(["privacy"]) == 0
    said = " ".join("".join(capsys.readouterr()).split())
    assert sentence in said
    assert ("Guaranteed: worked out" in said) == (changes.get("guarantee") != "none")


def test_the_history_ends_with_its_energy_and_calls_an_estimate_one(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = HistoryRow(
        federation_name="Moor", server_round=3, finished_at=1.0, seconds=90.0, tokens=1_000, energy_wh=2.0,
        state="accepted", measured=True,
    )  # fmt: skip
    footprint = Footprint(
        measured_wh=2.0,
        estimated_wh=1.0,
        device_watts=65.0,
        transfer_wh=0.5,
        data_centre_wh=7.0,
        co2_g=1.4,
        data_centre_co2_g=2.8,
    )
    told = HistoryList(rows=[row], contribution=Contribution(), footprint=footprint)
    with serving(home, scripted({"history": told})):
        assert cli.main(["history"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3.5 Wh: 2.0 measured, 1.0 estimated at 65 W, at most 0.5 of the network" in said
    assert "7.0 Wh for the same training, estimated" in said
    assert "1.4 g here, 2.8 g there" in said


def test_nothing_is_joined_without_consent(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"invite.inspect": INVITE, "federation.terms": TERMS}
    with serving(home, scripted(answers)) as seen:
        assert cli.main(["join", LINK]) == 1
    assert [request.method for request in seen][-1] == "federation.terms"
    assert "Join on these terms?" in "".join(capsys.readouterr())


@pytest.mark.parametrize(("arguments", "offers"), [(["--public-only"], TERMS.offers), ([], TERMS.offers[1:]), ([], [])])
def test_public_text_alone_is_joined_without_text(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], offers: list[CorpusOffer]
) -> None:
    manifest = msgspec.structs.replace(MANIFEST, public_tokens=2_000_000, public_bytes=4_100_000, public_weight=1.0)
    shown = msgspec.structs.replace(TERMS, manifest=manifest, offers=offers)
    with serving(
        home, scripted({"invite.inspect": INVITE, "federation.terms": shown, "federation.join": JOINED})
    ) as seen:
        assert cli.main(["join", LINK, "--yes", *arguments]) == 0
    assert seen[-1].params == JoinParams(invite=LINK, manifest_hash="a" * 64, corpora=[])
    said = "".join(capsys.readouterr())
    assert "2,000,000 tokens" in said
    assert "public text alone" in said


def test_public_text_that_is_not_there_is_not_joined(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home, scripted({"invite.inspect": INVITE, "federation.terms": TERMS})):
        assert cli.main(["join", LINK, "--yes", "--public-only"]) == 1
    assert "no public text" in capsys.readouterr().err


def test_join_names_text_that_cannot_be_used(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home, scripted({"invite.inspect": INVITE, "federation.terms": TERMS})):
        assert cli.main(["join", LINK, "--yes", "--corpus", "c2"]) == 1
    assert "Stamps cannot be used here: too few records" in capsys.readouterr().err


def test_a_refused_manifest_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = ManifestError("The manifest is not signed with the key in your invite.", "Do not join.")
    with serving(home, scripted({"invite.inspect": INVITE, "federation.terms": refused})):
        assert cli.main(["join", LINK, "--yes", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "manifest"


def test_a_membership_below_the_floor_says_what_can_be_done(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "You joined Common Prose with a limit of ε 8, but your floor is ε 3 now. Leave and join again."
    below = msgspec.structs.replace(JOINED, state="below_floor", last_error=said)
    with serving(home, scripted({"status": msgspec.structs.replace(SNAPSHOT, federations=[below])})):
        assert cli.main(["status"]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert cli.main(["federations"]) == 0
    assert "rests below your floor: You joined Common Prose with a limit of ε 8" in shown
    assert "below floor" in " ".join(capsys.readouterr().out.split())


def test_shares_are_shown_where_several_share_the_machine(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = msgspec.structs.replace(JOINED, week_seconds=900.0)
    other = msgspec.structs.replace(JOINED, federation_id="e" * 32, name="Recipes", weight=3.0, week_seconds=2_100.0)
    with serving(home, scripted({"status": msgspec.structs.replace(SNAPSHOT, federations=[one, other])})):
        assert cli.main(["federations"]) == 0
    heading, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert heading[-8:] == ["weight", "asked", "given", "in", "7", "days", "last", "error"]
    assert first[-6:] == ["0", "1", "25%", "30%", "15", "min"]
    assert second[-6:] == ["0", "3", "75%", "70%", "35", "min"]


def test_one_alone_has_no_share(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home, scripted({"status": msgspec.structs.replace(SNAPSHOT, federations=[JOINED])})):
        assert cli.main(["federations"]) == 0
    assert "%" not in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "said"), [("3", "weighs 3 beside the others"), ("0", "Common Prose rests")])
def test_a_share_is_set_as_it_was_typed(home: Path, capsys: pytest.CaptureFixture[str], typed: str, said: str) -> None:
    state = msgspec.structs.replace(SNAPSHOT, federations=[JOINED])
    changed = msgspec.structs.replace(JOINED, weight=float(typed))
    with serving(home, scripted({"status": state, "federation.share": changed})) as seen:
        assert cli.main(["share", "Common Prose", typed]) == 0
        assert said in capsys.readouterr().err
        assert cli.main(["share", "f" * 32, typed, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["weight"] == float(typed)
        assert cli.main(["share", "Common Prose", "101"]) == 2
    sent = [request.params for request in seen if request.method == "federation.share"]
    assert sent == [ShareParams(federation_id="f" * 32, weight=float(typed))] * 2


def test_leave_finds_by_name_and_refuses_strangers(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = Snapshot(revision=1, state="waiting", why=SENTENCE, engine=ENGINE, federations=[JOINED])
    with serving(home, scripted({"status": state, "federation.leave": Acknowledged()})) as seen:
        assert cli.main(["leave", "Somebody else"]) == 1
        assert cli.main(["leave", "Common Prose"]) == 0
    assert seen[-1].method == "federation.leave"
    assert "no federation called Somebody else" in capsys.readouterr().err


def test_snooze_and_limits_send_what_was_typed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"snooze": Acknowledged(), "limits.set": LimitsView(values={"cpu_threads": "1"})}
    with serving(home, scripted(answers)) as seen:
        assert cli.main(["snooze", "1h30m"]) == 0
        assert cli.main(["limits", "set", "cpu_threads=1", "--json"]) == 0
    sent = [request.params for request in seen if request.method != "hello"]
    assert sent == [SnoozeParams(seconds=5_400.0), LimitsParams(key="cpu_threads", value="1")]
    assert json.loads(capsys.readouterr().out) == {"values": {"cpu_threads": "1"}}


def test_snooze_until_tomorrow_morning(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home, scripted({"snooze": Acknowledged()})) as seen:
        before = datetime.now()
        assert cli.main(["snooze", "Tomorrow"]) == 0
    morning = datetime.combine(before.date() + timedelta(days=1), datetime.min.time().replace(hour=8))
    sent = next(request.params for request in seen if isinstance(request.params, SnoozeParams))
    assert abs(before.timestamp() + sent.seconds - morning.timestamp()) < 60
    assert "until tomorrow 08:00" in capsys.readouterr().err


MACHINE = HardwareProfile(
    cpu_name="Some CPU", cpu_cores=2, cpu_threads=4, cpu_features=["avx2"], memory_bytes=16_000_000_000,
    free_memory_bytes=8_000_000_000, disk_free_bytes=9_000_000_000, battery_percent=63.0, on_battery=True,
    nvml="ok, driver 580.12", torch="torch 2 computes with CUDA 13.", idle_s=None, full_screen=False,
    network_metered=True,
    devices=[
        Device(
            device_id="cuda:0", name="A \x1b[31mGPU", kind="cuda", temperature_c=71.4, power_w=180.2, utilisation=0.5,
            power_limit_w=320.0, processes=[GpuProcess(pid=7, memory_bytes=2_000_000_000)],
        ),
        Device(device_id="cpu", name="Some CPU", kind="cpu", memory_bytes=16_000_000_000),
    ],
)  # fmt: skip


def test_hardware_is_shown_and_unknown_is_called_unknown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home, scripted({"hardware": MACHINE})) as seen:
        assert cli.main(["hardware", "--probe", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert cli.main(["hardware", "--probe"]) == 0
    assert [request.params for request in seen if request.method == "hardware"] == [HardwareParams(probe=True)] * 2
    assert document["devices"][0]["power_limit_w"] == 320.0
    assert document["network_metered"] is True
    shown = "".join(capsys.readouterr())
    for words in ("63 %, in use", "network", "metered", "unknown; full screen: no", "71 °C", "180 of 320 W", "50 %",
                  "cuda:0 is used by a program of another user (7, 2.0 GB)"):  # fmt: skip
        assert words in shown
    assert "\x1b" not in shown


def test_doctor_fails_when_a_check_fails(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = CheckList(
        checks=[Check(name="disk", ok=True, detail="free"), Check(name="clock", ok=False, detail="late")]
    )
    with serving(home, scripted({"doctor": checks})):
        assert cli.main(["doctor"]) == 1
    assert "1 of 2 checks passed" in capsys.readouterr().err


def test_corpus_add_waits_until_it_is_read(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reading = CorpusInfo(corpus_id="c1", name="Letters", paths=["/x"], state="reading")
    ready = CorpusInfo(corpus_id="c1", name="Letters", paths=["/x"], state="ready", records=12)
    with serving(home, scripted({"corpus.add": reading, "corpus.inspect": ready})) as seen:
        assert cli.main(["corpus", "add", "letters", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"] == 12
    assert Path(seen[1].params.paths[0]).is_absolute()  # type: ignore[attr-defined]


def test_an_invite_link_opens_the_window(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(cli, "open_window", lambda invite: opened.append(invite) or 0)
    assert cli.main([LINK]) == 0
    assert opened == [LINK]


@pytest.mark.parametrize("arguments", [[LINK, "--home", "/tmp"], [LINK, LINK], ["HEDGEROW://join", "-x"]])
def test_an_invite_link_brings_no_options(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "open_window", lambda _: pytest.fail("opened"))
    assert cli.main(arguments) == 2


@pytest.mark.parametrize(
    ("arguments", "module", "rest"),
    [
        (["demo", "--headless", "--json"], "core.demo", ["--headless", "--json"]),
        (["host", "create", "DIR", "--name", "-x"], "core.coordinator", ["create", "DIR", "--name", "-x"]),
        (["bench", "round", "--help"], "core.bench", ["round", "--help"]),
        (["runtime", "--json"], "core.runtime", ["status", "--json"]),
        (["runtime", "remove", "--yes"], "core.runtime", ["remove", "--yes"]),
        (
            ["runtime", "install", "--variant", "cpu", "--yes", "--json-progress"],
            "core.runtime",
            ["install", "--variant", "cpu", "--yes", "--json-progress"],
        ),
    ],
)
def test_some_commands_become_another_program(
    arguments: list[str], module: str, rest: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Replaced(Exception):
        pass

    def execv(path: str, command: list[str]) -> None:
        raise Replaced(path, command)

    monkeypatch.setattr("os.execv", execv)
    with pytest.raises(Replaced) as caught:
        cli.main(arguments)
    assert caught.value.args[1] == [sys.executable, "-m", module, *rest]


def test_a_build_of_torch_that_there_is_not_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["runtime", "install", "--variant", "abacus"]) == 2
    assert "is not cpu, cuda or rocm" in capsys.readouterr().err


def test_the_background_is_for_the_window_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        cli, "open_window", lambda invite, *, background=False: opened.append((invite, background)) or 0
    )
    assert cli.main(["--background"]) == 0
    assert cli.main([]) == 0
    assert opened == [("", True), ("", False)]
    assert cli.main(["--background", "status"]) == 2
    assert "goes with no command" in capsys.readouterr().err


def test_the_demo_gets_a_window_only_where_there_is_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("DISPLAY", ":0")
    assert not cli.has_display()
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    assert cli.has_display()


def test_uninstall_refuses_a_folder_that_is_not_ours(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    (home / "diary.txt").write_text("mine")
    assert cli.main(["uninstall", "--yes"]) == 1
    assert (home / "diary.txt").exists()
    assert "does not look like a Hedgerow folder" in capsys.readouterr().err


def test_uninstall_asks_then_removes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    (home / "ledger.db").write_bytes(b"")
    assert cli.main(["uninstall"]) == 1
    assert home.exists()
    assert cli.main(["uninstall", "--yes"]) == 0
    assert not home.exists()


@pytest.mark.parametrize(("given", "background"), [([], False), (["--background"], True)])
def test_the_window_opens_or_stays_in_the_tray(
    given: list[str], background: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, bool]] = []
    monkeypatch.setattr(cli, "open_window", lambda invite, *, background: opened.append((invite, background)) or 0)
    assert cli.main(given) == 0
    assert opened == [("", background)]
