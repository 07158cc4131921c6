"""What a source file imports, read from its syntax tree: top level, in functions and under ``TYPE_CHECKING`` alike."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def sources(*folders: str) -> list[Path]:
    """Every Python file under these folders of the repository, or the file itself."""
    found: list[Path] = []
    for folder in folders:
        path = ROOT / folder
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


def relative(path: Path) -> str:
    """Path inside the repository, with forward slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text("utf-8"), str(path))


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names of everything the file imports; ``from a import b`` gives both ``a`` and ``a.b``."""
    names: set[str] = set()
    package = relative(path).removesuffix(".py").split("/")[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def tops(path: Path) -> set[str]:
    """First component of everything the file imports."""
    return {name.split(".")[0] for name in imported(path)}


def uses(path: Path, package: str) -> bool:
    """Whether the file imports ``package`` or something inside it."""
    return any(name == package or name.startswith(package + ".") for name in imported(path))
