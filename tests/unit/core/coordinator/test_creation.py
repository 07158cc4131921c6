"""From an operator's choices to terms: defaults of a preset, the vocabulary, and what is refused before it is drawn."""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.api.errors import UsageError
from core.config.learning import StabilityTerms
from core.coordinator import create_options, creation
from core.coordinator.__main__ import parser
from core.coordinator.creation import Choices, configure, create, refuse_what_cannot_run
from core.model.presets import num_parameters, preset


def terms(vocab_size: int = 4_096, **choices: Any) -> Any:
    tokenizer = SimpleNamespace(vocab_size=vocab_size, sha256="a" * 64)
    return configure(Choices(name="Test", **choices), tokenizer)  # type: ignore[arg-type]


def test_the_tokenizer_decides_the_rows_unless_it_nearly_fills_the_presets() -> None:
    assert terms(preset="tiny").model.vocab_size == 4_096
    assert terms(50_277, preset="125m-gpt2").model == preset("125m-gpt2"), "GPT-NeoX gives the seeds' exact model"
    small = terms(4_096, preset="125m", unit="none").model
    assert small.vocab_size == 4_096
    assert num_parameters(small) == num_parameters(preset("125m")) - (50_368 - 4_096) * 768
    assert terms(60_000, preset="125m").model.vocab_size == 60_000


def test_a_preset_brings_the_seeds_rounds_and_outer_optimiser_and_choices_win() -> None:
    seeds = terms(50_277, preset="1.3b-gpt2", unit="none")
    assert (seeds.schedule.rounds, seeds.outer.learning_rate, seeds.outer.momentum) == (16, 0.2, 0.9)
    assert (seeds.training.batch_size, seeds.training.decay_steps) == (512, 24_800)
    plain = terms(preset="tiny")
    assert (plain.schedule.rounds, plain.outer.learning_rate, plain.outer.momentum) == (3, 1.0, 0.0)
    chosen = terms(preset="1.3b", rounds=2, outer_lr=0.5, outer_momentum=0.0)
    assert (chosen.schedule.rounds, chosen.outer.learning_rate, chosen.outer.momentum) == (2, 0.5, 0.0)


@pytest.mark.parametrize("name", ["3b", "30b", "30b-gpt2"])
def test_what_the_coordinators_machine_cannot_hold_is_refused_before_a_weight_is_drawn(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creation, "machine_bytes", lambda: 8 << 30)
    began = time.process_time()
    with pytest.raises(UsageError, match=r"takes about [\d.]+ GB of memory, but this machine has 8\.6 GB"):
        create(tmp_path / "new", Choices(name="Test", preset=name, unit="none"))
    assert time.process_time() - began < 2
    assert not (tmp_path / "new").exists()


def test_what_fits_or_is_not_known_to_be_too_large_is_allowed() -> None:
    config = terms(preset="125m", unit="none")
    refuse_what_cannot_run(config, 1 << 34)
    refuse_what_cannot_run(config, 0)
    with pytest.raises(UsageError, match=r"takes about 0\.4 GB of memory, but this machine has 0\.2 GB"):
        refuse_what_cannot_run(config, 200_000_000)


def test_a_large_update_gets_the_time_that_a_slow_line_takes() -> None:
    assert terms(preset="125m", unit="none").schedule.upload_allowance_s == 600.0
    large = terms(50_277, preset="3b", unit="none")
    assert large.schedule.upload_allowance_s == pytest.approx(
        num_parameters(large.model) * (1 + 4 / 256) / 1.25e6, rel=0.01
    )
    assert terms(50_277, preset="3b", unit="none", shards=9).schedule.upload_allowance_s == 600.0


def test_an_outer_optimiser_is_chosen_by_name_and_keeps_the_presets_numbers() -> None:
    assert terms(preset="tiny").outer.optimizer == "fedmom"
    nesterov = terms(preset="1.3b", outer="nesterov", weight_averaging=0.5).outer
    assert (nesterov.optimizer, nesterov.learning_rate, nesterov.momentum) == ("nesterov", 0.2, 0.9)
    assert nesterov.weight_averaging == 0.5
    adam = terms(preset="1.3b", outer="fedadam", outer_tau=0.1).outer
    assert (adam.optimizer, adam.learning_rate, adam.momentum, adam.tau) == ("fedadam", 0.01, 0.9, 0.1)
    assert terms(outer="fedyogi", outer_lr=0.1).outer.learning_rate == 0.1
    strategy = terms(preset="1.3b", outer="my.median").outer
    assert (strategy.optimizer, strategy.strategy, strategy.learning_rate) == ("strategy", "my.median", 1.0)
    with pytest.raises(UsageError, match="cannot be made"):
        terms(outer="../median")


def test_a_strategy_that_is_not_installed_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="strategy nobody is not installed on this machine"):
        create(tmp_path / "new", Choices(name="Test", unit="none", outer="nobody"))
    assert not (tmp_path / "new").exists()


