"""Checking a ``tokenizer.json`` that somebody else chose, before anything is built from it.

Only one kind passes: byte-level BPE (Radford et al., 2019) as GPT-2, GPT-NeoX, Llama 3 and Qwen have it, all 256 bytes
in the vocabulary. So any text can be encoded, every id stands for a known number of bytes, and the parts can be rebuilt
from checked values instead of being loaded by a parser that trusts them. What may differ is the following:

* the normaliser: none, or NFC;
* how text is cut into words: by GPT-2's expression, or by one of ``SPLITS``; no other expression is ever compiled;
* tokens that are matched before words are cut, as GPT-NeoX has for runs of spaces. Markers are not among them: one that
  stands in a text is text.

A post-processor is passed over: it adds markers around a text, which is never asked for here.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from core.api.errors import ManifestError

MAX_FILE_BYTES: Final = 24 << 20
MAX_VOCAB: Final = 1 << 18
MAX_MERGES: Final = 1 << 19
MAX_ADDED: Final = 1 << 10
MAX_TOKEN_CHARACTERS: Final = 512
END_OF_TEXT: Final = "<|endoftext|>"
_ENDS: Final = (END_OF_TEXT, "<|end_of_text|>")
READ: Final = "Byte-level BPE is read, as GPT-2, GPT-NeoX, Llama 3 and Qwen have it"

_TAIL: Final = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_SHORT: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
SPLITS: Final = frozenset(
    (
        *(
            rf"{_SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*{_TAIL}"
            for digits in (r"\p{N}{1,3}", r"\p{N}")  # Llama 3 and cl100k, Qwen 2
        ),
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_SHORT}?|[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_SHORT}?"
        rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*{_TAIL}",  # o200k
    )
)
"""Expressions by which text may be cut into words. None takes more than time in proportion to the text."""

_Token = Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN_CHARACTERS)]
_Id = Annotated[int, Meta(ge=0, lt=MAX_VOCAB)]


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    """Base of the parts; a field that is not known may change what the tokenizer does."""


class _Typed(_Part, tag_field="type"):
    """Base of those of which there are several kinds."""


class _Added(_Part):
    id: _Id
    content: _Token
    single_word: Literal[False]
    lstrip: Literal[False]
    rstrip: Literal[False]
    normalized: bool
    special: bool


class _ByteLevel(_Typed, tag="ByteLevel"):
    add_prefix_space: bool = False
    trim_offsets: bool = True
    use_regex: bool = True


class _Regex(_Part):
    Regex: str


class _Split(_Typed, tag="Split"):
    pattern: _Regex
    behavior: Literal["Isolated"]
    invert: Literal[False]


class _Sequence(_Typed, tag="Sequence"):
    pretokenizers: tuple[_Split, _ByteLevel]


class _Nfc(_Typed, tag="NFC"):
    pass


class _Bpe(_Part):
    type: Literal["BPE"]
    vocab: Annotated[dict[_Token, _Id], Meta(max_length=MAX_VOCAB)]
    merges: Annotated[list[tuple[_Token, _Token] | str], Meta(max_length=MAX_MERGES)]
    dropout: None = None
    unk_token: None = None
    continuing_subword_prefix: Literal[""] | None = None
    end_of_word_suffix: Literal[""] | None = None
    fuse_unk: bool = False
    byte_fallback: Literal[False] = False
    ignore_merges: bool = False


class _File(_Part):
    added_tokens: Annotated[list[_Added], Meta(min_length=1, max_length=MAX_ADDED)]
    pre_tokenizer: _ByteLevel | _Sequence
    decoder: _ByteLevel
    model: _Bpe
    version: str = "1.0"
    truncation: None = None
    padding: None = None
    normalizer: _Nfc | None = None
    post_processor: dict[str, Any] | None = None


class Added(msgspec.Struct, frozen=True):
    """A token that is matched before words are cut."""

    content: str
    id: int
    normalized: bool
    """Whether it is looked for after the text was normalised, or before."""


class Checked(msgspec.Struct, frozen=True):
    """The parts of a file that passed."""

    vocab: dict[str, int]
    """Token in byte-level letters → id, without markers and added tokens."""
    merges: list[tuple[str, str]]
    vocab_size: int
    end_of_text: int
    byte_lengths: list[int]
    """Bytes of text per id; 0 for markers."""
    ignore_merges: bool
    added: tuple[Added, ...] = ()
    nfc: bool = False
    """Whether text is brought into Unicode's composed form first."""
    split: str = ""
    """The one of ``SPLITS`` that cuts words; empty for GPT-2's own."""


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
        raise _refused(name, _kind(raw) or f"is not plain byte-level BPE ({str(error)[:160]})") from error
    markers = {token.content: token.id for token in file.added_tokens if token.special}
    plain = {token.content: token.id for token in file.added_tokens if not token.special}
    everything = file.model.vocab | markers | plain
    if len(markers) + len(plain) < len(file.added_tokens) or markers.keys() & plain.keys():
        raise _refused(name, "adds one token twice")
    if any(file.model.vocab.get(token, number) != number for token, number in everything.items()):
        raise _refused(name, "gives one token two numbers")
    if sorted(everything.values()) != list(range(len(everything))):
        raise _refused(name, "does not number its tokens from 0 without gaps")
    end = next((token for token in _ENDS if token in markers), None)
    if end is None:
        raise _refused(name, f"has no {END_OF_TEXT} token")
    vocab = {token: number for token, number in file.model.vocab.items() if not (token in markers or token in plain)}
    letters = set(byte_letters())
    if not letters <= vocab.keys() or not all(letters.issuperset(token) for token in vocab):
        raise _refused(name, "cannot encode every byte")
    lengths = [0] * len(everything)
    for token, number in vocab.items():
        lengths[number] = len(token)
    for token, number in plain.items():
        lengths[number] = len(token.encode())
    return Checked(
        vocab=vocab, merges=_merges(file.model.merges, vocab, name), vocab_size=len(everything),
        end_of_text=markers[end], byte_lengths=lengths, ignore_merges=file.model.ignore_merges,
        added=tuple(Added(t.content, t.id, t.normalized) for t in file.added_tokens if not t.special),
        nfc=file.normalizer is not None, split=_split(file.pre_tokenizer, name),
    )  # fmt: skip


