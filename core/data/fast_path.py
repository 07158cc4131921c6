"""tiktoken in place of tokenizers where both must give the same ids: several times faster on one core.

tiktoken merges any two neighbours whose bytes together are a token, lowest rank first; tokenizers merges the pairs of
a list, in the order of the list. Ranks here are the order of the merges, bytes first, and ids are looked up afterwards,
so it does not matter how a vocabulary numbers its tokens.

Guarantee (ids are equal for every text) if, and only if these hold is a fast path built:
    - each merge joins bytes or results of earlier merges, and no two merges have the same result;
    - tokenizers, given the bytes of a merged token alone, gives that one token;
    - if whole words are looked up before merging, every token is a byte or the result of a merge.

Why: by the first, both sides merge in order of rank. A boundary that is there now was always there, so the tokens
between two boundaries are what merging their bytes alone gives. So where two neighbours together are the token W of
rank t, they are what merging W alone up to t-1 gives, and by the second these are the two parts of merge t: both sides
merge the same neighbours, from the left. The same argument says that tiktoken, which looks whole words up first, finds
what merging would have found. Tokens that no merge makes are never emitted by either side and are left out.

Both split text into words by the same expression; a test compares the classes of all characters. GPT-2's is grouped
here so that all but runs of white space are matched by an automaton, which is worth a factor of 1.7.

What comes before the words is the same, too: text that could have another normal form is normalised by tokenizers
itself, and added tokens are looked for from the left, the longest first, as its automaton does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import tiktoken
from numpy.typing import NDArray
from tokenizers import normalizers

from core.data.tokenizer_file import END_OF_TEXT, Checked, byte_letters

Tokens = NDArray[np.integer[Any]]
Merge = Callable[[Sequence[str]], list[list[int]]]
"""Ids that tokenizers gives for words in byte-level letters, by merging alone."""
WORDS: Final = r"""(?:'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)|\s+(?!\S)|\s"""
"""GPT-2's expression. The last alternative needs no ``+``: a run it meets is one character long."""

MAX_ADDED: Final = 64
"""More would be looked for one after the other at every character."""
_MAYBE_COMPOSED: Final = re.compile(
    "[^\0-\u02ff\u0400-\u0482\u048a-\u0511\u2010-\u2027\u2030-\u205e\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3]"
)
"""A text without any of these has its composed form already, in every version of Unicode: Latin, Cyrillic, kana,
ideographs and syllables that have no marks beside them, and the usual punctuation."""


class NotProven(Exception):
    """The ids could differ; says why in one sentence."""


class FastPath:
    """Ids of one piece of text.

    Args:
        parts: the checked tokenizer.
        merge: what ``tokenizers`` makes of single words, without whole-word lookup.
        dtype: of the ids.

    Raises:
        NotProven: a condition of the guarantee does not hold.
    """

    def __init__(self, parts: Checked, merge: Merge, dtype: np.dtype[Any]) -> None:
        letters = byte_letters()
        made = _results(parts, letters)
        if parts.ignore_merges and len(parts.vocab) != len(letters) + len(made):
            raise NotProven("it looks whole words up and has tokens that no merge makes")
        wanted = [parts.vocab[token] for token in made]
        if any(ids != [number] for ids, number in zip(merge(made), wanted, strict=True)):
            raise NotProven("it has a token that merging its own bytes does not give")
        value = {letter: byte for byte, letter in enumerate(letters)}
        ranks = {bytes([byte]): byte for byte in range(256)}
        ranks |= {bytes(value[letter] for letter in token): 256 + order for order, token in enumerate(made)}
        self._ids = np.array([parts.vocab[letter] for letter in letters] + wanted, dtype=dtype)
        # The marker is never allowed, so it is text like any other; with no marker at all tiktoken is slow.
        self._engine = tiktoken.Encoding(
            "hedgerow", pat_str=parts.split or WORDS, mergeable_ranks=ranks, special_tokens={END_OF_TEXT: len(ranks)}
        )
        self._composer = normalizers.NFC() if parts.nfc else None
        self._added = {added.content: len(self._ids) + place for place, added in enumerate(parts.added)}
        self._ids = np.append(self._ids, np.array([added.id for added in parts.added], dtype=dtype))
        self._composed_first = any(added.normalized for added in parts.added)
        if len(self._added) > MAX_ADDED or (self._composed_first and not all(a.normalized for a in parts.added)):
            raise NotProven("it has many added tokens, or looks for some of them at another time than for others")
        if any(self._composed(content) != content for content in self._added):
            raise NotProven("an added token has another normal form")
        longest_first = sorted(self._added, key=len, reverse=True)
        self._finder = re.compile(f"({'|'.join(map(re.escape, longest_first))})") if longest_first else None

    def encode(self, piece: str) -> Tokens:
        """Token ids of a piece of text that has a UTF-8 form.

        Words of any length take time in proportion (tiktoken merges long ones with a heap), and a run of white space
        at most one step back per character, far from the million at which its matcher gives up: a piece is short.
        """
        if self._finder is None:
            found: Tokens = self._ids[self._engine.encode_to_numpy(self._composed(piece), disallowed_special=())]
            return found
        ranks: list[int] = []
        parts = self._finder.split(self._composed(piece) if self._composed_first else piece)
        for place, part in enumerate(parts):  # text and added tokens by turns
            if place % 2:
                ranks.append(self._added[part])
            elif part:
                ranks += self._engine.encode_ordinary(part if self._composed_first else self._composed(part))
        ids: Tokens = self._ids[np.array(ranks, dtype=np.int64)]
        return ids

    def _composed(self, text: str) -> str:
        if self._composer is None or text.isascii() or _MAYBE_COMPOSED.search(text) is None:
            return text
        return self._composer.normalize_str(text)


def _results(parts: Checked, letters: list[str]) -> list[str]:
    """What each merge makes, in order."""
    known = dict.fromkeys(letters)
    for left, right in parts.merges:
        if left not in known or right not in known:
            raise NotProven("a merge joins what only a later one makes")
        if left + right in known:
            raise NotProven("two merges make the same token")
        known[left + right] = None
    return list(known)[len(letters) :]
