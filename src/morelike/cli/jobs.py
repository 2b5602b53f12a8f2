"""``morelike jobs``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, fields, line, print_json, table
from morelike.cli.session import may_exist, session_of
from morelike.errors import UsageError

if TYPE_CHECKING:
    from morelike.cli.session import AnyLibrary
    from morelike.records import Job

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike jobs
morelike jobs 3efa957b
morelike jobs --cancel 3efa957b
morelike jobs --retry 3efa957b
"""

ID_LENGTH = 12
WHOLE_ID = 32
SEARCHED = 2000


@app.command(cls=Command, epilog=EXAMPLES)
def jobs(
    context: typer.Context,
    *,
    job: Annotated[
        str | None, typer.Argument(metavar="ID", help="One job's id, or its beginning; the newest jobs without.")
    ] = None,
    cancel: Annotated[str | None, typer.Option(metavar="ID", help="Stop this job; what it has done stays.")] = None,
    retry: Annotated[str | None, typer.Option(metavar="ID", help="Queue this failed or cancelled job again.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many to list at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List, stop and retry what `morelike serve` does behind requests.

    A job is done by a server that is running on this library; until then it waits.
    """
    given = [one for one in (job, cancel, retry) if one is not None]
    if len(given) > 1:
        raise UsageError("one job at a time", hint="morelike jobs ID, or --cancel ID, or --retry ID")
    session = session_of(context)
    if not given and not may_exist(session.settings()):
        _list([], as_json=as_json)
        return
    with session.open() as library:
        if not given:
            _list(library.jobs.list(limit=limit), as_json=as_json)
            return
        found = library.jobs.get(_whole_id(library, given[0]))
        if cancel is not None:
            found = library.jobs.cancel(found.id)
        elif retry is not None:
            found = library.jobs.retry(found.id)
    _show(found, as_json=as_json)


def _whole_id(library: AnyLibrary, start: str) -> str:
    if len(start) >= WHOLE_ID:
        return start
    ids = [job.id for job in library.jobs.list(limit=SEARCHED) if job.id.startswith(start)]
    if len(ids) > 1:
        some = ", ".join(found[:ID_LENGTH] for found in ids[:3])
        raise UsageError(f"several jobs begin with {start!r}", hint=f"such as {some}")
    return ids[0] if ids else start


def _list(found: list[Job], *, as_json: bool) -> None:
    from morelike.shapes import job_shape

    if as_json:
        print_json({"jobs": [job_shape(job) for job in found]})
    elif not found:
        line("no jobs")
    else:
        rows = [(job.id[:ID_LENGTH], job.kind, job.collection, _state(job), _how_far(job)) for job in found]
        table(rows, ["job", "kind", "collection", "state", "progress"])


def _show(job: Job, *, as_json: bool) -> None:
    from morelike.shapes import job_shape

    if as_json:
        print_json(job_shape(job))
        return
    about = {
        "job": job.id,
        "kind": job.kind,
        "collection": job.collection,
        "state": _state(job),
        "progress": _how_far(job),
        "attempts": job.attempts,
        "made": job.created_at,
        "begun": job.started_at,
        "ended": job.finished_at,
        "error": job.error,
        "hint": job.hint,
        **{f"given {name}": value for name, value in job.arguments.items()},
        **{f"result {name}": value for name, value in job.result.items() if value not in ([], {}, None)},
    }
    fields({name: value for name, value in about.items() if value not in ("", None)})


def _state(job: Job) -> str:
    return "stopping" if job.cancelling else job.state


def _how_far(job: Job) -> str:
    """``37 of 120, 12.5/s``; of a failed one why."""
    if job.error:
        return job.error
    progress: dict[str, Any] = dict(job.progress)
    if "done" not in progress:
        return ""
    total, rate = progress.get("total"), progress.get("rate")
    text = f"{progress['done']} of {total}" if total is not None else f"{progress['done']}"
    if job.state == "running":
        text += f", {rate:.1f}/s" if isinstance(rate, int | float) and rate else ""
        text += f", {progress['note']}" if progress.get("note") else ""
    return text
