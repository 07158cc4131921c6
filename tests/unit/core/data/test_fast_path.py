"""The fast path gives the ids of ``tokenizers``, or is not taken."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Engine
from tokenizers import models, pre_tokenizers

from core.data.builtin import builtin_tokenizer_path
from core.data.fast_path import WORDS
from core.data.tokenizer import Tokenizer
from core.data.tokenizer_file import byte_letters

PLAIN: dict[str, Any] = json.loads(builtin_tokenizer_path().read_bytes())
LETTERS = byte_letters()
ODD = [
    "", " ", "  ", "\n", " \n", "\n ", "\t\t x", "x  ", "x   y", "a\r\n\r\n  b", "don't I'LL we've 's 'S '", "''s",
    "\0\1\x1f\x7f", "\x85\xa0\u1680\u2003\u2028\u3000x", "\x1c\x1d\x1e\x1fx", "\u180e\u200b\ufeffx", "漢字 한국어",
    "🎉👩‍👩‍👧🏽 🎉",
    "e\u0301 ﬁ ½ ٣ Ⅷ", "<|endoftext|>", "a<|endoftext|><|endoftext|> b", "\U0010ffff\U000e0001", "İıßẞ", "  \u0301",
]  # fmt: skip


def file(merges: list[tuple[str, str]], **model: Any) -> bytes:
    """A ``tokenizer.json`` with these merges over all bytes, ids counting down to be unlike ranks."""
    tokens = [*LETTERS, *dict.fromkeys(a + b for a, b in merges), *model.pop("more", ())]
    vocab = {token: len(tokens) - 1 - place for place, token in enumerate(tokens)}
    content = PLAIN | {
        "added_tokens": [PLAIN["added_tokens"][0] | {"id": len(tokens)}],
        "model": PLAIN["model"] | {"vocab": vocab, "merges": [list(pair) for pair in merges]} | model,
    }
    return json.dumps(content).encode()


def same(tokenizer: Tokenizer, text: str) -> bool:
    return tokenizer.encode(text).tolist() == tokenizer.encode_slowly(text).tolist()


def is_fast(tokenizer: Tokenizer) -> bool:
    tokenizer.encode("decide")
    return tokenizer.slow_because == ""


@pytest.fixture(scope="module")
def built_in() -> Tokenizer:
    return Tokenizer.load(builtin_tokenizer_path())


def test_the_built_in_tokenizer_takes_it(built_in: Tokenizer) -> None:
    assert is_fast(built_in)


def test_odd_texts_and_every_pair_of_them(built_in: Tokenizer) -> None:
    assert all(same(built_in, one + other) for one in ODD for other in ODD)


@given(
    st.text()
    | st.text(alphabet="a1!' \n\t\u3000\u2028漢🎉\u0301", max_size=40)
    | st.lists(st.sampled_from(ODD)).map("".join)
)
def test_any_text(built_in: Tokenizer, text: str) -> None:
    assert same(built_in, text)


@pytest.mark.parametrize("unit", ["a", " ", "\n", "😀", "\0", "é", "ab", "1", "'", " a", "\u3000", "<|endoftext|>"])
def test_a_megabyte_of_one_thing_is_no_trap(built_in: Tokenizer, unit: str) -> None:
    """A matcher that gave up or a merge that took the square of the length would fail or hang here."""
    text = unit * (1_000_000 // len(unit.encode()))
    tokens = built_in.encode(text)
    assert int(built_in.byte_lengths[tokens].sum()) == len(text.encode())
    assert same(built_in, text[:50_000] + "x")


def test_both_put_every_character_into_the_same_class() -> None:
    """With a token for every pair of bytes any other cut between words would show in the ids."""
    pairs = [(a, b) for a in LETTERS for b in LETTERS]
    tokens = [*LETTERS, *(a + b for a, b in pairs)]
    engine = Engine(models.BPE(vocab={token: place for place, token in enumerate(tokens)}, merges=pairs))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    ranks = {bytes([a]): a for a in range(256)} | {
        bytes([a, b]): 256 + 256 * a + b for a in range(256) for b in range(256)
    }
    other = tiktoken.Encoding("pairs", pat_str=WORDS, mergeable_ranks=ranks, special_tokens={})
    # Every character of every block of small letters; of ideographs, syllables, empty and private planes every 23rd.
    small = [*range(0x3400), *range(0xA000, 0xAC00), *range(0xE000, 0xE010), *range(0xF900, 0x18000)]
    small += [*range(0x1A000, 0x20000), *range(0xE0000, 0xE0200)]
    numbers = sorted({*small, *range(0x3400, 0xD7FF, 23), *range(0xE010, 0x110000, 23)})
    for start in range(0, len(numbers), 512):
        text = "".join(f"a{c}1{c}!{c} {c}\n" for c in map(chr, numbers[start : start + 512]))
        assert other.encode_ordinary(text) == engine.encode(text).ids, f"between U+{numbers[start]:04X} and 512 further"


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a merge before its part": (lambda: file([("ab", "c"), ("a", "b")]), "later one"),
    "one token made twice": (lambda: file([("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc")]), "same token"),
    "a token out of reach": (lambda: file([("a", "b"), ("b", "c"), ("a", "bc")]), "does not give"),
    "whole words that no merge makes": (lambda: file([("a", "b")], more=["abc"], ignore_merges=True), "no merge makes"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_it_is_not_taken_where_ids_could_differ(how: str) -> None:
    make, why = REFUSED[how]
    tokenizer = Tokenizer(make(), "odd.json")
    assert tokenizer.slow_because == ""
    assert all(same(tokenizer, text) for text in ("abc", "aabbcc abc", "bcabc", *ODD))
    assert why in tokenizer.slow_because


def test_tokens_that_no_merge_makes_are_left_out_and_change_nothing() -> None:
    tokenizer = Tokenizer(file([("a", "b"), ("Ġ", "ab")], more=["abc", "zz"]), "odd.json")
    assert all(same(tokenizer, text) for text in ("abc", "zz abc", *ODD))
    assert is_fast(tokenizer)


def test_whole_word_lookup_is_no_hindrance_where_merging_finds_the_same() -> None:
    tokenizer = Tokenizer(file([("a", "b"), ("ab", "c")], ignore_merges=True), "odd.json")
    assert all(same(tokenizer, text) for text in ("abc", "ab abcc", *ODD))
    assert is_fast(tokenizer)


def test_any_list_of_merges_gives_equal_ids_or_no_fast_path() -> None:
    """Random merges over three letters; of those that pass, every short word, and long random ones."""
    chance = random.Random(5)
    words = ["".join("abĠ"[(n // 3**i) % 3] for i in range(6)).replace("Ġ", " ") for n in range(3**6)]
    taken = refused = 0
    for _ in range(150):
        known, merges = ["a", "b", "Ġ"], list[tuple[str, str]]()
        for _ in range(chance.randrange(1, 9)):
            pair = chance.choice(known), chance.choice(known)
            if "Ġ" not in pair[1] and pair not in merges:
                merges.append(pair)
                known.append(pair[0] + pair[1])
        if not merges:
            continue
        tokenizer = Tokenizer(file(merges), "random.json")
        if not is_fast(tokenizer):
            refused += 1
            continue
        taken += 1
        long = ["".join(chance.choices("ab ", k=40)) for _ in range(20)]
        text = "\n".join(words + long)
        assert same(tokenizer, text), merges
    assert taken > 20
    assert refused > 20


def test_a_sample_that_differs_ends_it_for_good() -> None:
    tokenizer = Tokenizer.load(builtin_tokenizer_path())
    assert is_fast(tokenizer)
    fast = tokenizer._fast
    assert fast is not None
    fast._ids = np.roll(fast._ids, 1)
    text = "The hedge keeps what is inside. " * 200
    assert same(tokenizer, text), "the text whose sample differed is encoded the slow way already"
    assert tokenizer.slow_because == "a sample came out differently"
    fast._ids = np.roll(fast._ids, -1)
    tokenizer.encode(text)
    assert tokenizer._fast is None


def test_about_one_part_in_sixty_four_is_sampled_in_small_texts_too() -> None:
    tokenizer = Tokenizer.load(builtin_tokenizer_path())
    assert is_fast(tokenizer)
    sampled = list[int]()
    slowly = tokenizer.encode_slowly
    tokenizer.encode_slowly = lambda piece: (sampled.append(len(piece)), slowly(piece))[1]  # type: ignore[method-assign]
    for number in range(640):
        tokenizer.encode(f"row {number:06} of a table")
    assert 640 * 24 / 64 * 0.8 <= sum(sampled) <= 640 * 24 / 64 * 1.2
    assert len(sampled) >= 3
