"""An answer that shows itself: a sequence of hits, a picture grid in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from morelike.errors import MorelikeError
from morelike.notebook import Previews, Room, grid_html
from morelike.search.several import Placed, fused
from morelike.types import Answer, Hit, Span

__all__ = ["GroupedHits", "HitGroup", "Hits", "Reply"]


class Hits:
    """One page of hits, best first. ``more``: another page exists (ask with ``offset``).

    ``nothing_similar``: even the best hit is no closer than chance would have it. ``unknown_words``: what the encoder
    does not know of the query's words, and left out.
    """

    def __init__(self, answer: Answer, previews: Previews) -> None:
        self.hits: tuple[Hit, ...] = answer.hits
        self.more: bool = answer.more
        self.nothing_similar: bool = answer.nothing_similar
        self.unknown_words: tuple[str, ...] = answer.unknown_words
        self.timings: Mapping[str, float] = answer.timings
        self._previews = previews

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __getitem__(self, index: int) -> Hit:
        return self.hits[index]

    def page(self, part: slice) -> Hits:
        """Some of these hits, as a page of its own."""
        more = self.more or len(self.hits) > part.stop
        answer = Answer(self.hits[part], more, self.timings, self.nothing_similar, self.unknown_words)
        return Hits(answer, self._previews)

    def joined(self, following: Hits) -> Hits:
        """With the page that follows it, as one."""
        hits, timings = self.hits + following.hits, dict(self.timings)
        for stage, seconds in following.timings.items():
            timings[stage] = timings.get(stage, 0.0) + seconds
        answer = Answer(hits, following.more, timings, self.nothing_similar, self.unknown_words)
        return Hits(answer, self._previews)

    def __repr__(self) -> str:
        lines = [f"{hit.score:.3f}  {_printable(hit.source)}{_where(hit.span)}" for hit in self.hits]
        shown = "\n".join([*lines, "…" if self.more else ""]).rstrip() or "no hits"
        return f"{shown}\n{_printable(self._left_out())}" if self.unknown_words else shown

    def _repr_html_(self) -> str:
        return self.shown_in(Room())

    def shown_in(self, room: Room) -> str:
        """As HTML for a notebook; ``room`` is what the page may yet weigh."""
        grid = grid_html(self.hits, self._previews, room)
        return f"<p>{escape(self._left_out())}</p>{grid}" if self.unknown_words else grid

    def _left_out(self) -> str:
        return f"not known, left out: {', '.join(self.unknown_words)}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What one of several collections answered: its hits from the first one on, or why there are none."""

    collection: str
    modality: str
    answer: Hits | MorelikeError


@dataclass(frozen=True, slots=True)
class HitGroup:
    """The hits of one modality, best first, and the collections that gave them."""

    modality: str
    collections: tuple[str, ...]
    hits: tuple[Placed, ...]
    more: bool


class GroupedHits:
    """One page of the hits of several collections: ``fused`` as one list, ``groups`` of it by modality, the group with
    the best hit first; ``answers``: each collection's own page; ``silent``: the collections without one, with the
    reason. A sequence of the fused hits.
    """

    def __init__(self, replies: Sequence[Reply], *, k: int, offset: int = 0) -> None:
        given = {one.collection: one.answer for one in replies if isinstance(one.answer, Hits)}
        modality_of = {one.collection: one.modality for one in replies}
        everything = fused({name: (modality_of[name], hits.hits) for name, hits in given.items()})
        further = {name: hits.more for name, hits in given.items()}
        page = slice(offset, offset + k)
        self.fused: tuple[Placed, ...] = tuple(everything[page])
        self.more: bool = len(everything) > offset + k or any(further.values())
        self.answers: Mapping[str, Hits] = {name: hits.page(page) for name, hits in given.items()}
        self.silent: tuple[Reply, ...] = tuple(one for one in replies if isinstance(one.answer, MorelikeError))
        groups = []
        for modality in dict.fromkeys([one.modality for one in everything] + [modality_of[name] for name in given]):
            own = [one for one in everything if one.modality == modality]
            names = tuple(name for name in given if modality_of[name] == modality)
            more = len(own) > offset + k or any(further[name] for name in names)
            groups.append(HitGroup(modality, names, tuple(own[page]), more))
        self.groups: tuple[HitGroup, ...] = tuple(groups)

    @classmethod
    def of(
        cls,
        fused: Sequence[Placed],
        groups: Sequence[HitGroup],
        answers: Mapping[str, Hits],
        silent: Sequence[Reply],
        *,
        more: bool,
    ) -> GroupedHits:
        """A page that somebody else put together."""
        page = cls((), k=0)
        page.fused, page.groups, page.answers = tuple(fused), tuple(groups), answers
        page.silent, page.more = tuple(silent), more
        return page

    def __len__(self) -> int:
        return len(self.fused)

    def __iter__(self) -> Iterator[Placed]:
        return iter(self.fused)

    def __getitem__(self, index: int) -> Placed:
        return self.fused[index]

    def __repr__(self) -> str:
        lines = []
        for group in self.groups:
            lines.append(f"{group.modality}: {', '.join(group.collections)}")
            for one in group.hits:
                where = f"{_printable(one.hit.source)}{_where(one.hit.span)}"
                lines.append(f"  {one.hit.score:.3f}  {one.collection}  {where}")
            lines += ["  …"] if group.more else []
        lines += [f"{reply.collection} is silent: {_printable(str(reply.answer))}" for reply in self.silent]
        return "\n".join(lines) or "no hits"

    def _repr_html_(self) -> str:
        room = Room()
        shown = "".join(
            f"<h4>{escape(name)} ({escape(group.modality)})</h4>{self.answers[name].shown_in(room)}"
            for group in self.groups
            for name in group.collections
        )
        silent = "".join(
            f"<p>{escape(reply.collection)} is silent: {escape(str(reply.answer))}</p>" for reply in self.silent
        )
        return shown + silent or "<p>no hits</p>"


def _where(span: Span) -> str:
    if span.box is not None:
        return "  ({}, {})–({}, {})".format(*span.box)
    if span.unit in {"bases", "characters"}:
        return f"  {span.start:,.0f}–{span.end:,.0f}"
    return f"  {span.start:.1f}–{span.end:.1f} s" if span.unit == "seconds" else ""


def _printable(text: str) -> str:
    """A file's name must not command the terminal that shows it."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
