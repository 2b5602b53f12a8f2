"""``morelike count``"""

from __future__ import annotations

from typing import Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, print_json
from morelike.cli.session import session_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike count photos
morelike count photos --filter "tag = 'cat'"
"""


@app.command(cls=Command, epilog=EXAMPLES)
def count(
    context: typer.Context,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    where: Annotated[str | None, typer.Option("--filter", metavar="EXPR", help="Only items that match.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the number of items in a collection."""
    del as_json  # a number alone is JSON already
    with session_of(context).open() as library:
        print_json(library.collection(collection).count(filter=where))
