"""``morelike tag``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morelike.cli.help import Command
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED
from morelike.cli.session import Session, session_of
from morelike.cli.text import parse_metadata
from morelike.errors import UsageError
from morelike.shapes import tag_shape

if TYPE_CHECKING:
    from morelike.cli.session import AnyCollection
    from morelike.tagging import TagReport

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike tag photos 3efa957baa90 --add cat --remove dog
morelike tag photos 3efa957baa90 --meta year=2024
morelike tag photos --auto cat,dog,"sports car" --dry-run
morelike tag photos --auto-file labels.txt --prefix auto:
"""

LARGEST_FILE = 1024**2
BY_ITSELF = "Tagging by itself"


@app.command(cls=Command, epilog=EXAMPLES)
def tag(
    context: typer.Context,
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    items: Annotated[
        list[str] | None, typer.Argument(metavar="ITEM", help="Ids of items, or their beginnings.")
    ] = None,
    add: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag to add; repeatable.")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag to remove; repeatable.")] = None,
    meta: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Metadata to set; KEY= removes it; repeatable.")
    ] = None,
    auto: Annotated[
        str | None,
        typer.Option(
            metavar="LABELS",
            help="Tag every item with that of these labels (commas between) that it stands nearest to, or with none.",
            rich_help_panel=BY_ITSELF,
        ),
    ] = None,
    auto_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The same, with a label a line.", rich_help_panel=BY_ITSELF),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Before each tag, as auto: does; tags of these labels that no longer hold are then taken off.",
            rich_help_panel=BY_ITSELF,
        ),
    ] = "",
    wording: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="How a label is put to the encoder: 'a photo of a {}'.",
            rich_help_panel=BY_ITSELF,
        ),
    ] = "{}",
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="How much nearer than everyday words a label has to be, in standard deviations; 2.5 by default.",
            rich_help_panel=BY_ITSELF,
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="How many tags an item may get at the most.", rich_help_panel=BY_ITSELF),
    ] = 1,
    where: Annotated[
        str | None,
        typer.Option("--filter", metavar="EXPR", help="Only items that match.", rich_help_panel=BY_ITSELF),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.", rich_help_panel=BY_ITSELF)
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add or remove tags and metadata of items.

    With --auto the items' vectors decide, without training: the collection needs an encoder that takes words, too
    (`morelike encoders --kind text`). An item that is near none of the labels gets no tag.
    """
    labels = _labels(auto, auto_file)
    if labels is not None and (items or add or remove or meta):
        raise UsageError("--auto is for all items and its labels", hint="leave ITEM, --add, --remove and --meta out")
    if labels is None and not (add or remove or meta):
        raise UsageError("nothing to do", hint="--add TAG, --remove TAG, --meta KEY=VALUE or --auto LABELS")
    if labels is None and not items:
        raise UsageError("no item is named", hint="the ids of items, as `morelike ls COLLECTION` lists them")
    metadata = parse_metadata(meta or [])
    session = session_of(context)
    with session.open() as library:
        opened = library.collection(collection)
        if labels is not None:
            options: dict[str, Any] = {} if threshold is None else {"threshold": threshold}
            options |= {"prefix": prefix, "wording": wording, "top": top, "filter": where, "dry_run": dry_run}
            _tag_auto(session, opened, labels, options, as_json=as_json)
            return
        ids = [opened.item(item).id for item in items or []]
        if add or remove:
            opened.tag(ids, add=add or [], remove=remove or [])
        if metadata:
            opened.annotate(ids, metadata)
    if as_json:
        print_json({"items": ids, "added": add or [], "removed": remove or [], "metadata": metadata})
    else:
        line(f"changed {len(ids)} item{'s' * (len(ids) != 1)}")


def _labels(auto: str | None, file: Path | None) -> list[str] | None:
    """None: nobody asked for it."""
    if auto is None and file is None:
        return None
    labels = [] if auto is None else [label.strip() for label in auto.split(",") if label.strip()]
    if file is not None:
        try:
            with file.open("rb") as stream:
                data = stream.read(LARGEST_FILE + 1)
            text = data.decode("utf-8-sig")
        except OSError as error:
            raise UsageError(f"the labels {file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"the labels {file} are not UTF-8", hint="save them as UTF-8") from error
        if len(data) > LARGEST_FILE:
            raise UsageError(f"the labels {file} are larger than {LARGEST_FILE // 1024} KB", hint="a label a line")
        labels += [label.strip() for label in text.splitlines() if label.strip()]
    return labels


def _tag_auto(
    session: Session, opened: AnyCollection, labels: list[str], options: dict[str, Any], *, as_json: bool
) -> None:
    with Reporter(quiet=session.quiet) as reporter, stop_on_interrupt() as stop:
        report = opened.tag_auto(labels, **options, progress=reporter.tag, stop=stop)
    if as_json:
        print_json(tag_shape(report))
    else:
        _print(report)
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)


def _print(report: TagReport) -> None:
    counted = sorted(report.labels.items(), key=lambda pair: -pair[1])
    table([(label, count) for label, count in counted if count], ["tag", "items"], right=("items",))
    said = "would get" if report.dry_run else "have"
    without = report.items - report.tagged
    line(f"{report.tagged} of {report.items} items {said} a tag, {without} stand near none of the labels")
    if not report.dry_run:
        line(f"{report.added} tags added, {report.removed} taken off")
    if report.interrupted:
        line("interrupted; the same command again goes on")
