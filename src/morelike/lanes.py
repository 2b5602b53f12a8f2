"""The encoders that an open library has in use: one lane each, chosen, loaded and checked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from morelike.errors import (
    DigestMismatch,
    MissingExtra,
    ModelError,
    MorelikeError,
    SpaceMismatch,
    StoreError,
    UnknownName,
    UsageError,
)
from morelike.lane import EncoderLane, LaneStats
from morelike.models import choose, weights
from morelike.protocols import Encoder
from morelike.settings import Settings
from morelike.types import Card, Kind, Space
from morelike.wiring import load_encoder, resolve_card

__all__ = ["UNASKED", "Encoders", "Lanes"]

Encoders = str | Encoder | Sequence[str | Encoder]
"""A card's name, several with commas between them, ``auto``, an Encoder, or a sequence of names and encoders."""
Tell = Callable[[str], None]

UNASKED: Mapping[Kind, str] = {
    "genome": "minhash",
    "recording": "landmarks",
    "substructure": "pattern",
    "terms": "bm25",
}
"""What a kind gets where nobody names an encoder for it."""


class Lanes:
    """One lane a card, by its id."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lanes: dict[str, EncoderLane] = {}
        self._lock = Lock()
        self._closed = False

    def choose(self, kinds: Sequence[Kind], encoder: Encoders, notify: Tell | None) -> dict[Kind, Card]:
        """A card for each kind of a new collection that one can be had for, its encoder loadable.

        ``encoder``: ``auto``, or one or several, of which each kind gets the first that takes it. Kinds that go without
        are said through ``notify``. Raises UsageError, ModelError.
        """
        tell = notify or (lambda _: None)
        chosen = self._automatic(kinds, tell) if encoder == "auto" else self._named(kinds, _several(encoder))
        for kind in kinds:
            if encoder != "auto" and kind not in chosen and kind not in UNASKED:
                tell(f"no encoder is named for {kind}: it is not searched")
        for kind, name in UNASKED.items():
            if kind in kinds and kind not in chosen:
                self._unasked(kind, name, chosen, tell)
        return {kind: chosen[kind] for kind in kinds if kind in chosen}

    def _named(self, kinds: Sequence[Kind], encoders: Sequence[str | Encoder]) -> dict[Kind, Card]:
        """The first card that takes a kind; each card has to have one."""
        chosen: dict[Kind, Card] = {}
        for encoder in encoders:
            if not isinstance(encoder, str):
                self._add(encoder)
            card = resolve_card(encoder, self._settings) if isinstance(encoder, str) else encoder.card
            taken = [kind for kind in kinds if kind in card.kinds]
            if not taken:
                raise UsageError(
                    f"the encoder {card.name} takes {', '.join(card.kinds)}, this modality gives {', '.join(kinds)}",
                    hint="`morelike encoders` lists what takes what",
                )
            free = [kind for kind in taken if kind not in chosen]
            if not free:
                raise UsageError(
                    f"the encoder {card.name} would get nothing: {chosen[taken[0]].name} takes {taken[0]} already",
                    hint="name one encoder a kind",
                )
            self._lane_of(card)
            chosen.update(dict.fromkeys(free, card))
        return chosen

    def _automatic(self, kinds: Sequence[Kind], tell: Tell) -> dict[Kind, Card]:
        """The best card for each kind; a kind for which there is none is left out, unless it is the only one."""
        asked = [kind for kind in kinds if kind not in UNASKED] or list(kinds)
        chosen: dict[Kind, Card] = {}
        lacking: dict[Kind, MorelikeError] = {}
        for kind in asked:
            try:
                card = self._best(kind, tell if len(asked) == 1 else _of(kind, tell))
                self._lane_of(card)
                chosen[kind] = card
            except (ModelError, MissingExtra, UnknownName) as error:
                lacking[kind] = error
        if not chosen:
            raise next(iter(lacking.values()))
        for kind, why in lacking.items():
            tell(f"nothing is made of the kind {kind}: {why.message}")
        return chosen

    def _best(self, kind: Kind, notify: Tell) -> Card:
        """The best card that can be had now: a download that fails is no reason to stop where one needs no weights."""
        choice = choose.auto((kind,), self._settings)
        notify(choice.why)
        if choice.better:
            notify(choice.better)
        if not choice.pull:
            return choice.card
        try:
            return weights.pull(choice.card, self._settings, _tenths(notify))
        except ModelError as error:
            without = self._settings.model_copy(update={"offline": True})
            instead = choose.auto((kind,), without)
            if instead.pull:
                raise
            notify(f"{error.message}; {instead.card.name} is used instead")
            return instead.card

    def _unasked(self, kind: Kind, name: str, chosen: dict[Kind, Card], tell: Tell) -> None:
        try:
            card = resolve_card(name, self._settings)
            if card.form != "terms":  # words are kept as they are
                self._lane_of(card)
            chosen[kind] = card
        except (ModelError, MissingExtra, UnknownName) as error:
            tell(f"nothing is made of the kind {kind}: {error.message}")

    def check(self, spaces: Sequence[Space], encoder: Encoders, collection: str) -> None:
        """Refuse encoders that are not the collection's own. Raises SpaceMismatch, UsageError."""
        for one in _several(encoder):
            self._check(spaces, one, collection)

    def _check(self, spaces: Sequence[Space], encoder: str | Encoder, collection: str) -> None:
        if not isinstance(encoder, str):
            self._add(encoder)
            same = any(encoder.card.id == space.card.id for space in spaces)
            name = encoder.card.id
        else:
            same = any(encoder in {space.card.name, space.card.id} for space in spaces if space.active)
            name = encoder
        if not same:
            if isinstance(encoder, str):
                resolve_card(encoder, self._settings)  # a name that does not exist is said first
            own = ", ".join(space.card.name for space in spaces if space.active)
            raise SpaceMismatch(
                f"the collection {collection} was made with {own}; vectors of {name} cannot be compared with its own",
                hint=f"leave the encoder out; `morelike reembed {collection} --encoder {name}` changes to it",
            )

    def lane(self, space: Space) -> EncoderLane:
        """The lane of a space's own card. Raises SpaceMismatch, ModelError, MissingExtra."""
        return self._lane_of(space.card)

    def _add(self, encoder: Encoder) -> None:
        with self._lock:
            if encoder.card.id not in self._lanes:
                self._lanes[encoder.card.id] = self._made(encoder)

    def _lane_of(self, card: Card) -> EncoderLane:
        with self._lock:
            if self._closed:
                raise StoreError("the library was closed", hint="open it again")
            lane = self._lanes.get(card.id)
            if lane is None:
                lane = self._lanes[card.id] = self._made(_load(card, self._settings))
        return lane

    def _made(self, encoder: Encoder) -> EncoderLane:
        settings = self._settings
        return EncoderLane(encoder, query_batch=settings.query_batch, query_queue=settings.query_queue)

    def stats(self) -> tuple[LaneStats, ...]:
        """What every lane in use has done and what waits there, by the encoder's name."""
        with self._lock:
            lanes = list(self._lanes.values())
        return tuple(sorted((lane.stats() for lane in lanes), key=lambda stats: stats.encoder))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.close()


