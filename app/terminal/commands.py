"""Commands that are one request to the engine each. ``cli`` hangs them on the tree."""

from __future__ import annotations

import re
import time
from typing import Annotated, TypeVar

import typer

from app.terminal import console, console_privacy
from app.words.shares import shares
from core.api.client import EngineClient, default_home
from core.api.errors import UsageError
from core.api.messages.base import Message
from core.api.messages.federations import (
    CorpusChoice,
    FederationInfo,
    FederationParams,
    InviteParams,
    InviteView,
    JoinParams,
    ShareParams,
    TermsView,
)
from core.api.messages.state import Snapshot, SnoozeParams

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
M = TypeVar("M", bound=Message)


def ask(kind: type[M], method: str, params: Message | None = None, start: bool = True, timeout_s: float = 120.0) -> M:
    """One request to the engine, started first if it is allowed to be.

    Raises:
        HedgerowError: what the engine said, or that there is none.
    """
    with EngineClient(default_home()) as client:
        client.connect(start=start)
        answer = client.call(method, params, timeout_s)
    assert isinstance(answer, kind)
    return answer


def _plainly(method: str, done: str, start: bool = False) -> None:
    with EngineClient(default_home()) as client:
        client.connect(start=start)
        client.call(method)
    console.say(done)


def start() -> None:
    """Start the engine and let it contribute."""
    _plainly("start", "The engine runs and contributes when it may.", start=True)


def pause() -> None:
    """Stop contributing until `hedgerow resume`."""
    _plainly("pause", "Paused until you resume.")


def resume() -> None:
    """Go on after a pause or snooze."""
    _plainly("resume", "Contributing again when it may.", start=True)


def parse_duration(text: str) -> float:
    """Seconds in ``45s``, ``30m``, ``2h``, ``1h30m`` or ``1d``.

    Raises:
        typer.BadParameter: it is none of these.
    """
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip().lower())
    seconds = sum(int(n or 0) * s for n, s in zip(parts.groups(), (86_400, 3_600, 60, 1), strict=True)) if parts else 0
    if not 0 < seconds <= 30 * 86_400:
        raise typer.BadParameter(f"{text!r} is not a duration such as 45s, 30m, 2h, 1h30m or 1d, at most 30d")
    return float(seconds)


def snooze(duration: Annotated[str, typer.Argument(help="Such as 15m, 1h, 4h, 1h30m, or tomorrow (08:00).")]) -> None:
    """Pause for a while; contributing goes on by itself, also if the machine is restarted meanwhile."""
    if tomorrow := duration.strip().lower() == "tomorrow":
        from app.words.figures import until_tomorrow_s

        seconds = until_tomorrow_s(time.time())
    else:
        seconds = parse_duration(duration)
    ask(Message, "snooze", SnoozeParams(seconds=seconds), start=False)
    console.say("Paused until tomorrow 08:00." if tomorrow else f"Paused for {console.duration(seconds)}.")


def status(
    json: Json = False, watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False
) -> None:
    """What the engine does, and why."""
    if json and watch:
        raise typer.BadParameter("--json prints one document, so it cannot --watch")
    if watch:
        _watch()
        return
    snapshot = ask(Snapshot, "status", start=False)
    if json:
        console.document(console.status_document(snapshot))
    else:
        console.show_status(snapshot)


def _watch() -> None:
    with EngineClient(default_home()) as client:
        shown = ""
        latest = client.connect()
        while True:
            now = latest.round
            step = "" if now is None else f" · round {now.server_round}, {now.phase}, step {now.step} of {now.steps}"
            line = f"{latest.state.replace('_', ' ')}: {latest.why.text}{step}"
            if line != shown:
                typer.echo(console.printable(line))
                shown = line
            client.next_event()
            latest = client.snapshot or latest


def join(
    invite: Annotated[str, typer.Argument(help="The whole link, hedgerow://join?…")],
    yes: Annotated[bool, typer.Option("--yes", help="Consent without being asked.")] = False,
    corpora: Annotated[
        list[str] | None, typer.Option("--corpus", help="Id of a text to offer; all usable by default.")
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1000.0, help="Privacy budget per text; by default the smallest of 1, 3, 8 that is useful."
        ),
    ] = None,
    public_only: Annotated[
        bool, typer.Option("--public-only", help="Offer no text of yours; train on the federation's public text.")
    ] = False,
    json: Json = False,
) -> None:
    """Read an invite, show who asks for what at which price, and join after your consent."""
    if json and not yes:
        raise typer.BadParameter("--json cannot ask for consent; add --yes")
    with EngineClient(default_home()) as client:
        client.connect(start=True)
        said = client.call("invite.inspect", InviteParams(invite=invite))
        assert isinstance(said, InviteView)
        if not json:
            console.show_invite(said)
        terms = client.call("federation.terms", InviteParams(invite=invite, epsilon=epsilon))
        assert isinstance(terms, TermsView)
        chosen = _choose(terms, corpora, public_only)
        if not json:
            console_privacy.show_terms(terms)
            if not chosen:
                console.say("No text of yours is read: this machine trains on the public text alone, uncharged.")
            if not yes:
                typer.confirm("Join on these terms?", abort=True, err=True)
        choices = [CorpusChoice(corpus_id=one, epsilon=terms.epsilon) for one in chosen]
        params = JoinParams(invite=invite, manifest_hash=terms.manifest_hash, corpora=choices)
        joined = client.call("federation.join", params)
    if json:
        console.document(joined)
    else:
        console.say(f"Joined. The terms are frozen as manifest {terms.manifest_hash[:8]}.")


