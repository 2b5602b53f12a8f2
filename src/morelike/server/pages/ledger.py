"""``/c/NAME/rejected``: what could not be used, why, and what to do about it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.datastructures import FormData
from starlette.responses import StreamingResponse

from morelike.collection import OpenCollection
from morelike.errors import UsageError
from morelike.library import Library
from morelike.server.adding import UPLOAD, check_sources
from morelike.server.deps import parts_of
from morelike.server.downloading import cell_of
from morelike.server.pages.language import N_, _
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import collection_path, library_of, name_of, redirect, render
from morelike.sources.urls import is_url
from morelike.types import Rejection

__all__ = ["Group", "Sifting", "grouped", "hint_of", "reason_of", "router"]

router = page_router()

PAGE = 100
FURTHEST = 1_000_000_000
LOOKED_THROUGH = 20_000
"""Rows that are sifted and grouped; a ledger of more says so."""
AT_ONCE = 1000
MOST_GROUPS = 30
MOST_CHOSEN = 2000
"""Rows that one form tries again or forgets."""
LONGEST = 200
HINTS: Mapping[str, str] = {
    "sniff": N_("It is none of what this collection holds. Add it to another one, or forget it."),
    "decode": N_("The file is damaged, cut short, or not what its name says. Replace it, then try again."),
    "source": N_("It could not be read. Is it still there, and may the server read it? Then try again."),
    "encode": N_("It can be read, and the encoder failed on it. Try again; if it stays, another encoder may take it."),
    "reembed": N_("It is searched with the old encoder still. Bring its file back, then change the encoder again."),
}
STAGES: Mapping[str, str] = {
    "sniff": N_("recognising"),
    "decode": N_("decoding"),
    "source": N_("reading"),
    "encode": N_("encoding"),
    "reembed": N_("changing the encoder"),
}
FORBIDDEN = N_("A limit or a setting of the server leaves it out. Change the setting that is named, then try again.")
NOT_KEPT = N_("Nothing of it was kept: send the file again.")
_NUMBERS = re.compile(r"\d+(?:,\d{3})*")
_SETTING = re.compile(r"\bMORELIKE_[A-Z]")
_COPY = re.compile(r"the same bytes as (.{1,4000}?): (?=\S)")


@dataclass(frozen=True, slots=True)
class Sifting:
    """Which rows are meant: of a stage, with these words in the reason or the name, of one group."""

    stage: str = ""
    text: str = ""
    reason: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Sifting:
        """From an address or a form; a field that is no text counts as empty."""

        def words(name: str) -> str:
            value = fields.get(name, "")
            return value.strip()[:LONGEST] if isinstance(value, str) else ""

        return cls(words("stage"), words("text"), words("reason"))

    @property
    def sifts(self) -> bool:
        return bool(self.stage or self.text or self.reason)

    def fits(self, row: Rejection) -> bool:
        if self.stage and row.stage != self.stage:
            return False
        if self.reason and reason_of(row)[:LONGEST] != self.reason:
            return False
        words = self.text.casefold()
        return not words or words in row.reason.casefold() or words in row.uri.casefold()

    def query(self, offset: int = 0, **changes: Any) -> str:
        """The part of an address behind the question mark."""
        wanted = replace(self, **changes)
        pairs = [("stage", wanted.stage), ("text", wanted.text), ("reason", wanted.reason)]
        pairs.append(("offset", str(offset) if offset else ""))
        return urlencode([(name, value) for name, value in pairs if value])


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with one reason."""

    stage: str
    reason: str
    count: int


def reason_of(row: Rejection) -> str:
    """Why, without the file's own name and numbers: what many rows have in common."""
    reason, names = row.reason, [row.uri, row.uri.rpartition("#record=")[0], name_of(row.uri)]
    if copy := _COPY.match(reason):  # of a file that was rejected beside it
        reason = reason[copy.end() :]
        names.append(name_of(copy[1]))
    for name in filter(None, names):
        reason = reason.replace(name, "…")
    return _NUMBERS.sub("#", reason.removeprefix("…").lstrip(": "))[:LONGEST] or row.stage


def hint_of(stage: str, reason: str) -> str:
    """What to do next; "" of a stage that is not known here."""
    if _SETTING.search(reason):
        return _(FORBIDDEN)
    return _(HINTS[stage]) if stage in HINTS else ""


def stage_of(stage: str) -> str:
    """What a person calls it."""
    return _(STAGES[stage]) if stage in STAGES else stage


def grouped(rows: Sequence[Rejection]) -> list[Group]:
    """By stage and reason, the largest first."""
    counts = Counter((row.stage, reason_of(row)) for row in rows)
    return [Group(stage, reason, count) for (stage, reason), count in counts.most_common(MOST_GROUPS)]


def _rows(opened: OpenCollection, most: int = LOOKED_THROUGH) -> Iterator[Rejection]:
    offset = 0
    while offset < most and (page := opened.rejected(offset=offset, limit=AT_ONCE)):
        yield from page
        offset += len(page)


