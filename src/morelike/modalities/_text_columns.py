"""Which columns of a table hold the words that are searched, and what goes with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from morelike.errors import UsageError

__all__ = ["AUTO", "Columns", "as_words", "checked_column", "columns_of", "names_files"]

AUTO: Final = "auto"
QUESTIONS: Final = ("question", "questions", "query", "q")
ANSWERS: Final = ("answer", "answers", "reply", "response", "a")
TITLES: Final = ("title", "headline", "heading", "subject")
CONTENTS: Final = (
    "content",
    "contents",
    "body",
    "text",
    "article",
    "abstract",
    "passage",
    "document",
    "description",
    "summary",
    "message",
    "comment",
    "review",
    "sentence",
)
_FILES: Final = frozenset(
    {"path", "file", "filename", "file_name", "filepath", "image", "image_path", "url", "uri", "src"}
)
_BLANKS: Final = re.compile(r"[\s\-]+")
_LONGEST: Final = 500
_NUMBER: Final = re.compile(r"[-+]?[\d.,:/ eE%-]*")


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns by the names that the table gives them; empty: there is none. ``searched`` are joined in their order."""

    searched: tuple[str, ...]
    question: str = ""
    answer: str = ""
    title: str = ""
    content: str = ""
    sure: bool = True
    """Whether the names say that it is a table of texts, and not of files with a title each."""

    @property
    def shown(self) -> frozenset[str]:
        """Those that an item's info has; the others are its source's metadata."""
        return frozenset({*self.searched, self.question, self.answer, self.title, self.content} - {""})


def columns_of(names: Sequence[str], wanted: str = AUTO) -> Columns | None:
    """What is searched in a table with these columns; None where they do not say it.

    ``auto``: the question where there are answers too; else title and content, or one of them; else the only column.
    Otherwise ``wanted`` has names with + between them, letters of any case.
    """
    plain = {_BLANKS.sub("_", name.strip().lower()): name for name in reversed(names)}

    def first(known: Sequence[str]) -> str:
        return next((plain[name] for name in known if name in plain), "")

    question, answer, title, content = first(QUESTIONS), first(ANSWERS), first(TITLES), first(CONTENTS)
    if wanted != AUTO:
        asked = [plain.get(_BLANKS.sub("_", part.strip().lower()), "") for part in wanted.split("+")]
        if not all(asked):
            return None
        reply = "" if answer in asked else answer
        return Columns(tuple(asked), question, reply, title, content)
    if question and answer:
        return Columns((question,), question, answer, title, content)
    if searched := tuple(name for name in (title, content) if name):
        return Columns(searched, title=title, content=content, sure=bool(content))
    return Columns((names[0],), content=names[0]) if len(names) == 1 and names[0] else None


def names_files(names: Sequence[str]) -> bool:
    """Whether a column holds places of files: the table is a list of them where no other column holds words."""
    return any(name.strip().lower() in _FILES for name in names)


def only_words(values: Mapping[str, Any]) -> str:
    """The only column of a row that has words, not numbers or dates; empty: there are several, or none."""
    found = [name for name, value in values.items() if (said := as_words(value)) and not _NUMBER.fullmatch(said)]
    return found[0] if len(found) == 1 else ""


def checked_column(given: Any) -> str:
    """``auto``, or names with + between them. Raises UsageError."""
    if not isinstance(given, str) or len(given) > _LONGEST or not all(part.strip() for part in given.split("+")):
        raise UsageError(f"column cannot be {given!r}"[:200], hint="column=auto, or names: column=title+content")
    return "+".join(part.strip() for part in given.split("+"))


def as_words(value: Any) -> str:
    """What a cell says in words; several texts are paragraphs. Empty of numbers, truth values and what is nested."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return "\n\n".join(one.strip() for one in value if one.strip())
    return ""
