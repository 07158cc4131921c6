"""Rules about files: no dumping grounds, no side effects at import, nothing re-exported."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support.imports import ROOT, relative, sources, tree

import core.api

FORBIDDEN = {"utils.py", "util.py", "helpers.py", "compat.py", "common.py", "misc.py"}
QUIET = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
    ast.Try,
    ast.If,
    ast.TypeAlias if hasattr(ast, "TypeAlias") else ast.Assign,
)
LONGEST_FUNCTION = 80


@pytest.mark.parametrize("path", sources("app", "core"), ids=relative)
def test_importing_does_nothing(path: Path) -> None:
    for statement in tree(path).body:
        if isinstance(statement, ast.Expr):
            assert isinstance(statement.value, ast.Constant), f"line {statement.lineno} runs at import"
        else:
            assert isinstance(statement, QUIET), f"line {statement.lineno} runs at import"


@pytest.mark.parametrize("path", [p for p in sources("app", "core") if p.name == "__init__.py"], ids=relative)
def test_init_files_re_export_nothing(path: Path) -> None:
    imports = [node for node in tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not imports or relative(path) == "core/api/__init__.py"


def test_public_names_of_core_api_are_sorted() -> None:
    assert core.api.__all__ == sorted(core.api.__all__)


@pytest.mark.parametrize("path", sources("app", "core"), ids=relative)
def test_no_dumping_grounds_and_no_second_generation(path: Path) -> None:
    assert path.name not in FORBIDDEN
    assert not any(part.endswith(("_v2", "_old", "_new", "_legacy")) for part in relative(path)[:-3].split("/"))


@pytest.mark.parametrize("path", sources("app", "core"), ids=relative)
def test_functions_fit_on_a_screen(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def test_packaging_and_resources_hide_no_library() -> None:
    assert not list((ROOT / "packaging").rglob("__init__.py"))
    assert not list((ROOT / "resources").rglob("__init__.py"))


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        relative(path)
        for path in sources("app", "core")
        if path.name != "__init__.py" and not ast.get_docstring(tree(path))
    ]
    assert silent == []
