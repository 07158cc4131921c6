from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import extract
from core.data.corpora import Unusable

RUSSIAN = "Живая изгородь растёт вдоль дороги, и птицы вьют в ней гнёзда каждую весну. " * 20
POLISH = "Żywopłot rośnie wzdłuż drogi, a ptaki wiją w nim gniazda każdej wiosny, źródło śpiewu. " * 20
FRENCH = "La haie pousse près de la forêt ; les élèves y cueillent des mûres à l'été où ça plaît. " * 20


def read(raw: bytes) -> list[str]:
    return list(extract.documents("a.txt", raw))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [FRENCH, "plain ascii text\n" * 30])
def test_unicode_in_every_dress(encoding: str, text: str) -> None:
    assert read(text.encode(encoding)) == [text]


@pytest.mark.parametrize(
    ("text", "encoding"), [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (FRENCH, "cp1252"), (POLISH, "cp1250")]
)
def test_old_encodings_are_recognised(text: str, encoding: str) -> None:
    assert read(text.encode(encoding)) == [text]


def test_line_ends_become_one_kind() -> None:
    assert read(b"a\r\nb\rc\n") == ["a\nb\nc\n"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "binary"),
        (b"\x7fELF" + bytes(500), "binary"),
        (random.Random(1).randbytes(50_000), "binary"),
        (b"text\x00text", "binary"),
        (b"\x01\x02\x03" * 100, "binary"),
        (b"\xff\xfea", "cut or damaged"),
    ],
)
def test_what_is_no_text_has_a_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        read(raw)


@given(st.binary(max_size=300))
def test_any_bytes_give_text_or_a_reason(raw: bytes) -> None:
    with contextlib.suppress(Unusable):
        for text in read(raw):
            assert text.strip()
            assert text.encode()


def form(text: str) -> str:
    return "".join(extract.normal_form(text))


@given(st.text())
def test_the_normal_form_ignores_white_space_alone(text: str) -> None:
    import unicodedata

    assert form(text) == " ".join(unicodedata.normalize("NFC", text).split())


def test_the_normal_form_does_not_depend_on_where_long_text_is_cut() -> None:
    words = [f"word{number}" for number in range(40_000)]
    assert form(" ".join(words)) == form("\n\n".join(words)) == " ".join(words)
    assert form("x" * 200_000) == "x" * 200_000
    assert extract.count_words("\n".join(words)) == 40_000


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert form("e\u0301te\u0301") == form("été")
