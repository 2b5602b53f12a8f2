"""The words of web pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import DecodeError
from morelike.modalities._html import html_text

TAGS = ["p", "div", "b", "i", "li", "ul", "h1", "span", "blockquote", "section", "pre"]


def text(page: str) -> str:
    return html_text(page.encode()).text


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("plain words", "plain words"),
        ("<p>one<p>two", "one\n\ntwo"),
        ("<div>one <b>bold</b>ly\n  told</div>", "one boldly told"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>a<li>b</ul>c", "a\n\nb\n\nc"),
        ("<table><tr><td>a<td>b</tr><tr><th>c</table>", "a b\n\nc"),
        ("<pre>  a\n    b\n</pre>", "  a\n    b"),
        ("a &amp; b &lt;c&gt; &eacute;&#233;&#xe9; &nbsp; d", "a & b <c> ééé d"),
        ("a <!-- no --> b <!----> c <!--> d", "a b c d"),
        ("<script>if (a < b) { '<p>no</p>' }</script>yes", "yes"),
        ("<style>p { color: red }</style><noscript>no</noscript>yes", "yes"),
        ("<nav>no<ul><li>no</ul></nav>yes", "yes"),
        ("<div><nav>never closed</div>yes", "yes"),
        ("<p hidden>no</p><p class='hidden'>yes<p title=hidden>too", "yes\n\ntoo"),
        ("<svg><title>no</title><text>no</text></svg>yes", "yes"),
        ("<button>no</button><select><option>no</select>yes", "yes"),
        ("<a href='x>y' title=\"'>'\">link</a>", "link"),
        ("1 < 2 and 3 <4> 5", "1 < 2 and 3 <4> 5"),
        ("<head><meta charset=utf-8><title>T</title><body>yes", "yes"),
        ("soft\u00adhyphen", "softhyphen"),
        ("<p>kept<script>never closed", "kept"),
        ("<p>kept<a href=", "kept"),
        ("<p>kept<!-- never closed", "kept"),
    ],
)
def test_the_words_are_those_that_are_shown(page: str, said: str) -> None:
    """Blocks are paragraphs; what a browser does not show, and what only steers the page, is left out."""
    assert text(page) == said


def test_a_page_says_its_title_and_language() -> None:
    """As far as they are what they should be."""
    page = html_text(b"<html lang='pt-BR'><head><title> A\n &amp; B </title></head><title>no</title>c")

    assert (page.title, page.language, page.text) == ("A & B", "pt-BR", "c")
    assert html_text(b"<html lang='<script>'>c").language == ""


@pytest.mark.parametrize(
    ("before", "encoding"),
    [
        ("", "utf-8"),
        ("<meta charset='windows-1251'>", "cp1251"),
        ('<meta http-equiv="content-type" content="text/html; charset=iso-8859-5">', "iso8859-5"),
        ('<?xml version="1.0" encoding="koi8-r"?>', "koi8-r"),
        ("", "utf-16"),
        ("<meta charset='rot13'>", "utf-8"),
        ("<meta charset='punycode'>", "utf-8"),
    ],
)
def test_a_page_is_in_the_encoding_that_it_declares(before: str, encoding: str) -> None:
    """A byte order mark and UTF-8 come first; a name that is no encoding of pages is passed over."""
    assert html_text(f"{before}<p>Война и мир</p>".encode(encoding)).text == "Война и мир"


def test_what_is_no_text_is_refused_by_its_name() -> None:
    """The reason says which page it was."""
    with pytest.raises(DecodeError, match=r"a\.html is no text"):
        html_text(bytes(range(256)) * 4, "a.html")


@given(st.text() | st.text(alphabet="<>/!-=\"'& ;#xpbsvghtml1\0", max_size=200))
def test_any_characters_make_a_page(page: str) -> None:
    """Whatever they are, there is an answer, the same each time, in which no tag of a paragraph is left."""
    try:
        first = html_text(page.encode("utf-8", "replace"))
    except DecodeError as error:
        assert "control characters" in error.message  # noqa: PT017 - either of the two is right
        return
    assert first == html_text(page.encode("utf-8", "replace"))
    assert "<p>" not in first.text or "&" in page


@given(st.recursive(st.sampled_from(["word", "two words", " ", "é", "1"]), lambda inner: st.builds(
    lambda tag, children: f"<{tag}>{''.join(children)}</{tag}>", st.sampled_from(TAGS), st.lists(inner, max_size=4)
)))  # fmt: skip
def test_the_words_are_a_browsers(page: str) -> None:
    """Of pages that are in order, the letters are those that a browser's parser finds."""
    lexbor = pytest.importorskip("selectolax.lexbor", reason="the reference is selectolax")

    theirs = lexbor.LexborHTMLParser(page).text(deep=True)
    assert "".join(text(page).split()) == "".join(theirs.split())


@pytest.mark.parametrize(
    "page",
    [
        b"<div>" * 300_000 + b"end",
        b"<div>" * 60_000 + b"</p>" * 60_000 + b"end",
        b"<a " + b" ".join(b"a%d=1" % number for number in range(200_000)) + b">end",
        b"".join(b"<font size=%d><p>" % number for number in range(50_000)) + b"end",
        b"<a x='" * 100_000 + b"'>end",
        b"<!--" * 100_000 + b"-->end",
        b"<p hidden " + b"hidden=1 " * 100_000 + b"></p>end",
        b"&#" + b"9" * 500_000 + b";end",
        b"<" * 500_000 + b" end",
    ],
    ids=["deep", "unclosed", "attributes", "fonts", "quotes", "comments", "hidden", "number", "signs"],
)
def test_hostile_pages_take_no_longer_than_their_length(page: bytes) -> None:
    """Pages on which a browser's parser takes the square of their length are read like any other."""
    assert html_text(page).text.endswith("end")
