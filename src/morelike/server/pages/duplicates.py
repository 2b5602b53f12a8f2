"""``/c/NAME/duplicates``: what is there twice, side by side, and what is set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.collection import OpenCollection
from morelike.errors import UsageError
from morelike.jobs import FINISHED
from morelike.library import Library
from morelike.records import Aside, Job
from morelike.server.deps import parts_of
from morelike.server.pages.piles import AsideRun, Filters, Pile, piles_of, runs_of_asides, score_of, with_openings
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import collection_path, library_of, redirect, render
from morelike.types import Item

__all__ = ["KEEP", "router"]

router = page_router()

KEEP = ("best", "largest", "oldest", "newest")
PAGE = 10
"""Groups side by side on one page."""
ASIDE_PAGE = 60
JOBS = 50
"""Of the collection that are looked through for the last look."""
MOST_DIFFERENT = 100
LONGEST_RUN = 64
DONE = ("aside", "back", "removed", "different", "alike")


@router.get("/c/{name}/duplicates")
def duplicates_page(request: Request, name: str) -> Response:
    """The groups of the look that is named, else of the last one; with ``view=aside`` what is set aside."""
    library = library_of(request)
    opened = library.collection(name)
    filters = Filters.read(request.query_params)
    if request.query_params.get("view") == "aside":
        return _aside_page(request, opened, filters)
    job = _look(library, name, filters.job)
    piles = _piles(opened, job, filters)
    last = max(0, (len(piles) - 1) // PAGE)
    page = min(filters.page, last)
    shown = piles[page * PAGE : (page + 1) * PAGE]
    items = opened.items_of([member.id for pile in shown for member in pile.members])
    return render(
        request,
        "duplicates.html",
        collection=opened,
        view="found",
        job=job,
        active=job is not None and job.state not in FINISHED,
        piles=with_openings(opened, library.settings, shown, items),
        items=items,
        count=len(piles),
        spare=sum(len(pile.others) for pile in shown),
        left_out=_left_out(job),
        filters=filters,
        kinds=_kinds(job),
        first=page * PAGE,
        before=filters.on(page - 1).query() if page else "",
        after=filters.on(page + 1).query() if page < last else "",
        asides=len(opened.asides()),
        keep=KEEP,
        done=_done(request, opened),
    )


def _aside_page(request: Request, opened: OpenCollection, filters: Filters) -> Response:
    asides = opened.asides()
    last = max(0, (len(asides) - 1) // ASIDE_PAGE)
    page = min(filters.page, last)
    shown = asides[page * ASIDE_PAGE : (page + 1) * ASIDE_PAGE]
    items = opened.items_of([name for one in shown for name in (one.item_id, one.keeper)])
    runs: Sequence[AsideRun] = runs_of_asides(asides, shown, items)
    return render(
        request,
        "duplicates.html",
        collection=opened,
        view="aside",
        runs=runs,
        items=items,
        count=len(asides),
        freed=sum(item.digest.size for item in _kept(items, shown)),
        filters=filters,
        first=page * ASIDE_PAGE,
        shown=len(shown),
        before=f"view=aside&page={page}" if page else "",
        after=f"view=aside&page={page + 2}" if page < last else "",
        asides=len(asides),
        done=_done(request, opened),
    )


def _kept(items: Mapping[str, Item], asides: Sequence[Aside]) -> list[Item]:
    """Those whose bytes the library would be rid of."""
    return [items[one.item_id] for one in asides if one.item_id in items and not items[one.item_id].in_place]


def _look(library: Library, name: str, job_id: str) -> Job | None:
    """Raises NoSuchJob where one is named that is not there."""
    if job_id:
        job = library.jobs.get(job_id)
        return job if job.kind == "duplicates" and job.collection == name else None
    return next((job for job in library.jobs.list(collection=name, limit=JOBS) if job.kind == "duplicates"), None)


def _groups(job: Job | None) -> Sequence[Mapping[str, object]]:
    found = job.result.get("groups") if job is not None else None
    return found if isinstance(found, list) else []


def _piles(opened: OpenCollection, job: Job | None, filters: Filters) -> list[Pile]:
    groups = _groups(job)
    if not groups:
        return []
    named = {str(member["item"]) for group in groups for member in group["members"]}  # type: ignore[attr-defined] # JSON
    ready = {name for name, state in opened.known(sorted(named)).items() if state == "ready"}
    return piles_of(groups, ready, frozenset(opened.distinct()), filters)


def _left_out(job: Job | None) -> int:
    """Groups that the look found beyond those that a result holds."""
    return max(0, int(job.result.get("found") or 0) - len(_groups(job))) if job is not None else 0


def _kinds(job: Job | None) -> list[str]:
    there = {str(group.get("kind")) for group in _groups(job)}
    return [kind for kind in ("near", "equal", "contains") if kind in there]


def _done(request: Request, opened: OpenCollection) -> dict[str, object]:
    """What the address says was just done, and how it is undone; nothing where it says nothing that is true."""
    given = request.query_params
    what, run = given.get("done", ""), given.get("run", "")[:LONGEST_RUN]
    if what not in DONE:
        return {}
    count = given.get("n", "")
    number = int(count) if count.isdecimal() and len(count) <= 9 else 0
    if what == "aside":
        number = len(opened.asides(run)) if run else 0
        if not number:
            return {}
    group = given.get("group", "")
    return {"what": what, "run": run, "count": number, "group": group if group.isdecimal() and len(group) <= 6 else ""}


# What the page's forms do


@router.post("/c/{name}/upkeep/duplicates/aside")
async def set_aside(request: Request, name: str, form: SentForm) -> Response:
    """All but the keeper of the group ``aside``, or of all groups that are ``shown``."""
    return await parts_of(request).writes.run(_set_aside, request, name, form)


@router.post("/c/{name}/upkeep/duplicates/remove")
async def remove(request: Request, name: str, form: SentForm) -> Response:
    """The same of the group ``remove``, and for good."""
    return await parts_of(request).writes.run(_set_aside, request, name, form, for_good=True)


def _set_aside(request: Request, name: str, form: FormData, *, for_good: bool = False) -> Response:
    opened = library_of(request).collection(name)
    filters, piles = _sent(request, opened, form)
    asked = _text(form, "remove" if for_good else "aside")
    numbers = _text(form, "shown").split(",")[:PAGE] if asked == "all" else [asked]
    chosen = [pile for pile in piles if str(pile.number) in numbers and pile.others]
    wanted = [aside for pile in chosen for aside in _asides(pile, _text(form, f"keeper-{pile.number}"))]
    done = opened.set_aside(wanted) if wanted else []
    run = done[0].run if done else ""
    if not for_good:
        told = {"done": "aside", "run": run}
    else:
        told = {"done": "removed", "n": str(opened.purge_duplicates(run) if run else 0)}
    return redirect(_there(name, filters, form, numbers[-1], told))


def _asides(pile: Pile, keeper: str) -> list[Aside]:
    """All of the pile but the keeper: the one that was chosen, else the one that was suggested."""
    names = [member.id for member in pile.members]
    kept = keeper if keeper in names else pile.keeper
    return [Aside(item, kept, "", score_of(pile, kept, item)) for item in names if item != kept]


@router.post("/c/{name}/duplicates/different")
async def different(request: Request, name: str, form: SentForm) -> Response:
    """Remember that the group's items are no duplicates of one another; or, where one is named, that it is none."""
    return await parts_of(request).writes.run(_different, request, name, form)