def _split(pre_tokenizer: _ByteLevel | _Sequence, name: str) -> str:
    """The expression that cuts words; empty for GPT-2's."""
    if isinstance(pre_tokenizer, _ByteLevel):
        level, pattern = pre_tokenizer, ""
    else:
        split, level = pre_tokenizer.pretokenizers
        pattern = split.pattern.Regex
    if level.add_prefix_space or level.use_regex == bool(pattern) or (pattern and pattern not in SPLITS):
        raise _refused(name, "cuts text into words in a way that is not known here")
    return pattern


class _Model(msgspec.Struct):
    type: str = ""
    byte_fallback: bool = False


class _Any(msgspec.Struct):
    model: _Model


def _kind(raw: bytes) -> str:
    """What a file is that is not read, where that can be told."""
    try:
        model = msgspec.json.decode(raw, type=_Any).model
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    if model.byte_fallback or model.type == "Unigram":
        return "is of sentencepiece's kind, as Llama 2, Mistral and T5 have it"
    return f"is a {model.type} tokenizer" if model.type in ("WordPiece", "WordLevel") else ""


def _merges(given: list[tuple[str, str] | str], vocab: dict[str, Any], name: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for merge in given:
        left, _, right = merge.partition(" ") if isinstance(merge, str) else (merge[0], "", merge[1])
        if left not in vocab or right not in vocab or left + right not in vocab:
            raise _refused(name, "merges tokens that it does not have")
        pairs.append((left, right))
    return pairs


def _refused(name: str, why: str) -> ManifestError:
    return ManifestError(f"The tokenizer {name} {why}.", f"{READ}; the federation's operator must provide another.")
