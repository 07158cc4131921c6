"""Every test runs without display, network, GPU or the owner's own folders."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

_SCRATCH = tempfile.mkdtemp(prefix="hedgerow-tests-")
os.environ.update(
    {
        "QT_QPA_PLATFORM": "offscreen",
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_HOME": os.path.join(_SCRATCH, "flwr"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "HEDGEROW_HOME": os.path.join(_SCRATCH, "home"),
    }
)
for _name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "DISPLAY"):
    os.environ.pop(_name, None)

settings.register_profile("everyday", deadline=None, max_examples=50, derandomize=True)
settings.register_profile("campaign", deadline=None, max_examples=5_000)
settings.load_profile("campaign" if os.environ.get("HEDGEROW_CAMPAIGN") else "everyday")


@pytest.fixture(scope="session", autouse=True)
def _scratch_folder_is_removed() -> Iterator[None]:
    yield
    import shutil

    shutil.rmtree(_SCRATCH, ignore_errors=True)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds ``pyproject.toml``."""
    return Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what only the long run does."""
    if os.environ.get("HEDGEROW_CAMPAIGN"):
        return
    for item in items:
        if item.get_closest_marker("campaign"):
            item.add_marker(pytest.mark.skip(reason="long: make campaign"))
