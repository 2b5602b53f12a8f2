"""``morelike eval``"""

from __future__ import annotations

from typing import Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED
from morelike.cli.session import session_of
from morelike.shapes import evaluation_shape

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike eval photos
morelike eval photos --labels meta:kind --queries 500
morelike eval models --labels 'name:^[a-z]+'
morelike eval sounds --folds '^(\\d)'
"""


@app.command("eval", cls=Command, epilog=EXAMPLES)
def evaluate(
    context: typer.Context,
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    labels: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="Where an item's label is: parent-folder, tag, meta:KEY, info:KEY, or name:REGEX, a regular "
            "expression searched in the file's name, whose first group is the label.",
        ),
    ] = "parent-folder",
    folds: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Leave out answers of the query's own fold: a regular expression searched in the file's name, whose "
            "first group is the fold, or meta:KEY.",
        ),
    ] = None,
    queries: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Ask only this many items, drawn by chance.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Which items are drawn.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure how well a collection finds items of the same label.

    Every item asks for others like it and is itself left out; with --folds, so is all of its own fold. P@1: the first
    hit has the label; P@5: the share of the first five; mAP: mean average precision over the whole ranking. Intervals
    are 95 %, by bootstrap over queries.
    """
    session = session_of(context)
    with session.open() as library, Reporter(quiet=session.quiet) as reporter, stop_on_interrupt() as stop:
        found = library.collection(collection).evaluate(
            labels=labels, folds=folds, queries=queries, seed=seed, progress=reporter.measured, stop=stop
        )
    if as_json:
        print_json(evaluation_shape(found))
    if found.interrupted:
        session.note("interrupted: nothing was measured")
        raise typer.Exit(INTERRUPTED)
    if as_json:
        return
    values = {"p_at_1": found.p_at_1, "p_at_5": found.p_at_5, "map": found.map}
    rows = []
    for name, title in (("p_at_1", "P@1"), ("p_at_5", "P@5"), ("map", "mAP")):
        low, high = found.intervals.get(name, (float("nan"), float("nan")))
        rows.append((title, f"{values[name]:.3f}", f"{low:.3f} to {high:.3f}"))
    table(rows, ["measure", "value", "95 % interval"], right=("value",))
    across = f", across {found.folds} folds" if found.folds else ""
    line(f"{found.queries} queries, {found.labels} label{'s' * (found.labels != 1)}{across}")
    if found.labels == 1:
        line("with one label every answer is right: this says nothing; --labels names another place to look")
