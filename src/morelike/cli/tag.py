"""``morelike tag``"""

from __future__ import annotations

from typing import Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.session import session_of
from morelike.cli.text import parse_metadata
from morelike.errors import UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike tag photos 3efa957baa90 --add cat --remove dog
morelike tag photos 3efa957baa90 --meta year=2024
"""


@app.command(cls=Command, epilog=EXAMPLES)
def tag(
    context: typer.Context,
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    items: Annotated[list[str], typer.Argument(metavar="ITEM", help="Ids of items, or their beginnings.")],
    add: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag to add; repeatable.")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag to remove; repeatable.")] = None,
    meta: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Metadata to set; KEY= removes it; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add or remove tags and metadata of items."""
    if not (add or remove or meta):
        raise UsageError("nothing to do", hint="--add TAG, --remove TAG or --meta KEY=VALUE")
    metadata = parse_metadata(meta or [])
    with session_of(context).open() as library:
        opened = library.collection(collection)
        ids = [opened.item(item).id for item in items]
        if add or remove:
            opened.tag(ids, add=add or [], remove=remove or [])
        if metadata:
            opened.annotate(ids, metadata)
    if as_json:
        print_json({"items": ids, "added": add or [], "removed": remove or [], "metadata": metadata})
    else:
        line(f"changed {len(ids)} item{'s' * (len(ids) != 1)}")
