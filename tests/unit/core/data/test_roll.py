"""The roll: every document once, found by its digest, whatever their number; stored and taken up again."""

from __future__ import annotations

import hashlib
import sys
from array import array

from core.data.roll import NOBODY, Roll, first_of_each, numbers


def digest(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


def test_a_document_has_one_number_in_the_order_of_coming() -> None:
    roll = Roll()
    assert [roll.enter(digest(n), n) for n in (7, 8, 7, 9, 8)] == [0, 1, 0, 2, 1]
    assert (len(roll), list(roll.words), roll.digest(2)) == (3, [7, 8, 9], digest(9))
    assert (roll.find(digest(8)), roll.find(digest(1))) == (1, NOBODY)


def test_digests_that_begin_alike_are_told_apart() -> None:
    roll = Roll()
    alike = [bytes(8) + digest(n)[8:] for n in range(3_000)]
    assert [roll.enter(one, 1) for one in alike] == list(range(3_000))
    assert [roll.find(one) for one in alike] == list(range(3_000))
    assert roll.find(bytes(32)) == NOBODY


def test_what_is_stored_is_taken_up_again() -> None:
    roll = Roll()
    for number in range(5_000):
        roll.set_language(roll.enter(digest(number), number), ("en", "de", "")[number % 3])
    again = Roll(bytes(roll.digests), roll.words.tobytes(), bytes(roll.languages), tuple(roll.names))
    assert [again.find(digest(n)) for n in range(5_000)] == list(range(5_000))
    assert [again.language(n) for n in range(4)] == ["en", "de", "", "en"]
    assert again.enter(digest(5_000), 1) == 5_000
    assert again.language(5_000) is None
    assert numbers(again.words.tobytes()).tolist() == [*range(5_000), 1]


def test_a_document_takes_little_memory() -> None:
    roll = Roll()
    for number in range(100_000):
        roll.enter(digest(number), 1)
    columns = (roll.digests, roll.words, roll.languages, roll._slots)
    assert sum(map(sys.getsizeof, columns)) < 70 * len(roll)


def test_the_first_of_each_is_told_from_its_copies() -> None:
    these = numbers(array("I", [5, 3, 5, 0, 3, 9]))
    assert first_of_each(these).tolist() == [True, True, False, True, False, True]
    assert first_of_each(these[:0]).tolist() == []
