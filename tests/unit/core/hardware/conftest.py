"""The driver's library, compiled once and played by a text file."""

from __future__ import annotations

import pytest
from support.fake_nvml import FakeNvml, compile_fake_nvml


@pytest.fixture(scope="session")
def fake_nvml(tmp_path_factory: pytest.TempPathFactory) -> FakeNvml:
    """A library of today."""
    return compile_fake_nvml(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="session")
def old_nvml(tmp_path_factory: pytest.TempPathFactory) -> FakeNvml:
    """A library of long ago."""
    return compile_fake_nvml(tmp_path_factory.mktemp("old-nvml"), old=True)
