"""Patterns over paths, and the names that no source shows: hidden and system files."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from typing import Final

from morelike.errors import SourceError

__all__ = ["Globs", "States", "has_wildcards", "is_hidden", "split_path"]

States = frozenset[int]
"""Where in the patterns a walk stands; grows and shrinks as it steps into folders."""

_SYSTEM: Final = frozenset(
    name.casefold()
    for name in (
        "#recycle",
        "$RECYCLE.BIN",
        "@eaDir",
        "@Recycle",
        "__MACOSX",
        "desktop.ini",
        "ehthumbs.db",
        "Icon\r",
        "lost+found",
        "RECYCLER",
        "System Volume Information",
        "Thumbs.db",
    )
)
_LONGEST_PATTERN = 1000
_ANY_DEPTH: Final = "**"
_END: Final = "end"
_Part = Callable[[str], object] | str


def is_hidden(name: str) -> bool:
    """Whether one component of a path is hidden (``.name``) or belongs to the operating system."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def has_wildcards(text: str) -> bool:
    return any(letter in text for letter in "*?[")


def split_path(path: str) -> tuple[str, ...]:
    """The components of a path, without empty ones and ``.``."""
    return tuple(part for part in path.split("/") if part not in ("", "."))


class Globs:
    """Several patterns, stepped through a path one component at a time, so that a walk can leave out whole folders.

    ``*``, ``?`` and ``[…]`` stay within a component, ``**`` is any number of components, letters keep their case. A
    pattern without ``/`` matches the name of a file or folder anywhere; one with ``/`` the path below the argument;
    one that starts with ``/`` or ``~`` the absolute path. What matches a folder matches all that it holds, so
    ``dir``, ``dir/`` and ``dir/**`` mean the same.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._parts: list[_Part] = []
        self._relative: set[int] = set()
        self._absolute: set[int] = set()
        for pattern in patterns:
            self._add(pattern)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def start(self, root: str | None = None) -> States:
        """Before the first component below ``root``, an absolute folder; None where there is none (an archive)."""
        states = self._closure(self._relative)
        if root is not None and self._absolute:
            here = self._closure(self._absolute)
            for name in split_path(root):
                here = self.step(here, name)
            states |= here
        return states

    def step(self, states: States, name: str) -> States:
        """After one more component. Empty: nothing below can match."""
        reached: set[int] = set()
        for state in states:
            part = self._parts[state]
            if isinstance(part, str):
                reached.add(state)  # `**` takes the component; what lies below a match is matched
            elif part(name):
                reached.add(state + 1)
        return self._closure(reached)

    def matched(self, states: States) -> bool:
        return any(self._parts[state] is _END for state in states)

    def match(self, path: str, root: str | None = None) -> bool:
        """Whether a path below ``root``, or a folder that it lies in, is matched."""
        states = self.start(root)
        for name in split_path(path):
            if self.matched(states):
                return True
            states = self.step(states, name)
        return self.matched(states)

    def _add(self, pattern: str) -> None:
        if len(pattern) > _LONGEST_PATTERN:
            raise SourceError(f"the pattern {pattern[:40]}… is longer than {_LONGEST_PATTERN} characters")
        absolute = pattern.startswith(("/", "~"))
        components = list(split_path(os.path.expanduser(pattern) if absolute else pattern))  # noqa: PTH111 - no path
        if "/" not in pattern.rstrip("/"):
            components.insert(0, _ANY_DEPTH)
            if components[1:] == [_ANY_DEPTH]:
                components.pop()
        while components and components[-1] == _ANY_DEPTH:
            components.pop()
        (self._absolute if absolute else self._relative).add(len(self._parts))
        self._parts += [_ANY_DEPTH if part == _ANY_DEPTH else _matcher(part) for part in components]
        self._parts.append(_END)

    def _closure(self, states: Iterable[int]) -> States:
        """``**`` may also stand for no component at all."""
        closed: set[int] = set()
        for first in states:
            state = first
            closed.add(state)
            while self._parts[state] is _ANY_DEPTH:
                state += 1
                closed.add(state)
        return frozenset(closed)


def _matcher(component: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(component)).match
