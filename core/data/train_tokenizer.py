"""``python -m core.data.train_tokenizer OUT``: train the built-in tokenizer on what every Python brings along.

The text is the language reference (``pydoc_data.topics``) and the docstrings of the standard library; never a user's.
The result depends on the Python that runs it: CPython 3.11.7 gives the file whose hash ``BUILTIN`` pins. Another
version gives another file, which is said and not written over the pinned one unless ``--force`` is there.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as _Engine

from core.data.builtin import BUILTIN
from core.data.tokenizer_file import END_OF_TEXT, byte_letters, check
from core.vault import write_atomic

VOCAB_SIZE = 4_096
_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idlelib", "pydoc_data", "lib2to3"}


def training_text() -> Iterator[str]:
    """The language reference, then every docstring of the standard library, always in the same order."""
    from pydoc_data.topics import topics

    yield from (topics[name] for name in sorted(topics))
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.rglob("*.py")):
        if not _LEFT_OUT.intersection(path.relative_to(library).parts):
            yield from docstrings(path.read_bytes())


def docstrings(source: bytes) -> Iterator[str]:
    """Every docstring of one module; none where it cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


def train(texts: Iterator[str], vocab_size: int = VOCAB_SIZE) -> bytes:
    """Train byte-level BPE and return the bytes of its ``tokenizer.json``; the same texts give the same bytes."""
    engine = _Engine(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    engine.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(END_OF_TEXT, special=True, normalized=False)],
        initial_alphabet=sorted(byte_letters()),
        show_progress=False,
    )
    engine.train_from_iterator(texts, trainer)
    raw = (engine.to_str() + "\n").encode()
    check(raw, "just trained")
    return raw


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write; exit code 1 where the result is not the pinned one."""
    parser = argparse.ArgumentParser(prog="core.data.train_tokenizer")
    parser.add_argument("out", type=Path)
    parser.add_argument("--force", action="store_true", help="write a result that is not the pinned one")
    options = parser.parse_args(arguments)
    raw = train(training_text())
    digest = hashlib.sha256(raw).hexdigest()
    pinned = BUILTIN.get(options.out.stem)
    if pinned not in (None, digest) and not options.force:
        sys.stderr.write(f"This Python gives {digest}, not the pinned {pinned}. Nothing was written; see --force.\n")
        return 1
    write_atomic(options.out, raw)
    options.out.chmod(0o644)
    sys.stdout.write(f"{options.out} {len(raw)} bytes sha256 {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
