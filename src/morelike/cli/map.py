"""``morelike map``"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED
from morelike.cli.session import Session, session_of
from morelike.shapes import map_shape

if TYPE_CHECKING:
    from morelike.project import Map

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike map photos
morelike map photos --refresh
morelike map photos --json > photos-map.json
"""

WIDE, HIGH = 72, 24
SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"


@app.command("map", cls=Command, epilog=EXAMPLES)
def map_command(
    context: typer.Context,
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Which vectors, where there are several kinds: image, audio, text …"),
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Make it anew, as after changes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Lay a collection's items out in two dimensions, so that what is alike stands together.

    The map is kept with the library, and shown again until --refresh. Items whose vectors lie together are a cluster,
    named after what is typical of their tags and folders. In a terminal a sketch shows which cluster is where; --json
    prints every item with its place.
    """
    session = session_of(context)
    with session.open() as library, Reporter(quiet=session.quiet) as reporter, stop_on_interrupt() as stop:
        found = library.collection(collection).map(kind=kind, refresh=refresh, progress=reporter.mapped, stop=stop)
    if found.interrupted:
        session.note("interrupted: what was kept before is unchanged")
        raise typer.Exit(INTERRUPTED)
    if as_json:
        print_json(map_shape(found))
        return
    _print(session, collection, found)


def _print(session: Session, collection: str, found: Map) -> None:
    if sys.stdout.isatty() and found.items:
        for row in _sketch(found):
            line(row)
        line()
    if found.clusters:
        rows = [(SIGNS[one.id], one.size, one.name or "-") for one in found.clusters]
        table(rows, ["cluster", "items", "typical"], right=("items",))
    count = len(found.items)
    line(f"{count} item{'s' * (count != 1)}, {found.kind}, {found.encoder}, made {found.made_at}")
    if found.stale:
        line(f"items have come or gone since: {session.call(f'map {collection} --refresh')}")


def _sketch(found: Map) -> list[str]:
    """In each cell the cluster that has most of its items there."""
    import numpy as np

    across = np.clip(((found.points[:, 0] + 1) / 2 * WIDE).astype(int), 0, WIDE - 1)
    down = np.clip(((1 - found.points[:, 1]) / 2 * HIGH).astype(int), 0, HIGH - 1)
    counts = np.zeros((len(found.clusters), HIGH, WIDE), np.int32)
    np.add.at(counts, (found.cluster_of, down, across), 1)
    best, there = counts.argmax(axis=0), counts.sum(axis=0) > 0
    rows = zip(best.tolist(), there.tolist(), strict=True)
    return ["".join(SIGNS[one] if is_there else " " for one, is_there in zip(*row, strict=True)) for row in rows]
