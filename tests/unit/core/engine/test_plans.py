"""What a volunteer refuses by arithmetic."""

from __future__ import annotations

import resource
import time

import pytest
from support.federation import config

from core.config.exchange import ScheduleConfig
from core.engine import plans
from core.model.presets import preset
from core.model.recipes import default_training


@pytest.mark.parametrize("name", ["3b", "3b-gpt2", "30b"])
def test_a_model_larger_than_the_machine_is_refused_at_once_in_one_sentence(name: str) -> None:
    terms = config(
        model=preset(name), training=default_training(name, "none"),
        schedule=ScheduleConfig(rounds=16, cohort_size=2, quorum=2),
    )  # fmt: skip
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    reason = plans.too_big(terms, 4 << 30)
    assert time.process_time() - began < 0.5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, "nothing was allocated"
    assert reason.startswith("A round needs about ")
    assert "your limit is 4.0 GB" in reason


def test_a_model_that_fits_is_taken_however_large_its_updates_are() -> None:
    terms = config(model=preset("125m"), training=default_training("125m", "record"))
    assert plans.upload_bytes(terms) > 100 << 20
    assert plans.too_big(terms, 1 << 40) == ""
    assert plans.too_big(config(), 4 << 30) == ""
