"""``morelike add``"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from morelike.cli.help import Command
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED, SOME_REJECTED
from morelike.cli.session import Session, embedded, may_exist, session_of
from morelike.cli.text import human_size, near, parse_metadata
from morelike.errors import SourceError, UsageError
from morelike.shapes import dry_run_shape, report_shape
from morelike.times import duration

if TYPE_CHECKING:
    from threading import Event

    from morelike.cli.session import AnyCollection, AnyLibrary
    from morelike.dryrun import DryRun
    from morelike.progress import AddReport
    from morelike.settings import Settings
    from morelike.types import Rejection

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike add photos ~/Pictures
morelike add photos holiday.zip table.csv --tag holiday --meta year=2024
morelike add photos 'holiday/**/*.jpg' --exclude '*thumb*' --dry-run
morelike add photos ~/Pictures --sync
morelike add photos s3://bucket/2024/ --exclude '*thumb*' --in-place
morelike add songs ~/Music --window 10s --hop 5s
morelike add streets ~/Pictures --regions grid
morelike add films ~/Videos --every 1s --encoder mobilenet-v2,yamnet
morelike add photos /shared/pictures --engine ray --address auto
morelike add molecules library.smi screen.sdf assays.csv --option fragment=all
"""

SHOWN_REJECTIONS = 5
NEW, WHAT, AGAIN, ENGINE = "A new collection", "What is added", "A further run", "Several machines"


