"""The floor refuses what is weaker, and only that; also what was joined before it rose."""

from __future__ import annotations

import msgspec
import pytest
from support.joined import config

from core.config.node import PrivacyFloor
from core.engine import floor
from core.engine.plans import Plan, public_only

UNITS = ("none", "record", "document", "corpus")
PLAN = Plan(
    unit="record", units=1_000, sampling_prob=0.01, noise_multiplier=1.0, clip_norm=1.0, steps=3, relation="zero-out",
    rdp_per_step=(), epsilon_limit=8.0, epsilon_planned=2.0, delta=1e-5, rounds_affordable=9,
)  # fmt: skip


@pytest.mark.parametrize("asked", UNITS)
@pytest.mark.parametrize("offered", ["none", "record", "corpus"])
def test_a_unit_is_refused_exactly_where_it_is_weaker(offered: str, asked: str) -> None:
    refused = floor.unit_refusal(config(offered), PrivacyFloor(unit=asked))  # type: ignore[arg-type]
    assert bool(refused) == (UNITS.index(offered) < UNITS.index(asked))


def test_what_was_joined_before_rests_once_the_floor_rises_above_it() -> None:
    terms = config()
    assert floor.refusal(terms, [PLAN], PrivacyFloor()) == ""
    assert "document" in floor.refusal(terms, [PLAN], PrivacyFloor(unit="document"))
    assert "limit of ε 8, but your floor is ε 3" in floor.refusal(terms, [PLAN], PrivacyFloor(epsilon=3.0))
    assert "σ 1, but your floor is σ 2" in floor.refusal(terms, [PLAN], PrivacyFloor(noise=2.0))
    assert floor.refusal(terms, [PLAN], PrivacyFloor(unit="record", epsilon=8.0, noise=1.0)) == ""


def test_a_none_round_has_no_limit_to_exceed_and_public_text_nothing_to_protect() -> None:
    bare = msgspec.structs.replace(PLAN, unit="none", epsilon_limit=0.0, noise_multiplier=0.0)
    assert floor.refusal(config("none"), [bare], PrivacyFloor(epsilon=1.0, noise=3.0)) == ""
    assert floor.refusal(config("none"), [], PrivacyFloor(unit="corpus")) == ""
    assert public_only(config()).unit == "none"
