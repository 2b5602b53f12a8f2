"""Where texts are parted: sentences, and passages of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.sentences import passages, sentences

TEXTS = st.text(alphabet=st.sampled_from("ab Z.!?…\"')\n\t\r。」।, 1é"), max_size=300) | st.text(max_size=100)


def parts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" \n ", []),
        ("No full stop", ["No full stop"]),
        ("It rained. The river rose! Why? So.", ["It rained.", "The river rose!", "Why?", "So."]),
        ("Dr. No and Mr. Smith met J. Doe. They left.", ["Dr. No and Mr. Smith met J. Doe.", "They left."]),
        ("See Fig. 3, e.g. there. Done.", ["See Fig. 3, e.g. there.", "Done."]),
        ("It cost 3.50 in the shop. Cheap.", ["It cost 3.50 in the shop.", "Cheap."]),
        ("about 5 p.m. they came. Late.", ["about 5 p.m. they came.", "Late."]),
        ('"Go!" he said. "Why?"', ['"Go!" he said.', '"Why?"']),
        ("A heading\n\nA paragraph\nin two lines.", ["A heading", "A paragraph\nin two lines."]),
        ("One\r\n\r\nTwo", ["One", "Two"]),
        ("川が氾濫した。橋は「残った。」町は静かだ。", ["川が氾濫した。", "橋は「残った。」", "町は静かだ。"]),
        ("यह पहला है। यह दूसरा है।", ["यह पहला है।", "यह दूसरा है।"]),
        ("هل وصلت؟ نعم وصلت.", ["هل وصلت؟", "نعم وصلت."]),
    ],
)
def test_sentences_end_where_people_say_so(text: str, found: list[str]) -> None:
    """In several scripts; abbreviations, numbers and initials end none, empty lines do."""
    assert parts(text) == found


@given(TEXTS)
def test_sentences_hold_every_letter_once(text: str) -> None:
    """They are in order and apart, begin and end with no blank, and between them is nothing else."""
    end = 0
    for start, until in sentences(text):
        assert not text[end:start].strip()
        assert text[start:until] == text[start:until].strip() != ""
        end = until
    assert not text[end:].strip()


@given(TEXTS, st.integers(1, 60), st.data())
def test_passages_are_bounded_and_leave_nothing_out(text: str, size: int, data: st.DataObject) -> None:
    """None is longer than asked, each goes on beyond the one before, shares no more with it than allowed, and every
    letter is in one.
    """
    overlap = data.draw(st.integers(0, size - 1))
    before = covered = 0
    for number, (start, end) in enumerate(passages(text, size, overlap)):
        assert 0 < end - start <= size
        assert text[start:end] == text[start:end].strip()
        if number:
            assert start > before
            assert end > covered
            assert covered - start <= overlap
        assert not text[covered:start].strip()
        before, covered = start, end
    assert not text[covered:].strip()


@given(TEXTS, st.integers(20, 60))
def test_passages_are_whole_sentences_where_they_fit(text: str, size: int) -> None:
    """A passage begins where a sentence begins and ends where one ends, unless one alone is too long."""
    spans = sentences(text)
    if all(end - start <= size for start, end in spans):
        starts, ends = {start for start, _ in spans}, {end for _, end in spans}
        for start, end in passages(text, size, size // 4):
            assert start in starts
            assert end in ends


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (5, 5), (5, -1)])
def test_what_cannot_be_is_refused(size: int, overlap: int) -> None:
    """Passages of nothing, or of nothing new."""
    with pytest.raises(ValueError, match="cannot share"):
        passages("a", size, overlap)


def test_hostile_characters_are_parted_at_once() -> None:
    """Full stops, quotation marks, blanks and letters without end: each passage still has its bounds."""
    for text in ("." * 200_000, ". " * 100_000, '."' * 100_000, "a" * 200_000, "\n " * 100_000, "x.\t" * 60_000):
        assert all(end - start <= 800 for start, end in passages(text, 800, 120))
