"""``morelike serve``"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.run import INTERRUPTED
from morelike.cli.session import Session, may_exist, session_of
from morelike.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from morelike.library import Library
    from morelike.older_settings import OlderSettings
    from morelike.server.compat.older import Asked

ENGINE = "image-engine"
"""The older server with a file of settings beside it."""
app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike serve
morelike serve --allow-root ~/Pictures --allow-root s3://photos/2024 --port 0
morelike serve --host 0.0.0.0 --log-format json
morelike serve --compat audio --compat image:5001 --allow-root ~/Music
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
        list[str] | None,
        typer.Option(
            metavar="DIR", help="Let requests add files of this folder, or of s3://BUCKET/PREFIX; repeatable."
        ),
    ] = None,
    compat: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:PORT]",
            help="Answer an older server's clients too, on its port: audio, dna, image, image-engine, "
            "image-objects, image-text, molecule, objects3d, qa, text, video, video-objects; repeatable. Its variables "
            "(MILVUS_HOST, MYSQL_HOST, TOP_K …) are read then.",
        ),
    ] = None,
    compat_open: Annotated[
        bool,
        typer.Option(
            "--compat-open", help="Let others reach --compat: it listens on all addresses, and its clients send no key."
        ),
    ] = False,
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
        from morelike.stores.catalog.engine.mysql_making import make_database
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "morelike":
            raise
        raise MissingExtra(
            f"serving needs the package {error.name!r}", hint="pip install 'morelike[server]'"
        ) from error
    session = session_of(context)
    if compat_open and not compat:
        raise UsageError("--compat-open opens nothing without --compat", hint="--compat image --compat-open, for one")
    asked, older = _older(compat or ())
    given = [*(allow_root or ()), *map(str, older.roots)]
    roots = _roots(given) if given else {"allow_roots": session.settings().allow_roots or ()}
    chosen: dict[str, Any] = {**roots, **older.settings}
    form = log_format or ("text" if sys.stderr.isatty() else "json")
    jobs = 0 if no_jobs else workers
    options = ServerOptions(host, port, jobs, compat=asked, compat_open=compat_open, older=older)
    settings = session.settings(**chosen)
    if not may_exist(settings) and form == "text":  # a log of JSON lines has nothing else in it
        session.note(f"there was no library in {settings.library}: an empty one is made; --library DIR names another")
    if "catalog" in older.settings:
        make_database(older.settings["catalog"])
    with session.open_here(make=True, **chosen) as library, written(form, quiet=session.quiet):

        def ready(address: str, others: Sequence[str]) -> None:
            older_servers = {one.older.name: where for one, where in zip(asked, others, strict=True)}
            _say(library, address, older_servers, as_json=as_json)
            if open_page:
                typer.launch(address)

        run_server(library, options, ready=ready, at_once=lambda: os._exit(INTERRUPTED), say=_noting(session, form))
    if form == "text":
        session.note("stopped; running jobs were given back")


def _older(given: Sequence[str]) -> tuple[tuple[Asked, ...], OlderSettings]:
    """The older servers asked for, and what their own variables and ``image-engine``'s file say."""
    from morelike.older_config import older_config
    from morelike.older_settings import OlderSettings, older_settings
    from morelike.server.compat.older import parse

    if not given:
        return (), OlderSettings()
    variables = older_settings()
    if not any(one.older.name == ENGINE for one in parse(given)):
        return parse(given), variables
    config = older_config()
    named = [f"{ENGINE}:{config.port}" if one == ENGINE and config.port else one for one in given]
    asked = tuple(
        replace(one, older=replace(one.older, table=config.table)) if one.older.name == ENGINE and config.table else one
        for one in parse(named)
    )
    settings = {**variables.settings, **config.settings}
    return asked, replace(variables, settings=settings, notes=(*variables.notes, *config.notes))


def _roots(given: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """The settings that say what requests may read."""
    from morelike.sources.s3 import is_address, split_address

    addresses = tuple(root for root in given if is_address(root))
    for address in addresses:
        if not split_address(address)[0]:
            raise UsageError(f"--allow-root {address} names no bucket", hint="s3://BUCKET or s3://BUCKET/PREFIX")
    folders = tuple(_folder(Path(root)) for root in given if not is_address(root))
    return {"allow_roots": folders, "s3_roots": addresses}


def _folder(folder: Path) -> Path:
    with suppress(RuntimeError):  # ~SOMEBODY whom this machine does not know
        folder = folder.expanduser()
    folder = folder.absolute()
    if not folder.is_dir():
        raise UsageError(f"--allow-root {folder} is no folder", hint="name one that exists")
    return folder


def _noting(session: Session, form: str) -> Callable[[str], None]:
    """Where sentences go: to the terminal, or into the log, of which each line is JSON."""
    return session.note if form == "text" else logging.getLogger("morelike.server").warning


def _say(library: Library, address: str, older_servers: Mapping[str, str], *, as_json: bool) -> None:
    summaries = library.collections()
    items = sum(summary.items for summary in summaries)
    if as_json:
        said = {"url": address, "library": str(library.folder), "collections": len(summaries), "items": items}
        print_json({**said, "compat": dict(older_servers)} if older_servers else said)
    else:
        collections = f"{len(summaries)} collection{'s' * (len(summaries) != 1)}"
        line(f"{address} serves {library.folder}: {collections}, {items} item{'s' * (items != 1)}; Ctrl-C stops it")
        for name, where in older_servers.items():
            line(f"{where} answers as the older {name} server")
    sys.stdout.flush()
