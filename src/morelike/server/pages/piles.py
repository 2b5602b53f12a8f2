"""Groups of duplicates as they are now: what a look found, less what was decided since."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from morelike.collection import OpenCollection
from morelike.records import Aside
from morelike.server.pages.reading import openings
from morelike.settings import Settings
from morelike.types import Item

__all__ = ["AsideRun", "Filters", "Member", "Pile", "piles_of", "runs_of_asides", "score_of", "with_openings"]

KINDS: Final = ("near", "equal", "contains")
SHOWN: Final = 24
"""Members of one group that are drawn."""
FURTHEST: Final = 10_000
JOB_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Filters:
    """Which groups are shown: of which look and kind, how alike at least, which page from 0."""

    job: str = ""
    kind: str = ""
    least: float = 0.0
    page: int = 0

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Filters:
        """From an address or a form; what cannot be read is passed over."""
        kind, page = str(given.get("kind") or ""), str(given.get("page") or "")
        try:
            least = float(str(given.get("least") or 0).replace(",", "."))
        except ValueError:
            least = 0.0
        if not math.isfinite(least):
            least = 0.0
        number = int(page) if page.isdecimal() and len(page) <= 5 else 1
        return cls(
            str(given.get("job") or "")[:JOB_ID],
            kind if kind in KINDS else "",
            min(max(least, 0.0), 1.0),
            min(max(number, 1), FURTHEST) - 1,
        )

    def on(self, page: int) -> Filters:
        return replace(self, page=page)

    def query(self) -> str:
        """As an address has them."""
        pairs = {"job": self.job, "kind": self.kind, "least": f"{self.least:g}" if self.least else ""}
        pairs["page"] = str(self.page + 1) if self.page else ""
        return urlencode({name: value for name, value in pairs.items() if value})


@dataclass(frozen=True, slots=True)
class Member:
    """One of a group. ``score``: how alike it is to the keeper that was suggested; ``at``: seconds of a longer one."""

    id: str
    source: str
    size: int
    width: int | None
    height: int | None
    duration: float | None
    score: float
    at: tuple[float, float] | None = None
    opening: str = ""


@dataclass(frozen=True, slots=True)
class Pile:
    """One group, the keeper that is suggested first. ``number``: its place in what the look found."""

    number: int
    kind: str
    keeper: str
    members: tuple[Member, ...]

    @property
    def others(self) -> tuple[Member, ...]:
        """What can be set aside; of equal files, which are one item, nothing."""
        return () if self.kind == "equal" else self.members[1:]

    @property
    def shown(self) -> tuple[Member, ...]:
        return self.members[:SHOWN]


@dataclass(frozen=True, slots=True)
class AsideRun:
    """What one run set aside: all of it ``count``, and those of this page, each with its item and its keeper's."""

    run: str
    at: str
    count: int
    rows: tuple[tuple[Aside, Item | None, Item | None], ...]


def piles_of(
    groups: Sequence[Mapping[str, Any]],
    ready: AbstractSet[str],
    distinct: AbstractSet[tuple[str, str]],
    filters: Filters,
) -> list[Pile]:
    """The groups that still have something to decide, or several places; near ones first, the most alike of them first.

    ``groups``: as a job's result has them. Members that are not ``ready``, that are ``distinct`` from the keeper or
    less alike than the filters ask for are left out.
    """
    found = [pile for number, group in enumerate(groups) if (pile := _pile(number, group, ready, distinct, filters))]
    return sorted(found, key=lambda pile: (KINDS.index(pile.kind) == 1, -pile.members[1].score, pile.number))


def _pile(
    number: int,
    group: Mapping[str, Any],
    ready: AbstractSet[str],
    distinct: AbstractSet[tuple[str, str]],
    filters: Filters,
) -> Pile | None:
    kind = str(group.get("kind"))
    members = [_member(one) for one in group["members"] if one["item"] in ready]
    if kind not in KINDS or filters.kind not in {"", kind} or len(members) < 2:
        return None
    keeper = members[0]
    if kind != "equal":
        others = [
            one
            for one in members[1:]
            if one.score >= filters.least and tuple(sorted((keeper.id, one.id))) not in distinct
        ]
        members = [keeper, *others]
    return Pile(number, kind, keeper.id, tuple(members)) if len(members) > 1 else None


def _member(shape: Mapping[str, Any]) -> Member:
    why = shape.get("why") or {}
    inside = "from" in why and "to" in why
    return Member(
        id=str(shape["item"]),
        source=str(shape["source"]),
        size=int(shape.get("size") or 0),
        width=shape.get("width"),
        height=shape.get("height"),
        duration=shape.get("duration"),
        score=float(shape.get("score") or 0.0),
        at=(float(why["from"]), float(why["to"])) if inside else None,
    )


def score_of(pile: Pile, keeper: str, item: str) -> float:
    """How alike the two are, as far as the look compared them; 0 where it did not."""
    scores = {member.id: member.score for member in pile.members}
    if keeper == pile.keeper:
        return scores[item]
    return scores[keeper] if item == pile.keeper else 0.0


def with_openings(
    opened: OpenCollection, settings: Settings, piles: Sequence[Pile], items: Mapping[str, Item]
) -> list[Pile]:
    """The same with the first words of what is a text."""
    words = openings(opened, settings, list(items.values()))
    if not words:
        return list(piles)
    return [
        replace(pile, members=tuple(replace(one, opening=words.get(one.id, "")) for one in pile.members))
        for pile in piles
    ]


def runs_of_asides(asides: Sequence[Aside], shown: Sequence[Aside], items: Mapping[str, Item]) -> list[AsideRun]:
    """The runs of a page, the newest first; ``asides`` are all there are, ``shown`` those of the page."""
    counts: dict[str, int] = {}
    for aside in asides:
        counts[aside.run] = counts.get(aside.run, 0) + 1
    rows: dict[str, list[Aside]] = {}
    for aside in shown:
        rows.setdefault(aside.run, []).append(aside)
    return [
        AsideRun(
            run,
            some[0].at,
            counts[run],
            tuple((one, items.get(one.item_id), items.get(one.keeper)) for one in some),
        )
        for run, some in rows.items()
    ]
