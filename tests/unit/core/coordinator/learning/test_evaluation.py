"""The evaluation runs the training room's real worker in a child process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.api.errors import StorageError
from core.coordinator.creation import Choices, create
from core.coordinator.home import Federation
from core.coordinator.learning.evaluation import Evaluator

pytestmark = pytest.mark.slow
TEXT = "The hedge keeps what grows inside, and lets pass only what is meant to pass. " * 400


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Federation:
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "text").write_text(TEXT)
    return create(folder / "f", Choices(name="Measured", evaluate=folder / "text"))


def test_a_checkpoint_is_measured_beside_the_rounds(measured: Federation) -> None:
    store = measured.store()
    evaluator = Evaluator(measured, store)
    evaluator.start()
    give_up_at = time.monotonic() + 120
    while not store.checkpoints()[0].evaluation:
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    evaluator.close()
    checkpoint = store.checkpoints()[0]
    assert checkpoint.evaluation == "ok"
    assert checkpoint.loss is not None
    assert 8.0 < checkpoint.loss < 8.7  # an untrained model knows nothing: ln 4096 = 8.3
    assert checkpoint.bits_per_byte is not None
    assert 1.0 < checkpoint.bits_per_byte < 12.0
    assert [event.body["outcome"] for event in store.events_after(0) if event.kind == "evaluated"] == ["ok"]


def test_an_evaluation_that_fails_is_named_and_the_child_is_gone(measured: Federation, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="evaluation"):
        Evaluator(measured, measured.store()).evaluate(tmp_path / "nothing")


def test_without_a_text_there_is_nothing_to_measure(federation: Federation) -> None:
    with pytest.raises(StorageError, match="no text of its own"):
        Evaluator(federation, federation.store()).evaluate(Path("anything"))
