"""Rows whose part is not measured yet: printed as *not run*, so that nobody takes silence for success."""

from __future__ import annotations

from core.bench.rows import Row

PRIVACY = [
    Row(metric="ledger under-counts in 10,000 faults", unit="1", anchor="SQLite", gate="0", aim="0 in 1,000,000"),
]
GUI = [
    Row(metric="GUI idle, PSS", unit="MiB", anchor="vorta 111, picard 133", gate="≤ 95", aim="≤ 80"),
    Row(metric="GUI start", unit="s", anchor="vorta 0.73–1.84", gate="≤ 1.0", aim="≤ 0.7"),
]
