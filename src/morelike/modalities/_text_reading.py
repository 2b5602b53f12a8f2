"""The words of one file, or of one record: what is searched, and what is shown beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from morelike.errors import DecodeError
from morelike.modalities._exif import printable
from morelike.modalities._html import html_text
from morelike.modalities._text_bytes import decoded
from morelike.modalities._text_columns import AUTO, Columns, as_words, columns_of, only_words
from morelike.modalities._text_formats import Form
from morelike.modalities._text_markdown import read_markdown

__all__ = ["LONGEST", "Words", "words_in", "words_of_record"]

LONGEST: Final = 32_000_000
"""Characters of one text; forty thousand passages."""
_LONGEST_TITLE: Final = 300
_LONGEST_FIELD: Final = 20_000
"""Characters of an answer or a content that an item's info keeps."""
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Words:
    """``text``: what is searched, and what offsets count in. ``reply``: an answer. ``facts``: what a hit shows too."""

    text: str
    title: str = ""
    language: str = ""
    reply: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def words_in(data: bytes, form: Form, label: str, wanted: str) -> Words:
    """The words of a whole file that is no table. Raises DecodeError; MissingExtra."""
    if form == "html":
        page = html_text(data, label)
        found = Words(page.text, page.title, page.language)
    elif form == "markdown":
        read = read_markdown(decoded(data, label))
        found = Words(read.text, printable(read.title, _LONGEST_TITLE), printable(read.language, 20))
    elif form == "record":
        found = words_of_record(_record(data, label), wanted, label)
    else:
        found = Words(decoded(data, label))
    if len(found.text) > LONGEST:
        raise DecodeError(f"{label} has more than {LONGEST:,} characters", hint="cut it into several files")
    if not has_words(found.text):
        raise DecodeError(f"{label} has no words" if data.strip() else f"{label} is empty")
    return found


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit of any script."""
    return any(letter.isalnum() for letter in text)


def words_of_record(values: Mapping[str, Any], wanted: str, label: str) -> Words:
    """What is searched of one row. Raises DecodeError where its columns do not say it, or have no words."""
    columns = record_columns(values, wanted)
    if columns is None:
        raise DecodeError(f"{label} {unsaid(list(values), wanted)}", hint=UNSAID_HINT)
    cells = {name: _said(values.get(name)) for name in columns.shown}
    text = "\n\n".join(cells[name] for name in columns.searched if cells[name])
    if not has_words(text):
        raise DecodeError(f"{label} has no words in {' and '.join(columns.searched)}")
    said = {"question": columns.question, "answer": columns.answer, "content": columns.content}
    facts = {key: cells[name][:_LONGEST_FIELD] for key, name in said.items() if name and cells[name]}
    title = printable(cells.get(columns.title, ""), _LONGEST_TITLE)
    return Words(text, title, reply=cells.get(columns.answer, ""), facts=facts)


UNSAID_HINT: Final = "say which: --option column=NAME, several with + between them"


def unsaid(names: list[str], wanted: str) -> str:
    """The end of a sentence about a table that does not say which of its columns is searched."""
    listed = ", ".join(printable(name, 60) for name in names[:_LISTED]) + (" …" if len(names) > _LISTED else "")
    if wanted != AUTO:
        return f"has no column {wanted.replace('+', ' and ')}: there are {listed or 'none'}"
    return f"does not say which column is searched: there are {listed or 'none'}"


def record_columns(values: Mapping[str, Any], wanted: str) -> Columns | None:
    """As its columns' names say; else the only one that has words."""
    found = columns_of(list(values), wanted)
    if found is None and wanted == AUTO and (only := only_words(values)):
        found = Columns((only,), content=only)
    return found


def _record(data: bytes, label: str) -> Mapping[str, Any]:
    try:
        values = json.loads(decoded(data, label))
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{label} is no JSON: {error}"[:300]) from error
    if not isinstance(values, dict):
        raise DecodeError(f"{label} is no object of JSON")
    return values


def _said(value: Any) -> str:
    """In words, a number as well where its column is asked for; without the halves of letters that JSON can write."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (str(value) if number else as_words(value)).encode("utf-8", "replace").decode()
