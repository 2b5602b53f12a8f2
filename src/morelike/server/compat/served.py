"""One older server's view of a library: tables, loads, searches in the old unit, and the files that it may give away.

A table is a collection of that name, a path the uri of a source. Files of a folder stay where they are.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from morelike.collection import OpenCollection
from morelike.errors import ModelNotHere, NoSuchCollection, UsageError
from morelike.library import Library
from morelike.models import cards, choose, weights
from morelike.progress import AddReport, Progress
from morelike.registry import MODALITIES
from morelike.server.compat.older import Older
from morelike.server.deps import Parts
from morelike.server.errors import Refused
from morelike.server.limits import Gate
from morelike.settings import Settings
from morelike.sources import open_source
from morelike.types import Blob, Card, Example, Hit, Item, Query, Source
from morelike.unpacking import holds_of

__all__ = ["MOST_ASKED", "Loading", "Row", "Served", "distance_of", "takes_words"]

MOST_ASKED: Final = 1000
"""The most rows of one answer."""
DETECTOR: Final = "detector"
"""The name of the file that finds objects, without its ending."""
_TABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an answer: a source of an item that was found. An item with several sources has as many rows."""

    path: str
    name: str
    distance: float
    hit: Hit
    item: Item
    source: Source


class Loading:
    """How far the loads of one server are, all that run together; the last one's end is kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, tuple[int, int]] = {}
        self._last = (0, 0)
        self._next = 0

    def begin(self) -> int:
        with self._lock:
            if not self._running:
                self._last = (0, 0)
            self._next += 1
            self._running[self._next] = (0, 0)
            return self._next

    def note(self, load: int, progress: Progress) -> None:
        """Files that are through, the bad ones too."""
        through = progress.done + progress.same + progress.rejected
        with self._lock:
            self._running[load] = (through, max(progress.total or 0, progress.seen, through))

    def end(self, load: int, through: int) -> None:
        with self._lock:
            self._running.pop(load, None)
            self._last = (self._last[0] + through, self._last[1] + through)

    @property
    def under_way(self) -> list[tuple[int, int]]:
        """(current, total) of each load that runs."""
        with self._lock:
            return list(self._running.values())

    @property
    def now(self) -> tuple[int, int]:
        """(current, total): the same number only where nothing runs, which is what clients wait for."""
        with self._lock:
            running = [(current, max(total, current + 1)) for current, total in self._running.values()]
            both = [self._last, *running]
        return sum(current for current, _ in both), sum(total for _, total in both)


@dataclass(slots=True)
class Served:
    """What the routes of one older server work with. Its methods block: routes call them through a gate."""

    library: Library
    older: Older
    parts: Parts
    """Of the library's own server: its gates and its end are shared."""
    table: str
    """The table where a request names none."""
    top_k: int
    metric: str = "L2"
    """``L2``: squared distances of unit vectors, the least first. ``IP``: inner products, the greatest first.
    ``JACCARD``: 1 - Tanimoto of fingerprints, the least first.
    """
    limit: float | None = None
    """Squared L2 of unit vectors: what is no nearer is not answered, where the server has such a limit."""
    encoder: str = ""
    """What new tables are made with; filled in by ``settle``."""
    regions: str = ""
    """How pictures are cut into their objects, where the server is about objects; likewise."""
    loading: Loading = field(default_factory=Loading)
    loads: Gate = field(default_factory=lambda: Gate("loads", 4, 12))

    def settle(self) -> str:
        """Choose the encoder of new tables, and what finds objects, from what is on this machine; the sentence that
        says which and why. Raises ModelError where there is a detector that cannot be used.
        """
        said = self._choose_by_words() if self.older.by_words else self._choose_encoder()
        if not self.older.by_objects:
            return said
        self.regions, how = regions_here(self.library.settings)
        return f"{said}; {how}"

    def _choose_encoder(self) -> str:
        settings = self.library.settings
        for name in self.older.encoders:
            card = cards.find(name, settings)
            if weights.status(card, settings).here:
                self.encoder = name
                return f"{self.older.name}: new tables are made with {name}, as the older server's"
        kinds: tuple[str, ...] = MODALITIES.load(self.older.modality)(settings).kinds
        choice = choose.auto(kinds, settings.model_copy(update={"offline": True}))
        self.encoder = choice.card.name
        wanted = " or ".join(self.older.encoders)
        why = (
            f"the older server's encoder {wanted} is not here (`morelike models list` says how to get it)"
            if wanted
            else "there is no card of the older server's encoder"
        )
        return (
            f"{self.older.name}: {why}, so new tables are made with {choice.card.name}; "
            "distances are of the same kind, not the same"
        )

    def _choose_by_words(self) -> str:
        """Of a server that loads nothing itself: what is to fill its tables, the older server's own encoder first."""
        settings, (wanted, *_) = self.library.settings, self.older.encoders
        known = {card.name: card for card in cards.all_cards(settings) if takes_words(card)}
        ranked = dict.fromkeys((*self.older.encoders, *choose.RANKS["image"], *known))
        here = [name for name in ranked if name in known and weights.status(known[name], settings).here]
        if not here:
            return f"{self.older.name}: no encoder here takes a picture and words (`morelike models list` says more)"
        self.encoder = here[0]
        said = f"{self.older.name}: it loads nothing itself; {self._filled()} fills its table"
        if self.encoder == wanted:
            return said
        why = f"the older server's encoder {wanted} is not here (`morelike models list` says how to get it)"
        return f"{said}; {why}, so that answers are of the same kind, not the same"

    def _filled(self, table: str | None = None) -> str:
        """The command that makes a table of a server which loads nothing itself."""
        return (
            f"`morelike add {self.named(table)} FOLDER --in-place --encoder {self.encoder or self.older.encoders[0]}`"
        )

    # -- tables

    def named(self, table: str | None) -> str:
        """The table's name. Raises Refused (400) on what cannot be one."""
        name = table or self.table
        if _TABLE.fullmatch(name) is None:
            raise Refused(
                400,
                f"{name[:80]!r} cannot be a table's name",
                hint="at most 64 letters, digits and _, no digit first",
            )
        return name

    def opened(self, table: str | None = None) -> OpenCollection | None:
        """The table, None where there is none. Raises Refused where it holds something else."""
        name = self.named(table)
        try:
            found = self.library.collection(name)
        except NoSuchCollection:
            return None
        if found.modality != self.older.modality:
            raise Refused(409, f"the collection {name} holds {found.modality}, not {self.older.modality}")
        return found

    def needed(self, table: str | None = None) -> OpenCollection:
        """The table. Raises Refused (404)."""
        found = self.opened(table)
        if found is None:
            hint = self._filled(table) if self.older.by_words else "load a folder into it first"
            raise Refused(404, f"there is no table {self.named(table)}", hint=hint)
        return found

    def made(self, table: str | None = None) -> OpenCollection:
        """The table, made where there is none. Raises UsageError, ModelError."""
        options = dict(self.older.options)
        if self.regions and "regions" in options:
            options["regions"] = self.regions
        return self.opened(table) or self.library.collection(
            self.named(table), modality=self.older.modality, encoder=self.encoder or "auto", options=options
        )

    def drop(self, table: str | None = None) -> bool:
        """Whether there was one."""
        found = self.opened(table)
        if found is None:
            return False
        try:
            self.library.drop(found.name)
        except NoSuchCollection:  # somebody else was faster
            return False
        return True

    def count_rows(self, table: str | None = None) -> int | None:
        """Sources of searchable items, as the older servers counted files; None where there is no table."""
        found = self.opened(table)
        return None if found is None else found.count_sources()

    # -- adding

    def load(self, folder: str | None, table: str | None = None, *, begun: int | None = None) -> AddReport:
        """Add a folder of this machine; the files stay where they are, and the bad ones stand in the ledger.

        ``begun``: what ``loading.begin`` gave, where that was called before. Raises Refused, SourceError where the
        folder may not be read, (422) where nothing of it could be taken in, and what ``add`` raises.
        """
        if not folder or not folder.strip():
            if begun is not None:
                self.loading.end(begun, 0)
            raise Refused(400, "the request names no folder", hint='{"File": "/a/folder/of/this/machine"}')
        place = folder.strip()
        report = self._added(table, place, only=self.older.formats, begun=begun)
        if not report.added + report.same:
            raise self._nothing_of(place, self.named(table), report)
        return report

    def _nothing_of(self, folder: str, table: str, report: AddReport) -> Refused:
        """Why a folder gave nothing: it has no such files, or all of them are bad."""
        bad = report.rejected + report.rejected_before
        if not bad:
            formats = ", ".join(glob.removeprefix("*") for glob in self.older.formats)
            return Refused(422, f"{folder[:200]} holds nothing to load", hint=f"files that end in {formats} are taken")
        why = f"the first: {report.rejections[0].reason}" if report.rejections else "they were rejected before"
        return Refused(
            422,
            f"none of the {bad} {self.older.things}{'s' * (bad != 1)} of {folder[:200]} could be taken in; {why}",
            hint=f"`morelike ls {table} --rejected` lists them",
        )

    def keep(self, blobs: Iterable[Blob], table: str | None = None) -> AddReport:
        """Add what came with a request, whatever it is called; the library keeps the bytes. Raises as ``load`` does."""
        return self._added(table, *blobs)

    def _added(
        self, table: str | None, *things: Blob | str, only: Sequence[str] = (), begun: int | None = None
    ) -> AddReport:
        load = self.loading.begin() if begun is None else begun
        through = 0
        settings = self.library.settings
        try:
            holds = holds_of(MODALITIES.load(self.older.modality)(settings), settings)
            if self.parts.closing.is_set():
                raise Refused(503, "the server is being stopped; nothing was loaded")
            for place in (thing for thing in things if isinstance(thing, str)):
                open_source(place, settings, holds=holds)  # one that may not be read makes no table
            opened = self.made(table)
            report = opened.add(
                *things,
                only=only,
                in_place=True,
                index=False,  # the server makes it beside the requests
                progress=lambda progress: self.loading.note(load, progress),
                stop=self.parts.closing,
            )
            through = report.added + report.same + report.rejected + report.rejected_before
        finally:
            self.loading.end(load, through)
        if report.interrupted:
            raise Refused(503, "the server is being stopped; what was loaded until now stays")
        return report

    # -- searching

    def search(self, example: Blob, table: str | None = None, k: int | None = None, **parts: Any) -> list[Row]:
        """The nearest rows, the nearest first; copies of one file by path. ``parts`` go into the ``Example``.

        Raises Refused, and what a search raises.
        """
        return self.found(self.needed(table), Query((Example("blob", example, **parts),), k=self.asked(k)))

    def asked(self, k: int | None) -> int:
        """How many rows: as many as were asked for, within bounds. Raises Refused (400)."""
        wanted = self.top_k if k is None else k
        if not 1 <= wanted <= MOST_ASKED:
            raise Refused(400, f"topk is {wanted}", hint=f"1 to {MOST_ASKED}")
        return wanted

    def found(self, opened: OpenCollection, query: Query) -> list[Row]:
        """The rows of one query."""
        hits = opened.search(query)
        self.parts.metrics.search(hits.timings)
        return self.rows(opened, hits.hits)[: query.k]

    def rows(self, opened: OpenCollection, hits: Sequence[Hit]) -> list[Row]:
        """A row a source, in the order of the hits."""
        sources: Mapping[str, Item] = opened.items_of([hit.item for hit in hits])
        rows: list[Row] = []
        for hit in hits:
            item = sources.get(hit.item)
            if item is None:  # dropped this moment
                continue
            distance = distance_of(hit, self.metric)
            own = sorted(item.sources, key=lambda source: (source.uri, source.name))
            rows += [Row(source.uri, source.name, distance, hit, item, source) for source in own]
        return rows

    def original(self, path: str) -> tuple[Blob, Item]:
        """The file behind a row's path, of any table of this server's kind. Raises Refused (404), OriginalGone."""
        opened, item_id = self.place(path)
        return opened.blob(item_id), opened.item(item_id)

    def place(self, path: str) -> tuple[OpenCollection, str]:
        """The table that has a row of this path, and the item there. Raises Refused (404)."""
        for name in self.library.names(self.older.modality):
            try:
                opened = self.library.collection(name)
            except NoSuchCollection:  # dropped this moment
                continue
            there = opened.found_at([path]).get(path)
            if there is not None and there[1] in ("ready", "duplicate"):
                return opened, there[0]
        raise Refused(404, "no table has such a file", hint="paths come from a search's answer")


