"""The settings schema says what the engine's own configuration says."""

from __future__ import annotations

import msgspec
import pytest

from app.settings_schema import SETTINGS, Setting
from core.config.node import Limits, NodeConfig, PrivacyFloor

OF_ENGINE = [s for s in SETTINGS if s.owner == "engine"]


def engine_defaults() -> dict[str, object]:
    fields = {f.name: f.default for f in msgspec.structs.fields(Limits)}
    fields |= {f"floor_{f.name}": f.default for f in msgspec.structs.fields(PrivacyFloor)}
    inner = ("version", "limits", "floor")
    return fields | {f.name: f.default for f in msgspec.structs.fields(NodeConfig) if f.name not in inner}


def record_of(setting: Setting) -> tuple[type, str]:
    """The record of the engine's that holds a setting, and its name there."""
    if setting.key.startswith("floor_"):
        return PrivacyFloor, setting.key.removeprefix("floor_")
    return (Limits if setting.key in Limits.__struct_fields__ else NodeConfig), setting.key


def test_every_setting_of_the_engine_has_a_row() -> None:
    assert {s.key for s in OF_ENGINE} == set(engine_defaults())


@pytest.mark.parametrize("setting", OF_ENGINE, ids=lambda s: s.key)
def test_defaults_are_the_engines(setting: Setting) -> None:
    default = engine_defaults()[setting.key]
    shown = {True: "yes", False: "no"}[default] if isinstance(default, bool) else setting.default
    assert setting.default == shown
    if isinstance(default, int | float) and not isinstance(default, bool):
        assert float(setting.default) == default
    if setting.kind == "choice":
        assert setting.default == default
    elif isinstance(default, str | tuple):
        assert setting.default == "" == ",".join(default)


@pytest.mark.parametrize("setting", [s for s in OF_ENGINE if s.kind == "choice"], ids=lambda s: s.key)
def test_choices_are_the_engines(setting: Setting) -> None:
    kind, name = record_of(setting)
    for value, _ in setting.choices:
        msgspec.convert({name: value}, kind)
    (field,) = (f for f in msgspec.structs.fields(kind) if f.name == name)
    assert {value for value, _ in setting.choices} == set(field.type.__args__)


@pytest.mark.parametrize("setting", [s for s in OF_ENGINE if s.kind in ("number", "whole")], ids=lambda s: s.key)
def test_bounds_are_the_engines(setting: Setting) -> None:
    kind, name = record_of(setting)
    whole = int if setting.kind == "whole" else float
    for value in (setting.low, setting.high):
        kind(**{name: whole(value)})
    with pytest.raises(ValueError, match=name):
        kind(**{name: whole(setting.high * 2 + 1)})


def test_keys_are_unique_and_nothing_loose_is_preselected() -> None:
    assert len({s.key for s in SETTINGS}) == len(SETTINGS)
    assert next(s for s in SETTINGS if s.key == "keep_running").default == "no"
