"""``morelike doctor``"""

from __future__ import annotations

from typing import Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED
from morelike.cli.session import session_of
from morelike.shapes import doctor_shape

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike doctor
morelike doctor --fix
morelike doctor --fix --rescue photos
"""


@app.command(cls=Command, epilog=EXAMPLES)
def doctor(
    context: typer.Context,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended.")] = False,
    rescue: Annotated[
        str,
        typer.Option(metavar="COLLECTION", help="Take in blobs that belong to no item instead of removing them."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check a library and, with --fix, mend it.

    The exit code is 1 where something is left to mend. After the catalog came from a backup, --rescue saves what was
    added since: its bytes are there, and nothing else names them.
    """
    session = session_of(context)
    with session.open() as library, Reporter(quiet=session.quiet) as reporter, stop_on_interrupt() as stop:
        report = library.doctor(fix=fix, rescue=rescue, notify=reporter.note, progress=reporter.examined, stop=stop)
    left = [finding for finding in report.findings if not finding.fixed]
    if as_json:
        print_json(doctor_shape(report))
    else:
        for finding in report.findings:
            line(f"{'mended' if finding.fixed else 'found'}: {finding.sentence}")
        if not report.findings and not report.interrupted:
            line("the library is well")
        elif left and not fix:
            line("morelike doctor --fix mends what can be mended")
    if report.interrupted:
        session.note("interrupted: not all was looked at, and what was mended stays so")
        raise typer.Exit(INTERRUPTED)
    if left:
        raise typer.Exit(1)