def _several(encoder: Encoders) -> list[str | Encoder]:
    """``"mobilenet-v2,yamnet"`` and sequences as one list. Raises UsageError where one has no name."""
    if isinstance(encoder, str):
        names: list[str | Encoder] = [name.strip() for name in encoder.split(",")]
    else:
        names = list(encoder) if isinstance(encoder, Sequence) else [encoder]
    if not names or "" in names:
        raise UsageError("an encoder without a name", hint="`morelike encoders` lists them; several: NAME,NAME")
    return names


def _of(kind: Kind, tell: Tell) -> Tell:
    return lambda sentence: tell(f"{kind}: {sentence}")


def _tenths(notify: Tell) -> Callable[[str, int, int], None]:
    """Progress of a download as a sentence at each tenth of a file."""
    told: dict[str, int] = {}

    def progress(file: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 0
        if tenth > told.get(file, 0):
            told[file] = tenth
            notify(f"{file}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    return progress


def _load(card: Card, settings: Settings) -> Encoder:
    try:
        return load_encoder(card, settings)
    except DigestMismatch as error:
        raise SpaceMismatch(
            f"the weights of {card.name} here are not those that the collection was made with: {error.message}",
            hint="put the same weights back, or change to these with `morelike reembed`",
        ) from error
    except UnknownName as error:
        raise UsageError(
            f"the collection was made with the encoder {card.name}, which is not installed here",
            hint="install its package, or open the collection with encoder=…",
        ) from error
