"""What pip says becomes figures and sentences."""

from __future__ import annotations

import pytest

from core.runtime.pip_output import PipOutput

LINES = """Collecting scipy==1.17.1 (from -r packages.txt (line 3))
  Downloading scipy-1.17.1-cp311-cp311-manylinux.whl (35.0 MB)
Progress 0 of 35000000
Progress 10000000 of 35000000
Progress 35000000 of 35000000
Collecting numpy==2.4.6 (from -r packages.txt (line 4))
Progress 0 of 16000000
Progress 4000000 of 16000000
"""


def heard(text: str) -> PipOutput:
    output = PipOutput()
    for line in text.splitlines():
        output.hear(line)
    return output


def test_bytes_and_packages_are_counted() -> None:
    output = heard(LINES)
    assert (output.item, output.name) == (2, "numpy")
    assert output.file_bytes == (4_000_000, 16_000_000)
    assert output.done_bytes == 39_000_000
    assert not output.unpacking
    output.hear("Installing collected packages: numpy, scipy")
    assert output.unpacking


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk became full"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    numpy==2.4.6 from https://x:\n",
            "A file of numpy is not the one",
        ),
        ("WARNING: Retrying after NewConnectionError('x')", "registry cannot be reached"),
        ("ERROR: No matching distribution found for torch==9", "has no torch"),
        ("ERROR: something strange", "torch cannot be installed: something strange"),
        ("", "torch cannot be installed: no word of why"),
    ],
)
def test_a_failure_is_one_sentence(said: str, sentence: str) -> None:
    error = heard(said).failure("torch")
    assert sentence in error.message
    assert error.hint
    assert "\n" not in error.message
