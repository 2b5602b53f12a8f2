"""What a job may be given: arguments that came over a wire, and the checks that they pass."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "LABELS",
    "LONGEST_LABELS",
    "MAX_SOURCES",
    "PLACES",
    "SHARE",
    "TEXT",
    "TEXTS",
    "TRUTH",
    "Argument",
    "are_texts",
    "is_flat",
    "is_number",
    "is_text",
    "is_whole_from",
]

MAX_SOURCES = 10_000
MOST_REPEATS = 2
LONGEST_LABELS = 500
_ESCAPED_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEATS = re.compile(r"(?:[*+?]|\{[^}]*\})[?+]?|\|")
_REPEATED_GROUP = re.compile(r"\)[*+{]|\(\?[a-zA-Z-]*x")  # or one that hides behind the blanks of (?x)
_ANCHORED = re.compile(r"(name:)?\^|(parent-folder|tag)\Z|(meta|info):")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Argument:
    """``what`` completes "must be …"."""

    what: str
    fits: Callable[[Any], bool]
    needed: bool = False


def is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 4096 and "\0" not in value


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) <= MAX_SOURCES and all(map(is_text, value))


def _are_places(value: Any) -> bool:
    """A job may be done by another process, whose current folder is another one."""
    if not are_texts(value):
        return False
    places = [text.removeprefix("urls:") for text in value]
    return all(Path(place).is_absolute() or _ADDRESS.match(place) for place in places)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_whole_from(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _says_labels(value: Any) -> bool:
    """An expression that somebody sent must not keep the process: two things in it repeat at the most, and no group.

    Being looked for everywhere in a name is as one of them. So its work grows with the square of a name's length.
    """
    if not is_text(value) or len(value) > LONGEST_LABELS:
        return False
    plain = _ESCAPED_OR_CLASS.sub("_", value)
    repeats = len(_REPEATS.findall(plain.replace("(?", "("))) + (_ANCHORED.match(plain) is None)
    return repeats <= MOST_REPEATS and not _REPEATED_GROUP.search(plain)


def is_flat(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and key and (inner is None or isinstance(inner, str | bool | int | float))
        for key, inner in value.items()
    )


TEXT = Argument("a text", is_text)
TEXTS = Argument("a list of texts", are_texts)
TRUTH = Argument("true or false", _is_truth)
PLACES = Argument(f"a list of at most {MAX_SOURCES} absolute paths and URLs", _are_places)
SHARE = Argument("a number above 0, up to 1", _is_share)
LABELS = Argument(
    "parent-folder, tag, meta:KEY, info:KEY or a regular expression in which at most two things repeat or can be left "
    "out, one where it does not begin with ^, and no group",
    _says_labels,
)
