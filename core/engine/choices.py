"""What the owner offers and wants of it, from a request to the ledger; bad paths and patterns end here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from core.api.errors import CorpusError
from core.api.messages.corpora import ChangeParams, PathsParams
from core.data.patterns import Wanted
from core.ledger.rows import Choice

_FIELDS = Choice.__struct_fields__


def first(params: PathsParams) -> Choice:
    """The choice for a corpus about to be added.

    Raises:
        CorpusError: a pattern or the weight is none.
    """
    return _checked({name: getattr(params, name) for name in _FIELDS})


def changed(now: Choice, params: ChangeParams) -> Choice:
    """``now`` with what ``params`` wants to be different.

    Raises:
        CorpusError: a pattern or the weight is none.
    """
    asked = {name: getattr(params, name) for name in _FIELDS}
    return _checked(msgspec.structs.asdict(now) | {name: value for name, value in asked.items() if value is not None})


def read_differently(one: Choice, other: Choice) -> bool:
    """Whether a corpus must be read again; the weight alone needs none."""
    return msgspec.structs.replace(one, weight=other.weight) != other


def shown(choice: Choice) -> dict[str, Any]:
    """The fields of ``CorpusInfo`` that say it."""
    return msgspec.structs.asdict(choice) | {"include": list(choice.include), "exclude": list(choice.exclude)}


def _checked(values: dict[str, object]) -> Choice:
    try:
        choice = msgspec.convert(values, Choice)
    except msgspec.ValidationError as error:
        raise CorpusError("The weight of a text lies above 0 and at most 1,000.", "1 is usual.") from error
    Wanted(choice.include, choice.exclude)
    return choice


def checked_path(path: str, home: Path) -> str:
    """An absolute path that is there and readable.

    Raises:
        CorpusError: it is not, or it is the engine's own folder.
    """
    if not path.strip() or "\0" in path:
        raise CorpusError("An empty path was given.", "Choose a folder or a file.")
    full = os.path.abspath(os.path.expanduser(path))
    if not os.path.exists(full):
        raise CorpusError(f"{full} is not there.", "Check the path.")
    if not os.access(full, os.R_OK | (os.X_OK if os.path.isdir(full) else 0)):
        raise CorpusError(f"{full} may not be read by you.", "Change its permissions or choose another.")
    if os.path.commonpath((os.path.realpath(full), os.path.realpath(home))) == os.path.realpath(home):
        raise CorpusError(f"{full} is Hedgerow's own folder.", "Choose text of yours.")
    return full
