"""What passes through the gateway, counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Traffic:
    """Since the gateway started: requests, and bytes of bodies."""

    requests: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
