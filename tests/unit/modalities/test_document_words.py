"""What is kept of documents: their words in parts, facts of bounded length, dates that are some."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import DecodeError
from morelike.modalities._document_kept import Kept
from morelike.modalities._document_words import SEPARATOR, Piece, Words, fact, moment, together


@given(st.lists(st.text(alphabet="ab \n", max_size=12), min_size=1, max_size=8))
def test_parts_lie_one_after_the_other(texts: list[str]) -> None:
    """Each part has its own text in the text of all, and each character is of the part that it stands in."""
    words = together([Piece(text) for text in texts], {}, paged=True)

    assert words.text == SEPARATOR.join(texts)
    assert [words.text[part.start : part.end] for part in words.parts] == texts
    for number, part in enumerate(words.parts):
        assert all(words.at(place) == number for place in range(part.start, part.end + 1))
    assert words.info["characters"] == len(words.text)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("D:20240506070809+02'00'", "2024-05-06T07:08:09"),
        ("D:2024", "2024"),
        ("20240506", "2024-05-06"),
        ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09"),
        (" 1897 ", "1897"),
        ("1897-03", "1897-03"),
        ("D:00000000000000", None),
        ("20241399", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read(said: str, known: str | None) -> None:
    """As PDF and XML write them, as far as they are said; what is no date is left out."""
    assert moment("created", [said]) == ({} if known is None else {"created": known})
    assert moment("created", ["never", said]) == moment("created", [said])


@given(st.text(max_size=40))
def test_any_text_may_stand_for_a_date(said: str) -> None:
    """What comes of it is one, or nothing."""
    for written in moment("created", [said, f"D:{said}", f"20{said}"]).values():
        assert 1000 <= datetime.fromisoformat((written + "-01-01")[: max(10, len(written))]).year <= 9999


@given(st.text(max_size=2000))
def test_facts_are_one_line(said: str) -> None:
    """Of bounded length, without control characters; the first that says something counts."""
    for value in fact("title", said, "instead").values():
        assert 0 < len(value) <= 301
        assert value.isprintable()
    assert fact("title", " \n", "instead") == {"title": "instead"}


def _words(text: str) -> Words:
    return together([Piece(text)], {}, paged=False)


def test_what_was_read_is_kept_within_bounds() -> None:
    """What was asked for last stays, what is larger than all room does not; what failed is tried again."""
    kept, read = Kept(most=3000), list[str]()

    def get(key: str, size: int = 400) -> int:
        def make() -> Words:
            read.append(key)
            return _words("x" * size)

        return len(kept.get(key, make).text)

    assert [get(key) for key in "aababcaa"] == [400] * 8
    assert read == ["a", "b", "c"]
    assert get("large", 10_000) == get("large", 10_000) == 10_000
    assert read[3:] == ["large", "large"]

    def fail() -> Words:
        raise DecodeError("it fails")

    with pytest.raises(DecodeError):
        kept.get("d", fail)
    assert get("d") == 400


def test_one_reads_for_all_who_ask_meanwhile() -> None:
    """From eight threads at once a document is read once."""
    kept, read, ready = Kept(), list[int](), Barrier(8)

    def make() -> Words:
        read.append(1)
        return _words("x")

    def get(_: int) -> str:
        ready.wait(60)
        return kept.get("a", make).text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(get, range(8))) == ["x"] * 8
    assert len(read) == 1
