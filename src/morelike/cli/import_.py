"""``morelike import``"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from morelike.cli.help import Command
from morelike.cli.import_older import Asked, import_older
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED, SOME_REJECTED
from morelike.cli.session import Session, embedded, may_exist, session_of
from morelike.cli.text import human_size
from morelike.errors import UsageError

if TYPE_CHECKING:
    from morelike.bundle.importing import Coming, ImportReport
    from morelike.bundle.vectors import VectorsReport
    from morelike.library import Library

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike import /backup/library --dry-run
morelike import /backup/library photos
morelike import vectors faces faces.npy --metric cosine
morelike import vectors photos photos.parquet --encoder dinov2-small
morelike import --from bootcamp photos --table milvus_img_search --encoder resnet50
morelike import --from bootcamp shapes --npy img.npy --pictures images --encoder tirg-css
"""

VECTORS = "vectors"
OLDER = "An older server's data"


@app.command(name="import", cls=Command, epilog=EXAMPLES)
def import_(
    context: typer.Context,
    *,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR [COLLECTION]... | vectors COLLECTION FILE | COLLECTION",
            help="A bundle's folder and the collections, all where none is named; or a .npy or .parquet file of "
            "vectors; with --from, the collection that an older server's data go into.",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come; change nothing.")] = False,
    ids: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="vectors: their ids, a .txt with one a line or a .npy; else FILE.ids.txt or FILE.ids.npy beside them.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="vectors, --from: the encoder of `morelike encoders` that made them, so that files find them; with "
            "--from and without it, files are encoded anew.",
        ),
    ] = None,
    modality: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="vectors, --from: what a new collection holds: image, audio, video, by the encoder."
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="vectors: how a new collection compares them: cosine, ip or l2; tanimoto for packed bits.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="vectors: what to call whatever made them: imported.")
    ] = None,
    origin: Annotated[
        Literal["bootcamp", "image-engine"] | None,
        typer.Option(
            "--from",
            metavar="NAME",
            help="Bring an older server's data: bootcamp (the demo servers: MySQL and Milvus) or image-engine (and "
            "MinIO). It is only read.",
            rich_help_panel=OLDER,
        ),
    ] = None,
    mysql: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="mysql://USER:PASSWORD@HOST:3306/NAME; else as MYSQL_HOST …, or config.yaml, say.",
            rich_help_panel=OLDER,
        ),
    ] = None,
    milvus: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="http://HOST:19530; else as MILVUS_HOST …, or config.yaml, say.",
            rich_help_panel=OLDER,
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:COLLECTION]",
            help="Its table, and the collection in Milvus where that is called otherwise.",
            rich_help_panel=OLDER,
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="bootcamp: where a folder of its paths is on this machine; repeatable.",
            rich_help_panel=OLDER,
        ),
    ] = None,
    minio: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="image-engine: http://KEY:SECRET@HOST:9000/BUCKET; else as config.yaml or the settings s3_* say.",
            rich_help_panel=OLDER,
        ),
    ] = None,
    npy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="bootcamp: img.npy of the composed server, or its folder, in the place of MySQL and Milvus; a row is "
            "of the picture with its number.",
            rich_help_panel=OLDER,
        ),
    ] = None,
    pictures: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="--npy: where its css_test_000000.png … are; else as OUT_PATH says, or `images` beside it.",
            rich_help_panel=OLDER,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring in collections of a bundle, ready-made vectors, or an older server's data.

    Items, vectors and bytes are as they were; nothing is encoded. Collections of the same name are joined where they
    are made with the same encoder. The same command goes on with an import that was interrupted.
    """
    session = session_of(context)
    if origin is not None:
        if alien := next((key for key, one in {"ids": ids, "metric": metric, "name": name}.items() if one), None):
            raise UsageError(f"--{alien} goes with `import vectors`")
        where = (mysql, milvus, table, tuple(path or ()), minio, npy, pictures)
        asked = Asked(origin, tuple(what), encoder, modality, *where)
        with _library(session, dry_run=dry_run) as library:
            import_older(session, library, asked, dry_run=dry_run, as_json=as_json)
        return
    older = {"mysql": mysql, "milvus": milvus, "table": table, "path": path, "minio": minio}
    older |= {"npy": npy, "pictures": pictures}
    if alien := next((key for key, one in older.items() if one), None):
        raise UsageError(f"--{alien} goes with --from bootcamp or --from image-engine")
    options: dict[str, Any] = {"ids": ids, "encoder": encoder, "modality": modality, "metric": metric, "name": name}
    if what[0] == VECTORS:
        given = {key: one for key, one in options.items() if one is not None}
        _vectors(session, what[1:], given, dry_run=dry_run, as_json=as_json)
        return
    if alien := next((key for key, one in options.items() if one is not None), None):
        raise UsageError(f"--{alien} goes with `import vectors`")
    folder = Path(what[0])
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="`morelike export DIR` makes one")
    with (
        _library(session, dry_run=dry_run) as library,
        Reporter(quiet=session.quiet) as reporter,
        stop_on_interrupt() as stop,
    ):
        if dry_run:
            _print_coming(library.coming_from(folder, what[1:]), as_json=as_json)
            return
        report = library.import_from(folder, what[1:], progress=reporter.ingest, stop=stop, notify=reporter.note)
    _print(session, report, as_json=as_json)


@contextmanager
def _library(session: Session, *, dry_run: bool) -> Iterator[Library]:
    """The library; for a dry run of one that is not there, an empty one that is gone afterwards."""
    from morelike.library import open as open_library

    settings = session.settings()
    if not dry_run or may_exist(settings):
        with session.open_here(make=True) as library:
            yield library
    else:
        with (
            tempfile.TemporaryDirectory(prefix="morelike-") as folder,
            open_library(embedded(settings, Path(folder))) as library,
        ):
            yield library


def _print_coming(found: list[Coming], *, as_json: bool) -> None:
    if as_json:
        print_json({"collections": [asdict(one) for one in found]})
        return
    rows = [
        (one.collection, one.modality, "new" if one.new else "joined", one.items, one.segments, human_size(one.bytes))
        for one in found
    ]
    table(rows, ["collection", "modality", "", "items", "segments", "size"], right=("items", "segments", "size"))


def _print(session: Session, report: ImportReport, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
    else:
        same = f", {report.same} were there" if report.same else ""
        line(
            f"imported {report.added}{same} into {', '.join(report.collections) or 'nothing'} in {report.seconds:.1f} s"
        )
        if report.replaced:
            line(f"{report.replaced} items went: what the bundle has was at their only place")
    if report.interrupted:
        session.note(f"interrupted: {report.added + report.same} items are in; run the same command again to continue")
        raise typer.Exit(INTERRUPTED)
    if report.pending or report.lost:
        session.note(
            f"{report.pending} items came without all their vectors and {report.lost} without their bytes: "
            f"{session.call('doctor --fix')} makes what can be made"
        )
        raise typer.Exit(SOME_REJECTED)


def _vectors(
    session: Session, words: list[str], options: dict[str, Any], dry_run: bool, as_json: bool
) -> None:  # passed on
    if len(words) != 2:
        raise UsageError(
            "morelike import vectors COLLECTION FILE.npy|FILE.parquet",
            hint="a bundle in a folder of that name: morelike import ./vectors",
        )
    collection, file = words
    with (
        _library(session, dry_run=dry_run) as library,
        Reporter(quiet=session.quiet) as reporter,
        stop_on_interrupt() as stop,
    ):
        report: VectorsReport = library.import_vectors(
            collection,
            Path(file),
            dry_run=dry_run,
            progress=reporter.ingest,
            stop=stop,
            notify=reporter.note,
            **options,
        )
    if as_json:
        print_json({"collection": collection, **asdict(report)})
    elif dry_run:
        line(f"{report.vectors} vectors of {report.dim} numbers would go into {collection} as {report.encoder}")
    else:
        line(f"imported {report.vectors} vectors of {report.dim} numbers into {collection} as {report.encoder}")
    if report.interrupted:
        session.note("interrupted: run the same command again to continue")
        raise typer.Exit(INTERRUPTED)
