"""``/``: the collections, with a place to drop a picture; making and dropping them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.errors import MissingExtra, MorelikeError, UnknownName, UsageError
from morelike.library import CollectionSummary, Library
from morelike.models import cards, weights
from morelike.models.choose import auto, foreseen
from morelike.registry import MODALITIES
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.language import N_
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.times import duration_of
from morelike.server.pages.view import collection_path, library_of, redirect, render, spread
from morelike.types import Card, Item, Kind

__all__ = ["is_limited", "router"]

router = page_router()

SHOWN = 5
"""Pictures that stand for a collection."""
LEGENDS: Mapping[Kind, str] = {
    "text": N_("Encoder: what makes two texts alike"),
    "image": N_("Encoder: what makes two pictures alike"),
    "audio": N_("Encoder: what makes two sounds alike"),
    "molecule": N_("Encoder: what makes two molecules alike"),
    "sequence": N_("Encoder: what makes two sequences alike"),
    "mesh": N_("Encoder: what makes two 3D models alike"),
}
HOLDS: Mapping[str, str] = {
    "audio": N_("Recordings and music. Found by sound, and where in them it is; the same recording as well."),
    "document": N_("PDF, DOCX, PPTX, EPUB, HTML. Found by passages, by words and by how a page looks."),
    "image": N_(
        "Photographs, drawings, scans. Found by what they show; by words as well, with an encoder that has them."
    ),
    "mesh": N_("STL, OBJ, PLY, GLB and others. Found by shape, whichever way they are turned."),
    "molecule": N_(
        "SMILES, InChI, SDF and tables of them. Found by structure, by a part, or by what they are a part of."
    ),
    "sequence": N_("DNA and proteins as FASTA, FASTQ, GenBank. Found by alignment."),
    "text": N_("Text files and tables of texts. Found by meaning, by words, or both; answers are marked."),
    "video": N_("Films. Found by pictures and by sound, to the second."),
}
"""A sentence on what a collection of the modality holds, and how it is searched."""
CUTS = {
    "window": (
        N_("Cut sound into pieces of"),
        "10 s",
        "audio video",
        N_("Short pieces find short sounds, and take more room."),
    ),
    "hop": (
        N_("A piece begins every"),
        "5 s",
        "audio video",
        N_("Less than a piece: they overlap, and nothing is missed."),
    ),
    "every": (
        N_("A picture of a film every"),
        N_("its shots"),
        "video",
        N_("Left alone, one for each shot: few pictures, and none is missed."),
    ),
    "column": (
        N_("Columns of a table that are searched"),
        "auto: title+content",
        "text",
        N_("Left alone, they are looked for by their names."),
    ),
}
"""Option to (what it is called, what it is unasked, the modalities that have it, what it means)."""


_LIMITED = re.compile(r"\bNC\b|non-?commercial|research (?:use )?only", re.IGNORECASE)
NAMES = ("column",)
"""Those of them that are no duration."""


@dataclass(frozen=True, slots=True)
class KindChoice:
    """The cards of one kind; ``modalities`` between spaces."""

    kind: Kind
    legend: str
    modalities: str
    encoders: Sequence[EncoderChoice]
    taken: EncoderChoice | None
    """What ``auto`` would take now, without asking anybody."""
    fetched: EncoderChoice | None
    """What it would fetch first, where the hub answers."""


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """One line of the list to choose an encoder from."""

    name: str
    kinds: tuple[str, ...]
    licence: str
    size: int
    here: bool
    description: str
    command: str
    """What brings its weights here."""
    limited: bool
    """Its licence is not for commercial use."""


@router.get("/")
def collections_page(request: Request) -> Response:
    """Every collection, and a form for a new one."""
    return _page(request)


@router.post("/collections")
async def make_collection(request: Request, form: SentForm) -> Response:
    """Make one, and lead to where items are added."""
    return await parts_of(request).writes.run(_make, request, form)


def _make(request: Request, form: FormData) -> Response:
    name = _field(form, "name")
    modality = _field(form, "modality") or "image"
    library = library_of(request)
    try:
        if not name:
            raise UsageError("a collection needs a name", hint="letters, digits, - and _")
        if name in library.names():
            raise UsageError(f"there is a collection {name} already", hint="choose another name")
        encoder = _encoder(library, modality, form)
        library.collection(name, modality=modality, encoder=encoder, options=_options(form))
    except MorelikeError as error:
        return _page(request, error, typed=name, held=modality)
    return redirect(collection_path(name, "add"))


def _encoder(library: Library, modality: str, form: FormData) -> str:
    """One card for each kind of the modality, between commas; ``auto`` where none is named.

    Beside a named one ``auto`` is settled here: the library leaves out a kind that no named card takes.
    """
    if plain := _field(form, "encoder"):
        return plain
    kinds: tuple[Kind, ...] = MODALITIES.load(modality)(library.settings).kinds
    chosen = {kind: _field(form, f"encoder-{kind}") or "auto" for kind in kinds if kind in LEGENDS}
    named = {kind: card for kind, card in chosen.items() if card != "auto"}
    if not named:
        return "auto"
    for kind in chosen:
        if kind not in named:
            with suppress(UnknownName):  # no card takes it
                named[kind] = auto((kind,), library.settings).card.name
    return ",".join(dict.fromkeys(named[kind] for kind in chosen if kind in named))


def _options(form: FormData) -> dict[str, float | str]:
    """Seconds; a column by its name. Raises UsageError."""
    given = {name: _field(form, name) for name in CUTS}
    return {name: text if name in NAMES else duration_of(text, name) for name, text in given.items() if text}


@router.post("/c/{name}/drop")
async def drop_collection(request: Request, name: str, form: SentForm) -> Response:
    """Drop one; its name has to be typed, or the button that says how much goes with it be pressed."""
    return await parts_of(request).writes.run(_drop, request, name, form)


def _drop(request: Request, name: str, form: FormData) -> Response:
    if _field(form, "confirm") != name:
        raise UsageError(f"{name} was not dropped: its name was not confirmed", hint="type the collection's name")
    library_of(request).drop(name)
    return redirect("/")


def _page(request: Request, error: MorelikeError | None = None, *, typed: str = "", held: str = "image") -> Response:
    library = library_of(request)
    summaries = library.collections()
    return render(
        request,
        "collections.html",
        status=200 if error is None else status_of(error),
        collections=[(summary, _pictures(library, summary)) for summary in summaries],
        modalities=(modalities := _modalities(library)),
        choices=_choices(library, modalities),
        holds=HOLDS,
        cuts=[(name, *words) for name, words in CUTS.items()],
        error=error,
        typed=typed,
        held=held,
    )


def _pictures(library: Library, summary: CollectionSummary) -> list[Item]:
    return spread(library.collection(summary.name), SHOWN) if summary.items else []


def _modalities(library: Library) -> dict[str, tuple[Kind, ...]]:
    """Each that can be used here, with its kinds; pictures first. Ready-made vectors come by ``import`` alone."""
    found: dict[str, tuple[Kind, ...]] = {}
    for name in sorted(MODALITIES.keys() - {"vectors"}, key=lambda name: (name != "image", name)):
        with suppress(MissingExtra):
            found[name] = MODALITIES.load(name)(library.settings).kinds
    return found


def _choices(library: Library, modalities: Mapping[str, tuple[Kind, ...]]) -> list[KindChoice]:
    """For each kind that a person chooses a card for: the cards, and the modalities that have it."""
    encoders = _encoders(library)
    return [
        KindChoice(
            kind,
            legend,
            " ".join(name for name, kinds in modalities.items() if kind in kinds),
            [choice for choice in encoders if kind in choice.kinds and (kind != "text" or len(choice.kinds) == 1)],
            *(_named(encoders, card) for card in foreseen(kind, library.settings)),
        )
        for kind, legend in LEGENDS.items()
        if any(kind in kinds for kinds in modalities.values())
    ]


def _encoders(library: Library) -> list[EncoderChoice]:
    """Those that can be used at once first."""
    found = []
    for card in cards.all_cards(library.settings):
        status = weights.status(card, library.settings)
        found.append(
            EncoderChoice(
                card.name,
                card.kinds,
                card.licence,
                status.size,
                status.here,
                card.description,
                _command(card),
                is_limited(card.licence),
            )
        )
    return sorted(found, key=lambda choice: (not choice.here, choice.name))


def _named(encoders: Sequence[EncoderChoice], card: Card | None) -> EncoderChoice | None:
    return next((choice for choice in encoders if card is not None and choice.name == card.name), None)


def _command(card: Card) -> str:
    if weights.pullable(card):
        return f"morelike models pull {card.name}"
    return "morelike models list" if card.parts else f"morelike models import FILE --card {card.name}"


def is_limited(licence: str) -> bool:
    """Whether it says that it is not for commercial use, as ``CC BY-NC 4.0`` does."""
    return _LIMITED.search(licence) is not None


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""
