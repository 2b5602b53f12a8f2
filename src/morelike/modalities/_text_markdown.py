"""Markdown as the text that it shows: headings, paragraphs, items of lists, rows of tables, code as it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from morelike.errors import MissingExtra
from morelike.modalities._html import html_text

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["Markdown", "read_markdown"]

_LONGEST: Final = 1_000_000
"""Characters; what is longer is read as it stands: hostile Markdown of this length takes ten seconds."""
_FRONT: Final = re.compile(r"\A(---|\+\+\+)[ \t]*\r?\n(.{0,65536}?)\n\1[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FIELD: Final = re.compile(r"""^(title|lang|language)[ \t]*[:=][ \t]*["']?(.*?)["']?[ \t]*\r?$""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Markdown:
    """``text``: paragraphs with an empty line between; ``title`` of the front matter, else the first heading."""

    title: str
    text: str
    language: str


def read_markdown(source: str) -> Markdown:
    """By CommonMark with tables; the front matter is no text. Raises MissingExtra."""
    title, language, source = _front_matter(source)
    if len(source) > _LONGEST:
        return Markdown(title, source, language)
    try:
        from markdown_it import MarkdownIt
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "Markdown needs the package 'markdown-it-py'", hint="pip install 'morelike[text]'"
        ) from error
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source.replace("\0", ""))
    paragraphs: list[str] = []
    cells: list[str] | None = None
    for place, token in enumerate(tokens):
        if token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            paragraphs.append("  ".join(cells or ()))
            cells = None
        elif token.type == "inline":
            said = _said(token.children or ()).strip()
            if cells is not None:
                cells.append(said)
            else:
                paragraphs.append(said)
                if not title and place and tokens[place - 1].type == "heading_open":
                    title = said
        elif token.type in {"fence", "code_block"}:
            paragraphs.append(token.content.rstrip("\n"))
        elif token.type == "html_block":
            paragraphs.append(_shown(token.content))
    return Markdown(title, "\n\n".join(one for one in paragraphs if one.strip()), language)


def _front_matter(source: str) -> tuple[str, str, str]:
    """(title, language, what follows it)."""
    front = _FRONT.match(source)
    if front is None:
        return "", "", source
    told: dict[str, str] = {}
    for name, value in _FIELD.findall(front[2]):
        told.setdefault(name[:4], value)
    return told.get("titl", ""), told.get("lang", ""), source[front.end() :]


def _said(tokens: Sequence[Token]) -> str:
    said = []
    for token in tokens:
        if token.type in {"text", "code_inline", "text_special"}:
            said.append(token.content)
        elif token.type == "softbreak":
            said.append(" ")
        elif token.type == "hardbreak":
            said.append("\n")
        elif token.type == "image":
            said.append(_said(token.children or ()))
    return "".join(said)


def _shown(markup: str) -> str:
    return html_text(markup.encode("utf-8", "replace")).text if "<" in markup else markup
