"""``--encoder auto``: the best card that is here, else one that the hub has, else one without weights; in seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from morelike.errors import UnknownName
from morelike.models import cards, weights
from morelike.settings import Settings
from morelike.types import Card, Kind

__all__ = ["RANKS", "Choice", "auto", "foreseen"]

RANKS: dict[Kind, tuple[str, ...]] = {
    "audio": ("clap-htsat", "panns-cnn14", "yamnet", "classic-audio"),
    "genome": ("minhash",),
    "image": (
        "clip-vit-b-32",
        "siglip2-base",
        "dinov2-small",
        "mobilenet-v2",
        "mobilenet-v1-025",
        "classic",
    ),
    "mesh": ("views-clip-vit-b-32", "views-dinov2-small", "views-mobilenet-v2", "mesh-shape"),
    "molecule": ("morgan",),
    "recording": ("landmarks",),
    "sequence": ("dna-kmers", "protein-kmers"),
    "substructure": ("pattern",),
    "terms": ("bm25",),
    "text": ("bge-small-en-v1.5", "multilingual-e5-small", "all-minilm-l6-v2", "hashed-text"),
}
"""A kind's cards, the best first by their published figures. Cards not named here are the person's to ask for."""

_FETCHED: dict[Kind, str] = {"image": "dinov2-small"}
"""What ``auto`` fetches by itself: the best for its size, 89 MB, so that nobody waits long unasked.

Nothing for sounds: the one card that the hub has for them is 621 MB.
"""

_PATIENCE = 2.0  # seconds for the hub to answer at all


@dataclass(frozen=True, slots=True)
class Choice:
    """The card, a sentence why it is this one, one how to get a better one ("" if none), and whether to pull it."""

    card: Card
    why: str
    better: str
    pull: bool


def auto(
    modality_kinds: tuple[Kind, ...], settings: Settings, *, hub_answers: Callable[[], bool] | None = None
) -> Choice:
    """Choose for the first of the kinds that any card takes. Raises UnknownName where none does."""
    known = {card.name: card for card in cards.all_cards(settings)}
    for kind in modality_kinds:
        ranked = [known[name] for name in RANKS.get(kind, ()) if name in known and kind in known[name].inputs]
        others = [card for card in known.values() if kind in card.inputs and card not in ranked and not card.parts]
        candidates = [*ranked, *(others if not ranked else [])]
        if candidates:
            return _chosen(kind, candidates, settings, hub_answers or (lambda: _answers(settings)))
    raise UnknownName(f"no encoder takes {' or '.join(modality_kinds)}", hint="`morelike encoders` lists what there is")


def foreseen(kind: Kind, settings: Settings) -> tuple[Card | None, Card | None]:
    """(what ``auto`` takes of a kind without asking the hub, what it fetches first where the hub answers; else None).

    By names alone, in milliseconds: no digest is computed and nobody is asked.
    """
    known = {card.name: card for card in cards.all_cards(settings)}
    ranked = [known[name] for name in RANKS.get(kind, ()) if name in known and kind in known[name].inputs]
    best = next((card for card in ranked if weights.status(card, settings).here), None)
    if best is not None and (best.weights or best.parts):
        return best, None
    fetched = next((card for card in ranked if card.name == _FETCHED.get(kind)), None)
    return best, None if settings.offline else fetched


def _chosen(kind: Kind, candidates: list[Card], settings: Settings, hub_answers: Callable[[], bool]) -> Choice:
    here = [card for card in candidates if weights.status(card, settings).here]
    best = here[0] if here else None
    if best is not None and (best.weights or best.parts):
        return Choice(
            _sealed(best, settings), f"{best.name} is the best that is here", _better(best, candidates), pull=False
        )
    fetched = next((card for card in candidates if card.name == _FETCHED.get(kind)), None)
    if fetched is not None and not settings.offline and hub_answers():
        megabytes = weights.size(fetched) / 1e6
        why = f"{fetched.name} is fetched once from the hub ({megabytes:.0f} MB, licence {fetched.licence})"
        return Choice(fetched, why, _better(fetched, candidates), pull=True)
    if best is not None:
        why = f"{best.name}, which needs no weights"
        if best is not candidates[0]:
            why += f": none are on this machine, and {_why_not_fetched(fetched, settings)}"
        return Choice(best, why, _better(best, candidates), pull=False)
    card = candidates[0]
    return Choice(card, f"{card.name} is the only one for {kind}", "", pull=weights.pullable(card))


def _why_not_fetched(fetched: Card | None, settings: Settings) -> str:
    if fetched is None:
        return "none is small enough to be fetched unasked"
    return "MORELIKE_OFFLINE is set" if settings.offline else "the model hub does not answer"


def _sealed(card: Card, settings: Settings) -> Card:
    """With the digests of files that are here, as ``find`` gives it."""
    return cards.find(card.name, settings)


def _better(card: Card, candidates: list[Card]) -> str:
    above = candidates[: candidates.index(card)]
    pullable = [other for other in above if weights.pullable(other)]
    if not pullable:
        return ""
    named = next((other for other in pullable if other.name in _FETCHED.values()), pullable[-1])
    size = weights.size(named) / 1e6
    pull = f"`morelike models pull {named.name}` ({size:.0f} MB)"
    return f"a better one: {pull}, or a folder in MORELIKE_MODELS; see `morelike models list`"


def _answers(settings: Settings) -> bool:
    """Whether the hub answers within two seconds, name look-up included, which has no time limit of its own."""
    answer: list[bool] = []

    def ask() -> None:
        import httpx

        with suppress(httpx.HTTPError, httpx.InvalidURL, OSError):
            response = httpx.head(settings.hub, timeout=_PATIENCE, follow_redirects=False)
            answer.append(response.status_code < 500)

    thread = threading.Thread(target=ask, daemon=True, name="morelike-hub")
    thread.start()
    thread.join(_PATIENCE)
    return bool(answer and answer[0])
