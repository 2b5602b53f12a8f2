"""``morelike get``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.session import session_of
from morelike.cli.text import human_size
from morelike.errors import UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike get photos 3efa957baa90 -o cat.jpg
morelike get photos 3efa957baa90 > cat.jpg
"""


@app.command(cls=Command, epilog=EXAMPLES)
def get(
    context: typer.Context,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="The item's id, or its beginning (six characters or more).")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file, which must not exist.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one item's bytes to a file or to standard output."""
    if output is None and as_json:
        raise UsageError("--json needs --output: standard output cannot hold both", hint="add -o FILE")
    if output is None and sys.stdout.isatty():
        raise UsageError("the bytes would spoil the terminal", hint="add -o FILE, or send them on with | or >")
    with session_of(context).open() as library:
        opened = library.collection(collection)
        found = opened.item(item)
        data = opened.content(found.id)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise UsageError(f"{output} exists", hint="name another file") from error
    except FileNotFoundError as error:
        raise UsageError(f"there is no folder {output.parent}", hint="make it first, or name another") from error
    if as_json:
        print_json({"item": found.id, "output": str(output), "size": len(data)})
    else:
        line(f"wrote {output} ({human_size(len(data))})")
