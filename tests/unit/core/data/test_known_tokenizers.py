"""Tokenizers of well-known models are read, and give the ids that ``tokenizers`` gives with the file as it is."""

from __future__ import annotations

import itertools
import json
import os
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tokenizer_files import LLAMA_3, O200K, QWEN_2, changed, gpt_neox, sentencepiece, split_by
from tokenizers import Tokenizer as Engine
from tokenizers import models, normalizers, pre_tokenizers

from core.api.errors import ManifestError
from core.data import fast_path
from core.data.fast_path import _MAYBE_COMPOSED
from core.data.tokenizer import Tokenizer
from core.data.tokenizer_file import MAX_ADDED, SPLITS, byte_letters

FILES = {
    "gpt-neox": gpt_neox,
    "llama-3": lambda: split_by(LLAMA_3, markers=("<|begin_of_text|>", "<|end_of_text|>")),
    "qwen-2": lambda: split_by(QWEN_2, nfc=True, markers=("<|endoftext|>", "<|im_start|>")),
    "o200k": lambda: split_by(O200K),
}
ODD = [
    "", " ", "  ", "   ", " " * 23, " " * 24, " " * 25, " " * 49, "\t", "\n", "\r\n",
    "\r\n\r\n  b", "a  b", "  a\n    b = 1",
    "x \t  y", " \n  \n", "def f():\r\n        return  1\r\n", "don't I'LL we've 's 'S ",
    "1234567 12 ٣٤٥٦", "HTTPServer ÀÉ",
    "e\u0301 cafe\u0301", "\u1100\u1161\u11a8 각", "ﬁ ½ Ⅷ \u2126 \u212b",
    "a\u0315\u0300\u05ae\u0062", "\u0301 \u0301", "  \u0301 x",
    "🎉👩‍👩‍👧🏽", "漢字　かな", "<|endoftext|>", "a<|padding|> <|end_of_text|>b", "<|im_start|>",
    "\0\x7f\x85\xa0\u2028", "İıſ'ſ ẞ",
    "\u0958\u0f73\U0001d15e", "path/to//\n\n/x", "\U0010ffff\U000e0001\U0001f9ff",
]  # fmt: skip


RARE = ((0xA000, 0xAC00), (0xF900, 0x18000), (0x1D000, 0x20000))


def by_the_library(raw: bytes, text: str) -> list[int]:
    """The ids of the file as it is, but for markers, which are text here."""
    engine = Engine.from_str(raw.decode())
    engine.encode_special_tokens = True
    ids: list[int] = engine.encode(text, add_special_tokens=False).ids
    return ids


@pytest.fixture(scope="module", params=FILES)
def kind(request: pytest.FixtureRequest) -> tuple[bytes, Engine, Tokenizer]:
    raw = FILES[request.param]()
    engine = Engine.from_str(raw.decode())
    engine.encode_special_tokens = True
    return raw, engine, Tokenizer(raw, "known.json")


def test_ids_are_those_of_the_library_by_both_ways(kind: tuple[bytes, Engine, Tokenizer]) -> None:
    _, engine, tokenizer = kind
    composed = tokenizer._parts.nfc
    for text in (*ODD, *map("".join, itertools.product(ODD, ODD)), "".join(ODD) * 3):
        wanted = engine.encode(text, add_special_tokens=False).ids
        assert tokenizer.encode(text).tolist() == wanted, repr(text)
        assert tokenizer.encode_slowly(text).tolist() == wanted, repr(text)
        back = unicodedata.normalize("NFC", text) if composed else text
        assert tokenizer.decode(tokenizer.encode(text)) == back
        assert int(tokenizer.byte_lengths[wanted].sum()) == len(back.encode())
    assert tokenizer.slow_because == ""


@given(
    text=st.text()
    | st.text(alphabet="aS1!' \n\r\t\u0301\u3000漢🎉/", max_size=60)
    | st.lists(st.sampled_from(ODD), max_size=6).map("".join)
)
def test_any_text_has_the_same_ids(kind: tuple[bytes, Engine, Tokenizer], text: str) -> None:
    _, engine, tokenizer = kind
    assert tokenizer.encode(text).tolist() == engine.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("unit", ["a", " ", "\n", " \n", "A", "é", "e\u0301", "\u0301", "1", "'", "  x", "漢", "\r"])
