"""``/c/NAME/items``: all items, as pictures or as a table, with a filter that can be put together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from morelike.collection import OpenCollection
from morelike.errors import FilterError, MorelikeError
from morelike.expressions import Compare
from morelike.records import ItemSort
from morelike.search.filter import filter_text
from morelike.server.errors import status_of
from morelike.server.pages.language import N_, _
from morelike.server.pages.reading import openings
from morelike.server.pages.routing import page_router
from morelike.server.pages.times import clock
from morelike.server.pages.view import collection_path, length_of, library_of, number, render
from morelike.types import Item

__all__ = ["Choosable", "Listing", "columns_of", "fields_of", "place_of_fault", "router"]

router = page_router()

PAGE = 60
FURTHEST = 1_000_000_000
LONGEST_FILTER = 10_000
VIEWS = ("grid", "table")
COOKIE = "morelike_items"
YEAR = 365 * 24 * 3600
LOOKED_AT = 48
"""Items at either end of a collection whose fields are offered."""
MOST_FIELDS = 80
LONGEST_EXAMPLE = 60
PLAIN: Mapping[str, tuple[str, str]] = {
    "tag": ("tag", "holiday"),
    "name": ("text", "*.jpg"),
    "folder": ("text", "*holiday*"),
    "media_type": ("text", "image/png"),
    "size": ("number", "1000000"),
    "added": ("text", "2026-05"),
    "modified": ("text", "2026-05"),
}
"""What every item has: its kind, and what could stand there."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a list goes by, and what a person calls that."""

    sort: ItemSort
    descending: bool
    said: str


ORDERS: Mapping[str, Order] = {
    "oldest": Order("added", descending=False, said=N_("Oldest first")),
    "newest": Order("added", descending=True, said=N_("Newest first")),
    "a-z": Order("name", descending=False, said=N_("A to Z")),
    "z-a": Order("name", descending=True, said=N_("Z to A")),
    "largest": Order("size", descending=True, said=N_("Largest first")),
    "smallest": Order("size", descending=False, said=N_("Smallest first")),
}
"""By their names in addresses; of each sort the first one comes first."""
ARRIVAL = ("oldest", "newest")


@dataclass(frozen=True, slots=True)
class Choice:
    """An order to choose: its words, where it leads, and whether the list is in it."""

    said: str
    query: str
    current: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """What of the items is shown, and how; its address brings the same list back."""

    filter: str = ""
    offset: int = 0
    order: str = "oldest"
    view: str = VIEWS[0]

    @classmethod
    def read(cls, request: Request) -> Listing:
        """From the address; the view also as it was chosen last. What cannot be read is passed over."""
        asked = request.query_params
        offset = asked.get("offset", "")
        view = asked.get("view") or request.cookies.get(COOKIE, "")
        order = asked.get("order", "")
        return cls(
            filter=asked.get("filter", "").strip()[: LONGEST_FILTER + 1],
            offset=min(int(offset), FURTHEST) if offset.isdecimal() and len(offset) < 12 else 0,
            order=order if order in ORDERS else "oldest",
            view=view if view in VIEWS else VIEWS[0],
        )

    def query(self, **changes: Any) -> str:
        """The part of an address behind the question mark."""
        wanted = replace(self, **changes)
        pairs = [
            ("filter", wanted.filter),
            ("order", wanted.order if wanted.order != "oldest" else ""),
            ("offset", str(wanted.offset) if wanted.offset else ""),
            ("view", wanted.view if "view" in changes else ""),
        ]
        return urlencode([(name, value) for name, value in pairs if value])

    @property
    def by(self) -> Order:
        """What the list goes by."""
        return ORDERS[self.order]

    def sorted_by(self, sort: ItemSort) -> str:
        """The address's part for the list by this; where it is so already, for the other way round."""
        here = self.by
        wanted = (one for one, order in ORDERS.items() if order.sort == sort and order != here)
        return self.query(order=next(wanted), offset=0)

    def choices(self) -> list[Choice]:
        """Either order of arrival, the order by name, that by size: the last two turn round when chosen again."""
        arrival = [Choice(ORDERS[one].said, self.query(order=one, offset=0), one == self.order) for one in ARRIVAL]
        others: list[Choice] = []
        for first in ("a-z", "largest"):
            sort = ORDERS[first].sort
            here = self.by.sort == sort
            others.append(Choice((self.by if here else ORDERS[first]).said, self.sorted_by(sort), here))
        return arrival + others


@dataclass(frozen=True, slots=True)
class Choosable:
    """A field that a filter can ask for: ``kind`` is text, number, truth or tag."""

    name: str
    kind: str
    example: str


@dataclass(frozen=True, slots=True)
class Column:
    """A fact of the modality's items; empty where an item does not have it."""

    heading: str
    tell: Callable[[Mapping[str, Any]], str]
    number: bool = False


@router.get("/c/{name}/items")
def items_page(request: Request, name: str) -> Response:
    """A page of items, by arrival, name or size."""
    opened = library_of(request).collection(name)
    listing = Listing.read(request)
    error: MorelikeError | None = None
    items: Sequence[Item] = []
    count = 0
    try:
        count = opened.count(filter=listing.filter or None)
        by = listing.by
        items = opened.items(
            filter=listing.filter or None,
            offset=listing.offset,
            limit=PAGE,
            sort=by.sort,
            descending=by.descending,
        )
    except MorelikeError as failed:
        error = failed
    after = listing.offset + len(items)
    answer = render(
        request,
        "items.html",
        status=200 if error is None else status_of(error),
        collection=opened,
        items=items,
        openings=openings(opened, library_of(request).settings, items),
        columns=[column for column in columns_of(opened.modality) if any(column.tell(item.info) for item in items)],
        fields=fields_of(opened),
        count=count,
        listing=listing,
        before=listing.query(offset=max(0, listing.offset - PAGE)) if listing.offset else None,
        after=listing.query(offset=after) if items and after < count else None,
        error=error,
        fault=place_of_fault(listing.filter, error),
        path=lambda query: collection_path(name, "items", query=query),
        tag_filter=lambda tag: filter_text(Compare("tag", "=", tag)),
    )
    if request.query_params.get("view") in VIEWS:
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, listing.view, max_age=YEAR, path="/", httponly=True, samesite="lax", secure=secure)
    return answer


