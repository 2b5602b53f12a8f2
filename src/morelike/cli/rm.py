"""``morelike rm``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from morelike.cli.confirm import Yes, confirm
from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.session import session_of
from morelike.errors import UsageError

if TYPE_CHECKING:
    from morelike.cli.session import AnyCollection

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike rm photos 3efa957baa90
morelike rm photos --filter "tag = 'blurred'" --yes
"""

PAGE = 1000


@app.command(cls=Command, epilog=EXAMPLES)
def rm(
    context: typer.Context,
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    items: Annotated[
        list[str] | None, typer.Argument(metavar="ITEM", help="Ids of items, or their beginnings.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--filter", metavar="EXPR", help="Remove every item that matches instead.")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove items from a collection.

    Files that were added with --in-place stay where they are.
    """
    if bool(items) == bool(where):
        raise UsageError("name items or give --filter, one of the two", hint="morelike ls COLLECTION shows the ids")
    with session_of(context).open() as library:
        opened = library.collection(collection)
        ids = [opened.item(item).id for item in items] if items else _matching(opened, where or "")
        if ids:
            confirm(f"Remove {len(ids)} item{'s' * (len(ids) != 1)} from {collection}?", yes=yes)
        removed = opened.remove(ids) if ids else 0
    if as_json:
        print_json({"removed": removed, "items": ids})
    else:
        line(f"removed {removed} item{'s' * (removed != 1)}")


def _matching(opened: AnyCollection, where: str) -> list[str]:
    ids: list[str] = []
    while page := opened.items(filter=where, offset=len(ids), limit=PAGE):
        ids += [item.id for item in page]
    return ids
