"""The catalogues are complete, true to their sources and compiled."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale

from app.words.languages import LANGUAGES, locale_of

FOLDER = Path("resources/translations")
WHOLE = [language for language in LANGUAGES if language != "en"]
Key = tuple[str, str]


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed beside this Python")
    return found


def messages(path: Path) -> dict[Key, list[str]]:
    """Class and source → the translation, or its forms; Qt looks a text up under the class that asks for it."""
    found: dict[Key, list[str]] = {}
    for context in ET.parse(path).getroot().iter("context"):
        for m in context.iter("message"):
            translation = m.find("translation")
            assert translation is not None
            assert translation.get("type") is None or path.name == "fresh.ts", m.findtext("source")
            forms = [form.text or "" for form in translation.iter("numerusform")] or [translation.text or ""]
            found[(context.findtext("name") or "", m.findtext("source") or "")] = forms
    return found


@pytest.fixture(scope="module")
def asked(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Key, list[str]]:
    """Every text of the code."""
    sources = sorted(str(p) for p in (repository / "app").rglob("*.py"))
    fresh = tmp_path_factory.mktemp("catalogue") / "fresh.ts"
    command = [tool("pyside6-lupdate"), "-target-language", "en_GB", *sources, "-ts", str(fresh)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return messages(fresh)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_knows_every_text_of_the_code(
    language: str, repository: Path, asked: dict[Key, list[str]]
) -> None:
    known = messages(repository / FOLDER / f"hedgerow_{language}.ts")
    wanted = asked if language in WHOLE else {key: forms for key, forms in asked.items() if len(forms) > 1}
    assert known.keys() == wanted.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_and_every_plural_has_both_forms(language: str, repository: Path) -> None:
    for (_, source), forms in messages(repository / FOLDER / f"hedgerow_{language}.ts").items():
        assert all(forms), source
        assert all("(s)" not in form for form in forms) or "(s)" not in source, source
        if "%n" in source:
            assert len(forms) == 2
            assert all(("%n" in form) == ("%n" in source) for form in forms), source


def holes(text: str) -> Counter[str]:
    return Counter(re.findall(r"\{[^}]*\}|\n", text))


@pytest.mark.parametrize("language", WHOLE)
def test_a_translation_keeps_what_is_filled_in(language: str, repository: Path) -> None:
    for (_, source), forms in messages(repository / FOLDER / f"hedgerow_{language}.ts").items():
        for form in forms:
            assert holes(form) == holes(source), source
            assert (len(form) - len(form.lstrip())) == (len(source) - len(source.lstrip())), source
            assert form.count("&") == source.count("&"), source


@pytest.mark.parametrize("language", WHOLE)
def test_nothing_shouts(language: str, repository: Path) -> None:
    for (_, source), forms in messages(repository / FOLDER / f"hedgerow_{language}.ts").items():
        assert "!" not in "".join(forms), source


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_file_is_of_this_catalogue(language: str, repository: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.qm"
    command = [tool("pyside6-lrelease"), str(repository / FOLDER / f"hedgerow_{language}.ts"), "-qm", str(fresh)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert fresh.read_bytes() == (repository / FOLDER / f"hedgerow_{language}.qm").read_bytes()


@pytest.mark.parametrize(
    ("choice", "name"), [("de", "de_DE"), ("fr", "fr_FR"), ("en", "en_GB"), ("klingon", QLocale.system().name())]
)
def test_a_choice_is_a_locale(choice: str, name: str) -> None:
    if QLocale.system().name().partition("_")[0] == choice:
        name = QLocale.system().name()
    assert locale_of(choice).name() == name
