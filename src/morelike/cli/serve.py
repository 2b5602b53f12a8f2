"""``morelike serve``"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.run import INTERRUPTED
from morelike.cli.session import session_of
from morelike.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from morelike.library import Library

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike serve
morelike serve --allow-root ~/Pictures --port 0
morelike serve --host 0.0.0.0 --log-format json
"""


@app.command(cls=Command, epilog=EXAMPLES)
def serve(
    context: typer.Context,
    *,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The address to listen on; all but loopback need an API key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="The port; 0 takes any free one.")] = 8000,
    allow_root: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Let requests add files of this folder; repeatable. None without."),
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="How many jobs are done at a time.")] = 1,
    no_jobs: Annotated[bool, typer.Option("--no-jobs", help="Leave jobs to another process.")] = False,
    log_format: Annotated[
        Literal["json", "text"] | None,
        typer.Option(metavar="FORM", help="Lines on standard error: json, or text (default on a terminal)."),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the library over HTTP, with a web page.

    The page is at the address that it prints; the API at /api/v1, its description at /docs. Ctrl-C lets running
    requests finish and gives running jobs back to the queue; a second Ctrl-C ends at once.
    """
    try:
        from morelike.server.logs import written
        from morelike.server.options import ServerOptions
        from morelike.server.run import serve as run_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "morelike":
            raise
        raise MissingExtra(
            f"serving needs the package {error.name!r}", hint="pip install 'morelike[server]'"
        ) from error
    session = session_of(context)
    roots = tuple(_folder(folder) for folder in allow_root) if allow_root else session.settings().allow_roots or ()
    form = log_format or ("text" if sys.stderr.isatty() else "json")
    options = ServerOptions(host, port, 0 if no_jobs else workers)
    folder = session.settings().library
    if not folder.exists() and form == "text":  # a log of JSON lines has nothing else in it
        session.note(f"there was no library in {folder}: an empty one is made; --library DIR names another")
    with session.open(make=True, allow_roots=roots) as library, written(form, quiet=session.quiet):

        def ready(address: str) -> None:
            _say(library, address, as_json=as_json)
            if open_page:
                typer.launch(address)

        run_server(library, options, ready=ready, at_once=lambda: os._exit(INTERRUPTED))
    if form == "text":
        session.note("stopped; running jobs were given back")


def _folder(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"--allow-root {folder} is no folder", hint="name one that exists")
    return folder


def _say(library: Library, address: str, *, as_json: bool) -> None:
    summaries = library.collections()
    items = sum(summary.items for summary in summaries)
    if as_json:
        print_json({"url": address, "library": str(library.folder), "collections": len(summaries), "items": items})
    else:
        collections = f"{len(summaries)} collection{'s' * (len(summaries) != 1)}"
        line(f"{address} serves {library.folder}: {collections}, {items} item{'s' * (items != 1)}; Ctrl-C stops it")
    sys.stdout.flush()
