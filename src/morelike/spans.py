"""Where a segment lies in its item, and the words that stand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["WHOLE", "Quote", "Span"]

_ROW = 65536
"""A place in a picture is one number, y * 65536 + x: exact as a float, and in the order of reading."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a segment lies in its item. ``start`` and ``end`` are in ``unit``; ``whole`` has neither.

    ``pixels`` is a box of a picture: ``start`` is its top left corner and ``end`` the one below and right of its last
    pixel, each as y * 65536 + x; see ``region`` and ``box``.
    """

    unit: Literal["whole", "seconds", "page", "characters", "bases", "view", "pixels"]
    start: float = 0.0
    end: float = 0.0

    @classmethod
    def region(cls, left: int, top: int, right: int, bottom: int) -> Span:
        """A box of a picture in pixels; right and bottom are the first ones outside. Raises ValueError on none."""
        if not (0 <= left < right < _ROW and 0 <= top < bottom < _ROW):
            raise ValueError(f"({left}, {top}, {right}, {bottom}) is no box of a picture")
        return cls("pixels", float(top * _ROW + left), float(bottom * _ROW + right))

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """(left, top, right, bottom) in pixels; None where it is no box: of another unit, or of no such numbers."""
        if self.unit != "pixels" or not all(0 <= end < _ROW**2 and end == int(end) for end in (self.start, self.end)):
            return None
        (top, left), (bottom, right) = divmod(int(self.start), _ROW), divmod(int(self.end), _ROW)
        return (left, top, right, bottom) if left < right and top < bottom else None


WHOLE = Span("whole")


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of an item, as they stand in it. ``start``: where, in characters from the beginning of all its words."""

    text: str
    start: int = 0
    page: int | None = None
    """Counted from 1, where the item has pages."""
    marks: tuple[tuple[int, int], ...] = ()
    """The parts of ``text`` that answer the query, as (from, to) in its characters, in order and apart."""
    reply: str = ""
    """What goes with these words without being searched: the answer to a question."""
