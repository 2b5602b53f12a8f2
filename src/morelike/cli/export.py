"""``morelike export``"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED, SOME_REJECTED
from morelike.cli.session import Session, session_of
from morelike.cli.text import human_size
from morelike.errors import UsageError

if TYPE_CHECKING:
    from morelike.bundle.exporting import ExportReport

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike export /backup/library
morelike export /backup/photos photos --no-blobs
morelike export vectors photos photos.parquet
morelike export vectors photos photos.npy --encoder dinov2-small
"""

VECTORS = "vectors"


@app.command(cls=Command, epilog=EXAMPLES)
def export(
    context: typer.Context,
    *,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR [COLLECTION]... | vectors COLLECTION FILE",
            help="The bundle's folder and the collections, all where none is named; or vectors alone into a "
            ".npy or .parquet file.",
        ),
    ],
    blobs: Annotated[
        bool, typer.Option("--blobs/--no-blobs", help="With the bytes that the library keeps, or without.")
    ] = True,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME", help="vectors: of this encoder, not of the one that is searched.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="NAME", help="vectors: of segments of this kind, where there are several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write collections into a folder of open files, or vectors into one file.

    The bundle has everything: items, sources, tags, vectors, settings, and the bytes. The same command goes on with an
    export that was interrupted, and brings a finished one up to date.
    """
    session = session_of(context)
    if what[0] == VECTORS:
        _vectors(session, what[1:], encoder, kind, as_json=as_json)
        return
    if encoder is not None or kind is not None:
        raise UsageError("--encoder and --kind go with `export vectors`", hint="a bundle has all of them")
    with (
        session.open_here() as library,
        Reporter(quiet=session.quiet) as reporter,
        stop_on_interrupt() as stop,
    ):
        report = library.export(
            Path(what[0]), what[1:], blobs=blobs, progress=reporter.export, stop=stop, notify=reporter.note
        )
    _print(session, report, as_json=as_json)


def _print(session: Session, report: ExportReport, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
    elif not report.interrupted:
        same = f", {report.same} were there" if report.same else ""
        line(
            f"{report.items} items of {', '.join(report.collections) or 'no collection'} are in {report.folder} "
            f"({human_size(report.bytes)}): {report.written} files written{same} in {report.seconds:.1f} s"
        )
    if report.interrupted:
        session.note("interrupted: run the same command again to continue")
        raise typer.Exit(INTERRUPTED)
    if report.missing or report.lost:
        session.note(
            f"{report.missing} vectors and the bytes of {report.lost} items are not in the library, nor in the bundle: "
            f"{session.call('doctor')} says more"
        )
        raise typer.Exit(SOME_REJECTED)


def _vectors(session: Session, words: list[str], encoder: str | None, kind: str | None, *, as_json: bool) -> None:
    if len(words) != 2:
        raise UsageError(
            "morelike export vectors COLLECTION FILE.npy|FILE.parquet",
            hint="a bundle in a folder of that name: morelike export ./vectors",
        )
    collection, file = words
    with session.open_here() as library, stop_on_interrupt() as stop:
        report = library.export_vectors(collection, Path(file), encoder=encoder, kind=kind, stop=stop)
    if as_json:
        print_json(
            {"collection": collection, "encoder": report.encoder, "vectors": report.vectors, "files": report.files}
        )
    else:
        line(f"wrote {report.vectors} vectors of {report.encoder} into {' and '.join(report.files)}")
