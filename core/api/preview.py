"""How a program shows the owner their own text: it starts the preview child itself and reads what that writes.

The text goes from the child to the program that asked, past the engine; the key goes from the engine to the child, past
the program. See ``core.data.preview``.
"""

from __future__ import annotations

import msgspec

from core.api import interpreter
from core.api.errors import EngineError, from_code
from core.api.messages.corpora import PreviewText, PreviewTicket

TIMEOUT_S = 60.0
MAX_BYTES = 1 << 20
"""Most that a preview writes."""


def command(source: PreviewTicket | str, document: int = 1, field: str = "") -> list[str]:
    """What to run: for a ticket of the engine, or for the path of a file and the field of its records.

    Raises:
        RuntimeMissing: nothing is there that could read it.
    """
    child = interpreter.command("core.data.preview", isolated=True)
    if isinstance(source, PreviewTicket):
        return [*child, "--ticket", source.path, "--document", str(document)]
    return [*child, f"--file={source}", f"--field={field}"]


def read(output: bytes) -> PreviewText:
    """What the child wrote.

    Raises:
        HedgerowError: the sentence it wrote instead, or that it wrote nothing.
    """
    try:
        if len(output) > MAX_BYTES:
            raise ValueError("too long")
        found = msgspec.json.decode(output)
        if isinstance(found, dict) and isinstance(error := found.get("error"), dict):
            parts = (str(error.get(name, "")) for name in ("code", "message", "hint"))
            raise from_code(*parts)
        return msgspec.convert(found, PreviewText)
    except (ValueError, msgspec.MsgspecError) as error:
        raise EngineError("The preview ended without a text.", "Try again.") from error
