"""``morelike dedup``"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morelike.cli.confirm import Yes, confirm
from morelike.cli.help import Command
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED, SOME_REJECTED
from morelike.cli.search import ID_LENGTH
from morelike.cli.session import Session, session_of
from morelike.cli.text import human_size, near
from morelike.errors import UsageError
from morelike.shapes import aside_shape, group_shape, rejection_shape
from morelike.times import clock

if TYPE_CHECKING:
    from morelike.cli.session import AnyCollection
    from morelike.dedup import DedupReport, Group, Member

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike dedup photos
morelike dedup photos --apply --keep oldest
morelike dedup photos --undo
morelike dedup films --apply --contained
morelike dedup photos --not-duplicates 3efa957baa90 41c0bd2f88e1
"""

KEEPS = ("best", "largest", "oldest", "newest")
SHOWN_REJECTIONS = 5
_WHAT = {"equal": "the same bytes at several places", "near": "nearly the same", "contains": "holds others"}
_NO_WAY = ": they are in pictures, in films, and in recordings whose encoders include landmarks"
FIND, AFTER = "What is found", "Afterwards"


@app.command(cls=Command, epilog=EXAMPLES)
def dedup(
    context: typer.Context,
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar="ITEM", help="Ids of items, or their beginnings, for --not-duplicates."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Set the duplicates aside; else they are only shown.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show them: the default.")] = False,
    keep: Annotated[
        str,
        typer.Option(
            metavar="WHICH",
            help="Which one stays: best (most pixels, then longest, then the larger file), largest, oldest or newest.",
            rich_help_panel=FIND,
        ),
    ] = "best",
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="How alike near duplicates are at least, 0 to 1; 0.5 by default.", rich_help_panel=FIND
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Only files of the same bytes, no near duplicates.", rich_help_panel=FIND)
    ] = False,
    contained: Annotated[
        bool,
        typer.Option(
            "--contained", help="Set aside what lies in a longer film or recording, too.", rich_help_panel=FIND
        ),
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Bring back what the last run set aside.", rich_help_panel=AFTER)
    ] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove for good what was set aside.", rich_help_panel=AFTER)
    ] = False,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="The run that --undo or --purge means.", rich_help_panel=AFTER)
    ] = None,
    aside: Annotated[bool, typer.Option("--aside", help="List what is set aside.", rich_help_panel=AFTER)] = False,
    not_duplicates: Annotated[
        bool,
        typer.Option(
            "--not-duplicates", help="Remember that the named items are no duplicates.", rich_help_panel=AFTER
        ),
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget what --not-duplicates remembered of them.", rich_help_panel=AFTER)
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Find duplicates in a collection, and set them aside.

    Files of the same bytes are one item already. Near duplicates (re-encoded, resized, slightly cropped) are found by
    their looks and compared pixel by pixel; recordings by their landmarks. What lies in a longer film or recording is
    shown with its place, and stays, but for --contained. What is set aside keeps all it has, but no search finds it;
    --undo brings it back as it was.
    """
    session = session_of(context)
    _check(
        {"--apply": apply, "--undo": undo, "--purge": purge, "--aside": aside}
        | {"--not-duplicates": not_duplicates, "--forget": forget},
        dry_run=dry_run,
        run=run,
        items=items or [],
    )
    if contained and exact:
        raise UsageError("--contained and --exact contradict each other", hint="leave one of them out")
    if keep not in KEEPS:
        raise UsageError(f"{keep!r} is no way to choose what is kept", hint=", ".join(KEEPS))
    with session.open() as library:
        opened = library.collection(collection)
        if aside:
            _list(opened, as_json=as_json)
        elif undo:
            _undo(opened, run, as_json=as_json)
        elif purge:
            _purge(opened, run, yes=yes, as_json=as_json)
        elif not_duplicates:
            _say("brought_back", "remembered; brought back", opened.not_duplicates(*items or ()), as_json=as_json)
        elif forget:
            opened.forget_not_duplicates(*items or ())
            _say("forgotten", "forgotten for", len(items or ()), as_json=as_json)
        else:
            options: dict[str, Any] = {"keep": keep, "threshold": threshold, "near": not exact, "dry_run": not apply}
            options["contained"] = contained
            _look(session, opened, options, as_json=as_json)


def _undo(opened: AnyCollection, run: str | None, *, as_json: bool) -> None:
    count = opened.undo_dedup(run)
    if count or as_json:
        _say("brought_back", "brought back", count, as_json=as_json)
    else:
        line("nothing is set aside")


def _check(chosen: dict[str, bool], *, dry_run: bool, run: str | None, items: list[str]) -> None:
    """One thing at a time. Raises UsageError."""
    given = [name for name, wanted in chosen.items() if wanted]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} do different things", hint="one at a time")
    (one,) = given or [""]
    if dry_run and one:
        raise UsageError(f"--dry-run and {one} contradict each other", hint="leave one of them out")
    if run is not None and one not in {"--undo", "--purge"}:
        raise UsageError("--run names a run for --undo or --purge", hint="morelike dedup COLLECTION --aside lists them")
    if bool(items) != (one in {"--not-duplicates", "--forget"}):
        hint = "name two or more items" if not items else "--not-duplicates says so of the items named"
        raise UsageError("items belong to --not-duplicates and --forget", hint=hint)


def _look(session: Session, opened: AnyCollection, options: dict[str, Any], *, as_json: bool) -> None:
    with Reporter(quiet=session.quiet) as reporter, stop_on_interrupt() as stop:
        report = opened.dedup(**options, progress=reporter.ingest, stop=stop)
    if as_json:
        print_json(_report_shape(opened.name, report))
    else:
        _print(session, opened.name, report, options)
    if report.interrupted:
        session.note("interrupted: nothing was changed")
        raise typer.Exit(INTERRUPTED)
    if report.passed_over:
        raise typer.Exit(SOME_REJECTED)


def _print(session: Session, collection: str, report: DedupReport, options: Mapping[str, Any]) -> None:
    from morelike.dedup import asides_of

    for group in report.groups:
        line(f"{group.keeper[:ID_LENGTH]}  {_WHAT[group.kind]}")
        for at, member in enumerate(group.members):
            line(_line_of(group, member, first=at == 0))
    equal, copies, parts = (sum(group.kind == kind for group in report.groups) for kind in _WHAT)
    count = len(asides_of(report.groups, contained=options["contained"]))
    inside = f"; {parts} hold{'s' * (parts == 1)} others" if parts else ""
    line(
        f"{equal} found at several places; {copies} group{'s' * (copies != 1)} of near duplicates{inside}, "
        f"{count} that could be set aside"
    )
    if not report.near:
        line("near duplicates were not looked for" + _NO_WAY * options["near"])
    for row in report.passed_over[:SHOWN_REJECTIONS]:
        line(f"passed over {near(row.uri)}: {row.reason}")
    if len(report.passed_over) > SHOWN_REJECTIONS:
        line(f"and {len(report.passed_over) - SHOWN_REJECTIONS} more")
    if report.run:
        line(f"set aside {report.set_aside}; --purge would free {human_size(report.would_free)}")
        line(f"undo: {session.call(f'dedup {collection} --undo --run {report.run}')}")
    elif count and options["dry_run"]:
        also = " --contained" * options["contained"]
        line(f"nothing was changed; set them aside: {session.call(f'dedup {collection} --apply{also}')}")


def _line_of(group: Group, member: Member, *, first: bool) -> str:
    if group.kind == "equal" or (group.kind == "contains" and first):
        return f"  {near(member.source)}"
    if group.kind == "contains":
        where = f"{clock(member.why['from'])}–{clock(member.why['to'])}"
        return f"  {near(member.source)}  lies in  {near(group.members[0].source)}  {where}"
    size = human_size(member.size)
    if member.duration:
        size = f"{clock(member.duration)}, {size}"
    if member.width and member.height:
        size = f"{member.width} × {member.height}, {size}"
    part = "keep" if first else f"{member.score:.2f}"
    return f"  {part:<4}  {member.item[:ID_LENGTH]}  {near(member.source)}  {size}"


def _list(opened: AnyCollection, *, as_json: bool) -> None:
    asides = opened.asides()
    if as_json:
        print_json({"collection": opened.name, "set_aside": [aside_shape(aside) for aside in asides]})
        return
    if not asides:
        line("nothing is set aside")
    for aside in asides:
        score = f"{aside.score:.2f}"
        line(f"{aside.item_id[:ID_LENGTH]}  of {aside.keeper[:ID_LENGTH]}  {score}  run {aside.run}  {aside.at}")


def _purge(opened: AnyCollection, run: str | None, *, yes: bool, as_json: bool) -> None:
    count = len(opened.asides(run))
    if count:
        confirm(f"Remove {count} duplicate{'s' * (count != 1)} from {opened.name} for good?", yes=yes)
    _say("removed", "removed", opened.purge_duplicates(run), as_json=as_json)


def _say(key: str, words: str, count: int, *, as_json: bool) -> None:
    if as_json:
        print_json({key: count})
    else:
        line(f"{words} {count} item{'s' * (count != 1)}")


def _report_shape(collection: str, report: DedupReport) -> dict[str, Any]:
    return {
        "collection": collection,
        "run": report.run or None,
        "groups": [group_shape(group) for group in report.groups],
        "set_aside": report.set_aside,
        "would_free": report.would_free,
        "passed_over": [rejection_shape(row) for row in report.passed_over],
        "looked_at": report.looked_at,
        "near": report.near,
        "seconds": report.seconds,
        "interrupted": report.interrupted,
    }
