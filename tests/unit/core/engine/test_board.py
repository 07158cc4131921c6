"""The plots survive a restart, stay small, and say nothing to who finds the file."""

from __future__ import annotations

from pathlib import Path

from core.engine import board
from core.engine.board import Board

KEY = bytes(range(32))


def test_plots_are_kept_encrypted_and_thinned(tmp_path: Path) -> None:
    one = Board(tmp_path / "series.enc", KEY)
    for server_round in range(1, 4):
        one.add_bits_per_byte(server_round, 3.0 - server_round / 10)
        one.add_bits_per_byte(server_round, 3.0 - server_round / 10)
        for step in range(1, 301):
            one.add_loss(server_round, step, 5.0 - step / 100)
        one.round_trained(300)
    again = Board(tmp_path / "series.enc", KEY)
    assert again.series == one.series
    assert len(again.series.loss) <= board.MAX_POINTS
    assert again.series.loss[-1].step == 900
    assert [point.step for point in again.series.bits_per_byte] == [0, 300, 600]
    steps = [point.step for point in again.series.loss]
    assert steps == sorted(steps)
    assert b"bits_per_byte" not in (tmp_path / "series.enc").read_bytes()


def test_a_damaged_file_only_costs_the_plots(tmp_path: Path) -> None:
    (tmp_path / "series.enc").write_bytes(b"rotten")
    assert Board(tmp_path / "series.enc", KEY).series.loss == []
