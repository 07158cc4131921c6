"""A question that hangs costs its answer, once."""

from __future__ import annotations

import threading
import time

import pytest

from core.hardware.patience import NoAnswer, Patience


def test_answers_and_errors_come_through() -> None:
    patience = Patience("The sensor")
    assert patience.ask(lambda: 41, 5) == 41
    with pytest.raises(ZeroDivisionError):
        patience.ask(lambda: 1 // 0, 5)
    assert patience.ask(lambda: None, 5) is None


def test_nothing_more_is_asked_until_the_hanging_question_is_answered() -> None:
    patience, release, asked = Patience("The sensor"), threading.Event(), []
    with pytest.raises(NoAnswer, match=r"The sensor did not answer within 0\.05 s\."):
        patience.ask(lambda: release.wait(60), 0.05)
    with pytest.raises(NoAnswer, match="The sensor has not answered for"):
        patience.ask(lambda: asked.append(1), 5)
    assert asked == []
    release.set()
    deadline = time.monotonic() + 10
    while True:
        try:
            assert patience.ask(lambda: 5, 5) == 5
            return
        except NoAnswer:
            assert time.monotonic() < deadline


def test_two_callers_take_turns() -> None:
    patience, inside, most = Patience("The sensor"), [0], [0]

    def question() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        inside[0] -= 1

    threads = [threading.Thread(target=patience.ask, args=(question, 30)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
