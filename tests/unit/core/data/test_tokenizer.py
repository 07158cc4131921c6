from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.api.errors import CorpusError, ManifestError
from core.data.pieces import pieces
from core.data.tokenizer import BUILTIN, Tokenizer, builtin_tokenizer_path
from core.data.tokenizer_file import MAX_FILE_BYTES
from core.data.train_tokenizer import docstrings, train

TOKENIZER = Tokenizer.load(builtin_tokenizer_path(), BUILTIN["hedgerow-4k"])
PLAIN: dict[str, Any] = json.loads(builtin_tokenizer_path().read_bytes())


def test_the_built_in_tokenizer_is_small_and_the_one_that_is_pinned() -> None:
    raw = builtin_tokenizer_path().read_bytes()
    assert len(raw) < 300_000
    assert hashlib.sha256(raw).hexdigest() == BUILTIN["hedgerow-4k"] == TOKENIZER.sha256
    assert TOKENIZER.vocab_size == 4_096
    assert TOKENIZER.byte_lengths[TOKENIZER.end_of_text] == 0
    assert (np.delete(TOKENIZER.byte_lengths, TOKENIZER.end_of_text) > 0).all()


@given(st.text())
def test_any_text_comes_back_and_its_bytes_are_counted_exactly(text: str) -> None:
    tokens = TOKENIZER.encode(text)
    assert TOKENIZER.decode(tokens) == text
    assert int(TOKENIZER.byte_lengths[tokens].sum()) == len(text.encode())


def test_a_marker_in_the_text_is_only_characters() -> None:
    tokens = TOKENIZER.encode("a<|endoftext|>b")
    assert TOKENIZER.end_of_text not in tokens
    assert TOKENIZER.decode(tokens) == "a<|endoftext|>b"


def test_long_lines_and_lone_surrogates_are_no_trap() -> None:
    text = "ab" * 100_000
    assert int(TOKENIZER.byte_lengths[TOKENIZER.encode(text)].sum()) == len(text)
    with pytest.raises(ValueError, match="surrogate"):
        TOKENIZER.encode("\ud800")


def test_encoding_can_be_stopped_between_pieces() -> None:
    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        TOKENIZER.encode("text", stop)


@given(st.text(alphabet="ab \n", max_size=60), st.integers(2, 9))
def test_pieces_join_to_the_text(text: str, size: int) -> None:
    parts = list(pieces(text, size))
    assert "".join(parts) == text
    assert all(1 <= len(part) <= size for part in parts)


def _without_a_byte(file: dict[str, Any]) -> None:
    del file["model"]["vocab"]["a"]


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "normaliser": lambda f: f.update(normalizer={"type": "Lowercase"}),
    "other pre-tokenizer": lambda f: f.update(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a+)+$"}}),
    "prefix space": lambda f: f["pre_tokenizer"].update(add_prefix_space=True),
    "no regex": lambda f: f["pre_tokenizer"].update(use_regex=False),
    "unigram": lambda f: f["model"].update(type="Unigram"),
    "dropout": lambda f: f["model"].update(dropout=0.1),
    "byte fallback": lambda f: f["model"].update(byte_fallback=True),
    "truncation": lambda f: f.update(truncation={"max_length": 1}),
    "unknown field": lambda f: f.update(auto_map="evil.py"),
    "gap in the ids": lambda f: f["model"]["vocab"].update(zzzz=9_999),
    "negative id": lambda f: f["model"]["vocab"].update(zzzz=-1),
    "foreign letter": lambda f: f["model"]["vocab"].update({"漢": 4_096}),
    "missing byte": _without_a_byte,
    "merge of nothing": lambda f: f["model"]["merges"].append(["zz", "zz"]),
    "no end of text": lambda f: f["added_tokens"][0].update(content="<s>"),
    "marker that swallows space": lambda f: f["added_tokens"][0].update(lstrip=True),
    "endless token": lambda f: f["model"]["vocab"].update({"a" * 10_000: 4_096}),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_anything_but_plain_byte_level_bpe_is_refused(how: str, tmp_path: Path) -> None:
    file = copy.deepcopy(PLAIN)
    HOSTILE[how](file)
    path = tmp_path / "strange.json"
    path.write_text(json.dumps(file))
    with pytest.raises(ManifestError, match=r"strange\.json"):
        Tokenizer.load(path)


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b" " * (MAX_FILE_BYTES + 1)])
def test_what_is_no_tokenizer_at_all_is_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "strange.json"
    path.write_bytes(raw)
    with pytest.raises(ManifestError, match=r"strange\.json"):
        Tokenizer.load(path)


def test_a_missing_file_and_a_wrong_hash_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere"):
        Tokenizer.load(tmp_path / "nowhere.json")
    with pytest.raises(ManifestError, match="hash"):
        Tokenizer.load(builtin_tokenizer_path(), "0" * 64)
    with pytest.raises(ValueError, match="no built-in"):
        builtin_tokenizer_path("other")


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    texts = ["the hedge and the row, the hedgerow. " * 50, "def f():\n    return 1\n" * 50]
    raw = train(iter(texts), vocab_size=300)
    assert raw == train(iter(texts), vocab_size=300)
    path = tmp_path / "small.json"
    path.write_bytes(raw)
    small = Tokenizer.load(path)
    assert 257 < small.vocab_size <= 300
    assert small.decode(small.encode("naïve 🎉")) == "naïve 🎉"


def test_docstrings_are_found_and_broken_modules_passed_over() -> None:
    source = b'"""Module."""\nclass A:\n    """A class."""\n    def f(self):\n        """A method."""\n'
    assert list(docstrings(source)) == ["Module.", "A class.", "A method."]
    assert list(docstrings(b"def (:")) == []
