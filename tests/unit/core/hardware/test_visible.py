"""CUDA's number of a GPU follows what the program may see."""

from __future__ import annotations

import pytest

from core.hardware.visible import cuda_number


@pytest.mark.parametrize(
    ("told", "numbers"),
    [
        (None, [0, 1, 2]),
        ("", [None, None, None]),
        ("2, 0", [1, None, 0]),
        ("GPU-b,GPU-a", [1, 0, None]),
        ("1,nonsense,0", [None, 0, None]),
        ("-1", [None, None, None]),
        ("MIG-1b2c,2", [None, None, 1]),
    ],
)
def test_numbers(told: str | None, numbers: list[int | None]) -> None:
    environment = {} if told is None else {"CUDA_VISIBLE_DEVICES": told}
    found = [cuda_number(index, f"GPU-{letter}-1", environment) for index, letter in enumerate("abc")]
    assert found == numbers


def test_an_unknown_identifier_matches_no_name() -> None:
    assert cuda_number(0, "", {"CUDA_VISIBLE_DEVICES": "GPU-a"}) is None
