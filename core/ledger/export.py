"""The whole ledger for its owner: as JSON that can be checked without this program, and as a report to read.

The JSON holds every entry of the chain byte for byte, so that whoever has it can follow the hashes; see ``RULE``. The
report says in words what stands in it. Neither holds a path, a document or a digest of one: names of texts are the
owner's own words for them, and the file is the owner's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from core.ledger.audit import entries_of
from core.ledger.budget import round_up
from core.ledger.charges import ChargeBook
from core.ledger.database import Database
from core.ledger.entries import broken_links
from core.ledger.rows import BudgetRow, EventSpec
from core.privacy_filters import NUM_FILTERS, ORDERS

FORMAT: Final = "hedgerow-ledger-1"
RULE: Final = (
    "hash = sha256('hedgerow-ledger-1\\n' + seq as 8 bytes, big-endian + hash of the entry before (32 zero bytes "
    "before the first) + length of kind as 1 byte + kind + body as it stands here, without spaces)"
)
_UNITS: Final = {"document": "any one document", "record": "any one passage", "corpus": "the whole text"}
_STATES: Final = {"accepted": "taken", "refused": "refused", "late": "too late", "abandoned": "given up"}


class _Entry(msgspec.Struct):
    seq: int
    kind: str
    body: msgspec.Raw
    hash: str


def as_json(database: Database, book: ChargeBook) -> Iterator[bytes]:
    """The ledger in pieces of one JSON document, as of one moment.

    Raises:
        StorageError: the file cannot be read.
    """
    with database.snapshot():
        head = {
            "format": FORMAT,
            "exported_at": time.time(),
            "rule": RULE,
            "orders": ORDERS,
            "filters": NUM_FILTERS,
            "budgets": [msgspec.to_builtins(row) for row in book.budgets()],
        }
        yield msgspec.json.encode(head)[:-1] + b',"entries":[\n'
        for number, (seq, kind, body, digest) in enumerate(entries_of(database)):
            entry = _Entry(seq, kind, msgspec.Raw(body), digest.hex())
            yield (b",\n" if number else b"") + msgspec.json.encode(entry)
        yield b"\n]}\n"


def check(document: bytes) -> list[str]:
    """Follow the chain of an exported document; one sentence for each entry that does not follow.

    Raises:
        ValueError: it is no exported ledger.
    """
    try:
        found = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
        if msgspec.json.decode(found["format"], type=str) != FORMAT:
            raise ValueError("the file has another format")
        entries = msgspec.json.decode(found["entries"], type=list[_Entry])
        chain = [(entry.seq, entry.kind, bytes(entry.body), bytes.fromhex(entry.hash)) for entry in entries]
    except (msgspec.MsgspecError, KeyError) as error:
        raise ValueError(f"this is no exported ledger: {error}") from error
    return list(broken_links(chain))


def as_report(database: Database, book: ChargeBook) -> str:
    """The same for a person: each text with its limits and every charge, newest last."""
    with database.snapshot():
        budgets = book.budgets()
        charges = _charges(database)
        names = {row.federation_id: row.name for row in book.federations()}
    lines = ["Privacy ledger", "", f"Written {_moment(time.time())}. {_what(budgets)}", ""]
    for row in budgets:
        lines += [*_budget(row), ""]
    lines += ["Charges", ""] if charges else ["Nothing was ever charged."]
    lines += [_charge(charge, names) for charge in charges]
    lines += ["", *_NOTES]
    return "\n".join(lines) + "\n"


_NOTES: Final = (
    "What a charge means: before the first step of a round its whole plan was written down here, and it is never",
    "taken back, whether the round was finished, sent or used, or not. A limit is what is guaranteed; what is charged",
    f"so far is the smallest of {NUM_FILTERS} privacy filters, each at its share of δ (Rényi orders",
    f"{', '.join(map(str, ORDERS))}, and Gaussian differential privacy while nothing else was charged), rounded up.",
)


def _what(budgets: list[BudgetRow]) -> str:
    texts = len({row.corpus_id for row in budgets})
    return "No text has a budget." if not texts else f"{texts} text{'s' if texts > 1 else ''} with a budget."


def _budget(row: BudgetRow) -> list[str]:
    if row.unit == "none" or row.ended_by_none:
        return [
            f"{row.corpus_name}: NO GUARANTEE.",
            "  A round without noise used this text. Nothing bounds what that round's update says about it, for good.",
        ]
    lines = [
        f"{row.corpus_name}: ε {round_up(row.epsilon):.2f} of {row.limit:g} charged, δ {row.delta:.1g}.",
        f"  Protects {_UNITS[row.unit]} (relation {row.relation}); {row.releases} rounds, by {row.method}.",
    ]
    if row.weaker_releases:
        lines.append(f"  {row.weaker_releases} further rounds protect smaller parts only and are not in this figure.")
    return lines


def _charges(database: Database) -> list[tuple[Any, ...]]:
    return database.rows(
        "SELECT c.charge_id, r.begun_at, r.federation_id, r.server_round, r.state, r.sha256,"
        " c.epsilon_after, k.name, l.spec FROM charges c JOIN releases r ON r.release_id = c.release_id"
        " LEFT JOIN charge_lines l ON l.charge_id = c.charge_id LEFT JOIN corpora k ON k.corpus_id = l.corpus_id"
        " ORDER BY c.charge_id, l.line"
    )


def _charge(row: tuple[Any, ...], names: dict[str, str]) -> str:
    number, at, federation_id, server_round, state, sha256, epsilon, text, raw = row
    begin = f"{number:>6}  {_moment(at)}  {names[federation_id]}, round {server_round}: "
    sent = f"; {_STATES.get(state, state)}{f', {sha256[:12]}' if sha256 else ''}"
    if raw is None:
        return f"{begin}public text alone, nothing charged{sent}"
    spec = msgspec.json.decode(raw, type=EventSpec)
    if spec.unit == "none":
        return f"{begin}{text}, NO GUARANTEE{sent}"
    sampled = "" if spec.unit == "corpus" else f", q {spec.sampling_prob:.3g}"
    after = "" if epsilon is None else f", ε {round_up(epsilon):.2f} after it"
    return f"{begin}{text}, {spec.steps} × σ {spec.noise_multiplier:g}{sampled} per {spec.unit}{after}{sent}"


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
