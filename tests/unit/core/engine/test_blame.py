from __future__ import annotations

import signal
from pathlib import Path

import pytest

from core.data import at_work
from core.data.at_work import AtWork
from core.engine.blame import MAX_DEATHS, MAX_EXCLUDED, Blame
from core.engine.children import ChildDied

ONE, OTHER = "1" * 32, "2" * 32


def died(number: int) -> ChildDied:
    error = ChildDied("The reader ended unexpectedly.")
    error.signal = number
    return error


@pytest.fixture
def note(tmp_path: Path) -> AtWork:
    return AtWork(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL])
def test_a_crash_is_the_fault_of_the_file_at_work(tmp_path: Path, note: AtWork, number: int) -> None:
    blame = Blame(tmp_path)
    note.begin(ONE)
    assert blame.may_try_again(died(number))
    assert blame.excluded == ((ONE, at_work.FAILED),)
    note.begin(OTHER)
    assert blame.may_try_again(died(number))
    assert dict(blame.excluded) == {ONE: at_work.FAILED, OTHER: at_work.FAILED}


def test_the_alarm_is_named_as_what_it_is(tmp_path: Path, note: AtWork) -> None:
    blame = Blame(tmp_path)
    note.begin(ONE)
    assert blame.may_try_again(died(signal.SIGALRM))
    assert blame.excluded == ((ONE, at_work.HUNG),)


@pytest.mark.parametrize("number", [0, signal.SIGKILL])
def test_silence_or_a_kill_is_a_files_fault_only_the_second_time(tmp_path: Path, note: AtWork, number: int) -> None:
    blame = Blame(tmp_path)
    note.begin(ONE)
    assert blame.may_try_again(died(number))
    assert blame.excluded == ()
    assert blame.may_try_again(died(number))
    assert blame.excluded == ((ONE, at_work.FAILED),)


def test_deaths_that_no_file_is_to_blame_for_come_to_an_end(tmp_path: Path, note: AtWork) -> None:
    blame = Blame(tmp_path)
    note.begin(ONE)
    note.done()
    assert [blame.may_try_again(died(signal.SIGSEGV)) for _ in range(MAX_DEATHS)] == [True] * (MAX_DEATHS - 1) + [False]
    assert blame.excluded == ()


def test_a_file_that_is_left_out_already_is_not_blamed_for_ever(tmp_path: Path, note: AtWork) -> None:
    blame = Blame(tmp_path)
    note.begin(ONE)
    assert [blame.may_try_again(died(signal.SIGSEGV)) for _ in range(MAX_DEATHS + 1)][-1] is False


def test_too_many_files_that_crash_are_an_error(tmp_path: Path, note: AtWork) -> None:
    blame = Blame(tmp_path)
    answers = []
    for number in range(MAX_EXCLUDED + 1):
        note.begin(f"{number:032x}")
        answers.append(blame.may_try_again(died(signal.SIGSEGV)))
    assert answers == [True] * MAX_EXCLUDED + [False]


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 32, b"../../../etc/passwd" * 3, b" " * 32])
def test_a_note_that_names_nothing_blames_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / at_work.NAME).write_bytes(content)
    assert at_work.blamed(tmp_path) == ""
    assert at_work.blamed(tmp_path / "nowhere") == ""
