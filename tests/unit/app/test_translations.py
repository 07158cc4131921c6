"""The catalogue of English plural forms is complete and compiled."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

FOLDER = Path("resources/translations")


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed beside this Python")
    return found


def messages(path: Path) -> dict[tuple[str, str], list[str]]:
    """Class and source → forms; Qt looks a text up under the class that asks for it."""
    root = ET.parse(path).getroot()
    return {
        (context.findtext("name") or "", m.findtext("source") or ""): [f.text or "" for f in m.iter("numerusform")]
        for context in root.iter("context")
        for m in context.iter("message")
        if m.get("numerus") == "yes"
    }


def test_every_plural_has_both_forms(repository: Path) -> None:
    forms = messages(repository / FOLDER / "hedgerow_en.ts")
    assert forms
    for (_, source), (one, many) in forms.items():
        assert one
        assert many
        assert "(s)" not in one + many, source
        assert ("%n" in one) == ("%n" in source), source


def test_the_catalogue_knows_every_plural_of_the_code(repository: Path, tmp_path: Path) -> None:
    sources = sorted(str(p) for p in (repository / "app").rglob("*.py"))
    fresh = tmp_path / "fresh.ts"
    command = [tool("pyside6-lupdate"), "-pluralonly", *sources, "-ts", str(fresh)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert messages(fresh).keys() == messages(repository / FOLDER / "hedgerow_en.ts").keys()


def test_the_compiled_file_is_of_this_catalogue(repository: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.qm"
    command = [tool("pyside6-lrelease"), str(repository / FOLDER / "hedgerow_en.ts"), "-qm", str(fresh)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert fresh.read_bytes() == (repository / FOLDER / "hedgerow_en.qm").read_bytes()
