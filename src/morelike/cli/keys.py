"""``morelike keys``: who may use the library over HTTP."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from morelike.cli.help import Command, Group
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.session import may_exist, session_of

app = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    add_completion=False,
    help="Make, list and remove the keys that `morelike serve` asks for.",
)


class RoleName(StrEnum):
    """What a key may do, each all that the one before it may."""

    reader = "reader"
    writer = "writer"
    admin = "admin"


@app.command(cls=Command, epilog="morelike keys add laptop --role writer")
def add(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it: whoever or whatever will use it.")],
    role: Annotated[
        RoleName,
        typer.Option(
            metavar="ROLE", help="reader searches; writer also adds, tags and removes items; admin may do everything."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once.

    The library keeps only its digest. A program sends it as `Authorization: Bearer KEY`; a browser asks for it.
    """
    session = session_of(context)
    with session.open_here(make=True) as library:
        key = library.keys.make(name, role.value)
    if as_json:
        print_json({"name": name, "role": role.value, "key": key})
        return
    line(key)
    session.note(f"the key {name} ({role.value}) is shown only here: the library does not keep it")


@app.command("ls", cls=Command, epilog="morelike keys ls")
def list_keys(context: typer.Context, as_json: AsJson = False) -> None:
    """List the keys by name: each one's role, its first letters, and when it was made."""
    session = session_of(context)
    if not may_exist(session.settings()):
        keys = []
    else:
        with session.open_here() as library:
            keys = library.keys.list()
    if as_json:
        shapes = [
            {"name": key.name, "role": key.role, "start": key.start, "created_at": key.created_at} for key in keys
        ]
        print_json({"keys": shapes})
    elif not keys:
        line("no keys; morelike keys add NAME --role ROLE makes one")
    else:
        rows = [(key.name, key.role, f"{key.start}…", key.created_at) for key in keys]
        table(rows, ["name", "role", "begins with", "made"], long="name")


@app.command("rm", cls=Command, epilog="morelike keys rm laptop")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")],
    as_json: AsJson = False,
) -> None:
    """Remove a key: a running server refuses it within a few seconds."""
    with session_of(context).open_here() as library:
        library.keys.drop(name)
    if as_json:
        print_json({"removed": name})
    else:
        line(f"removed the key {name}")
