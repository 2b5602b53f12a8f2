"""One old server's data into one collection: with its vectors where the same card made them, else encoded anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final, Literal

from morelike.calibration import keep_calibrated
from morelike.deletion import delete_collection
from morelike.errors import MorelikeError, NoSuchCollection, SpaceMismatch, UsageError
from morelike.ingest import Ingest, Options
from morelike.lanes import Lanes
from morelike.moving.alike import Alike
from morelike.moving.moves import DONE, Check, Move, MoveReport
from morelike.moving.places import BUCKET, Place, demo_places, engine_places
from morelike.moving.published import Published, pictures_of
from morelike.moving.tables import OldTable, Rows
from morelike.moving.vectors import FetchesVectors, OldVectors
from morelike.prepare import chunked
from morelike.progress import Progress
from morelike.protocols import Modality
from morelike.registry import MODALITIES
from morelike.types import Collection, Space
from morelike.wiring import Stores, resolve_card

__all__ = ["OPTIONS", "TABLES", "Mover", "Old", "OldComing", "OldKind"]

OldKind = Literal["bootcamp", "image-engine"]
OPTIONS: Final[Mapping[str, Mapping[str, float]]] = {
    "audio": {"window": 60.0, "hop": 60.0},
    "video": {"every": 1.0},
}
"""How the older servers cut what a collection of each modality holds."""
TABLES: Final[Mapping[OldKind, str]] = {"bootcamp": "", "image-engine": "image_meta"}
_AHEAD: Final = 128

Make = Callable[[str, str, str, Mapping[str, Any]], Collection]
"""Makes a collection by name, modality, encoder and options."""


@dataclass(frozen=True, slots=True)
class Old:
    """Where an old server's data are; no text of it holds an address, which may hold a password.

    ``vectors``: the collection in Milvus, where it has another name than the table. ``moved``: where folders of the old
    server are on this machine. ``objects``: settings of the S3 server, by name, where they are not the library's own.
    ``npy``: the published file of vectors in the place of MySQL and Milvus, or its folder; ``pictures``: theirs.
    """

    kind: OldKind
    mysql: str = field(repr=False)
    table: str = ""
    milvus: str = field(default="", repr=False)
    vectors: str = ""
    bucket: str = BUCKET
    objects: Mapping[str, Any] = field(default_factory=dict, repr=False)
    moved: Mapping[str, str] = field(default_factory=dict)
    npy: str = ""
    pictures: str = ""


@dataclass(frozen=True, slots=True)
class OldComing:
    """What a move would read: rows of the table, and how wide the vectors are (0: files are encoded anew)."""

    rows: int
    modality: str
    dim: int


class Mover:
    """One move. ``encoder``: the card that made the vectors; none: every file is encoded anew, by the automatic one."""

    def __init__(
        self,
        stores: Stores,
        lanes: Lanes,
        make: Make,
        collection: str,
        old: Old,
        *,
        encoder: str | None,
        modality: str | None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self._stores = stores
        self._lanes = lanes
        self._make = make
        self._name = collection
        self._old = old
        self._encoder = encoder
        self._asked_for = modality
        self._tell = notify or (lambda _: None)
        self._passed = 0

    def coming(self) -> OldComing:
        """Raises what ``run`` raises before it writes anything."""
        self._check_name()
        with self._hinting(), self._table() as table:
            modality = self._modality_of(table)
            self._places(table)
            if self._encoder is None:
                return OldComing(table.count(), modality, 0)
            with self._vectors() as vectors:
                self._check_width(vectors)
                return OldComing(table.count(), modality, vectors.dim)

    def run(self, *, progress: Callable[[Progress], None] | None = None, stop: Event | None = None) -> MoveReport:
        """Setting ``stop`` ends it once what is in flight is durable; the same call goes on with it.

        Raises UsageError, SpaceMismatch, SettingsError, ModelError, MissingExtra, StoreError.
        """
        self._check_name()
        with self._hinting(), self._table() as table:
            modality = self._modality_of(table)
            places = self._places(table)
            total = None if modality == "video" else table.count()  # of a film there are many rows
            if self._encoder is None:
                found, made = self._collection(modality)
                with self._dropped_if_empty(found, made):
                    report = self._encode(found, places, progress, stop)
            else:
                with self._vectors() as vectors:
                    self._check_width(vectors)
                    found, made = self._collection(modality)
                    with self._dropped_if_empty(found, made):
                        report = self._move(found, vectors, places, total=total, progress=progress, stop=stop)
        if not report.interrupted:
            keep_calibrated(self._stores, found)
        return report

    # What is read

    def _table(self) -> OldTable | Published:
        if self._old.npy:
            return self._published()
        name = self._old.table or TABLES[self._old.kind]
        if not name:
            raise UsageError("which table is it?", hint="--table NAME, as DEFAULT_TABLE or MILVUS_TABLE had it")
        if not self._old.mysql:
            raise UsageError("where is the old server's MySQL?", hint="--mysql mysql://USER:PASSWORD@HOST:3306/NAME")
        return OldTable(self._old.mysql, name)

    def _published(self) -> Published:
        file = Path(self._old.npy).expanduser()
        found = Published(file, pictures_of(file, self._old.pictures))
        if self._encoder is None:
            raise UsageError(
                f"which encoder made the vectors of {found.name}? Those of others cannot be compared with them",
                hint=f"--encoder NAME, one of {found.dim} numbers; {self._anew}",
            )
        return found

    @property
    def _anew(self) -> str:
        return f"or have the pictures encoded anew: `morelike add {self._name} FOLDER --in-place --encoder NAME`"

    @contextmanager
    def _hinting(self) -> Iterator[None]:
        """Without --encoder nothing is encoded anew where a file of vectors was named: say what does it."""
        try:
            yield
        except SpaceMismatch as error:
            if not self._old.npy:
                raise
            raise SpaceMismatch(error.message, hint=f"name the encoder that made them, {self._anew}") from error

    def _vectors(self) -> OldVectors | Published:
        if self._old.npy:
            return self._published()
        if not self._old.milvus:
            raise UsageError(
                f"where are the vectors that {self._encoder} made?",
                hint="--milvus http://HOST:19530; without --encoder the files are encoded anew",
            )
        name = self._old.vectors or self._old.table or TABLES[self._old.kind]
        return OldVectors(self._old.milvus, name, self._stores.settings)

    def _places(self, table: Rows) -> Iterator[Place]:
        settings = self._stores.settings
        if self._old.kind == "image-engine":
            return engine_places(table, settings.model_copy(update=dict(self._old.objects)), self._old.bucket)
        return demo_places(table, settings, self._old.moved)

    def _modality_of(self, table: Rows) -> str:
        if self._old.kind == "image-engine":
            return "image"
        if self._asked_for is not None:
            return self._asked_for
        if (found := self._there()) is not None:
            return found.modality
        names = {column.name for column in table.columns}
        return "audio" if "audio_path" in names else "video" if names & {"video_path", "gif_path"} else "image"

    def _check_name(self) -> None:
        """Before anybody is asked. Raises UnknownName."""
        if self._encoder is not None and self._there() is None:
            resolve_card(self._encoder, self._stores.settings)

    def _check_width(self, vectors: FetchesVectors) -> None:
        card = resolve_card(self._encoder or "", self._stores.settings) if self._there() is None else None
        if card is not None and (card.form != "dense" or card.dim != vectors.dim):
            raise SpaceMismatch(
                f"the {vectors.where} has {vectors.dim} numbers a vector, and {card.name} makes {card.dim}",
                hint="name the encoder that made them, or leave --encoder out: then the files are encoded anew",
            )

    # The collection

    def _there(self) -> Collection | None:
        try:
            return self._stores.catalog.collection(self._name)
        except NoSuchCollection:
            return None

    def _collection(self, modality: str) -> tuple[Collection, bool]:
        """And whether it was made now."""
        found = self._there()
        if found is not None and self._stores.catalog.spaces(found):
            if found.modality != modality:
                raise UsageError(
                    f"the collection {found.name} holds {found.modality}, not {modality}", hint="choose another name"
                )
            return found, False
        return self._make(self._name, modality, self._encoder or "auto", OPTIONS.get(modality, {})), True

    @contextmanager
    def _dropped_if_empty(self, found: Collection, made: bool) -> Iterator[None]:
        """What is refused at once must not leave an empty collection that nobody asked for."""
        try:
            yield
        except (MorelikeError, KeyboardInterrupt):
            catalog = self._stores.catalog
            if made and not catalog.count(found, state=None) and not catalog.ledger_count(found):
                with self._stores.lock.hold(f"drop {found.name}"):
                    delete_collection(self._stores, found)
            raise

    # The two ways

    def _move(
        self,
        found: Collection,
        vectors: FetchesVectors,
        places: Iterator[Place],
        *,
        total: int | None,
        progress: Callable[[Progress], None] | None,
        stop: Event | None,
    ) -> MoveReport:
        modality: Modality = MODALITIES.load(found.modality)(self._stores.settings)
        return Move(
            self._stores,
            found,
            modality,
            self._space(found),
            vectors,
            keep=self._old.kind == "image-engine",
            origin=self._origin,
            check=self._check(found, modality),
            progress=progress,
            stop=stop,
        ).run(places, total)

    def _check(self, found: Collection, modality: Modality) -> Check | None:
        if "every" in found.options:
            return None  # the moment that a vector of a film was made of is not known to the frame
        return Alike(self._lanes, modality, self._tell)

    @property
    def _origin(self) -> str:
        return f"{self._old.kind}:{self._old.npy or self._old.table or TABLES[self._old.kind]}"

    def _space(self, found: Collection) -> Space:
        spaces = [one for one in self._stores.catalog.spaces(found) if one.active and one.has_vectors]
        space = next((one for one in spaces if self._encoder in {one.card.name, one.card.id}), None)
        if space is None:
            made_with = ", ".join(one.card.name for one in spaces)
            raise SpaceMismatch(
                f"the collection {found.name} is made with {made_with}, not with {self._encoder}",
                hint="choose another name for a new collection, or leave --encoder out: files are encoded anew then",
            )
        return space

    def _encode(
        self,
        found: Collection,
        places: Iterator[Place],
        progress: Callable[[Progress], None] | None,
        stop: Event | None,
    ) -> MoveReport:
        """As ``add`` does it."""
        stores = self._stores
        modality: Modality = MODALITIES.load(found.modality)(stores.settings)
        options = Options(in_place=self._old.kind == "bootcamp")
        spaces = stores.catalog.spaces(found)
        work = Ingest(stores, found, modality, self._lanes.lane, spaces, options=options, progress=progress, stop=stop)
        report = work.run([(self._origin, (place.blob() for place in self._new(found, places)))])
        active = [space.card.id for space in spaces if space.active and space.has_vectors]
        return MoveReport(
            found.name,
            active[0] if active else "",
            report.added,
            report.same + self._passed,
            report.rejected + report.rejected_before,
            0,
            report.rejections,
            report.seconds,
            report.interrupted,
        )

    def _new(self, found: Collection, places: Iterator[Place]) -> Iterator[Place]:
        """Without those whose bytes cannot have changed since they came in: nothing of them is fetched."""
        for page in chunked(places, _AHEAD, 2.0):
            fixed = [place.uri for place in page if place.fixed]
            known = self._stores.catalog.known_sources(found, fixed) if fixed else {}
            for place in page:
                if place.uri in known and known[place.uri][2] in DONE:
                    self._passed += 1
                else:
                    yield place
