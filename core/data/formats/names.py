"""What a file's name says about its format. The content has the last word; see ``registry``."""

from __future__ import annotations

import os
from typing import Final

_PROSE: Final = ".txt .text .md .markdown .mdown .mkd .rst .adoc .asciidoc .org .tex .log .textile .wiki"
_CODE: Final = (
    ".py .pyi .pyx .ipy .js .mjs .cjs .jsx .ts .tsx .java .kt .kts .scala .groovy .clj .cljs .c .h .cc .cpp .cxx .hh "
    ".hpp .hxx .m .mm .cs .fs .fsx .vb .go .rs .swift .rb .php .pl .pm .lua .r .jl .hs .lhs .ml .mli .elm .erl .hrl "
    ".ex .exs .dart .zig .nim .d .f .f90 .f95 .for .pas .ada .adb .ads .lisp .el .scm .rkt .sh .bash .zsh .fish .ps1 "
    ".bat .cmd .sql .css .scss .sass .less .vue .svelte .tcl .asm .s .v .sv .vhd .vhdl .cmake .mk .gradle .proto "
    ".graphql .tf .cob .cbl .bas .awk .vim .sol .cu .cl .glsl .wgsl"
)
_OTHERS: Final = {
    "html": ".html .htm .xhtml .xht",
    "pdf": ".pdf",
    "docx": ".docx .docm .dotx",
    "odt": ".odt .ott .fodt",
    "epub": ".epub",
    "mail": ".eml",
    "mailbox": ".mbox .mbx",
    "records": ".jsonl .ndjson .jsonlines",
    "objects": ".json",
    "notebook": ".ipynb",
    "subtitles": ".srt .vtt",
    "table": ".csv .tsv .tab",
    "parquet": ".parquet .pq",
    "zip": ".zip",
    "tar": ".tar",
    "gz": ".gz .tgz",
    "zst": ".zst .zstd .tzst",
}
FAMILIES: Final[dict[str, str]] = {
    suffix: family
    for family, suffixes in {"text": f"{_PROSE} {_CODE}", **_OTHERS}.items()
    for suffix in suffixes.split()
}
"""Suffix → family; the family names a reader in ``registry``."""
_PACKED: Final = {".tgz": ".tar", ".tzst": ".tar"}
TEXT_NAMES: Final = frozenset(
    (
        "readme", "license", "licence", "copying", "notice", "authors", "contributing", "changelog", "changes", "news",
        "makefile", "dockerfile", "todo", "history", "install",
    )
)  # fmt: skip


def family_of(name: str) -> str:
    """The family a name belongs to; empty where it says nothing."""
    stem, suffix = os.path.splitext(os.path.basename(name).lower())
    if not suffix:
        return "text" if stem in TEXT_NAMES else ""
    return FAMILIES.get(suffix, "")


def unpacked(name: str) -> str:
    """The name of what a ``gz`` or ``zst`` file holds: ``notes.txt`` of ``notes.txt.gz``, ``a.tar`` of ``a.tgz``."""
    stem, suffix = os.path.splitext(os.path.basename(name))
    return stem + _PACKED.get(suffix.lower(), "")


def looks_readable(name: str) -> bool:
    """Whether a file of this name is worth opening."""
    family = family_of(name)
    if family not in ("gz", "zst"):
        return bool(family)
    inner = unpacked(name)
    return not os.path.splitext(inner)[1] or family_of(inner) not in ("", "gz", "zst")


def is_archive(name: str) -> bool:
    """Whether a file of this name holds files, as a folder does."""
    family = family_of(name)
    return family in ("zip", "tar") or (family in ("gz", "zst") and family_of(unpacked(name)) == "tar")
