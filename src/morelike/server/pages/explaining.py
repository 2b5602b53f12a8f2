"""``/c/NAME/why``: why one hit of a search is there, asked when somebody wants to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from fastapi import Request, Response

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, NoSuchItem
from morelike.explained import shared_line
from morelike.server.deps import parts_of
from morelike.server.pages.answers import example_of, query_of
from morelike.server.pages.board import Board
from morelike.server.pages.language import N_
from morelike.server.pages.passages import passage_of
from morelike.server.pages.routing import page_router
from morelike.server.pages.shown import shown_of
from morelike.server.pages.telling import called_of
from morelike.server.pages.times import span_words
from morelike.server.pages.view import library_of, place_of, render, shown_path
from morelike.server.pages.writing import Writing, writing_of
from morelike.types import Example, Hit, Item, Span

__all__ = ["router"]

router = page_router()
UNITS = {
    "cosine": N_("Cosine"),
    "tanimoto": N_("Tanimoto"),
    "tversky": N_("Tversky"),
    "containment": N_("Containment"),
    "ani": N_("Average nucleotide identity"),
    "identity": N_("Identity"),
    "aligned": N_("Aligned letters"),
    "length": N_("Letters asked with"),
    "bits": N_("Bit score"),
    "bm25": N_("Keywords (BM25)"),
    "rrf": N_("Fused ranks (RRF)"),
    "squared_l2": N_("Squared distance, negative"),
    "l2": N_("Distance, negative"),
    "ip": N_("Inner product"),
    "coverage": N_("Share of the example that was found"),
}
KINDS = {
    "image": N_("by how it looks"),
    "audio": N_("by how it sounds"),
    "text": N_("by its words"),
    "molecule": N_("by its structure"),
    "sequence": N_("by its letters"),
    "mesh": N_("by its shape"),
    "composed": N_("by the picture and the words together"),
}


@dataclass(frozen=True, slots=True)
class Share:
    """One part of the search, and how alike the item is to it alone."""

    name: str
    weight: float
    alike: str
    preview: str = ""
    words: bool = False


@router.get("/c/{name}/why")
async def why(request: Request, name: str, item: str = "") -> Response:
    """The hit ``item`` of the search in the address: its scores, each part of the search alone, and what it shares."""
    return await parts_of(request).searches.run(_why, request, name, item)


def _why(request: Request, name: str, item_id: str) -> Response:
    opened = library_of(request).collection(name)
    board = Board.read(request.query_params)
    item = opened.item(item_id[:128])
    writing = writing_of(opened)
    hit = next(
        (one for one in opened.search(query_of(request, opened, board, writing, explain=True)) if one.item == item.id),
        None,
    )
    if hit is None:
        hint = N_("the collection has changed since: search again")
        raise NoSuchItem(N_("this item is no hit of that search any more"), hint=hint)
    fragment = bool(request.headers.get("hx-request"))
    return render(
        request,
        "parts/why.html" if fragment else "why.html",
        collection=opened,
        item=item,
        hit=hit,
        board=board,
        called=called_of(item) or place_of(item.sources[0].uri if item.sources else item.id),
        figures=[(UNITS.get(unit, unit.replace("_", " ")), _figure(unit, value)) for unit, value in hit.unit.items()],
        found_by=KINDS.get(hit.kind, ""),
        shares=list(_shares(request, opened, board, writing, item)),
        sentences=said_of(hit),
        passage=passage_of(hit),
    )


def said_of(hit: Hit) -> list[tuple[str, dict[str, object]]]:
    """What a hit shares with what was asked, a sentence each, with its values: said while the page is rendered."""
    said: list[tuple[str, dict[str, object]]] = []
    place = _place(hit.span)
    if place:
        said.append(place)
    shared = shared_line(hit)
    if shared:
        said.append((N_("Shared: %(atoms)s."), {"atoms": shared}))
    aligned = hit.why.get("aligned")
    if isinstance(aligned, dict) and aligned.get("of"):
        said.append(
            (
                N_("%(frames)s of %(of)s frames of the example run along with it, at %(speed)s times its speed."),
                {"frames": aligned.get("frames", 0), "of": aligned["of"], "speed": f"{aligned.get('speed', 1):g}"},
            )
        )
    return said


def _place(span: Span) -> tuple[str, dict[str, object]] | None:
    if span.box is not None:
        box = ", ".join(f"{edge:g}" for edge in span.box)
        return N_("The best part is the region (%(box)s), in pixels."), {"box": box}
    if span.unit == "seconds":
        return N_("The best part is %(part)s."), {"part": span_words(span)}
    if span.unit == "page":
        return N_("The best part is page %(page)s."), {"page": f"{span.start:g}"}
    if span.unit in {"bases", "characters"}:
        return N_("The best part are the letters %(first)s to %(last)s."), {
            "first": f"{span.start + 1:.0f}",
            "last": f"{span.end:.0f}",
        }
    return None


def _figure(unit: str, value: float) -> str:
    if unit in {"identity", "containment", "ani", "coverage"}:
        return f"{100 * value:.1f} %"
    if unit in {"aligned", "length"}:
        return f"{value:.0f}"
    return f"{value:.1f}" if unit in {"bits", "bm25"} else f"{value:.3f}"


def _shares(
    request: Request, opened: OpenCollection, board: Board, writing: Writing | None, item: Item
) -> Iterator[Share]:
    """Each part of the search against the item alone; a search of one part has said it already."""
    if len(board.parts) + len(board.words) < 2:
        return
    for part in board.parts:
        shown = shown_of(request, opened, part)
        preview = shown["preview"] or shown_path(opened.name, part.name, opened.modality, 128)
        yield Share(str(shown["name"]), part.weight, _alike(opened, partial(example_of, request, part), item), preview)
    for text, weight in board.words:
        means = opened.means(text) if writing and not writing.words else "text"
        yield Share(text[:80], weight, _alike(opened, partial(Example, means, text), item), words=True)


def _alike(opened: OpenCollection, example: Callable[[], Example], item: Item) -> str:
    """In the field's own unit; "" where it cannot be told: an example that is gone, words for another encoder."""
    try:
        units = opened.compare(example(), Example("item", item.id))
    except MorelikeError:
        return ""
    unit, value = next(iter(units.items()))
    return _figure(unit, value)