def place_of_fault(text: str, error: MorelikeError | None) -> tuple[str, str] | None:
    """A filter before and from where it cannot be read; None where the error names no place."""
    if not isinstance(error, FilterError):
        return None
    named = re.search(r"\(character (\d{1,5})\)", error.message)
    if named is None:
        return None
    at = int(named[1]) - 1
    return text[:at], text[at:]


def fields_of(opened: OpenCollection) -> list[Choosable]:
    """What items at both ends of the collection have, with a value of theirs; what everything has first."""
    count = opened.count()
    items = opened.items(limit=LOOKED_AT)
    if count > LOOKED_AT:
        items += opened.items(offset=max(LOOKED_AT, count - LOOKED_AT), limit=LOOKED_AT)
    found = {name: Choosable(name, kind, example) for name, (kind, example) in PLAIN.items()}
    if tag := next((tag for item in items for tag in item.tags), ""):
        found["tag"] = Choosable("tag", "tag", tag[:LONGEST_EXAMPLE])
    if items:
        found["media_type"] = Choosable("media_type", "text", items[-1].media_type)
    own: dict[str, Choosable] = {}
    for item in items:
        for metadata in (item.info, *(source.metadata for source in item.sources)):
            _note(own, metadata)
    return [*found.values(), *sorted((one for one in own.values() if one.name not in found), key=_by_name)][
        :MOST_FIELDS
    ]


def _by_name(field: Choosable) -> str:
    return field.name.lower()


def _note(found: dict[str, Choosable], metadata: Mapping[str, Any]) -> None:
    for name, value in metadata.items():
        if name in found or "`" in name or not 0 < len(name) <= LONGEST_EXAMPLE:
            continue
        if isinstance(value, bool):
            found[name] = Choosable(name, "truth", "true" if value else "false")
        elif isinstance(value, int | float):
            found[name] = Choosable(name, "number", f"{value:g}" if isinstance(value, float) else str(value))
        elif isinstance(value, str):
            found[name] = Choosable(name, "text", value[:LONGEST_EXAMPLE])


def columns_of(modality: str) -> Iterable[Column]:
    """The facts that a table shows of its items, beside what everything has."""
    return _COLUMNS.get(modality, ())


def _sides(info: Mapping[str, Any]) -> str:
    width, height = info.get("width"), info.get("height")
    return f"{width}\u2009×\u2009{height}" if isinstance(width, int) and isinstance(height, int) else ""


def _lasts(info: Mapping[str, Any]) -> str:
    length = length_of(info)
    return clock(length) if length else ""


def _counted(name: str) -> Callable[[Mapping[str, Any]], str]:
    def tell(info: Mapping[str, Any]) -> str:
        value = info.get(name)
        return number(value) if isinstance(value, int) and not isinstance(value, bool) else ""

    return tell


def _measured(name: str, places: int) -> Callable[[Mapping[str, Any]], str]:
    def tell(info: Mapping[str, Any]) -> str:
        value = info.get(name)
        return f"{value:.{places}f}" if isinstance(value, int | float) and not isinstance(value, bool) else ""

    return tell


def _said(name: str) -> Callable[[Mapping[str, Any]], str]:
    def tell(info: Mapping[str, Any]) -> str:
        value = info.get(name)
        return value if isinstance(value, str) else ""

    return tell


def _closed(info: Mapping[str, Any]) -> str:
    value = info.get("watertight")
    return (_("yes") if value else _("no")) if isinstance(value, bool) else ""


_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "audio": (Column(N_("Length"), _lasts, number=True), Column(N_("Codec"), _said("codec"))),
    "document": (
        Column(N_("Title"), _said("title")),
        Column(N_("Pages"), _counted("pages"), number=True),
        Column(N_("Words"), _counted("words"), number=True),
    ),
    "image": (Column(N_("Pixels"), _sides, number=True), Column(N_("Taken"), _said("taken"))),
    "mesh": (
        Column(N_("Faces"), _counted("faces"), number=True),
        Column(N_("Vertices"), _counted("vertices"), number=True),
        Column(N_("Closed"), _closed),
    ),
    "molecule": (
        Column(N_("Formula"), _said("formula")),
        Column(N_("Weight"), _measured("weight", 2), number=True),
        Column(N_("SMILES"), _said("smiles")),
    ),
    "sequence": (
        Column(N_("Length"), _counted("length"), number=True),
        Column(N_("Alphabet"), _said("alphabet")),
        Column(N_("GC"), _measured("gc", 2), number=True),
        Column(N_("Description"), _said("description")),
    ),
    "text": (
        Column(N_("Title"), _said("title")),
        Column(N_("Words"), _counted("words"), number=True),
        Column(N_("Language"), _said("language")),
    ),
    "video": (
        Column(N_("Length"), _lasts, number=True),
        Column(N_("Pixels"), _sides, number=True),
        Column(N_("Codec"), _said("codec")),
    ),
}
