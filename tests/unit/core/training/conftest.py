from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.compiled import Made, compile_once
from support.tiny_round import job_maker

from core.jobs import TrainJob


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Compiled code of a small model; it takes a while, so there is one."""
    return compile_once(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., TrainJob]:
    """``make_job(unit, **changes)``: a job whose files exist."""
    return job_maker(tmp_path)
