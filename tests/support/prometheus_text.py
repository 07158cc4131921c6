"""A strict reader of Prometheus' text format 0.0.4, which takes nothing that the format does not say."""

from __future__ import annotations

import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? ([0-9.e+-]+|NaN|\+Inf|-Inf)")
Samples = dict[tuple[tuple[str, str], ...], float]


def parse(text: str) -> dict[str, tuple[str, Samples]]:
    """Family → its type, and labels → value. HELP, TYPE and samples of a family must stand together, once.

    Raises:
        AssertionError: a line is none of the format's, or a family or a sample comes twice.
    """
    assert text.endswith("\n")
    assert "\r" not in text
    found: dict[str, tuple[str, Samples]] = {}
    helped = current = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped, words = line[7:].split(" ", 1)
            assert re.fullmatch(_NAME, helped), line
            assert re.fullmatch(r"(?:[^\\]|\\[\\n])+", words), line
            assert helped not in found, f"{helped} comes twice"
        elif line.startswith("# TYPE "):
            current, kind = line[7:].split(" ")
            assert current == helped, f"{current} has no HELP before it"
            assert kind in {"counter", "gauge"}, line
            assert (kind == "counter") == current.endswith("_total"), "counters, and no others, end in _total"
            found[current] = (kind, {})
        else:
            match = _SAMPLE.fullmatch(line)
            assert match is not None, line
            assert match[1] == current, f"{line} does not stand with its family"
            labels = tuple(sorted(re.findall(_LABEL, match[2] or "")))
            assert labels not in found[current][1], f"{line} comes twice"
            assert len({name for name, _ in labels}) == len(labels), line
            found[current][1][labels] = float(match[match.lastindex or 0].replace("Inf", "inf"))
    assert all(samples for _, samples in found.values()), "a family without samples"
    return found