@app.command(cls=Command, epilog=EXAMPLES)
def add(
    context: typer.Context,
    *,
    collection: Annotated[
        str, typer.Argument(metavar="COLLECTION", help="The collection's name; it is made where it does not exist.")
    ],
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Files, folders, globs, zip and tar archives, CSV, JSONL or Parquet tables, URLs, lists of URLs, "
            "s3://BUCKET/PREFIX; tables of texts, lists and tables of molecules, files of sequences. With --server, "
            "server:/DIR is a place of the server's own.",
        ),
    ] = None,
    modality: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What it holds: image, audio, video, text, document, molecule, sequence, mesh; guessed from its first "
            "files where not given.",
            rich_help_panel=NEW,
        ),
    ] = None,
    encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Its encoder: a name that `morelike encoders` lists, one a kind (NAME,NAME), or auto.",
            rich_help_panel=NEW,
        ),
    ] = "auto",
    window: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Long sounds are cut into pieces of this length: 2s.", rich_help_panel=NEW),
    ] = None,
    hop: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How far one such piece begins after the other: 1s.", rich_help_panel=NEW),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Films: one frame in so much time, not some of each shot: 1s.", rich_help_panel=NEW
        ),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Pictures: search their parts too: grid, or detector:NAME for NAME.onnx in a folder of models.",
            rich_help_panel=NEW,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Any other way in which its items are read, as the modality's guide names it; repeatable.",
            rich_help_panel=NEW,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Leave these out; repeatable.", rich_help_panel=WHAT)
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Refer to files where they are; do not copy.", rich_help_panel=WHAT)
    ] = False,
    sync: Annotated[
        bool,
        typer.Option(
            "--sync", help="Also remove what came from these sources before and is gone now.", rich_help_panel=AGAIN
        ),
    ] = False,
    retry: Annotated[
        bool,
        typer.Option(
            "--retry",
            help="Try again what was rejected before; all of it where no SOURCE is named.",
            rich_help_panel=AGAIN,
        ),
    ] = False,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="Tag everything that is added; repeatable.", rich_help_panel=WHAT),
    ] = None,
    meta: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Metadata of everything that is added; repeatable.", rich_help_panel=WHAT
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would cost and reject, from a sample; change nothing.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Decode threads; one a core where not given.")
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Who does the work: local (this process), or ray (actors, on one machine or many).",
            rich_help_panel=ENGINE,
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="ray: the cluster, as HOST:PORT of its head or auto; where not given, the setting ray_address, else "
            "Ray is started here.",
            rich_help_panel=ENGINE,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add files, folders, archives, tables or URLs to a collection.

    Running it again does nothing for what is there already, and continues what was interrupted. A file that
    cannot be used is put down with its reason (morelike ls COLLECTION --rejected) and the rest goes on; the exit code
    is 3 then.
    """
    session = session_of(context)
    times = {"window": window, "hop": hop, "every": every}
    options: dict[str, Any] = {name: duration(given) for name, given in times.items() if given is not None}
    if regions is not None:
        options["regions"] = regions
    options |= parse_metadata(option or [], "--option fragment=all")
    wanted = _Wanted(collection, modality, encoder, options, tuple(sources or ()), tuple(exclude or ()))
    settings = session.settings(workers=workers)
    if dry_run:
        _check(sources or [], settings, exclude or [], retry=False)
        with Reporter(quiet=session.quiet) as reporter, stop_on_interrupt() as stop:
            found = _dry_run(session, settings, wanted, reporter, stop, in_place=in_place)
        _print_dry_run(collection, found, as_json=as_json)
        if found.interrupted:
            session.note("interrupted: nothing was changed; the figures are of what was looked at until then")
            raise typer.Exit(INTERRUPTED)
        return
    metadata = parse_metadata(meta or [])
    _check(sources or [], settings, exclude or [], retry=retry)
    with (
        session.open(make=not retry or bool(sources), workers=workers) as library,
        Reporter(quiet=session.quiet) as reporter,
    ):
        opened = wanted.open(library, reporter.note) if sources else library.collection(collection)
        if opened is None:
            report = _nothing()
        else:
            with stop_on_interrupt() as stop, _empty_is_dropped(library, opened):
                report = opened.add(
                    *wanted.sources,
                    exclude=wanted.exclude,
                    in_place=in_place,
                    sync=sync,
                    retry=retry,
                    tags=tuple(tag or ()),
                    metadata=metadata,
                    progress=reporter.ingest,
                    stop=stop,
                    engine=engine,
                    address=address,
                )
    if as_json:
        print_json(report_shape(collection, report))
    else:
        _summary(session, collection, report)
    if report.interrupted:
        session.note(f"interrupted: {report.added + report.same} items are in; run the same command again to continue")
        raise typer.Exit(INTERRUPTED)
    if report.rejected or report.rejected_before:
        raise typer.Exit(SOME_REJECTED)


@contextmanager
def _empty_is_dropped(library: AnyLibrary, opened: AnyCollection) -> Iterator[None]:
    """A source that fails as it is read must not leave an empty collection that nobody asked for."""
    empty = not opened.count() and not opened.rejected_count()
    try:
        yield
    except SourceError:
        if empty and not opened.count() and not opened.rejected_count():
            library.drop(opened.name)
        raise


def _nothing() -> AddReport:
    from morelike.progress import Meter

    return Meter(None).report(interrupted=False)


def _check(sources: list[str], settings: Settings, exclude: list[str], *, retry: bool) -> None:
    """Refuse what cannot be found before a collection is made or anything is added. Raises SourceError, UsageError."""
    from morelike.remote.places import is_there
    from morelike.sources.find import open_source

    if not (sources or retry):
        raise UsageError(
            "there is nothing to add", hint="name a file, a folder, an archive, a table, a URL or s3://BUCKET/PREFIX"
        )
    for source in sources:
        if not (settings.server and is_there(source)):  # the server looks itself
            open_source(
                source, settings, exclude, holds=lambda *_: True
            )  # whether a table is one, the collection knows


class _Wanted(NamedTuple):
    """The collection to add to, what to make of it where it is missing, and what goes into it."""

    name: str
    modality: str | None
    encoder: str
    options: Mapping[str, Any]
    sources: tuple[str, ...]
    exclude: tuple[str, ...]

    def open(self, library: AnyLibrary, notify: Callable[[str], None]) -> AnyCollection | None:
        """None where it is missing, and there is nothing by which to tell what it is to be."""
        modality = self.modality
        if modality is None and self.name not in library.names():
            guess = library.guess(*self.sources, exclude=self.exclude)
            if not guess.looked_at:
                return None
            notify(str(guess))
            modality = guess.modality
        options = dict(self.options) or None
        return library.collection(self.name, modality=modality, encoder=self.encoder, options=options, notify=notify)


def _summary(session: Session, collection: str, report: AddReport) -> None:
    touched = (report.added, report.same, report.replaced, report.removed, report.rejected, report.rejected_before)
    if not any(touched) and not report.interrupted:
        line("there was nothing to add")
        return
    parts = [f"added {report.added}"]
    parts += [f"already there {report.same}"] if report.same else []
    parts += [f"replaced {report.replaced}"] if report.replaced else []
    parts += [f"removed {report.removed}"] if report.removed else []
    parts += [f"rejected {report.rejected}"] if report.rejected else []
    line(f"{', '.join(parts)} in {report.seconds:.1f} s")
    _print_rejections(report.rejections, report.rejected)
    if report.rejected_before:
        line(f"passed over {report.rejected_before} that were rejected before; --retry tries them again")
    if report.rejected or report.rejected_before:
        line(f"all that is rejected: {session.call(f'ls {collection} --rejected')}")
    if report.added and not report.interrupted:
        line(f"search: {session.call(f'search {collection} EXAMPLE')}")


def _print_rejections(rejections: Sequence[Rejection], total: int) -> None:
    for rejection in rejections[:SHOWN_REJECTIONS]:
        line(f"  {near(rejection.uri)}: {rejection.reason}")
    if total > SHOWN_REJECTIONS:
        line(f"  and {total - SHOWN_REJECTIONS} more")


def _dry_run(
    session: Session, settings: Settings, wanted: _Wanted, reporter: Reporter, stop: Event, *, in_place: bool
) -> DryRun:
    """Measure on a sample. A collection that does not exist yet is tried in a library that is thrown away."""
    from morelike.library import open as open_library

    asked: dict[str, Any] = {"exclude": wanted.exclude, "in_place": in_place, "progress": reporter.tried, "stop": stop}
    if settings.server:
        with session.open() as remote:
            return remote.collection(wanted.name).dry_run(*wanted.sources, **asked)
    with tempfile.TemporaryDirectory(prefix="morelike-dry-run-") as folder:
        there = False
        if may_exist(settings):
            with open_library(settings) as library:
                there = wanted.name in library.names()
        if not there:
            settings = embedded(settings, Path(folder) / "library")
        with open_library(settings) as library:
            opened = wanted.open(library, reporter.note)
            if opened is None:
                raise UsageError("there is nothing to add", hint="are there files in it that can be read?")
            return opened.dry_run(*wanted.sources, **asked)


def _print_dry_run(collection: str, found: DryRun, *, as_json: bool) -> None:
    if as_json:
        print_json({"collection": collection, **dry_run_shape(found)})
        return
    files = f"{found.files} file{'s' * (found.files != 1)}"
    tried = f"{found.sampled} of them tried with the encoder {found.encoder}" if found.sampled else "none of them tried"
    line(f"{files}; {tried}; nothing was changed")
    if found.sampled or not found.interrupted:
        line(f"about {found.items_per_second:.1f} items/s, {_duration(found.seconds_estimated)} in all")
        line(f"about {human_size(found.bytes_on_disk)} on disk, {human_size(found.peak_memory)} of memory at most")
    if found.rejected:
        line(f"{len(found.rejected)} of the sample would be rejected:")
        _print_rejections(found.rejected, len(found.rejected))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