@router.get("/c/{name}/rejected")
def rejected_page(request: Request, name: str, offset: int = 0, forgotten: int = 0, left: int = 0) -> Response:
    """The ledger: each file that could not be added, and why; and its reasons with how many have them."""
    opened = library_of(request).collection(name)
    offset = min(max(offset, 0), FURTHEST)
    sifting = Sifting.read(request.query_params)
    count = opened.rejected_count()
    looked = list(_rows(opened)) if count else []
    found = [row for row in looked if sifting.fits(row)] if sifting.sifts else looked
    # of a very large ledger all rows can be leafed through, though only so many are sifted
    shown = found[offset : offset + PAGE] if sifting.sifts else opened.rejected(offset=offset, limit=PAGE)
    fitting = len(found) if sifting.sifts else count
    here = collection_path(name, "rejected")
    return render(
        request,
        "rejected.html",
        collection=opened,
        rows=shown,
        count=count,
        fitting=fitting,
        looked=len(looked),
        groups=grouped(looked),
        stages=sorted({row.stage for row in looked}),
        sifting=sifting,
        offset=offset,
        earlier=f"{here}?{sifting.query(max(0, offset - PAGE))}".rstrip("?") if offset else "",
        later=f"{here}?{sifting.query(offset + PAGE)}" if offset + PAGE < fitting else "",
        address=lambda **changes: f"{here}?{sifting.query(**changes)}".rstrip("?"),
        table=f"{here}.csv?{sifting.query()}".rstrip("?"),
        hint_of=hint_of,
        stage_of=stage_of,
        kept=lambda row: _(NOT_KEPT) if _is_lost(row) else "",
        most=MOST_CHOSEN,
        forgotten=forgotten,
        left=left,
    )


def _is_lost(row: Rejection) -> bool:
    """An upload that was no item: its bytes went with the request."""
    return row.uri.startswith(UPLOAD) and not row.item_id


@router.get("/c/{name}/rejected.csv")
def rejected_table(request: Request, name: str) -> Response:
    """The same rows as a table for other programs."""
    opened = library_of(request).collection(name)
    sifting = Sifting.read(request.query_params)
    headers = {"Content-Disposition": f'attachment; filename="{name}-rejected.csv"', "Cache-Control": "no-store"}
    rows = (row for row in _rows(opened, FURTHEST) if sifting.fits(row))
    return StreamingResponse(_lines(rows), headers=headers, media_type="text/csv; charset=utf-8")


def _lines(rows: Iterator[Rejection]) -> Iterator[str]:
    yield _line(("source", "stage", "reason", "attempts", "at", "item"))
    for row in rows:
        yield _line((row.uri, row.stage, row.reason, str(row.attempts), row.at, row.item_id))


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([cell_of(cell) for cell in cells])
    return out.getvalue()


@router.post("/c/{name}/retry")
async def retry_rejected(request: Request, name: str, form: SentForm) -> Response:
    """Start a job that tries all of the ledger once more, or the rows that were chosen or sifted."""
    return await parts_of(request).fetches.run(_retry, request, name, form)


def _retry(request: Request, name: str, form: FormData) -> Response:
    library = library_of(request)
    opened = library.collection(name)
    chosen = _chosen(opened, form)
    if chosen is None:
        job = library.jobs.add("add", name, {"sources": [], "retry": True})
        return redirect(collection_path(name, "add", query=f"job={job.id}"))
    again = [row for row in chosen if not _is_lost(row)]
    if not again:
        raise UsageError("nothing of these files was kept", hint="send them again on the page Add")
    jobs = [library.jobs.add("add", name, arguments) for arguments in _arguments(library, again)]
    return redirect(
        collection_path(name, "add", query=f"job={jobs[0].id}")
        if len(jobs) == 1
        else f"/jobs?{urlencode({'collection': name})}"
    )


def _arguments(library: Library, rows: Sequence[Rejection]) -> list[dict[str, Any]]:
    """Of one or two jobs: addresses of which nothing was kept are fetched anew. Raises Refused."""
    fetched = [row.uri for row in rows if is_url(row.uri) and not row.item_id]
    check_sources(fetched, (), library.settings)
    others = [row.uri for row in rows if row.uri not in set(fetched)]
    found: list[dict[str, Any]] = [{"sources": [], "retry": others}] if others else []
    return [*found, {"sources": fetched, "retry": True}] if fetched else found


def _chosen(opened: OpenCollection, form: FormData) -> list[Rejection] | None:
    """The rows that a form means; None: all. Raises UsageError where there is none, or there are too many."""
    if form.get("rows") == "chosen":
        uris = {uri for uri in form.getlist("uri") if isinstance(uri, str)}
        rows = [row for row in _rows(opened) if row.uri in uris]
    else:
        sifting = Sifting.read(cast("Mapping[str, Any]", form))
        if not sifting.sifts:
            return None
        rows = [row for row in _rows(opened) if sifting.fits(row)]
    if not rows:
        raise UsageError("no row was chosen", hint="tick some, or narrow them down first")
    return rows[:MOST_CHOSEN]


@router.post("/c/{name}/forget")
async def forget_rejected(request: Request, name: str, form: SentForm) -> Response:
    """Take rows out of the ledger, with what was kept of them. What is searchable stays, and its row with it."""
    return await parts_of(request).writes.run(_forget, request, name, form)


def _forget(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    rows = _chosen(opened, form)
    if rows is None:
        raise UsageError("no row was chosen", hint="tick some, or narrow them down first")
    uris = [row.uri for row in rows]
    well = {row.source.uri for row in opened.find_sources(uris=uris) if row.state in {"ready", "duplicate"}}
    gone = [uri for uri in uris if uri not in well]
    if gone:
        opened.remove_sources(gone)
    return redirect(collection_path(name, "rejected", query=urlencode({"forgotten": len(gone), "left": len(well)})))
