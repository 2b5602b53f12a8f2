"""From an item's bytes to its prepared segments: described and cut, then decoded in runs on the pool."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from threading import Event
from time import monotonic, thread_time
from typing import Any

from morelike.batches import Active, Batches
from morelike.errors import EncodeError, ItemError
from morelike.prepare import decoding, load_segments
from morelike.progress import Meter
from morelike.protocols import LoadsRuns, Modality
from morelike.types import Collection, Kind, Metadata, SegmentSpec
from morelike.work import Task, Work, run_length, runs

__all__ = ["Cutting"]

GRACE = 2.0
"""Seconds after ``stop`` in which pictures on their way are finished."""


class Cutting:
    """How one run cuts and decodes. ``fail`` is told of items that cannot be, ``leave`` of those left to the next run.

    ``words``: whether the texts are wanted, for a keyword index.
    """

    def __init__(
        self,
        collection: Collection,
        modality: Modality,
        active: Active,
        meter: Meter,
        stop: Event,
        *,
        words: bool,
        fail: Callable[[Work, ItemError], None],
        leave: Callable[[Work], object],
    ) -> None:
        self._options = collection.options
        self._modality = modality
        self._active = active
        self._meter = meter
        self._stop = stop
        self._words = words
        self._fail = fail
        self._leave = leave
        self._until: float | None = None

    def describe(self, work: Work) -> tuple[Metadata, tuple[SegmentSpec, ...]] | None:
        """On the pool. None where the run is to end."""
        if self._cut_short:
            return None
        began = thread_time()
        blob = work.reading.blob
        with decoding(blob):
            info = self._modality.describe(blob)
            specs = tuple(self._modality.split(blob, self._options))
        self._meter.spend("decode", thread_time() - began)
        return info, specs

    def tasks(self, described: Iterator[tuple[Work, Any]]) -> Generator[Task]:
        """The segments that the collection indexes, in runs."""
        length = run_length(self._modality)
        for work, result in described:
            if isinstance(result, ItemError):
                self._fail(work, result)
                continue
            if result is None:
                return
            work.info, specs = result
            work.spaces = self._active.spaces
            work.specs = tuple(spec for spec in specs if spec.kind in work.spaces or self._are_words(spec.kind))
            work.left = len(work.specs)
            if not work.specs:
                self._fail(work, EncodeError(f"{work.reading.blob.name} has nothing that this collection indexes"))
            for task in runs(work, length):
                if self._cut_short:
                    self._leave(work)
                    return
                if work.failed:
                    break
                yield task

    def load(self, task: Task) -> list[Any]:
        """On the pool: prepared payloads, one a segment; none where only the texts are wanted."""
        work, blob = task.work, task.work.reading.blob
        if work.failed:
            return []
        began = thread_time()
        if self._are_words(task.kind):
            with decoding(blob):
                for ordinal, spec in zip(task.ordinals, task.specs, strict=True):
                    task.texts[ordinal] = self._modality.load(blob, spec, {})
        prepared: list[Any] = []
        if task.kind in work.spaces:
            encoder = self._active.lane_of(work.spaces[task.kind]).encoder
            prepared = load_segments(self._modality, encoder, blob, task.specs)
        self._meter.spend("decode", thread_time() - began)
        return prepared

    def encoded(self, loaded: Iterator[tuple[Task, Any]], part: Callable[[Work], None]) -> Generator[Work]:
        """What is decoded, through the encoders; what they have not begun when the run is to end, is left."""
        batches = Batches(self._active.lane_of, self._fail, part, cut_short=lambda: self._cut_short, leave=self._leave)
        return batches.encoded(self._in_time(loaded))

    def _in_time(self, loaded: Iterator[tuple[Task, Any]]) -> Iterator[tuple[Task, Any]]:
        for task, result in loaded:
            if self._cut_short:
                self._leave(task.work)
                return
            yield task, result

    @property
    def _cut_short(self) -> bool:
        """Whether to leave what is in flight to the next run: items in time may take minutes each, and some hundred
        pictures as much with a slow encoder. These have a moment to be finished. From any thread.
        """
        if not self._stop.is_set():
            return False
        if self._until is None:
            self._until = monotonic() + GRACE
        return isinstance(self._modality, LoadsRuns) or monotonic() > self._until

    def _are_words(self, kind: Kind) -> bool:
        return self._words and kind == "text"
