"""The import rules of the design, one test per rule, over the syntax tree of every file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.imports import imported, relative, sources, tops, uses

APP_MAY_USE = {"PySide6", "shiboken6", "typer", "rich", "click", "segno", "app", "core"}
TORCH_FILES = ("core/model/", "core/training/", "core/postprocess/privacy/dp_sgd.py")
FLOWER_INTERNALS = ("core/federation/fleet.py", "core/coordinator/superlink.py")
FLOWER_FILES = (
    *FLOWER_INTERNALS,
    "core/coordinator/server_app.py",
    "core/coordinator/learning/strategy.py",  # an operator's Strategy speaks in Flower's messages
)
FLOWER_PUBLIC = {"flwr.app", "flwr.serverapp", "flwr.clientapp", "flwr.common", "flwr.server"}

SHARED = {
    "aggregation",
    "influence",
    "combination",
    "robust",
    "config",
    "update",
    "jobs",
    "sandbox",
    "loopback",
    "vault",
    "privacy_filters",
    "subspace",
    "api",
    "",
}
"""What every room may import; the empty name is ``core`` itself."""
ARROWS: dict[str, set[str]] = {
    "api": set(),
    "config": set(),
    "update": set(),
    "aggregation": set(),
    "influence": set(),
    "combination": set(),
    "robust": set(),
    "jobs": set(),
    "sandbox": set(),
    "loopback": set(),
    "vault": set(),
    "privacy_filters": set(),
    "subspace": set(),
    "hardware": set(),
    "runtime": {"hardware"},
    "data": set(),
    "model": set(),
    "training": {"model"},
    "postprocess": set(),
    "ledger": set(),
    "federation": set(),
    "coordinator": {"data", "federation", "model", "postprocess"},
    "engine": {"hardware", "data", "model", "postprocess", "ledger", "federation"},
    "household": {"coordinator", "engine", "federation", "ledger"},
    "simulation": {"data", "model", "training", "postprocess", "coordinator"},
    "demo": {"model", "data", "coordinator", "federation", "postprocess"},
    "bench": {"simulation", "data", "model", "training", "postprocess", "demo", "coordinator", "federation", "ledger"},
}
"""Room → rooms it may import, beyond itself and the shared ones."""
MEETING_POINTS = {
    "core/training/worker.py": {"data", "model", "postprocess"},
    "core/training/completer.py": {"data", "model"},
}
"""Single files where stages meet."""


def room(path: Path) -> str:
    """The room under ``core`` a file lives in."""
    parts = relative(path).removeprefix("core/").split("/")
    return parts[0].removesuffix(".py").removesuffix("__init__")


@pytest.mark.parametrize("path", sources("app"), ids=relative)
def test_app_knows_qt_the_standard_library_and_core_api(path: Path) -> None:
    strangers = tops(path) - APP_MAY_USE - set(sys.stdlib_module_names)
    assert not strangers
    inner = {name for name in imported(path) if name.split(".")[0] == "core" and name != "core"}
    assert all(name == "core.api" or name.startswith("core.api.") for name in inner), inner


@pytest.mark.parametrize("path", sources("core"), ids=relative)
def test_core_never_imports_the_app_or_qt(path: Path) -> None:
    assert not tops(path) & {"app", "PySide6", "shiboken6"}


@pytest.mark.parametrize("path", sources("core"), ids=relative)
def test_torch_lives_in_model_training_and_dp_sgd(path: Path) -> None:
    assert not uses(path, "torch") or relative(path).startswith(TORCH_FILES)


@pytest.mark.parametrize("path", sources("core", "app"), ids=relative)
def test_flower_lives_in_four_files_and_its_internals_in_two(path: Path) -> None:
    names = {name for name in imported(path) if name.split(".")[0] == "flwr"}
    if relative(path) in FLOWER_INTERNALS:
        return
    assert not names or relative(path) in FLOWER_FILES
    public = {name for name in names if any(name == p or name.startswith(p + ".") for p in FLOWER_PUBLIC)}
    assert names - {"flwr"} <= public


@pytest.mark.parametrize("path", sources("core"), ids=relative)
def test_stages_do_not_import_each_other(path: Path) -> None:
    here = room(path)
    if here in {"", "__init__"}:
        return
    assert here in ARROWS, f"{here} is a new room: give it its place in ARROWS"
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("core.")}
    allowed = SHARED | {here} | ARROWS[here] | MEETING_POINTS.get(relative(path), set())
    assert rooms <= allowed, f"{relative(path)} imports {sorted(rooms - allowed)}"


def test_training_is_started_never_imported_by_the_engine() -> None:
    guilty = [relative(path) for path in sources("core/engine", "core/coordinator") if uses(path, "core.training")]
    assert guilty == []