def test_half_a_megabyte_of_one_thing_is_no_trap(kind: tuple[bytes, Engine, Tokenizer], unit: str) -> None:
    tokenizer = kind[2]
    text = unit * (500_000 // len(unit.encode()))
    wanted = unicodedata.normalize("NFC", text[:200]) if tokenizer._parts.nfc else text
    assert tokenizer.decode(tokenizer.encode(text))[:99] == wanted[:99]


def test_no_text_can_forge_a_marker(kind: tuple[bytes, Engine, Tokenizer]) -> None:
    tokenizer = kind[2]
    tokens = tokenizer.encode("a<|endoftext|><|end_of_text|><|padding|>")
    assert (tokenizer.byte_lengths[tokens] > 0).all()
    assert tokenizer.end_of_text not in tokens


@pytest.mark.parametrize("pattern", sorted(SPLITS))
def test_both_cut_every_character_alike(pattern: str) -> None:
    """With a token for every pair of bytes any other cut between words would show in the ids."""
    letters = byte_letters()
    pairs = [(a, b) for a in letters for b in letters]
    tokens = [*letters, *(a + b for a, b in pairs)]
    file = json.loads(split_by(pattern)) | {
        "added_tokens": [json.loads(gpt_neox())["added_tokens"][0] | {"id": len(tokens)}],
    }
    file["model"] |= {"vocab": {token: place for place, token in enumerate(tokens)}, "merges": [list(p) for p in pairs]}
    tokenizer = Tokenizer(json.dumps(file).encode(), "pairs.json")
    rare = 1 if "HEDGEROW_CAMPAIGN" in os.environ else 23
    small = [*range(0x3400), *(n for part in RARE for n in range(*part, rare))]
    numbers = sorted({*small, *range(0x3400, 0xD7FF, 41), *range(0xE000, 0x110000, 97)} - {*range(0xD800, 0xE000)})
    for start in range(0, len(numbers), 512):
        text = "".join(f"a{c}1{c}!{c} {c}A{c}a'{c}\n" for c in map(chr, numbers[start : start + 512]))
        assert tokenizer.encode(text).tolist() == tokenizer.encode_slowly(text).tolist(), f"U+{numbers[start]:04X}"
    assert tokenizer.slow_because == ""


def test_what_is_taken_for_composed_is_so_in_every_combination() -> None:
    composer = normalizers.NFC()
    for number in range(0x110000):
        letter = chr(number)
        if _MAYBE_COMPOSED.search(letter) is None:
            assert unicodedata.combining(letter) == 0
            assert unicodedata.normalize("NFC", letter) == letter == composer.normalize_str(letter)
            assert unicodedata.normalize("NFC", "e" + letter) == "e" + letter


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an expression of its own": (
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]}},
        "cuts text into words"),
    "another normal form": ({"normalizer": {"type": "NFKC"}}, "not plain byte-level BPE"),
    "a chain of normalisers": ({"normalizer": {"type": "Sequence", "normalizers": []}}, "not plain byte-level BPE"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED)
def test_what_could_do_harm_or_differ_is_refused(how: str) -> None:
    parts, why = REFUSED[how]
    with pytest.raises(ManifestError, match=why):
        Tokenizer(changed(gpt_neox(), **parts), "odd.json")


def added(*changes: dict[str, Any]) -> bytes:
    """The file with further added tokens behind its own."""
    own = json.loads(gpt_neox())["added_tokens"]
    more = [own[-1] | {"id": own[-1]["id"] + 1 + place} | change for place, change in enumerate(changes)]
    return changed(gpt_neox(), added_tokens=[*own, *more])


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (lambda: added({"content": "x", "lstrip": True}), "lstrip"),
        (lambda: added({"content": "x", "single_word": True}), "single_word"),
        (lambda: added({"content": ""}), "content"),
        (lambda: added({"content": "y" * 10_000}), "content"),
        (lambda: added({"content": "  "}), "adds one token twice"),
        (lambda: added({"content": "<|padding|>"}), "adds one token twice"),
        (lambda: added({"content": "a"}), "two numbers"),
        (lambda: added(*({"content": f"<{n}>"} for n in range(MAX_ADDED))), "added_tokens"),
    ],
    ids=["strips", "single words", "empty", "endless", "twice", "a marker as text", "known already", "too many"],
)
def test_an_added_token_that_could_do_harm_is_refused(raw: Any, why: str) -> None:
    with pytest.raises(ManifestError, match=why):
        Tokenizer(raw(), "odd.json")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (lambda: added({"content": "<raw>", "normalized": False}), "another time"),
        (lambda: added({"content": "e\u0301!"}), "another normal form"),
        (lambda: added(*({"content": f"<{n}>"} for n in range(fast_path.MAX_ADDED))), "many added tokens"),
    ],
    ids=["two times", "not composed", "many"],
)
def test_added_tokens_of_which_nothing_is_proven_go_the_slow_way_to_the_same_ids(raw: Any, why: str) -> None:
    tokenizer = Tokenizer(raw(), "odd.json")
    for text in (*ODD, "a<raw>e\u0301!  <3><63>", "<raw>e\u0301"):
        assert tokenizer.encode(text).tolist() == by_the_library(raw(), text)
    assert why in tokenizer.slow_because


def test_other_kinds_are_named_in_one_sentence() -> None:
    with pytest.raises(ManifestError, match="sentencepiece's kind") as caught:
        Tokenizer(sentencepiece(), "llama-2.json")
    assert caught.value.hint.startswith("Byte-level BPE is read, as GPT-2, GPT-NeoX, Llama 3 and Qwen have it")
    words = Engine(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(ManifestError, match="is a WordPiece tokenizer"):
        Tokenizer(words.to_str().encode(), "bert.json")
