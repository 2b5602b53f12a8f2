"""The page's languages: which one a person reads, and what stands in its file. English is what the templates say."""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import Request

__all__ = [
    "COOKIE",
    "LANGUAGES",
    "NN_",
    "N_",
    "_",
    "language_of",
    "ngettext",
    "speaking",
    "spoken",
    "translations",
]

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}
"""Code to the language's own name for itself; the first is spoken where nothing else is asked for."""
COOKIE: Final = "morelike_language"
FOLDER = Path(__file__).resolve().parents[1] / "locale"
USUAL = next(iter(LANGUAGES))
_spoken: ContextVar[str] = ContextVar("morelike_language", default=USUAL)


def language_of(request: Request) -> str:
    """What the person chose, else the first of what the browser asks for that there is, else English."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return next(filter(LANGUAGES.__contains__, _wanted(request.headers.get("accept-language", "")[:500])), USUAL)


def _wanted(header: str) -> list[str]:
    """``zh-CN,zh;q=0.9,en;q=0.8``: the languages without their regions, the dearest first."""
    found: list[tuple[float, str]] = []
    for part in header.split(","):
        name, _, quality = part.partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
        except ValueError:
            continue
        if 0 < weight <= 1:
            found.append((weight, name.strip().lower().partition("-")[0]))
    return [name for _, name in sorted(found, key=lambda one: -one[0])]


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """What is said inside is said in this language."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    return _spoken.get()


@cache
def translations(language: str) -> gettext.NullTranslations:
    """What stands in the language's file; of English nothing."""
    if language == USUAL:
        return gettext.NullTranslations()
    with (FOLDER / language / "morelike.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def _(sentence: str, /, **values: object) -> str:
    """The sentence in the language that is spoken, with its ``%(names)s`` filled in."""
    said = translations(spoken()).gettext(sentence) if sentence else ""  # the file's own header stands under ""
    return said % values if values else said


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """The same of something counted."""
    said = translations(spoken()).ngettext(one, many, count)
    return said % values if values else said


def N_(sentence: str) -> str:  # noqa: N802 - gettext's name for what is translated where it is shown
    """Marks a sentence of a table, which is said with ``_`` later."""
    return sentence


def NN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802 - likewise, of what is counted
    """Marks both forms for ``ngettext``."""
    return one, many
