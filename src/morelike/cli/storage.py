"""``morelike storage``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.session import session_of
from morelike.cli.text import human_size
from morelike.shapes import reading_shape, storage_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morelike.records import StorageReading
    from morelike.storage import StorageReport

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike storage
morelike storage --history
morelike storage --json
"""


@app.command(cls=Command, epilog=EXAMPLES)
def storage(
    context: typer.Context,
    *,
    history: Annotated[bool, typer.Option("--history", help="The figures that were kept over time.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the library takes, how it grows, and when there will be no room.

    Warnings go to standard error; the settings storage_warn_bytes and storage_warn_share say from when on.
    """
    session = session_of(context)
    with session.open() as library:
        report = library.storage(listed=True)
        readings = library.storage_history() if history else []
    for sentence in report.warnings:
        session.note(f"warning: {sentence}")
    if as_json:
        print_json(
            {**storage_shape(report), **({"history": [reading_shape(one) for one in readings]} if history else {})}
        )
    elif history:
        _print_history(readings)
    else:
        _print(report)


def _print(report: StorageReport) -> None:
    from morelike.storage import growth_in_words

    if report.collections:
        rows = [
            (
                one.name,
                one.items,
                sum(one.segments.values()),
                sum(space.rows for space in one.spaces),
                human_size(sum(space.bytes for space in one.spaces)),
                human_size(one.kept_bytes),
                one.in_place,
                human_size(one.in_place_bytes),
            )
            for one in report.collections
        ]
        heads = ["collection", "items", "segments", "vectors", "their bytes", "kept", "in place", "bytes there"]
        table(rows, heads, right=heads[1:], long="collection")
        line()
    heads = ["part", "bytes"]
    table(
        [*((part, human_size(size)) for part, size in _parts(report.parts)), ("total", human_size(report.total))], heads
    )
    spare = report.parts.get("blobs", 0) - report.needed
    if spare > 0:
        line(f"of the blobs {human_size(spare)} are no item's bytes; morelike doctor says what there is to sweep")
    line()
    for disk in report.disks:
        free, total = human_size(disk.free), human_size(disk.total)
        line(f"{disk.path}: {free} of {total} free ({disk.share:.0%} full); {', '.join(disk.parts)}")
    line(f"growth: {growth_in_words(report.forecast, human_size)}")


def _parts(parts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(part, int(size)) for part, size in parts.items()]


def _print_history(readings: list[StorageReading]) -> None:
    if not readings:
        line("nothing was noted yet")
        return
    names = list(dict.fromkeys(part for reading in readings for part in reading.parts))
    rows = []
    for reading in readings:
        sizes = [int(reading.parts.get(name, 0)) for name in names]
        rows.append([reading.at, reading.items, *map(human_size, sizes), human_size(sum(sizes))])
    heads = ["at", "items", *names, "total"]
    table(rows, heads, right=heads[1:])
