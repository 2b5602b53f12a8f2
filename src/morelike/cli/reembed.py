"""``morelike reembed``"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morelike.cli.confirm import Yes, confirm
from morelike.cli.help import Command
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED, SOME_REJECTED
from morelike.cli.session import Session, session_of
from morelike.cli.text import near
from morelike.errors import UsageError
from morelike.shapes import rejection_shape

if TYPE_CHECKING:
    from morelike.cli.session import AnyCollection
    from morelike.reembed import ReembedReport
    from morelike.types import Space

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike reembed photos
morelike reembed photos --encoder dinov2-small
morelike reembed photos --rollback
morelike reembed photos --drop-old
"""

SHOWN_REJECTIONS = 5


@app.command(cls=Command, epilog=EXAMPLES)
def reembed(
    context: typer.Context,
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")],
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The new encoder: a name that `morelike encoders` lists, or auto."),
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the space before this one.")] = False,
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Switch even where some originals are gone: those are not found then."),
    ] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Remove the spaces that are not searched, with their vectors.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give a collection another encoder, while it is searched as before.

    A second space is filled from the stored originals, and the collection is switched to it when it is whole. The old
    one stays for --rollback. An interrupted run is gone on with by the same command. Without an option: the spaces.
    """
    if encoder is not None and rollback:
        raise UsageError("--encoder or --rollback, one of the two")
    if allow_missing and encoder is None and not rollback:
        raise UsageError("--allow-missing needs --encoder or --rollback")
    session = session_of(context)
    with session.open() as library, Reporter(quiet=session.quiet) as reporter:
        opened = library.collection(collection)
        if drop_old:
            confirm(f"Remove the vectors of {collection} that are not searched{' then' if encoder else ''}?", yes=yes)
        report: ReembedReport | None = None
        if encoder is not None or rollback:
            with stop_on_interrupt() as stop:
                if encoder is not None:
                    report = opened.reembed(
                        encoder,
                        allow_missing=allow_missing,
                        progress=reporter.reembed,
                        stop=stop,
                        notify=reporter.note,
                    )
                else:
                    report = opened.rollback(allow_missing=allow_missing, progress=reporter.reembed, stop=stop)
        dropped = _drop(opened) if drop_old and (report is None or report.switched) else []
        spaces = [(space, opened.vectors_in(space)) for space in opened.spaces if space.has_vectors]
    _print(session, collection, report, dropped, spaces, as_json=as_json)


def _drop(opened: AnyCollection) -> list[str]:
    old = [space for space in opened.spaces if not space.active]
    for space in old:
        opened.drop_space(space)
    return [space.card.id for space in old]


def _print(
    session: Session,
    collection: str,
    report: ReembedReport | None,
    dropped: list[str],
    spaces: list[tuple[Space, int]],
    *,
    as_json: bool,
) -> None:
    if as_json:
        answer: dict[str, Any] = {"collection": collection}
        if report is not None:
            answer |= {**asdict(report), "rejections": [rejection_shape(row) for row in report.rejections]}
        print_json({**answer, "dropped": dropped, "spaces": [_shape(*space) for space in spaces]})
    else:
        if report is not None:
            _summary(session, collection, report)
            if report.switched and not (report.already or dropped):
                line(f"the way back: {session.call(f'reembed {collection} --rollback')}")
        for name in dropped:
            line(f"dropped the vectors of {name}")
        if report is None:
            rows = [("*" if one.active else "", one.card.id, one.kind, one.card.dim, count) for one, count in spaces]
            table(rows, ["", "encoder", "kind", "numbers", "vectors"], right=("numbers", "vectors"))
    if report is not None and report.interrupted:
        session.note(
            f"interrupted: {report.same + report.encoded} vectors are in, and the collection is searched as before; "
            "run the same command again to continue"
        )
        raise typer.Exit(INTERRUPTED)
    if report is not None and report.missing:
        raise typer.Exit(SOME_REJECTED)


def _shape(space: Space, vectors: int) -> dict[str, Any]:
    return {
        "encoder": space.card.id,
        "kind": space.kind,
        "active": space.active,
        "dim": space.card.dim,
        "vectors": vectors,
    }


def _summary(session: Session, collection: str, report: ReembedReport) -> None:
    name = report.encoder.partition("@")[0]
    if report.already and not report.encoded and not report.missing:
        line(f"{collection} is made with {name} already, and nothing is missing; `morelike encoders` lists the others")
        return
    before = f", {report.same} were there" if report.same else ""
    line(f"encoded {report.encoded}{before} in {report.seconds:.1f} s")
    for rejection in report.rejections[:SHOWN_REJECTIONS]:
        line(f"  {near(rejection.uri)}: {rejection.reason}")
    if report.missing > SHOWN_REJECTIONS:
        line(f"  and {report.missing - SHOWN_REJECTIONS} more: {session.call(f'ls {collection} --rejected')}")
    if report.switched:
        line(f"{collection} is searched with {name} now")
    elif report.missing:
        line(
            f"{report.missing} could not be had, so {collection} is searched as before; --allow-missing leaves them out"
        )
