"""Commands on the owner's text: add, list, inspect, change, refresh, cancel, preview, remove."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from app.terminal import console
from app.terminal.commands import Json, ask
from core.api import preview
from core.api.client import EngineClient, default_home
from core.api.errors import EngineError
from core.api.messages.base import Message
from core.api.messages.corpora import (
    ChangeParams,
    CorpusInfo,
    CorpusList,
    CorpusParams,
    PathsParams,
    PreviewText,
    PreviewTicket,
)

corpus = typer.Typer(help="Your text: add, list, inspect, change, refresh, preview, remove.", no_args_is_help=True)

Include = Annotated[
    list[str] | None,
    typer.Option("--include", help="Read only what a pattern like those of .gitignore means, also inside archives."),
]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", help="Leave out what such a pattern means.")]
Weight = Annotated[float | None, typer.Option("--weight", help="How often it is drawn beside other texts; 1 is usual.")]
Field = Annotated[str | None, typer.Option("--field", help="Field or column that holds the text, in files of records.")]
Hidden = Annotated[bool | None, typer.Option("--hidden/--no-hidden", help="Read names that begin with a dot.")]
Generated = Annotated[
    bool | None, typer.Option("--generated/--no-generated", help="Read what programs made, such as build folders.")
]


@corpus.command("add")
def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…")],
    include: Include = None,
    exclude: Exclude = None,
    hidden: Hidden = False,
    generated: Generated = False,
    weight: Weight = 1.0,
    field: Field = "",
    json: Json = False,
) -> None:
    """Offer files or folders. They are read on this machine, by a process without network."""
    params = PathsParams(
        paths=[str(Path(path).expanduser().absolute()) for path in paths],
        include=include or [],
        exclude=exclude or [],
        hidden=bool(hidden),
        generated=bool(generated),
        weight=1.0 if weight is None else weight,
        text_field=field or "",
    )
    _follow("corpus.add", params, json)


@corpus.command("list")
def listed(json: Json = False) -> None:
    """All text on offer."""
    found = ask(CorpusList, "corpus.list")
    if json:
        console.document(found)
    else:
        console.show_corpora(found.corpora)


@corpus.command("inspect")
def inspect(corpus_id: str, json: Json = False) -> None:
    """One text: counts, what was chosen, and what was skipped and why."""
    _show(ask(CorpusInfo, "corpus.inspect", CorpusParams(corpus_id=corpus_id)), json)


@corpus.command("change")
def change(
    corpus_id: str,
    include: Include = None,
    exclude: Exclude = None,
    include_all: Annotated[bool, typer.Option("--include-all", help="Forget the patterns of --include.")] = False,
    exclude_none: Annotated[bool, typer.Option("--exclude-none", help="Forget the patterns of --exclude.")] = False,
    hidden: Hidden = None,
    generated: Generated = None,
    weight: Weight = None,
    field: Field = None,
    json: Json = False,
) -> None:
    """Choose differently; what is not given stays. Anything but the weight is read anew."""
    if (include and include_all) or (exclude and exclude_none):
        raise typer.BadParameter("patterns cannot be given and forgotten at once")
    params = ChangeParams(
        corpus_id=corpus_id,
        include=[] if include_all else include,
        exclude=[] if exclude_none else exclude,
        hidden=hidden,
        generated=generated,
        weight=weight,
        text_field=field,
    )
    _follow("corpus.change", params, json)


@corpus.command("refresh")
def refresh(corpus_id: str, json: Json = False) -> None:
    """Read files that changed, moved or came since; this happens between rounds by itself as well."""
    _follow("corpus.refresh", CorpusParams(corpus_id=corpus_id), json)


@corpus.command("cancel")
def cancel(corpus_id: str, json: Json = False) -> None:
    """Stop reading a text; what was read before stands."""
    _show(ask(CorpusInfo, "corpus.cancel", CorpusParams(corpus_id=corpus_id)), json)


@corpus.command("preview")
def show_preview(
    source: Annotated[str, typer.Argument(metavar="ID|FILE", help="A text on offer, or any file.")],
    document: Annotated[int, typer.Option("--document", min=1, help="Which document of a text.")] = 1,
    field: Annotated[str, typer.Option("--field", help="Of a file: the field or column that holds the text.")] = "",
    json: Json = False,
) -> None:
    """Show the very text that is used. It comes from a process without network and goes to you alone."""
    if Path(source).exists():
        found = _previewed(str(Path(source).absolute()), 1, field)
    elif field:
        raise typer.BadParameter(
            f"a text on offer is shown as it is read; hedgerow corpus change {source} --field {field}"
        )
    else:
        found = _previewed(ask(PreviewTicket, "corpus.preview", CorpusParams(corpus_id=source)), document)
    if json:
        console.document(found)
    else:
        console.show_preview(found)


@corpus.command("remove")
def remove(corpus_id: str) -> None:
    """Stop offering a text. What it has cost in privacy stays in the ledger."""
    ask(Message, "corpus.remove", CorpusParams(corpus_id=corpus_id))
    console.say("Removed. Your files are untouched; what was charged stays charged.")


def _previewed(source: PreviewTicket | str, document: int, field: str = "") -> PreviewText:
    try:
        done = subprocess.run(
            preview.command(source, document, field),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=preview.TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise EngineError("The preview took too long.", "Try another document.") from error
    return preview.read(done.stdout)


def _follow(method: str, params: Message, json: bool) -> None:
    """Ask for something that reads text, and tell how far it is until it is done."""
    with EngineClient(default_home()) as client:
        client.connect(start=True)
        info = client.call(method, params)
        assert isinstance(info, CorpusInfo)
        with console.Line() as line:
            try:
                while info.state == "reading" or info.refreshing:
                    line.show(console.reading_line(info))
                    client.next_event(timeout_s=1.0)
                    answer = client.call("corpus.inspect", CorpusParams(corpus_id=info.corpus_id))
                    assert isinstance(answer, CorpusInfo)
                    info = answer
            except KeyboardInterrupt:
                line.clear()
                console.say(f"It is read on. To stop that: hedgerow corpus cancel {info.corpus_id}")
                raise
    _show(info, json)
    if info.state in ("error", "missing"):
        raise typer.Exit(1)


def _show(info: CorpusInfo, json: bool) -> None:
    if json:
        console.document(info)
    else:
        console.show_corpora([info])
        console.show_choice(info)
        if info.error:
            console.say(info.error, "red")
        for skipped in info.skipped:
            console.say(f"skipped {skipped.path}: {skipped.reason}", "dim")
        if (more := info.skipped_total - len(info.skipped)) > 0 and info.skipped:
            console.say(f"skipped {more:,} more", "dim")
