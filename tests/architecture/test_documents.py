"""The documents say only what is there: every test, file, picture and command they name exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer
from support.imports import ROOT

from app.cli import tree

DOCUMENTS = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "core/README.md", "packaging/README.md")
PROMISES = 6


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def functions_in(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text("utf-8")))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_test_that_is_named_exists(name: str) -> None:
    for path, function in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text(name)):
        assert (ROOT / path).is_file(), path
        assert not function or function in functions_in(ROOT / path), f"{path}::{function}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_and_picture_that_is_named_exists(name: str) -> None:
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text(name)) + re.findall(r'src="([^"]+)"', text(name))
    named = re.findall(r"`((?:core|app|packaging|resources|tests)/[\w./-]+\.\w+)`", text(name))
    for path in {*linked, *named}:
        assert (ROOT / path).exists() or (ROOT / name).parent.joinpath(path).exists(), path


def test_every_command_of_the_readme_exists() -> None:
    group = typer.main.get_group(tree())
    known = set(group.commands)
    block = text("README.md").split("## Command line")[1].split("```")[1]
    words = set(re.findall(r"^hedgerow (\w+)", block, re.M)) | set(re.findall(r"(?:   |\| )(\w+)", block))
    named = {word for word in words if word in known}
    assert known == named, f"not in the README: {sorted(known - named)}"


def test_each_of_the_six_promises_has_a_test_or_says_not_yet() -> None:
    promises = text("README.md").split("## Six promises")[1].split("\n## ")[0]
    rows = re.findall(r"^\| \*\*(.+?)\*\*.*$", promises, re.M)
    assert len(rows) == PROMISES
    for row in re.findall(r"^\| \*\*.*$", promises, re.M):
        assert "`tests/" in row or "*not yet*" in row, row
