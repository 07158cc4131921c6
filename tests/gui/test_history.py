"""History with ten thousand rounds: what is painted is what is seen, and a snapshot compares nothing with itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support import scenes

from app.stores.history_model import HistoryModel

ROUNDS = 10_000


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows that Qt asked about; counted from before the model is there, since Qt remembers what it calls."""
    found: list[int] = []
    real = HistoryModel.data

    def data(self: HistoryModel, index: Any, role: int = 0) -> object:
        found.append(index.row())
        return real(self, index, role)

    monkeypatch.setattr(HistoryModel, "data", data)
    return found


@pytest.fixture
def page(asked: list[int], bench: Any, qtbot: Any) -> Any:
    one = bench()
    history = scenes.history()
    row = history.rows[0]
    rows = [msgspec.structs.replace(row, server_round=ROUNDS - n, release_id=ROUNDS - n) for n in range(ROUNDS)]

    def answer(params: Any) -> Any:
        """A thousand at a time, newest first, as the engine gives them."""
        first = next((n for n, row in enumerate(rows) if row.release_id < params.before), 0) if params.before else 0
        part = rows[first : first + 1_000]
        older = part[-1].release_id if first + 1_000 < ROUNDS else 0
        return msgspec.structs.replace(history, rows=part, older=older)

    one.engine.replies["history"] = answer
    one.window.open_page("history")
    found = one.window.page("history")
    qtbot.waitUntil(lambda: found.model.rowCount() == ROUNDS, timeout=20_000)
    qtbot.wait(50)
    return found


def test_scrolling_asks_for_the_rows_that_are_seen(page: Any, asked: list[int], qtbot: Any) -> None:
    bar = page.list.verticalScrollBar()
    assert bar.maximum() > 100 * page.list.viewport().height()
    for part in (0.1, 0.35, 0.7, 1.0, 0.02):
        asked.clear()
        bar.setValue(int(part * bar.maximum()))
        qtbot.wait(30)
        seen = page.list.viewport().height() // page.list.sizeHintForRow(0) + 2
        assert 0 < len(set(asked)) <= seen + 2
        assert len(asked) <= 12 * (seen + 2)


def test_a_snapshot_does_not_compare_ten_thousand_rows(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[int] = []
    monkeypatch.setattr(HistoryModel, "key", lambda self, row: (keys.append(1), "x")[1])
    page.refresh()
    page.refresh()
    assert keys == []
