"""Checking a ``tokenizer.json`` that somebody else chose, before anything is built from it.

Only one kind passes: byte-level BPE as GPT-2 has it (Radford et al., 2019), no normaliser, the plain byte-level
pre-tokenizer, all 256 bytes in the vocabulary. So any text can be encoded, every id stands for a known number of
bytes, and the parts can be rebuilt from checked values instead of being loaded by a parser that trusts them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from core.api.errors import ManifestError

MAX_FILE_BYTES: Final = 16 << 20
MAX_VOCAB: Final = 1 << 18
MAX_TOKEN_CHARACTERS: Final = 512
END_OF_TEXT: Final = "<|endoftext|>"

_Token = Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN_CHARACTERS)]
_Id = Annotated[int, Meta(ge=0, lt=MAX_VOCAB)]


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    """Base of the parts; a field that is not known may change what the tokenizer does."""


class _Added(_Part):
    id: _Id
    content: _Token
    single_word: Literal[False]
    lstrip: Literal[False]
    rstrip: Literal[False]
    normalized: bool
    special: Literal[True]


class _ByteLevel(_Part):
    type: Literal["ByteLevel"]
    add_prefix_space: bool = False
    trim_offsets: bool = True
    use_regex: bool = True


class _Bpe(_Part):
    type: Literal["BPE"]
    vocab: Annotated[dict[_Token, _Id], Meta(max_length=MAX_VOCAB)]
    merges: Annotated[list[tuple[_Token, _Token] | str], Meta(max_length=MAX_VOCAB)]
    dropout: None = None
    unk_token: None = None
    continuing_subword_prefix: Literal[""] | None = None
    end_of_word_suffix: Literal[""] | None = None
    fuse_unk: bool = False
    byte_fallback: Literal[False] = False
    ignore_merges: bool = False


class _File(_Part):
    added_tokens: Annotated[list[_Added], Meta(min_length=1, max_length=64)]
    pre_tokenizer: _ByteLevel
    decoder: _ByteLevel
    model: _Bpe
    version: str = "1.0"
    truncation: None = None
    padding: None = None
    normalizer: None = None
    post_processor: _ByteLevel | None = None


class Checked(msgspec.Struct, frozen=True):
    """The parts of a file that passed."""

    vocab: dict[str, int]
    """Token in byte-level letters → id, markers left out."""
    merges: list[tuple[str, str]]
    vocab_size: int
    end_of_text: int
    byte_lengths: list[int]
    """Bytes of text per id; 0 for markers."""
    ignore_merges: bool


def byte_letters() -> list[str]:
    """The letter that stands for each byte: printable Latin-1 as itself, the rest moved above 255."""
    kept = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    moved = iter(range(256, 512))
    return [chr(byte) if byte in kept else chr(next(moved)) for byte in range(256)]


def check(raw: bytes, name: str) -> Checked:
    """Parse and check a ``tokenizer.json``.

    Args:
        raw: the file's bytes.
        name: what to call it in an error.

    Raises:
        ManifestError: it is too large, not JSON, or anything but plain byte-level BPE.
    """
    if len(raw) > MAX_FILE_BYTES:
        raise _refused(name, f"is larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        file = msgspec.json.decode(raw, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(name, f"is not plain byte-level BPE ({str(error)[:160]})") from error
    if file.pre_tokenizer.add_prefix_space or not file.pre_tokenizer.use_regex:
        raise _refused(name, "splits text in an unusual way")
    markers = {added.content: added.id for added in file.added_tokens}
    everything = file.model.vocab | markers
    if sorted(everything.values()) != list(range(len(everything))):
        raise _refused(name, "does not number its tokens from 0 without gaps")
    if END_OF_TEXT not in markers:
        raise _refused(name, f"has no {END_OF_TEXT} token")
    vocab = {token: number for token, number in file.model.vocab.items() if token not in markers}
    letters = set(byte_letters())
    if not letters <= vocab.keys() or not all(letters.issuperset(token) for token in vocab):
        raise _refused(name, "cannot encode every byte")
    lengths = [0] * len(everything)
    for token, number in vocab.items():
        lengths[number] = len(token)
    return Checked(
        vocab, _merges(file.model.merges, vocab, name), len(everything), markers[END_OF_TEXT], lengths,
        file.model.ignore_merges,
    )  # fmt: skip


def _merges(given: list[tuple[str, str] | str], vocab: dict[str, Any], name: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for merge in given:
        left, _, right = merge.partition(" ") if isinstance(merge, str) else (merge[0], "", merge[1])
        if left not in vocab or right not in vocab or left + right not in vocab:
            raise _refused(name, "merges tokens that it does not have")
        pairs.append((left, right))
    return pairs


def _refused(name: str, why: str) -> ManifestError:
    return ManifestError(f"The tokenizer {name} {why}.", "The federation's operator must provide another.")
