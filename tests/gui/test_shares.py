"""The share of a federation beside others: shown in the list, set in the detail, with mouse and keyboard."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from support import scenes

from app.pages.federation_share import ShareRow
from app.stores.row_model import FIGURE, SECOND_FIGURE
from core.api.errors import StorageError
from core.api.messages.base import Message
from core.api.messages.federations import FederationInfo, ShareParams


def opened(one: Any) -> tuple[Any, ShareRow]:
    """The list's model and the row of the detail."""
    one.window.open_page("federations")
    overview = one.window.page("federations").overview
    return overview.model, overview.detail.share


def told(one: Any, *weights: float) -> None:
    """The engine tells other weights."""
    before = scenes.shared()
    changed = [
        msgspec.structs.replace(f, weight=w, state="active" if w else "resting")
        for f, w in zip(before.federations, weights, strict=True)
    ]
    one.engine.push(msgspec.structs.replace(before, revision=2, federations=changed))


def test_the_list_says_what_each_is_asked_and_given(bench: Any) -> None:
    model, row = opened(bench(scenes.shared()))
    assert [model.index(n, 0).data(SECOND_FIGURE) for n in (0, 1)] == ["33 % of this machine", "67 % of this machine"]
    said = "33 % of this machine asked, 38 % given in the last seven days (3 h)"
    assert model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole) == said
    assert said in model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert row.box.value() == 1.0
    assert "33 % asked, 38 % given" in row.meaning.text()
    assert row.box.accessibleName() == "Share beside others"
    assert row.box.accessibleDescription() == row.meaning.text()


def test_one_alone_has_all_of_it(bench: Any) -> None:
    model, row = opened(bench())
    assert model.index(0, 0).data(SECOND_FIGURE) == "round 214"
    assert not model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert row.isVisible()
    assert row.meaning.text().startswith("Alone it trains whatever stands here.")


def test_a_typed_number_is_asked_once_and_what_the_engine_says_is_shown(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.shared())
    model, row = opened(one)

    def changed(params: Message) -> FederationInfo:
        assert isinstance(params, ShareParams)
        told(one, params.weight, 2.0)
        return msgspec.structs.replace(scenes.federation(), weight=params.weight)

    one.engine.replies["federation.share"] = changed
    row.box.setFocus()
    row.box.selectAll()
    qtbot.keyClicks(row.box, "2.5")
    assert one.engine.params("federation.share") == [], "nothing before it is complete"
    told(one, 1.0, 3.0)
    qtbot.waitUntil(lambda: "25 % asked" in row.meaning.text(), timeout=5_000)
    assert row.box.lineEdit().text() == "2.5", "a new state does not wipe what is being typed"
    qtbot.keyClick(row.box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "56 % asked" in row.meaning.text(), timeout=5_000)
    assert one.engine.params("federation.share") == [ShareParams(federation_id="f1", weight=2.5)]
    assert model.index(1, 0).data(SECOND_FIGURE) == "44 % of this machine", "the other's share changed with it"
    qtbot.keyClick(row.box, Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: len(one.engine.params("federation.share")) == 2, timeout=5_000)
    assert one.engine.params("federation.share")[1] == ShareParams(federation_id="f1", weight=3.5)


def test_a_change_of_mind_is_told_though_the_engine_is_slow(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.shared())
    _, row = opened(one)
    one.engine.silent.add("federation.share")
    for weight in (2.0, 1.0):
        row.box.setValue(weight)
    qtbot.waitUntil(lambda: len(one.engine.params("federation.share")) == 2, timeout=5_000)
    assert [asked.weight for asked in one.engine.params("federation.share")] == [2.0, 1.0]


def test_a_weight_of_nothing_says_rests(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.shared())
    model, row = opened(one)
    told(one, 0.0, 2.0)
    qtbot.waitUntil(lambda: model.index(0, 0).data(FIGURE) == "rests", timeout=5_000)
    assert row.box.text() == "rests"
    assert row.meaning.text().startswith("It rests: no new round is begun")
    assert one.window.page("federations").overview.detail.state.text == "rests: its share is 0"
    assert model.index(1, 0).data(SECOND_FIGURE) == "100 % of this machine"


def test_a_refusal_is_told_and_the_true_number_comes_back(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.shared())
    _, row = opened(one)
    one.engine.replies["federation.share"] = StorageError("The disk is full.", "Make room.")
    row.box.setValue(7.0)
    trouble = one.window.page("federations").overview.trouble
    qtbot.waitUntil(trouble.isVisible, timeout=5_000)
    assert trouble.title.text() == "The disk is full."
    assert row.box.value() == 1.0


@pytest.mark.parametrize(("weight", "text"), [(0.25, "0.25"), (0.5, "0.5"), (1.0, "1"), (100.0, "100")])
def test_a_number_is_as_short_as_it_can_be(bench: Any, weight: float, text: str) -> None:
    state = scenes.shared()
    first = msgspec.structs.replace(state.federations[0], weight=weight)
    _, row = opened(bench(msgspec.structs.replace(state, federations=[first, state.federations[1]])))
    assert row.box.text() == text


def test_a_wheel_that_passes_by_changes_nothing(bench: Any, qtbot: Any) -> None:
    one = bench(scenes.shared())
    _, row = opened(one)
    row.box.clearFocus()
    middle = QPointF(row.box.rect().center())
    QApplication.sendEvent(
        row.box,
        QWheelEvent(
            middle, row.box.mapToGlobal(middle), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        ),
    )  # fmt: skip
    qtbot.wait(50)
    assert row.box.value() == 1.0
    assert "federation.share" not in one.engine.methods()
