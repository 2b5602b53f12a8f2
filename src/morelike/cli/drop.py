"""``morelike drop``"""

from __future__ import annotations

from typing import Annotated

import typer

from morelike.cli.confirm import Yes, confirm
from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.session import session_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = "morelike drop photos"


@app.command(cls=Command, epilog=EXAMPLES)
def drop(
    context: typer.Context,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove a whole collection."""
    with session_of(context).open() as library:
        items = library.collection(collection).count()
        confirm(f"Remove the collection {collection} with {items} items?", yes=yes)
        library.drop(collection)
    if as_json:
        print_json({"dropped": collection, "items": items})
    else:
        line(f"dropped {collection} with {items} items")
