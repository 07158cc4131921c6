"""Mail: each one is a document; its plain text, or where there is none its HTML. Attachments are left out."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.message import Message

from core.data.corpora import Unusable
from core.data.formats import encoding, html
from core.data.formats.intake import Intake

MAX_MAIL_BYTES = 16 << 20
_MAX_LINE_BYTES = 1 << 20
_MAX_PARTS = 1_000
_STUMBLES = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""What the standard library's parser raises over malformed headers."""


def read(intake: Intake) -> Iterator[str]:
    """One mail."""
    text = _body(intake.whole(MAX_MAIL_BYTES), intake)
    if text is None:
        raise Unusable("a mail without text")
    yield text


def read_mailbox(intake: Intake) -> Iterator[str]:
    """Each mail of a mailbox."""
    number = without = 0
    for raw in _mails(intake):
        intake.watch.pulse()
        number += 1
        text = None if raw is None else _body(raw, intake)
        if text is None:
            without += 1
        else:
            yield text
    if without:
        intake.aside(f"{without:,} of {number:,} mails have no text that can be read")


def _mails(intake: Intake) -> Iterator[bytes | None]:
    """The bytes of each mail; none where it is too large. A mail begins at ``From `` after an empty line."""
    held = bytearray()
    begun = large = False
    blank = True
    while line := intake.stream.readline(_MAX_LINE_BYTES):
        if blank and line.startswith(b"From "):
            if begun:
                yield None if large else bytes(held)
            held, begun, large, blank = bytearray(), True, False, False
            continue
        blank = line in (b"\n", b"\r\n")
        large = large or len(held) + len(line) > MAX_MAIL_BYTES
        if large:
            held.clear()
        else:
            held += line[1:] if line.startswith(b">From ") else line
    if begun:
        yield None if large else bytes(held)


def _body(raw: bytes, intake: Intake) -> str | None:
    try:
        plain: list[str] = []
        pages: list[str] = []
        for number, part in enumerate(email.message_from_bytes(raw).walk()):
            if number >= _MAX_PARTS:
                break
            kind = part.get_content_type()
            if kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
                (plain if kind == "text/plain" else pages).append(_text(part, kind, intake))
        text = "\n\n".join(part for part in plain if part.strip()) or "\n\n".join(pages)
        return text if text.strip() else None
    except (*_STUMBLES, Unusable):
        return None


def _text(part: Message, kind: str, intake: Intake) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    label = part.get_content_charset()
    text = encoding.named(payload, label) if label else None
    if kind == "text/html":
        return html.words(payload if text is None else text.encode("utf-8", "replace"), intake.watch.pulse)
    return encoding.decode(payload) if text is None else text