def _choose(terms: TermsView, wanted: list[str] | None, public_only: bool) -> list[str]:
    if public_only and not terms.manifest.public_tokens:
        raise UsageError("This federation has no public text.", "Offer text of yours.")
    if public_only and wanted:
        raise UsageError("--public-only and --corpus exclude each other.", "Choose one.")
    if public_only:
        return []
    offers = {offer.corpus_id: offer for offer in terms.offers}
    for one in wanted or []:
        if one not in offers:
            raise UsageError(f"There is no text with the id {one}.", "See `hedgerow corpus list`.")
        if not offers[one].usable:
            raise UsageError(f"{offers[one].name} cannot be used here: {offers[one].reason}")
    chosen = list(wanted or [one for one, offer in offers.items() if offer.usable])
    if not chosen and not terms.manifest.public_tokens:
        reasons = "; ".join(f"{offer.name}: {offer.reason}" for offer in terms.offers)
        raise UsageError(
            f"None of your text can be used here. {reasons}".strip(), "Add text with `hedgerow corpus add`."
        )
    return chosen


def leave(federation: Annotated[str, typer.Argument(metavar="FED", help="Id or name.")]) -> None:
    """Leave a federation and burn its key. Numbers already sent cannot be called back."""
    found = one_federation(federation)
    ask(Message, "federation.leave", FederationParams(federation_id=found.federation_id))
    console.say(f"Left {found.name}. What was charged stays charged.")


def share(
    federation: Annotated[str, typer.Argument(metavar="FED", help="Id or name.")],
    weight: Annotated[
        float, typer.Argument(min=0.0, max=100.0, help="1 is usual, twice as much is twice the time, 0 rests.")
    ],
    json: Json = False,
) -> None:
    """Say how much of this machine's training a federation is given beside the others."""
    found = one_federation(federation)
    changed = ask(FederationInfo, "federation.share", ShareParams(federation_id=found.federation_id, weight=weight))
    if json:
        console.document(changed)
    elif changed.weight:
        console.say(f"{changed.name} weighs {changed.weight:g} beside the others. Alone it trains whatever it weighs.")
    else:
        console.say(f"{changed.name} rests: no new round is begun for it; one that was begun is finished.")


def one_federation(wanted: str) -> FederationInfo:
    """The federation of this id or name; without one, the only one.

    Raises:
        UsageError: there is none, or more than one.
    """
    found = [f for f in ask(Snapshot, "status").federations if not wanted or wanted in (f.federation_id, f.name)]
    if len(found) == 1:
        return found[0]
    if not wanted:
        raise UsageError(
            "Say which federation." if found else "This machine is in no federation.",
            "`hedgerow federations` shows all." if found else "Join one with `hedgerow join INVITE`.",
        )
    what = "There is no federation" if not found else "There is more than one federation"
    raise UsageError(f"{what} called {wanted}.", "See `hedgerow federations`; the id always works.")


def federations(json: Json = False) -> None:
    """The federations this machine has joined."""
    found: list[FederationInfo] = ask(Snapshot, "status").federations
    if json:
        from core.api import wire

        console.document({"federations": [wire.plain(one) for one in found]})
        return
    parts = shares(found)
    rows = []
    for f in found:
        part = parts.get(f.federation_id)
        asked, given = (f"{part.asked:.0%}", f"{part.given:.0%}") if part else ("", "")
        rows.append(
            (f.federation_id, f.name, f.operator, f.address, f.state.replace("_", " "), f.rounds_done, f"{f.weight:g}",
             asked, given, console.duration(f.week_seconds), f.last_error)
        )  # fmt: skip
    names = (
        "id",
        "name",
        "operator",
        "address",
        "state",
        "rounds",
        "weight",
        "asked",
        "given",
        "in 7 days",
        "last error",
    )
    console.table(names, rows, right=range(5, 10))
