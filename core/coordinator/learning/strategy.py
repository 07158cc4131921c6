"""A Flower ``Strategy`` of the operator's as the outer optimiser, found by name among the installed entry points.

Whoever writes a package with an entry point in the group ``hedgerow.strategies`` (a class or function that gives a
``flwr.serverapp.strategy.Strategy`` when it is called without arguments) may name it in the terms. It is code that the
operator installed on the coordinator's machine; volunteers see its name and never load it.

Rounds, cohorts and admission stay the conductor's: of a strategy ``configure_train`` is told the weights a round
started from, and ``aggregate_train`` is asked once for what the trained weights come to. It is made anew for every
round, and what it remembers is kept in a file between them: every attribute that is a number, an array, or a list or
dictionary of arrays (the moments of ``FedAdam``, the momentum of ``FedAvgM``). So a restart, or a round taken back,
restores it with the checkpoint. What else it would keep is lost after each round.

The one file besides ``server_app`` of the coordinator's that knows Flower's public names: a strategy's language is
messages, and nobody else speaks it here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any, Final, NamedTuple, cast

import numpy as np
from flwr.app import Array as FlowerArray
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, Metadata, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy
from safetensors import SafetensorError
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

from core.api.errors import UpdateError, UsageError
from core.update import Array

GROUP: Final = "hedgerow.strategies"
Reply = tuple[Mapping[str, Array], float | None]
"""One volunteer's trained weights, and its training loss where it may be said."""
_REPLY_TTL_S: Final = 60.0


class Given(NamedTuple):
    """What a strategy gave: the new weights, and what it remembers, as safetensors bytes (empty if nothing)."""

    weights: dict[str, Array]
    state: bytes


class _Told(Exception):
    """The strategy has been told the weights and asks for nodes, which are none of its business here."""


class _NoGrid:
    """Stands where Flower's grid would be."""

    def get_node_ids(self) -> Iterable[int]:
        """Ends ``configure_train``."""
        raise _Told

    def get_nodes(self) -> Iterable[Any]:
        """Ends ``configure_train``."""
        raise _Told


def installed() -> tuple[str, ...]:
    """Names of the strategies on this machine."""
    return tuple(sorted({entry.name for entry in metadata.entry_points(group=GROUP)}))


def load(name: str) -> Strategy:
    """A fresh strategy.

    Raises:
        UsageError: it is not installed here, or cannot be made.
    """
    found = [entry for entry in metadata.entry_points(group=GROUP) if entry.name == name]
    if len({entry.value for entry in found}) != 1:
        known = ", ".join(installed()) or "none"
        many = "installed twice" if found else "not installed"
        raise UsageError(f"The strategy {name} is {many} on this machine; there are: {known}.", "Install its package.")
    try:
        made = found[0].load()()
    except Exception as error:  # whatever a stranger's package raises
        raise UsageError(f"The strategy {name} cannot be made: {type(error).__name__}: {error}.") from error
    if not isinstance(made, Strategy):
        raise UsageError(f"{found[0].value} gives a {type(made).__name__}, which is not a Flower strategy.")
    return made


def aggregate(
    strategy: Strategy, server_round: int, base: Mapping[str, Array], replies: Sequence[Reply], state: bytes
) -> Given:
    """Have a strategy aggregate one round; the cohort is in memory.

    Args:
        strategy: a fresh one.
        server_round: number of the round.
        base: the weights it started from.
        replies: what was accepted, in a fixed order.
        state: what it remembered after the last step; empty at the first.

    Raises:
        UpdateError: the strategy failed, or gave nothing, other parameters, or values that are not finite.
    """
    name = type(strategy).__name__
    try:
        _restore(strategy, state)
        weights = ArrayRecord({key: FlowerArray(np.asarray(array)) for key, array in base.items()})
        with contextlib.suppress(_Told):
            strategy.configure_train(server_round, weights, ConfigRecord(), cast(Grid, _NoGrid()))
        arrays, _ = strategy.aggregate_train(server_round, _messages(server_round, replies))
        found = {} if arrays is None else {key: array.numpy() for key, array in arrays.items()}
    except Exception as error:
        raise UpdateError(f"The strategy {name} failed: {type(error).__name__}: {error}"[:300]) from error
    if arrays is None:
        raise UpdateError(f"The strategy {name} gave no weights.")
    if found.keys() != base.keys() or any(found[key].shape != array.shape for key, array in base.items()):
        raise UpdateError(f"The strategy {name} gave other parameters than the model's.")
    with np.errstate(over="ignore", invalid="ignore"):
        kept = {key: np.asarray(found[key], np.float32) for key in base}
    if not all(np.isfinite(array).all() for array in kept.values()):
        raise UpdateError(f"The strategy {name} gave weights that are not finite.")
    return Given(kept, _state(strategy))


def _messages(server_round: int, replies: Sequence[Reply]) -> list[Message]:
    """The replies as Flower's strategies read them; a loss only where everybody said one, as they must be alike."""
    messages = []
    with_loss = all(loss is not None for _, loss in replies)
    for number, (arrays, loss) in enumerate(replies, 1):
        metrics: dict[str, float | int] = {"num-examples": 1}
        if with_loss and loss is not None:
            metrics["train_loss"] = loss
        record = ArrayRecord({key: FlowerArray(np.asarray(array)) for key, array in arrays.items()})
        about = Metadata(
            run_id=0, message_id="", src_node_id=number, dst_node_id=0, reply_to_message_id="",
            group_id=str(server_round), created_at=time.time(), ttl=_REPLY_TTL_S, message_type=MessageType.TRAIN,
        )  # fmt: skip
        content = RecordDict({"arrays": record, "metrics": MetricRecord(dict(metrics))})
        messages.append(Message(content=content, metadata=about))  # type: ignore[call-overload]
    return messages


def _state(strategy: Strategy) -> bytes:
    """What a strategy remembers, by attribute: ``name`` a number or array, ``name:key`` and ``name#0`` parts of one."""
    found: dict[str, Any] = {}
    for name, value in sorted(vars(strategy).items()):
        if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
            found[name] = np.asarray(value)
        elif isinstance(value, dict) and value and all(isinstance(one, np.ndarray) for one in value.values()):
            found |= {f"{name}:{key}": np.ascontiguousarray(one) for key, one in value.items()}
        elif isinstance(value, list) and value and all(isinstance(one, np.ndarray) for one in value):
            found |= {f"{name}#{at}": np.ascontiguousarray(one) for at, one in enumerate(value)}
    arrays = {name: value for name, value in found.items() if value.dtype.kind in "bif"}
    return bytes(pack(arrays)) if arrays else b""


def _restore(strategy: Strategy, state: bytes) -> None:
    """Give a fresh strategy what the last one remembered."""
    if not state:
        return
    try:
        arrays = unpack(state)
    except SafetensorError as error:
        raise UpdateError("What the strategy remembered cannot be read.") from error
    mappings: dict[str, dict[str, Any]] = {}
    rows: dict[str, dict[int, Any]] = {}
    for name, value in arrays.items():
        attribute, colon, key = name.partition(":")
        listed, mark, at = name.partition("#")
        if colon:
            mappings.setdefault(attribute, {})[key] = value
        elif mark:
            rows.setdefault(listed, {})[int(at)] = value
        else:
            setattr(strategy, name, value if value.ndim else value.item())
    for attribute, parts in mappings.items():
        setattr(strategy, attribute, parts)
    for attribute, listed_rows in rows.items():
        setattr(strategy, attribute, [listed_rows[at] for at in sorted(listed_rows)])
