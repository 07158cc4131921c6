"""The whole public surface of ``core`` for ``app``: messages, errors, wire codec. Plain types only."""

from core.api import errors, messages, wire

__all__ = ["errors", "messages", "wire"]
