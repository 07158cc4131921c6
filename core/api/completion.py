"""How a program lets the owner try a model: it starts the completer child itself and reads what that writes.

The text goes from the program to the child and back, past the engine, which only says where the model lies. See
``core.training.completer``.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from core.api import interpreter
from core.api.errors import EngineError, from_code
from core.api.messages.federations import ModelHere

MAX_LINE = 1 << 20
"""Most that the child writes in one line."""
MAX_PROMPT = 20_000
"""Characters; a model reads the end of a longer one anyway."""
LONGEST = 400
"""Most tokens that the window and the command line ask for."""


@dataclass(frozen=True)
class Piece:
    """What the text grew by."""

    text: str


@dataclass(frozen=True)
class Done:
    """The end."""

    tokens: int
    seconds: float
    ended: bool
    """Whether the model itself ended the text."""


def command() -> list[str]:
    """What to run.

    Raises:
        RuntimeMissing: nothing is there that could run a model.
    """
    return interpreter.command("core.training.completer", isolated=True)


def request(here: ModelHere, prompt: str, *, max_tokens: int, temperature: float, seed: int) -> bytes:
    """What the child reads on its standard input."""
    return msgspec.json.encode(
        {
            "job": msgspec.Raw(here.job.encode()),
            "prompt": prompt[-MAX_PROMPT:],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
        }
    )


def read(line: bytes) -> Piece | Done:
    """One line that the child wrote.

    Raises:
        HedgerowError: the sentence it wrote instead, or that it wrote something else.
    """
    try:
        found = msgspec.json.decode(line)
        if isinstance(found, dict) and isinstance(error := found.get("error"), dict):
            parts = (str(error.get(name, "")) for name in ("code", "message", "hint"))
            raise from_code(*parts)
        if isinstance(found, dict) and "done" in found:
            return msgspec.convert(found["done"], Done)
        return Piece(msgspec.convert(found["piece"], str))
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise EngineError("The model ended without an answer.", "Try again.") from error
