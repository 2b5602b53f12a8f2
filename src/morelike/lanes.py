"""The encoders that an open library has in use: one lane each, chosen, loaded and checked here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from morelike.errors import DigestMismatch, ModelError, SpaceMismatch, StoreError, UnknownName, UsageError
from morelike.lane import EncoderLane, LaneStats
from morelike.models import choose, weights
from morelike.protocols import Encoder
from morelike.settings import Settings
from morelike.types import Card, Kind, Space
from morelike.wiring import load_encoder, resolve_card

__all__ = ["Lanes"]


class Lanes:
    """One lane a card, by its id."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lanes: dict[str, EncoderLane] = {}
        self._lock = Lock()
        self._closed = False

    def choose(
        self, kinds: Sequence[Kind], encoder: str | Encoder, notify: Callable[[str], None] | None
    ) -> dict[Kind, Card]:
        """A card for each kind of a new collection, its encoder loadable. Raises UsageError, ModelError."""
        if not isinstance(encoder, str):
            self._add(encoder)
            card = encoder.card
        elif encoder == "auto":
            card = self._automatic(tuple(kinds), notify or (lambda _: None))
        else:
            card = resolve_card(encoder, self._settings)
        chosen = {kind: card for kind in kinds if kind in card.kinds}
        if not chosen:
            raise UsageError(
                f"the encoder {card.name} takes {', '.join(card.kinds)}, this modality gives {', '.join(kinds)}",
                hint="`morelike encoders` lists what takes what",
            )
        self._lane_of(card)
        return chosen

    def _automatic(self, kinds: tuple[Kind, ...], notify: Callable[[str], None]) -> Card:
        """The best card that can be had now: a download that fails is no reason to stop where one needs no weights."""
        choice = choose.auto(kinds, self._settings)
        notify(choice.why)
        if choice.better:
            notify(choice.better)
        if not choice.pull:
            return choice.card
        try:
            return weights.pull(choice.card, self._settings, _tenths(notify))
        except ModelError as error:
            without = self._settings.model_copy(update={"offline": True})
            instead = choose.auto(kinds, without)
            if instead.pull:
                raise
            notify(f"{error.message}; {instead.card.name} is used instead")
            return instead.card

    def check(self, spaces: Sequence[Space], encoder: str | Encoder, collection: str) -> None:
        """Refuse an encoder that is not the collection's own. Raises SpaceMismatch."""
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


def _tenths(notify: Callable[[str], None]) -> Callable[[str, int, int], None]:
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
