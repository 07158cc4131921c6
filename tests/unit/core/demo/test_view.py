"""What the demo shows and prints."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from core.api.messages.base import Sentence
from core.api.messages.privacy import BudgetInfo
from core.api.messages.state import EngineInfo, RoundProgress, Snapshot
from core.demo import report
from core.demo.state import Demo, Round, Volunteer
from core.demo.view import View, picture, privacy_line

BUDGET = BudgetInfo(
    corpus_id="c", corpus_name="Text", unit="record", guarantee="guaranteed", epsilon=7.91, limit=8.0, delta=1e-5,
    relation="zero-out", method="RDP filters", releases=3,
)  # fmt: skip
EVENT: dict[str, Any] = {
    "event": "round_closed", "round": 1, "loss": 6.1, "bits_per_byte": 4.5, "volunteers": 2, "upload_bytes": 2_000_000,
    "dense_bytes": 8_000_000, "seconds": 12.3, "checkpoint": "ab",
}  # fmt: skip


def demo(unit: str = "record") -> Demo:
    volunteers = [Volunteer("volunteer 1", documents=9, budget=BUDGET), Volunteer("volunteer 2", documents=4)]
    made = Demo(unit, 3, volunteers, initial_bits_per_byte=5.2, unigram_bits_per_byte=4.78)
    made.rounds.append(Round.from_event(EVENT))
    return made


def rendered(what: RenderableType, colour: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=140, force_terminal=colour, color_system="standard" if colour else None).print(what)
    return out.getvalue()


def test_the_view_shows_rounds_bars_and_budgets() -> None:
    shown = rendered(picture(demo()))
    assert "5.200" in shown
    assert "4.500" in shown
    assert "6.100" in shown
    assert "ε 7.91 of 8" in shown
    assert "8.00 MB" in shown


def test_unit_none_is_red_and_says_so() -> None:
    assert "\x1b[1;31m" in rendered(privacy_line("none"), colour=True)
    assert "no formal guarantee" in rendered(privacy_line("none"))
    assert "\x1b[1;31m" not in rendered(privacy_line("record"), colour=True)


def test_a_bar_moves_only_with_steps_an_engine_reported() -> None:
    volunteer = Volunteer("volunteer 1")
    engine = EngineInfo(version="0", pid=1, started_at=0.0, home="/", keystore="file", sandbox="")
    sentence = Sentence(code="training", text="It trains.")
    progress = RoundProgress(
        federation_id="f", federation_name="F", server_round=2, rounds=3, phase="training", step=7, steps=20
    )
    state = Snapshot(revision=1, state="training", why=sentence, engine=engine, round=progress, privacy=[BUDGET])
    volunteer.observe(state, "record")
    assert (volunteer.step, volunteer.steps, volunteer.server_round) == (7, 20, 2)
    assert volunteer.budget == BUDGET
    volunteer.observe(Snapshot(revision=2, state="waiting", why=sentence, engine=engine), "record")
    assert volunteer.phase == "idle"


def test_the_document_has_what_scripts_read(tmp_path: Path) -> None:
    found = report.document(demo(), tmp_path / "model", None)
    first = {name: EVENT[name] for name in EVENT if name not in {"event", "checkpoint"}}
    assert found["rounds"] == [first]
    assert found["bits_per_byte"] == {"initial": 5.2, "final": 4.5}
    assert found["unigram_bits_per_byte"] == 4.78
    assert (
        found["privacy"][0] | {"unit": "record", "epsilon": 7.91, "delta": 1e-5, "budget": 8.0} == found["privacy"][0]
    )
    assert found["model_dir"].endswith("model")


def test_without_a_guarantee_there_is_no_epsilon() -> None:
    told = report.document(demo("none"), Path("m"), None)["privacy"][0]
    assert told["epsilon"] is None
    assert told["guarantee"] == "none"


def test_the_table_says_what_it_cost_and_where_the_model_is(capsys: pytest.CaptureFixture[str]) -> None:
    report.print_table(demo(), Path("/tmp/a-model"), Path("/tmp/kept"))
    out = capsys.readouterr().out
    assert "5.200 → 4.500 bits per byte" in out
    assert "(4.0×)" in out
    assert "/tmp/a-model" in out
    assert "/tmp/kept" in out


def test_without_a_terminal_each_round_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with View() as view:
        view.show(demo())
        view.show(demo())
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("round 1: 2 volunteers, held-out 4.500 bits per byte") == 1
