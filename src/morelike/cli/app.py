"""The table of commands. ``morelike --help`` reads it without importing any of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from morelike import __version__
from morelike.cli.help import Group
from morelike.cli.session import Session
from morelike.errors import UsageError

__all__ = ["COMMANDS", "app"]

COMMANDS: Mapping[str, tuple[str, str]] = {
    "add": ("morelike.cli.add", "Add files, folders, archives, tables or URLs to a collection."),
    "search": ("morelike.cli.search", "Find the items that are most like an example."),
    "ls": ("morelike.cli.ls", "List collections, or the items of one."),
    "show": ("morelike.cli.show", "Show all that is known of one item."),
    "get": ("morelike.cli.get", "Write one item's bytes to a file or to standard output."),
    "tag": ("morelike.cli.tag", "Add or remove tags and metadata of items."),
    "rm": ("morelike.cli.rm", "Remove items from a collection."),
    "drop": ("morelike.cli.drop", "Remove a whole collection."),
    "count": ("morelike.cli.count", "Print the number of items in a collection."),
    "encoders": ("morelike.cli.encoders", "List the encoders that a collection can be made with."),
    "models": ("morelike.cli.models", "List, fetch, import, convert and verify encoders' weights."),
    "reembed": ("morelike.cli.reembed", "Give a collection another encoder, while it is searched as before."),
    "eval": ("morelike.cli.eval", "Measure how well a collection finds items of the same label."),
    "train": (
        "morelike.cli.train",
        "Train networks that compose a picture and words: data, training, export.",
    ),
    "jobs": (
        "morelike.cli.jobs",
        "List, stop and retry what `morelike serve` does behind requests.",
    ),
    "keys": ("morelike.cli.keys", "Make, list and remove the keys that `morelike serve` asks for."),
    "serve": ("morelike.cli.serve", "Serve the library over HTTP, with a web page."),
    "mcp": (
        "morelike.cli.mcp",
        "Serve the library as tools of the Model Context Protocol, to the program that starts this.",
    ),
    "dedup": ("morelike.cli.dedup", "Find duplicates in a collection, and set them aside."),
    "map": (
        "morelike.cli.map",
        "Lay a collection's items out in two dimensions, so that what is alike stands together.",
    ),
    "storage": ("morelike.cli.storage", "Show what the library takes, how it grows, and when there will be no room."),
    "export": ("morelike.cli.export", "Write collections into a folder of open files, or vectors into one file."),
    "import": (
        "morelike.cli.import_",
        "Bring in collections of a bundle, ready-made vectors, or an older server's data.",
    ),
    "doctor": ("morelike.cli.doctor", "Check a library and, with --fix, mend it."),
    "demo": ("morelike.cli.demo", "Build a small library of photographs, search it, and serve its page."),
}
"""Name to (module, one line of help). The module's ``app`` is the command; a test compares the two helps."""


class LazyGroup(Group):
    """Commands from ``COMMANDS``. Contexts are Any: typer's own click class has moved between its releases."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = typer.main.get_command(importlib.import_module(module).app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:  # typer itself would leave without a word
            raise typer.Abort from error

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"morelike {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="--library, --server and --quiet may also stand after the command. Every command takes --json. "
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some items were rejected, 130 interrupted.",
)


@app.callback()
def options(
    context: typer.Context,
    library: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The library's folder; else MORELIKE_LIBRARY, else the user's data folder."),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A `morelike serve` to use instead; else MORELIKE_SERVER. Its key goes into MORELIKE_API_KEY.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no notes on standard error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """More like this: point it at your pictures, sounds or films and search them by example."""
    del version  # its callback has done the work
    if library is not None and server is not None:
        raise UsageError("--library and --server name two libraries", hint="one of the two")
    session = Session(library, quiet, server, context.invoked_subcommand or "")
    if server is not None:
        session.check_here()
    context.obj = session