def test_a_new_federation_steps_back_from_a_blow_up_and_gates_need_text() -> None:
    assert terms().stability == StabilityTerms(blow_up=creation.BLOW_UP)
    assert terms(blow_up=0.0).stability == StabilityTerms()
    text = Path("some text")
    chosen = terms(blow_up=5.0, backoff=0.3, held_out_gate=0.1, plateau_rounds=4, plateau_factor=0.2, evaluate=text)
    assert chosen.stability == StabilityTerms(
        blow_up=5.0, backoff=0.3, held_out_gate=0.1, plateau_rounds=4, plateau_factor=0.2
    )
    for choice in ({"held_out_gate": 0.1}, {"plateau_rounds": 3}):
        with pytest.raises(UsageError, match="seen on text of yours"):
            terms(**choice)
    with pytest.raises(UsageError, match=r"stability\.blow_up"):
        terms(blow_up=0.5)


def test_the_command_line_passes_every_choice_on() -> None:
    words = (
        "create d --name n --outer fedadam --outer-lr 0.1 --outer-momentum 0.8 --outer-tau 0.1 --weight-averaging 0.5 "
        "--blow-up 4 --backoff 0.4 --held-out-gate 0.1 --plateau-rounds 3 --plateau-factor 0.3"
    )
    found = vars(parser().parse_args(words.split()))
    expected = {
        "outer": "fedadam", "outer_lr": 0.1, "outer_momentum": 0.8, "outer_tau": 0.1, "weight_averaging": 0.5,
        "blow_up": 4.0, "backoff": 0.4, "held_out_gate": 0.1, "plateau_rounds": 3, "plateau_factor": 0.3,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert set(expected) <= {field.name for field in dataclasses.fields(Choices)}


def test_every_choice_has_an_option_that_says_what_it_is_and_leaves_its_default() -> None:
    asked = parser().parse_args(["create", "d", "--name", "Test"])
    assert create_options.choices(asked) == Choices(name="Test")
    assert {field.name for field in dataclasses.fields(Choices)} - set(vars(asked)) == {"norm_bound"}, "not for sale"
    create = argparse.ArgumentParser()
    create_options.add(create)
    assert [action.dest for action in create._actions if not action.help] == []


def test_what_is_made_here_bounds_updates_and_folds_late_ones_in() -> None:
    plain = terms()
    assert (plain.aggregation.norm_bound, plain.aggregation.rule, plain.schedule.late_rounds) == ("median", "mean", 2)
    trimmed = terms(aggregation="trimmed-mean", cohort=12)
    assert (trimmed.aggregation.rule, trimmed.schedule.late_rounds) == ("trimmed-mean", 0)
    assert terms(late_rounds=1).schedule.late_rounds == 1
    chosen = terms(unit="none", weights="loss", over_selection=1.5, from_client=True)
    assert (chosen.aggregation.weights, chosen.schedule.over_selection) == ("loss", 1.5)
    assert chosen.initialisation.source == "sampled-client"


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        ({"weights": "metric"}, "losses, which travel under unit 'none' only"),
        ({"over_selection": 1.5}, "waste charges of privacy"),
        ({"from_client": True}, "without noise"),
        ({"aggregation": "median"}, "needs 10 updates"),
        ({"aggregation": "median", "cohort": 10, "late_rounds": 2}, "lets updates in past"),
        ({"late_rounds": 3}, "late_rounds is 3"),
    ],
)
def test_an_aggregation_that_does_not_fit_the_terms_is_a_wrong_choice(choices: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        terms(**choices)


def test_the_command_line_passes_the_choices_on(tmp_path: Path) -> None:
    from core.coordinator.__main__ import main
    from core.coordinator.home import Federation

    folder = tmp_path / "made"
    options = ["--privacy", "none", "--weights", "metric", "--late-rounds", "1", "--over-selection", "1.25"]
    options += ["--aggregation", "centred-clipping", "--from-client"]
    assert main(["create", str(folder), "--name", "Moor", *options]) == 0
    made = Federation(folder).config
    assert (made.aggregation.rule, made.aggregation.weights) == ("centred-clipping", "metric")
    assert (made.schedule.late_rounds, made.schedule.over_selection) == (1, 1.25)
    assert made.initialisation.source == "sampled-client"


def test_what_the_terms_may_say_of_strangers_and_lines_can_be_chosen() -> None:
    chosen = terms(
        unit="none", ramp_rounds=3, invite_share=0.5, evaluate_every=4, ask_absent=True, max_void_rounds=5,
        slower=("int4", "topk"), upload_share=0.2, least_local_steps=2,
    )  # fmt: skip
    assert (chosen.aggregation.ramp_rounds, chosen.aggregation.invite_share) == (3, 0.5)
    assert (chosen.schedule.evaluate_every, chosen.schedule.ask_absent, chosen.schedule.max_void_rounds) == (4, True, 5)
    assert [codec.name for codec in chosen.codecs] == ["int8", "int4", "topk"]
    assert (chosen.adaptation.upload_share, chosen.adaptation.least_local_steps) == (0.2, 2)
    assert terms(aggregation="trimmed-mean", cohort=12, trim=0.25).aggregation.trim == 0.25


def test_first_weights_come_from_one_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="either given or one volunteer's"):
        create(tmp_path / "new", Choices(name="Test", unit="none", start_from=tmp_path, from_client=True))