def takes_words(card: Card) -> bool:
    """Whether pictures of its are found by a picture and words: composed by training, or added in one space."""
    return "image" in card.inputs and not {"composed", "text"}.isdisjoint(card.inputs)


def regions_here(settings: Settings) -> tuple[str, str]:
    """How objects are found on this machine, and a sentence about it: by the file ``detector.onnx`` in a folder of
    models, else by a grid. Raises ModelError where that file is no detector.
    """
    wanted = f"detector:{DETECTOR}"
    try:
        MODALITIES.load("image")(settings).settle({"regions": wanted})
    except ModelNotHere as error:
        return "grid", f"pictures are cut by a grid in place of their objects, for {error.message}: {error.hint}"
    return wanted, f"objects are found by {DETECTOR}.onnx"


def distance_of(hit: Hit, metric: str = "L2") -> float:
    """A hit in the old unit: for L2 the squared distance of unit vectors, 2 - 2 cos (0 to 4); for IP the cosine."""
    if "cosine" in hit.unit:
        cosine = hit.unit["cosine"]
        return cosine if metric == "IP" else max(0.0, 2.0 - 2.0 * cosine)
    if "squared_l2" in hit.unit:
        return hit.unit["squared_l2"]
    if "tanimoto" in hit.unit:
        return max(0.0, 1.0 - hit.unit["tanimoto"])
    if not hit.unit:
        raise UsageError("this table's encoder gives no distances", hint="drop the table and load it with another one")
    return -hit.score
