"""What ``morelike search`` prints of several collections: a table for each kind of media."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from morelike.cli.output import line, print_json, table
from morelike.cli.quotes import quote_lines
from morelike.cli.text import near
from morelike.errors import QueryError
from morelike.explained import where_of
from morelike.shapes import several_shape

if TYPE_CHECKING:
    from morelike.cli.session import Session
    from morelike.hits import GroupedHits, HitGroup

__all__ = ["are_several", "left_out", "named", "print_several"]

ID_LENGTH = 12


def are_several(collection: str) -> bool:
    """Whether an argument names more than one collection: no name has a comma, nor what globs are made of."""
    return bool(set(collection) & set(",*?["))


def named(collections: str) -> list[str]:
    """``photos,film*`` as a list."""
    return [name.strip() for name in collections.split(",") if name.strip()]


def left_out(by: str, words: Sequence[str]) -> str:
    """What is said of words that an encoder does not know."""
    return f"not known to {by}: {', '.join(map(repr, words))}, left out"


def print_several(session: Session, found: GroupedHits, *, as_json: bool, explain: bool, following: int) -> None:
    """The answer, and who gave none. ``following``: the next page's offset. Raises QueryError where nobody did."""
    if not found.answers and found.silent and not as_json:
        reasons = "; ".join(f"{reply.collection}: {reply.answer}" for reply in found.silent)
        raise QueryError(f"no collection answers this: {reasons}", hint="morelike ls lists what there is")
    if as_json:
        print_json(several_shape(found, explain=explain))
        return
    places = {(one.collection, one.hit.item): place for place, one in enumerate(found.fused, start=1)}
    for group in found.groups:
        _print_group(group, places)
    if not found.fused:
        line("nothing found")
    for reply in found.silent:
        session.note(f"{reply.collection} is left out: {reply.answer}")
    for name, hits in found.answers.items():
        if hits.unknown_words:
            session.note(left_out(name, hits.unknown_words))
        if hits.nothing_similar:
            session.note(f"nothing similar in {name}")
        if explain and hits.timings:
            stages = ", ".join(f"{stage} {seconds * 1000:.1f} ms" for stage, seconds in hits.timings.items())
            line(f"time in {name}: {stages}")
    if found.more:
        session.note(f"there are more: --offset {following}")


def _print_group(group: HitGroup, places: dict[tuple[str, str], int]) -> None:
    """``#`` is the place among the hits of all collections, as far as it is on this page."""
    if not group.hits:
        return
    spans = any(where_of(one.hit) for one in group.hits)
    heads = ["#", "score", "item", "collection", *(["where"] if spans else []), "source"]
    rows = []
    for one in group.hits:
        names = ", ".join([one.collection, *one.also])
        row: list[object] = [places.get((one.collection, one.hit.item), ""), f"{one.hit.score:.3f}"]
        row += [one.hit.item[:ID_LENGTH], names, *([where_of(one.hit)] if spans else []), near(one.hit.source)]
        rows.append(row)
    line(f"{group.modality}:")
    table(rows, heads, right=("#", "score"), long="source", under=[quote_lines(one.hit) for one in group.hits])
    line()
