"""Rows whose part is not measured yet: printed as *not run*, so that nobody takes silence for success."""

from __future__ import annotations

from core.bench.rows import Row

PRIVACY = [
    Row(metric="ledger under-counts in 10,000 faults", unit="1", anchor="SQLite", gate="0", aim="0 in 1,000,000"),
]