def _different(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    filters, piles = _sent(request, opened, form)
    number, _, one = _text(form, "different").partition(":")
    pile = next((pile for pile in piles if str(pile.number) == number), None)
    if pile is None:
        raise UsageError("this group is not there any more", hint="go back, and look again")
    names = [member.id for member in pile.members if one in {"", member.id} or member.id == pile.keeper]
    if len(names) > MOST_DIFFERENT:
        raise UsageError(f"the group has {len(names)} items", hint="say of single ones that they are different")
    opened.not_duplicates(*names)
    told = {"done": "different", "n": str(len(names)), "group": "" if one else number}
    return redirect(_there(name, filters, form, number, told))


@router.post("/c/{name}/duplicates/alike")
async def alike(request: Request, name: str, form: SentForm) -> Response:
    """Forget what was remembered of the group: its items may be duplicates after all."""
    return await parts_of(request).writes.run(_alike, request, name, form)


def _alike(request: Request, name: str, form: FormData) -> Response:
    library = library_of(request)
    opened = library.collection(name)
    filters = Filters.read(form)
    groups = _groups(_look(library, name, filters.job))
    number = _text(form, "group")
    if not number.isdecimal() or len(number) > 6 or int(number) >= len(groups):
        raise UsageError("this group is not there any more", hint="go back, and look again")
    members = groups[int(number)]["members"]
    names = list(opened.known([str(member["item"]) for member in members]))[:MOST_DIFFERENT]  # type: ignore[attr-defined] # JSON
    opened.forget_not_duplicates(*names)
    return redirect(collection_path(name, "duplicates", query=f"{filters.query()}&done=alike#group-{number}"))


@router.post("/c/{name}/upkeep/duplicates/back")
async def bring_back(request: Request, name: str, form: SentForm) -> Response:
    """What the run set aside; all there is where none is named."""
    return await parts_of(request).writes.run(_bring_back, request, name, form)


def _bring_back(request: Request, name: str, form: FormData) -> Response:
    opened = library_of(request).collection(name)
    run = _text(form, "run")[:LONGEST_RUN]
    runs = [run] if run else list(dict.fromkeys(aside.run for aside in opened.asides()))
    back = sum(opened.undo_dedup(one) for one in runs)
    return redirect(_after(name, form, {"done": "back", "n": str(back)}))


@router.post("/c/{name}/upkeep/duplicates/purge")
async def purge(request: Request, name: str, form: SentForm) -> Response:
    """Remove for good what the run set aside; all there is where none is named."""
    return await parts_of(request).writes.run(_purge, request, name, form)


def _purge(request: Request, name: str, form: FormData) -> Response:
    run = _text(form, "run")[:LONGEST_RUN]
    gone = library_of(request).collection(name).purge_duplicates(run or None)
    return redirect(_after(name, form, {"done": "removed", "n": str(gone)}))


def _sent(request: Request, opened: OpenCollection, form: FormData) -> tuple[Filters, list[Pile]]:
    """What the form was shown with, and the groups as they are now. Raises NoSuchJob."""
    filters = Filters.read(form)
    return filters, _piles(opened, _look(library_of(request), opened.name, filters.job), filters)


def _there(name: str, filters: Filters, form: FormData, number: str, told: Mapping[str, str]) -> str:
    """Back to the same page, at the group that came after this one."""
    shown = [one for one in _text(form, "shown").split(",")[:PAGE] if one.isdecimal()]
    later = shown[shown.index(number) + 1 :] if number in shown else []
    place = f"#group-{later[0]}" if later else "#done"
    return collection_path(name, "duplicates", query=f"{filters.query()}&{urlencode(told)}{place}")


def _after(name: str, form: FormData, told: Mapping[str, str]) -> str:
    view = {"view": "aside"} if _text(form, "view") == "aside" else {}
    back = Filters.read(form).query() if not view else urlencode(view)
    return collection_path(name, "duplicates", query=f"{back}&{urlencode(told)}#done")


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
