"""Answers on standard output: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morelike.cli.text import clean, shorten_middle

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["AsJson", "console", "fields", "line", "print_json", "table"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
"""The option that every command has."""

MIN_LONG_COLUMN = 16
Line = Sequence[tuple[str, bool]]
"""Pieces of text, each with whether it stands out."""


def print_json(value: Any) -> None:
    """``value`` as JSON in ASCII, so that it survives any locale and any file name."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # a numpy scalar
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def line(text: str = "") -> None:
    """One line of text; what it holds is cleaned here."""
    sys.stdout.write(clean(text) + "\n")


def console(*, stderr: bool = False) -> Console:
    """A console that reads no markup, no emoji codes and no links out of other people's names."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def table(
    rows: Sequence[Sequence[object]],
    heads: Sequence[str],
    *,
    right: Sequence[str] = (),
    long: str = "",
    under: Sequence[Sequence[Line]] = (),
) -> None:
    """A table no wider than the terminal; whole where something else reads it.

    ``right`` names the columns of numbers; ``long`` the one that gives way: paths, which are shortened in the middle.
    Without it the last column gives way at its end. ``under``: for each row the lines below it, clean already.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    if not sys.stdout.isatty():
        _whole(rows, heads, right, under)
        return
    terminal = console()
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(cell_len(cell) for cell in column) for column in zip(heads, *cells, strict=True)]
    if long:
        at = list(heads).index(long)
        room = terminal.width - sum(widths) + widths[at] - 2 * (len(heads) - 1)
        for row in cells:
            row[at] = shorten_middle(row[at], max(room, MIN_LONG_COLUMN))
    if any(under):
        for number, padded in enumerate(_padded([list(heads), *cells], heads, right)):
            terminal.print(Text(padded, style="bold" if number == 0 else ""), no_wrap=True, overflow="ellipsis")
            for pieces in under[number - 1] if number else ():
                terminal.print(Text.assemble(*((piece, "bold" if marked else "") for piece, marked in pieces)))
        return
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head, width in zip(heads, widths, strict=True):
        gives_way = head == (long or heads[-1])
        grid.add_column(
            head,
            justify="right" if head in right else "left",
            min_width=MIN_LONG_COLUMN if gives_way else width,
            no_wrap=not gives_way,
            overflow="ellipsis",
        )
    for row in cells:
        grid.add_row(*(Text(cell) for cell in row))
    terminal.print(grid)


def _whole(
    rows: Sequence[Sequence[object]], heads: Sequence[str], right: Sequence[str], under: Sequence[Sequence[Line]]
) -> None:
    """Columns as wide as they have to be: a pipe or a file gets every path as it is."""
    cells = [list(heads), *([clean(cell) for cell in row] for row in rows)]
    for number, padded in enumerate(_padded(cells, heads, right)):
        line(padded)
        for pieces in under[number - 1] if number and under else ():
            line("".join(piece for piece, _ in pieces).rstrip())


def _padded(cells: Sequence[Sequence[str]], heads: Sequence[str], right: Sequence[str]) -> Iterator[str]:
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = []
        for cell, head, width in zip(row, heads, widths, strict=True):
            blank = " " * (width - cell_len(cell))
            padded.append(blank + cell if head in right else cell + blank)
        yield "  ".join(padded).rstrip()


def fields(values: Mapping[str, object]) -> None:
    """One value a line behind its name."""
    width = max(map(len, values), default=0)
    for name, value in values.items():
        line(f"{name:<{width}}  {value}")
