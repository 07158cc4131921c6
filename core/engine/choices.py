"""What the owner wants of a corpus, from a request to the ledger; bad patterns end here."""

from __future__ import annotations

from typing import Any

import msgspec

from core.api.errors import CorpusError
from core.api.messages import ChangeParams, PathsParams
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
