"""What each process loads, asked of a fresh interpreter rather than of the source."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest
from support.imports import ROOT

HEAVY = ("torch", "flwr", "numpy", "scipy", "dp_accounting", "transformers", "opacus")


def modules_of(package: str, but: tuple[str, ...] = ()) -> list[str]:
    """Every module of a package of ours, without importing any."""
    folder = ROOT / package.replace(".", "/")
    found = [package] + [f"{package}.{m.name}" for m in pkgutil.walk_packages([str(folder)]) if not m.ispkg]
    for sub in sorted(p.parent for p in folder.glob("*/__init__.py")):
        found += modules_of(f"{package}.{sub.name}")
    return [name for name in found if name not in but]


def loaded_after(imports: list[str]) -> set[str]:
    """Top-level names in ``sys.modules`` of a fresh interpreter after these imports."""
    program = (
        "import importlib, json, sys, threading\n"
        f"for name in {imports!r}: importlib.import_module(name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_probe_sees_what_is_loaded() -> None:
    assert "numpy" in loaded_after(["core.update"])


def test_app_loads_no_torch_flower_or_numpy() -> None:
    assert not loaded_after(modules_of("app")) & set(HEAVY)


def test_core_api_loads_no_qt_and_nothing_heavy() -> None:
    assert not loaded_after(modules_of("core.api")) & {*HEAVY, "PySide6", "httpx", "cryptography"}


def test_the_engine_loads_no_torch_and_no_accountant() -> None:
    loaded = loaded_after(modules_of("core.engine"))
    assert not loaded & {"torch", "scipy", "dp_accounting", "PySide6", "app"}


def test_the_coordinator_loads_no_torch() -> None:
    assert not loaded_after(modules_of("core.coordinator")) & {"torch", "PySide6", "app"}


@pytest.mark.parametrize("package", ["core.ledger", "core.federation", "core.hardware"])
def test_these_rooms_load_no_torch(package: str) -> None:
    assert not loaded_after(modules_of(package)) & {"torch", "scipy", "dp_accounting", "PySide6", "app"}
