"""Bytes to characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import DecodeError
from morelike.modalities._text_bytes import decoded, decoded_head, encoding_of

RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. " * 3
GERMAN = "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett. " * 3
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 6


@pytest.mark.parametrize(
    ("said", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
    ],
)
def test_texts_of_many_encodings_are_read(said: str, encoding: str) -> None:
    """With a mark or without; what has neither mark nor UTF-8 is told by its letters."""
    assert decoded(said.encode(encoding), "a.txt") == said


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff")))
def test_utf8_is_kept_as_it_is(said: str) -> None:
    """No character is changed, so that offsets are those of the file."""
    assert decoded(said.encode(), "a") == said


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_are_refused(data: bytes) -> None:
    """Either there are characters, or a DecodeError says which file it was; a head never raises."""
    assert decoded_head(data) is None or isinstance(decoded_head(data), str)
    try:
        first = decoded(data, "a.txt")
    except DecodeError as error:
        assert "a.txt" in error.message  # noqa: PT017 - either of the two is right
    else:
        assert first == decoded(data, "a.txt")


@pytest.mark.parametrize("data", [b"\xff\xfea", b"PK\x03\x04" + bytes(100), b"\x01\x02\x03 abc", bytes(range(256))])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    """Half a letter of UTF-16, NULs, control characters."""
    with pytest.raises(DecodeError, match=r"a\.txt"):
        decoded(data, "a.txt")


def test_a_declared_encoding_counts_where_nothing_else_says_it() -> None:
    """What a page says of itself; Latin-1 is read as Windows-1252, as browsers do."""
    assert decoded("€ ß".encode("cp1252"), "a", "iso-8859-1") == "€ ß"
    assert decoded("Ж".encode("cp1251"), "a", "windows-1251") == "Ж"
    assert decoded("ß".encode(), "a", "windows-1251") == "ß"


def test_a_long_file_is_of_the_encoding_of_its_beginning() -> None:
    """A letter that is cut at the end makes no other encoding of it."""
    assert encoding_of("aé".encode()[:-1], "a") == "utf-8-sig"
    assert encoding_of(GERMAN.encode("utf-16"), "a") == "utf-16"
    assert RUSSIAN.encode("cp1251").decode(encoding_of(RUSSIAN.encode("cp1251"), "a")) == RUSSIAN
