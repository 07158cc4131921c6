"""What tests of the engine share."""

from __future__ import annotations

import pytest

from core.engine import participation as participations


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between two questions are short."""
    monkeypatch.setattr(participations, "POLL_S", 0.1)
    monkeypatch.setattr(participations, "SOON_POLL_S", 0.1)
    monkeypatch.setattr(participations, "REST_POLL_S", 0.1)
    monkeypatch.setattr(participations, "BACKOFF_S", (0.1, 0.3))
    monkeypatch.setattr(participations, "REFUSED_RETRY_S", 0.2)
    monkeypatch.setattr(participations, "BUSY_POLL_S", 0.05)
