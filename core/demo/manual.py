"""Readable text from the source of a manual page: what a person would see, without the requests that shape it."""

from __future__ import annotations

import re

_CHARACTERS = {
    "aq": "'",
    "dq": '"',
    "bu": "*",
    "em": "--",
    "en": "-",
    "lq": '"',
    "rq": '"',
    "ha": "^",
    "ti": "~",
    "co": "(c)",
}


def plain_manual(source: str) -> str:
    """Readable text of a manual page in man macros; empty for other macro packages.

    Headings and running text stay, requests that only shape the page go.
    """
    lines: list[str] = []
    skipping = False
    for line in source.splitlines():
        if line.startswith((".Dd", ".Sh", ".so ")):
            return ""
        request, _, rest = line[1:].strip().partition(" ") if line[:1] in {".", "'"} else ("", "", line)
        if request in {"TS", "EQ", "de", "ig"} or skipping:
            skipping = request not in {"TE", "EN", "."} and line.strip() != ".."
        elif line[:1] not in {".", "'"}:
            lines.append(_unescape(line))
        elif request in {"SH", "SS"}:
            lines += ["", _unescape(_words(rest)), ""]
        elif request in {"PP", "P", "LP", "TP", "IP", "HP", "sp"}:
            lines.append("" if request != "IP" else "\n" + _unescape(_words(rest)))
        elif request in {"B", "I", "R", "SM", "SB"}:
            lines.append(_unescape(_words(rest)))
        elif request in {"BR", "RB", "BI", "IB", "IR", "RI"}:
            lines.append(_unescape("".join(_split_words(rest))))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _split_words(rest: str) -> list[str]:
    return [quoted or bare for quoted, bare in re.findall(r'"((?:[^"]|"")*)"|(\S+)', rest)]


def _words(rest: str) -> str:
    return " ".join(_split_words(rest))


def _unescape(text: str) -> str:
    text = re.sub(r'\\".*$', "", text)
    text = re.sub(r"\\f(\[[^\]]*\]|\(..|.)|\\s[-+]?\d+|\\[&|^/,%:]|\\[hvw]'[^']*'", "", text)
    text = re.sub(r"\\[(\[](\w\w)\]?|\\\*\((\w\w)", lambda m: _CHARACTERS.get(m.group(1) or m.group(2), ""), text)
    return text.replace("\\-", "-").replace("\\ ", " ").replace("\\~", " ").replace("\\e", "\\")
