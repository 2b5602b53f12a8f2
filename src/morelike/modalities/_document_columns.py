"""In which order the lines of a scanned page are read: column by column, as on the page of a newspaper.

Recursive cuts along white space (Nagy & Seth 1984, "Hierarchical representation of optically scanned documents"):
between columns wherever there are any, else at the widest gap between lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

__all__ = ["blocks"]

Box = tuple[float, float, float, float]
"""(left, top, right, bottom)."""

_BETWEEN_COLUMNS: Final = 0.2
"""How wide the white between two columns is, at least, in heights of a line's box, which is drawn generously."""
_BETWEEN_PARAGRAPHS: Final = 0.5
"""How much white parts two paragraphs, likewise."""
_REACHES_OVER: Final = 0.3
"""How much of its height a line's box may reach into its neighbour's."""


def blocks(boxes: Sequence[Box]) -> list[list[int]]:
    """The numbers of the boxes, in the order of reading, and apart where a paragraph or a column ends."""
    if not boxes:
        return []
    height = sorted(bottom - top for _, top, _, bottom in boxes)[len(boxes) // 2] or 1.0
    found: list[list[int]] = []
    waiting: list[tuple[list[int], bool]] = [(list(range(len(boxes))), True)]
    while waiting:
        part, new = waiting.pop()
        columns = [part] if _one_row(part, boxes) else _parted(part, boxes, 0, _BETWEEN_COLUMNS * height)
        if len(columns) > 1:
            waiting.extend((column, True) for column in reversed(columns))
            continue
        above, below, gap = _halves(part, boxes)
        if below:
            waiting.extend([(below, gap > _BETWEEN_PARAGRAPHS * height), (above, new)])
            continue
        if new or not found:
            found.append([])
        found[-1].extend(_row_by_row(part, boxes))
    return found


def _one_row(part: Sequence[int], boxes: Sequence[Box]) -> bool:
    """Whether they stand side by side: words of one line, with more white between them than elsewhere."""
    return max(boxes[number][1] for number in part) < min(boxes[number][3] for number in part)


def _parted(part: Sequence[int], boxes: Sequence[Box], axis: int, white: float) -> list[list[int]]:
    """Groups between which that much white runs all the way through, along the axis."""
    groups: list[list[int]] = []
    reached = 0.0
    for number in sorted(part, key=lambda number: boxes[number][axis]):
        start, end = boxes[number][axis], boxes[number][axis + 2]
        if not groups or start - reached >= white:
            groups.append([])
            reached = end
        groups[-1].append(number)
        reached = max(reached, end)
    return groups


def _halves(part: Sequence[int], boxes: Sequence[Box]) -> tuple[list[int], list[int], float]:
    """What is above and below the widest gap between lines, and the gap; all above where there is none."""
    order = sorted(part, key=lambda number: boxes[number][1])
    best, at, reached = -float("inf"), 0, -float("inf")
    for place, (upper, lower) in enumerate(pairwise(order), 1):
        slack = _REACHES_OVER * (boxes[upper][3] - boxes[upper][1])
        reached = max(reached, boxes[upper][3] - slack)
        gap = boxes[lower][1] - reached
        if gap >= 0 and gap > best:
            best, at = gap, place
    if not at:
        return order, [], 0.0
    bottom = max(boxes[number][3] for number in order[:at])
    return order[:at], order[at:], boxes[order[at]][1] - bottom


def _row_by_row(part: Sequence[int], boxes: Sequence[Box]) -> list[int]:
    """What no straight cut parts: whatever has its middle within another one's height stands beside it."""
    rows: list[list[int]] = []
    for number in sorted(part, key=lambda number: boxes[number][1] + boxes[number][3]):
        middle = (boxes[number][1] + boxes[number][3]) / 2
        if not rows or middle >= boxes[rows[-1][0]][3]:
            rows.append([])
        rows[-1].append(number)
    return [number for row in rows for number in sorted(row, key=lambda number: boxes[number][0])]
