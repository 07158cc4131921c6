"""Text to token ids and their lengths in bytes: byte-level BPE, rebuilt from a checked file.

A marker such as ``<|endoftext|>`` that stands in the text is encoded as the characters it consists of, so no text can
forge the end of a document. Ids are made by tiktoken where ``core.data.fast_path`` proves that they are those of
``tokenizers``, and a sample of all text is still made by both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as _Engine

from core.api.errors import CorpusError, ManifestError
from core.data.builtin import BUILTIN as BUILTIN
from core.data.builtin import builtin_tokenizer_path as builtin_tokenizer_path
from core.data.fast_path import FastPath, NotProven
from core.data.pieces import pieces
from core.data.tokenizer_file import MAX_FILE_BYTES, Checked, byte_letters, check

Tokens = NDArray[np.integer[Any]]
_SAMPLE_ONE_IN, _SAMPLE_CHARACTERS = 64, 64
"""Share of all text that both engines encode, and the least at a time: any text of 4,096 characters has a sample."""


class Tokenizer:
    """A byte-level BPE tokenizer.

    ``decode(encode(text))`` is ``text``, for every text without lone surrogates; where the file asks for Unicode's
    composed form, it is ``text`` in that form.
    """

    vocab_size: int
    end_of_text: int
    sha256: str
    """Of the ``tokenizer.json`` bytes."""
    byte_lengths: NDArray[np.int32]
    """Bytes of text that each id stands for; 0 for markers."""

    def __init__(self, raw: bytes, name: str) -> None:
        """Build from the bytes of a ``tokenizer.json``; see ``load``."""
        parts = check(raw, name)
        self.vocab_size = parts.vocab_size
        self.end_of_text = parts.end_of_text
        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.byte_lengths = np.array(parts.byte_lengths, dtype=np.int32)
        self.byte_lengths.setflags(write=False)
        self.dtype: np.dtype[Any] = np.dtype(np.uint16 if parts.vocab_size <= 1 << 16 else np.uint32)
        self._bytes = _bytes_of(parts)
        self._parts = parts
        self._fast: FastPath | None = None
        self._undecided = True
        self._unsampled = _SAMPLE_ONE_IN * _SAMPLE_CHARACTERS
        self.slow_because = ""
        """Why ids are not made the fast way; empty while they are, and before the first text."""
        self._engine = _engine(parts)

    @classmethod
    def load(cls, path: Path | str, sha256: str | None = None) -> Tokenizer:
        """Read a ``tokenizer.json``.

        Args:
            path: the file.
            sha256: what it must hash to, where that is known.

        Raises:
            CorpusError: the file cannot be read.
            ManifestError: it is another file than the one named, or no plain byte-level BPE.
        """
        path = Path(path)
        try:
            with path.open("rb") as stream:
                raw = stream.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise CorpusError(f"The tokenizer {path} could not be read: {error.strerror or error}.") from error
        if sha256 is not None and hashlib.sha256(raw).hexdigest() != sha256:
            raise ManifestError(f"The tokenizer {path.name} is not the file its hash names.", "Fetch it again.")
        return cls(raw, path.name)

    def encode(self, text: str, between: Callable[[], None] = lambda: None) -> Tokens:
        """Token ids of ``text``, without an end-of-text token.

        Args:
            text: any length.
            between: called before each piece of it; may raise to stop.

        Raises:
            ValueError: the text holds a lone surrogate and so has no UTF-8 form.
        """
        self._verify(text)
        parts = []
        for piece in pieces(text):
            between()
            parts.append(self._encode(piece))
        return np.concatenate(parts) if parts else np.empty(0, dtype=self.dtype)

    def _encode(self, piece: str) -> Tokens:
        if self._fast is not None and _has_utf8(piece):
            return self._fast.encode(piece)
        return self.encode_slowly(piece)

    def encode_slowly(self, piece: str) -> Tokens:
        """Token ids by ``tokenizers``, the reference, all at once; for short texts and comparisons.

        Raises:
            ValueError: the text holds a lone surrogate.
        """
        try:
            return np.array(self._engine.encode_batch_fast([piece])[0].ids, dtype=self.dtype)
        except (TypeError, UnicodeEncodeError) as error:
            raise ValueError("text with a lone surrogate cannot be encoded") from error

    def _verify(self, text: str) -> None:
        """Encode a sample both ways, from another place each time; a difference ends the fast path for good."""
        if self._undecided:
            self._decide()
        self._unsampled += len(text)
        size = self._unsampled // _SAMPLE_ONE_IN
        if self._fast is None or size < _SAMPLE_CHARACTERS:
            return
        start = self._unsampled * 0x9E3779B1 % max(len(text) - size + 1, 1)
        sample = text[start : start + size]
        self._unsampled -= len(sample) * _SAMPLE_ONE_IN
        for piece in pieces(sample):
            if _has_utf8(piece) and not np.array_equal(self._fast.encode(piece), self.encode_slowly(piece)):
                self._fast, self.slow_because = None, "a sample came out differently"
                return

    def _decide(self) -> None:
        self._undecided = False
        merging = _Engine(models.BPE(vocab=self._parts.vocab, merges=self._parts.merges))
        try:
            self._fast = FastPath(
                self._parts, lambda words: [found.ids for found in merging.encode_batch_fast(list(words))], self.dtype
            )
        except NotProven as error:
            self.slow_because = str(error)

    def decode(self, tokens: Tokens) -> str:
        """The text of ``tokens``; markers vanish, and a cut character becomes a replacement character."""
        return b"".join(map(self._bytes.__getitem__, tokens.tolist())).decode("utf-8", "replace")


def _engine(parts: Checked) -> _Engine:
    """The reference, from checked parts. Added tokens have their ids from the vocabulary; no merge can make one."""
    vocab = parts.vocab | {added.content: added.id for added in parts.added}
    engine = _Engine(models.BPE(vocab=vocab, merges=parts.merges, ignore_merges=parts.ignore_merges))
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not parts.split)
    if parts.split:
        engine.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(parts.split), behavior="isolated"), words]
        )
    else:
        engine.pre_tokenizer = words
    if parts.nfc:
        engine.normalizer = normalizers.NFC()
    engine.add_tokens([AddedToken(added.content, normalized=added.normalized, special=False) for added in parts.added])
    return engine


def _bytes_of(parts: Checked) -> list[bytes]:
    """The bytes that each id stands for; none for markers."""
    value = {letter: byte for byte, letter in enumerate(byte_letters())}
    found = [b""] * parts.vocab_size
    for token, number in parts.vocab.items():
        found[number] = bytes(map(value.__getitem__, token))
    for added in parts.added:
        found[added.id] = added.content.encode()
    return found


def _has_utf8(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
