"""``hedgerow try``: the model as it stands here continues a text, which goes to a child without network."""

from __future__ import annotations

import secrets
import subprocess
import sys
from typing import Annotated

import typer

from app.terminal import console
from app.terminal.commands import Json, ask, one_federation
from core.api import completion
from core.api.errors import EngineError
from core.api.messages.federations import FederationParams, ModelHere


def try_model(
    text: Annotated[str, typer.Argument(help="How the text begins; - reads it from standard input.")],
    federation: Annotated[
        str, typer.Option("--federation", metavar="FED", help="Id or name, where there are more.")
    ] = "",
    tokens: Annotated[int, typer.Option(min=1, max=completion.LONGEST, help="Most tokens to write.")] = 120,
    temperature: Annotated[float, typer.Option(min=0.0, max=5.0, help="0 takes the likeliest word each time.")] = 0.8,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="The same seed says the same.")] = None,
    json: Json = False,
) -> None:
    """Let the model, as it stands on this machine, continue a text of yours."""
    found = one_federation(federation)
    here = ask(ModelHere, "model.here", FederationParams(federation_id=found.federation_id))
    prompt = sys.stdin.read(completion.MAX_PROMPT) if text == "-" else text
    raw = completion.request(
        here,
        prompt,
        max_tokens=tokens,
        temperature=temperature,
        seed=secrets.randbelow(2**31) if seed is None else seed,
    )
    if not json:
        typer.echo(_lines(prompt), nl=False)
    written, done = _follow(raw, json)
    if json:
        console.document(
            {
                "federation": here.name, "rounds": here.rounds, "prompt": prompt, "text": written,
                "tokens": done.tokens, "seconds": done.seconds, "ended": done.ended,
            }
        )  # fmt: skip
    else:
        typer.echo()


def _lines(text: str) -> str:
    """Text from elsewhere on as many lines as it has."""
    return "\n".join(console.printable(line) for line in text.split("\n"))


def _follow(raw: bytes, json: bool) -> tuple[str, completion.Done]:
    """Run the child, showing the text as it grows."""
    written: list[str] = []
    with subprocess.Popen(
        completion.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(raw)
            child.stdin.close()
            while line := child.stdout.readline(completion.MAX_LINE):
                found = completion.read(line)
                if isinstance(found, completion.Done):
                    return "".join(written), found
                written.append(found.text)
                if not json:
                    typer.echo(_lines(found.text), nl=False)
        except BrokenPipeError:
            pass
        finally:
            child.kill()
    raise EngineError("The model ended without an answer.", "Try again.")
