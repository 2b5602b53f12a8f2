"""``morelike mcp``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from morelike.cli.help import Command
from morelike.cli.output import print_json
from morelike.cli.session import Session, session_of
from morelike.errors import MissingExtra, UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike mcp
morelike mcp --collection photos --collection 'film*'
morelike mcp --allow-add --allow-root ~/Pictures
morelike mcp --allow-root ~/Pictures --json
"""


@app.command(cls=Command, epilog=EXAMPLES)
def mcp(
    context: typer.Context,
    *,
    collection: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Show only these collections, names or globs; repeatable."),
    ] = None,
    allow_root: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Let clients name files below this folder; repeatable."),
    ] = None,
    allow_add: Annotated[
        bool, typer.Option("--allow-add", help="Let clients add; without it the library is open for reading only.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the entry for a host's configuration, and do nothing else.")
    ] = False,
) -> None:
    """Serve the library as tools of the Model Context Protocol, to the program that starts this.

    It speaks the protocol on standard input and output, until its input ends: a host (an assistant, an editor) starts
    it and asks. Clients can list collections, search, and show items; they read no file of this machine but below
    --allow-root.
    """
    session = session_of(context)
    folders = None if allow_root is None else tuple(_folder(folder) for folder in allow_root)
    if as_json:
        print_json(_entry(session, collection or [], folders or (), adding=allow_add))
        return
    try:
        from morelike.adapters.mcp.reach import Limits, Reach
        from morelike.adapters.mcp.server import make_server
        from morelike.adapters.mcp.stdio import serve_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "morelike":
            raise
        raise MissingExtra(
            f"`morelike mcp` needs the package {error.name!r}", hint="pip install 'morelike[mcp]'"
        ) from error
    roots = (session.settings().allow_roots or ()) if folders is None else folders
    with session.open(make=allow_add, allow_roots=roots) as library:
        if sys.stdin.isatty():
            session.note("this speaks the Model Context Protocol on standard input: a host starts it; Ctrl-C ends it")
        limits = Limits(tuple(collection or ()), adding=allow_add)
        serve_stdio(make_server(Reach(library, limits)))


def _folder(folder: Path) -> Path:
    found = folder.expanduser().absolute()
    if not found.is_dir():
        raise UsageError(f"--allow-root {found} is no folder", hint="name one that exists")
    return found


def _entry(session: Session, collections: list[str], folders: tuple[Path, ...], *, adding: bool) -> dict[str, Any]:
    """What hosts that keep their servers under ``mcpServers`` take; a host starts it in a folder of its own."""
    arguments = ["mcp"]
    if session.library is not None:
        arguments += ["--library", str(session.library.expanduser().absolute())]
    if session.server is not None:
        arguments += ["--server", session.server]
    for name in collections:
        arguments += ["--collection", name]
    for folder in folders:
        arguments += ["--allow-root", str(folder)]
    arguments += ["--allow-add"] if adding else []
    return {"mcpServers": {"morelike": {"command": "morelike", "args": arguments}}}
