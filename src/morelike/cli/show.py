"""``morelike show``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, fields, line, print_json
from morelike.cli.session import session_of
from morelike.cli.text import human_size
from morelike.shapes import item_shape

if TYPE_CHECKING:
    from morelike.cli.session import AnyCollection
    from morelike.types import Item

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
        opened = library.collection(collection)
        found = opened.item(item)
        keeper = _keeper(opened, found)
    if as_json:
        print_json({**item_shape(found), **({"duplicate_of": keeper} if keeper else {})})
        return
    fields(
        {
            "item": found.id,
            "state": f"duplicate of {keeper}, set aside" if keeper else found.state,
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


def _keeper(opened: AnyCollection, found: Item) -> str:
    """What it was set aside for; empty for an item that was not."""
    if found.state != "duplicate":
        return ""
    return next((aside.keeper for aside in opened.asides() if aside.item_id == found.id), "")
