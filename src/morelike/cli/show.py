"""``morelike show``"""

from __future__ import annotations

from typing import Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, fields, line, print_json
from morelike.cli.session import session_of
from morelike.cli.shapes import item_shape
from morelike.cli.text import human_size

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = "morelike show photos 3efa957baa90"


@app.command(cls=Command, epilog=EXAMPLES)
def show(
    context: typer.Context,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="The item's id, or its beginning (six characters or more).")
    ],
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one item."""
    with session_of(context).open() as library:
        found = library.collection(collection).item(item)
    if as_json:
        print_json(item_shape(found))
        return
    fields(
        {
            "item": found.id,
            "state": found.state,
            "type": found.media_type,
            "size": f"{human_size(found.digest.size)} ({found.digest.size} bytes)",
            "kept": "in place" if found.in_place else "in the library",
            "tags": ", ".join(found.tags) or "none",
            "added": found.added_at,
            **{str(name): value for name, value in found.info.items()},
        }
    )
    line("found at")
    for source in found.sources:
        line(f"  {source.uri}")
        for name, value in source.metadata.items():
            line(f"    {name} = {value}")
