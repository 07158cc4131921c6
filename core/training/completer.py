"""The child that lets an owner try the model: ``python -I -m core.training.completer``, started by whoever asks.

One ``Request`` as JSON on standard input; on standard output one JSON document a line: ``{"piece": …}`` as the text
grows, then ``{"done": …}``, or ``{"error": …}`` of one sentence. The weights were made by strangers and the text is the
owner's, so it locks itself down before it opens either: no network, no other program, no file but weights and
tokenizer, nothing written. Neither text nor continuation is kept, and the engine sees neither.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
import torch

from core.api.completion import Done
from core.api.errors import EngineError, HedgerowError, ModelError, SandboxError
from core.config.base import Frozen
from core.data.tokenizer import Tokenizer
from core.jobs import CompleteJob
from core.model.checkpoint_io import file_sha256, read_weights
from core.model.transformer import Transformer
from core.sandbox import lock_down
from core.training.plan import use_threads

MAX_REQUEST: Final = 1 << 20
MAX_TOKENS: Final = 2_000
TOP_K: Final = 50
"""Choices among which the next token is drawn; those beyond are noise of a small model."""


class Request(Frozen, frozen=True, kw_only=True):
    """A text and how it is to be continued."""

    job: CompleteJob
    prompt: str
    max_tokens: int = 120
    temperature: float = 0.8
    """0 takes the likeliest token each time."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Bound every number.

        Raises:
            ValueError: one is out of range.
        """
        if not 1 <= self.max_tokens <= MAX_TOKENS or not 0.0 <= self.temperature <= 5.0 or not 0 <= self.seed < 2**63:
            raise ValueError("max_tokens, temperature or seed is out of range")


def tokens_after(
    model: Transformer, prompt: list[int], request: Request, end_of_text: int, known: int | None = None
) -> Iterator[int]:
    """Token ids that continue a prompt, up to the end that the model gives or the length that was asked for.

    Args:
        model: with its weights.
        prompt: at least one id; of a long one the end is read.
        request: length, temperature, seed.
        end_of_text: the id that ends a text; it is not given.
        known: ids below this stand for text; the model may know more.
    """
    generator = torch.Generator().manual_seed(request.seed)
    ids = list(prompt)
    for _ in range(request.max_tokens):
        window = torch.tensor([ids[-model.spec.max_seq_len :]])
        with torch.inference_mode():
            logits = model(window)[0, -1, :known].float()
        if request.temperature == 0.0:
            chosen = int(logits.argmax())
        else:
            best = torch.topk(logits, min(TOP_K, len(logits)))
            chances = torch.softmax(best.values.double() / request.temperature, dim=0)
            chosen = int(best.indices[torch.multinomial(chances, 1, generator=generator)])
        if chosen == end_of_text:
            return
        ids.append(chosen)
        yield chosen


def pieces(tokenizer: Tokenizer, prompt: list[int], ids: Iterator[int]) -> Iterator[str]:
    """Text as it grows; a letter whose bytes are not all there yet waits for the rest."""
    before = tokenizer.decode(np.array(prompt, dtype=np.int64))
    so_far, shown = list(prompt), len(before.rstrip("\ufffd"))
    for chosen in ids:
        so_far.append(chosen)
        text = tokenizer.decode(np.array(so_far, dtype=np.int64))
        whole = text.rstrip("\ufffd")
        if len(whole) > shown:
            yield whole[shown:]
            shown = len(whole)
        else:
            yield ""


def complete(request: Request) -> Iterator[dict[str, object]]:
    """Every line that is written.

    Raises:
        ModelError: the files are not what their hashes say, or do not fit each other.
        SandboxError: the process could not be locked down.
    """
    job = request.job
    use_threads(job.threads)
    lock_down(read_paths=[job.weights_path, job.tokenizer_path])
    if file_sha256(job.weights_path) != job.weights_sha256:
        raise ModelError(
            "The model on the disk is not the one that was received.", "It comes again with the next round."
        )
    tokenizer = Tokenizer.load(job.tokenizer_path, job.tokenizer_sha256)
    model = Transformer(job.model)
    model.load_arrays(read_weights(job.weights_path, job.model))
    prompt = [int(one) for one in tokenizer.encode(request.prompt)] or [tokenizer.end_of_text]
    began, count = time.monotonic(), 0
    known = min(tokenizer.vocab_size, job.model.vocab_size)
    for piece in pieces(tokenizer, prompt, tokens_after(model, prompt, request, tokenizer.end_of_text, known)):
        count += 1
        yield {"piece": piece}
    yield {"done": Done(tokens=count, seconds=time.monotonic() - began, ended=count < request.max_tokens)}


def main() -> int:
    """Answer one request."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        raw = sys.stdin.buffer.read(MAX_REQUEST + 1)
        if len(raw) > MAX_REQUEST:
            raise ModelError("This text is too long to be continued.", "Give less of it.")
        for line in complete(msgspec.json.decode(raw, type=Request)):
            sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        return 1  # whoever asked is gone
    except Exception as error:  # noqa: BLE001 - the border: an exception's own words could quote the text
        said = _said(error)
        failed = {"error": {"code": said.code, "message": said.message, "hint": said.hint}}
        sys.stdout.buffer.write(msgspec.json.encode(failed) + b"\n")
        return 1
    return 0


def _said(error: Exception) -> HedgerowError:
    if isinstance(error, HedgerowError):
        return error
    if isinstance(error, MemoryError) or "not enough memory" in str(error):
        return ModelError("The machine has not enough memory to try this model.", "Close other programs.")
    if isinstance(error, OSError):
        return SandboxError("A file of the model could not be opened.", "It comes again with the next round.")
    return EngineError(f"Trying the model failed inside ({type(error).__name__}).")


if __name__ == "__main__":
    sys.exit(main())
