"""The words of a web page, as they are shown: one pass over its tags, in time and memory of the page's own length.

A browser's parser builds a tree, which takes the square of the length where a page nests without end, or a tag has
endless attributes (measured with lexbor: 20 000 `<font><p>`, 0.4 MB, more than a minute); words need no tree.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from morelike.modalities._text_bytes import decoded

__all__ = ["HtmlText", "html_text"]

_HEAD: Final = 2048
"""Bytes in which a page says its encoding."""
_DEEPEST: Final = 512
_LONGEST_TITLE: Final = 300


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCKS: Final = _names(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu ol optgroup p pre search section summary"
    " table tbody tfoot thead tr ul"
)
_NOT_SHOWN: Final = _names(
    "audio button canvas datalist head map math meter nav object progress rp rt select svg template video"
)
"""With all that is in them: what is not shown, or is no part of the text."""
_RAW: Final = _names("iframe noembed noframes noscript script style textarea title xmp")
"""What is in them has no tags."""
_VOID: Final = _names("area base br col embed hr img input link meta param source track wbr")
_CELLS: Final = _names("td th")

_NEXT: Final = re.compile(r"<(?:(?P<tag>/?[A-Za-z][^\s/>]*)|(?P<comment>!--)|[!?/])")
_ATTRIBUTE: Final = r"""[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+)?)?"""
_REST_OF_TAG: Final = re.compile(rf"(?:{_ATTRIBUTE})*+[\s/]*+>")
_NAMED: Final = re.compile(r"""[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+))?)?""")
_COMMENT_END: Final = re.compile(r"-->|--!>|(?<=<!--)-?>")
_RAW_END: Final = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}
_BLANKS: Final = re.compile(r"[ \t\r\n\f\xa0]+")
_BREAK: Final = "\0"
_BREAKS: Final = re.compile(" ?\0 ?")
_MANY_LINES: Final = re.compile(r"\n{3,}")
_DECLARED: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_XML: Final = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{2,40})""")
_LONG_NUMBER: Final = re.compile(r"&#[0-9]{9,}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")


@dataclass(frozen=True, slots=True)
class HtmlText:
    """``text``: the paragraphs with an empty line between; ``title`` and ``language`` as the page says, else empty."""

    title: str
    text: str
    language: str


def html_text(data: bytes, label: str = "the page") -> HtmlText:
    """The words of a page of HTML or XHTML, without scripts, styles, navigation, controls and what is hidden.

    Any bytes that are text give an answer, as in a browser. Raises DecodeError, which says ``label``, on what is none.
    """
    head = data[:_HEAD]
    declared = _XML.search(head) or _DECLARED.search(head)
    page = decoded(data, label, declared[1].decode("ascii") if declared else "")
    reader = _Reader(page)
    reader.read()
    return HtmlText(reader.title, reader.text(), reader.language)


class _Reader:
    """Goes through the tags once. What is open is a stack, of which each element goes on and off once."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._open: list[str] = []
        self._counts: Counter[str] = Counter()
        self._unseen = 0
        """How high the stack was where what is not shown began; 0: it is shown."""
        self._pre = 0
        self._paragraphs: list[str] = []
        self._line: list[str] = []
        self.title = ""
        self.language = ""

    def read(self) -> None:
        page, at = self._page, 0
        while (found := _NEXT.search(page, at)) is not None:
            self._say(at, found.start())
            if found["tag"]:
                rest = _REST_OF_TAG.match(page, found.end())
                at = len(page) if rest is None else rest.end()
                if rest is not None:
                    at = self._tag(found["tag"].lower(), found.end(), at)
            elif found["comment"]:
                end = _COMMENT_END.search(page, found.end())
                at = len(page) if end is None else end.end()
            else:
                end_at = page.find(">", found.end())
                at = len(page) if end_at < 0 else end_at + 1
        self._say(at, len(page))
        self._part()

    def text(self) -> str:
        return "\n\n".join(self._paragraphs)

    def _tag(self, name: str, start: int, end: int) -> int:
        """Where to go on."""
        if name.startswith("/"):
            self._close(name[1:])
            return end
        if name in _RAW:
            found = _RAW_END[name].search(self._page, end)
            until = len(self._page) if found is None else found.start()
            if name == "title" and not self.title and "svg" not in self._open:
                self.title = _squeezed(_unescaped(self._page[end:until]))[:_LONGEST_TITLE]
            return until
        if name == "html" and not self.language:
            language = self._attributes(start, end).get("lang", "")
            self.language = language if _LANGUAGE.fullmatch(language) else ""
        if name == "body":
            self._close("head")  # its end tag may be left out
        if name == "br":
            self._line.append("\n" if self._pre else _BREAK)
        elif name in _CELLS:
            self._line.append(" ")
        if name in _BLOCKS:
            self._part()
        if name not in _VOID:
            self._enter(name, start, end)
        return end

    def _enter(self, name: str, start: int, end: int) -> None:
        hidden = name in _NOT_SHOWN or (
            "hidden" in self._page[start:end].lower() and "hidden" in self._attributes(start, end)
        )
        if not (hidden or name in _BLOCKS or name in _CELLS) or len(self._open) >= _DEEPEST:
            return
        if name in {"p", "li"} and self._open and self._open[-1] == name:
            self._close(name)
        self._open.append(name)
        self._counts[name] += 1
        self._pre += name == "pre"
        if hidden and not self._unseen:
            self._unseen = len(self._open)

    def _close(self, name: str) -> None:
        if self._counts[name]:
            while True:
                last = self._open.pop()
                self._counts[last] -= 1
                if last in _BLOCKS:
                    self._part()
                self._pre -= last == "pre"
                if len(self._open) < self._unseen:
                    self._unseen = 0
                if last == name:
                    return
        elif name in _BLOCKS:
            self._part()

    def _say(self, start: int, end: int) -> None:
        if start < end and not self._unseen:
            words = _unescaped(self._page[start:end])
            self._line.append(words if self._pre else _BLANKS.sub(" ", words))

    def _part(self) -> None:
        if not self._line:
            return
        said = "".join(self._line)
        if self._pre:
            words = said.replace("\r\n", "\n").strip("\n")
        else:
            words = _MANY_LINES.sub("\n\n", _BREAKS.sub("\n", _BLANKS.sub(" ", said))).strip()
        self._line.clear()
        if words.strip():
            self._paragraphs.append(words)

    def _attributes(self, start: int, end: int) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, *values in _NAMED.findall(self._page, start, end - 1):
            found.setdefault(name.lower(), _unescaped("".join(values)))
        return found


def _unescaped(text: str) -> str:
    """No soft hyphens, and no NUL, which stands for a line's end here."""
    if "&" in text:
        text = html.unescape(_LONG_NUMBER.sub("\ufffd", text))
    return text.replace("\xad", "").replace("\0", "")


def _squeezed(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()
