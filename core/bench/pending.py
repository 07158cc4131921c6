"""Rows whose part is not measured yet: printed as *not run*, so that nobody takes silence for success."""

from __future__ import annotations

from core.bench.rows import Row

TRAIN = [
    Row(metric="speed vs a nanoGPT-like loop, same model and flags", unit="×", anchor="nanoGPT", gate="≥ 1.00×"),
    Row(metric="MFU on one H200, bf16, 125M", unit="%", anchor="llm-foundry 42 % (H100)", gate="40 %", aim="50 %"),
]
PRIVACY = [
    Row(metric="ledger under-counts in 10,000 faults", unit="1", anchor="SQLite", gate="0", aim="0 in 1,000,000"),
]
GUI = [
    Row(metric="GUI idle, PSS", unit="MiB", anchor="vorta 111, picard 133", gate="≤ 95", aim="≤ 80"),
    Row(metric="GUI start", unit="s", anchor="vorta 0.73–1.84", gate="≤ 1.0", aim="≤ 0.7"),
]
