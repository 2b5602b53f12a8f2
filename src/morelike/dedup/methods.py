"""What an open collection can do about duplicates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Event
from typing import Any

from morelike.calibration import keep_calibrated
from morelike.dedup.groups import Group
from morelike.dedup.keeping import Keep
from morelike.dedup.run import (
    DedupReport,
    bring_back,
    find,
    forget_distinct,
    purge,
    remember_distinct,
    set_aside,
    set_aside_chosen,
)
from morelike.errors import OriginalGone
from morelike.originals import original
from morelike.progress import Progress
from morelike.protocols import Modality
from morelike.records import Aside
from morelike.types import Blob, Collection, Item
from morelike.wiring import Stores

__all__ = ["Duplicates"]


class Duplicates(ABC):
    """The part of ``OpenCollection`` that finds duplicates, sets them aside and undoes it."""

    _stores: Stores
    _record: Collection
    _modality: Modality

    @abstractmethod
    def requeue(self, blobs: Iterator[Blob]) -> Any:
        """Work on these blobs again."""

    def duplicates(
        self,
        *,
        near: bool = True,
        threshold: float | None = None,
        keep: Keep = "best",
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> list[Group]:
        """Groups of equal and (with ``near``) nearly equal items, and of those that lie in longer ones.

        Nothing is changed.

        ``threshold``: how alike near ones are at least, 0 to 1; None is the one that was measured. Raises UsageError.
        """
        looking: dict[str, Any] = {"near": near, "threshold": threshold, "progress": progress, "stop": stop}
        return list(find(self._stores, self._record, self._modality, keep=keep, **looking).groups)

    def dedup(
        self,
        *,
        keep: Keep = "best",
        near: bool = True,
        threshold: float | None = None,
        dry_run: bool = False,
        contained: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> DedupReport:
        """Set aside all but one of each group of near duplicates: no search finds them, and ``undo_dedup`` undoes it.

        ``keep``: ``best`` (most pixels, then the longer one, then the larger file), ``largest``, ``oldest`` or
        ``newest``. With ``contained`` films and recordings that lie in longer ones are set aside too. With ``dry_run``
        nothing is changed; nor where ``stop`` was set on the way. Raises UsageError, StoreError.
        """
        looking: dict[str, Any] = {"near": near, "threshold": threshold, "progress": progress, "stop": stop}
        found = find(self._stores, self._record, self._modality, keep=keep, **looking)
        report = set_aside(self._stores, self._record, found, dry_run=dry_run, contained=contained)
        if report.set_aside:
            keep_calibrated(self._stores, self._record)
        return report

    def asides(self, run: str | None = None) -> list[Aside]:
        """What is set aside, newest first; of one run, or of all."""
        return self._stores.catalog.asides(self._record, run=run)

    def set_aside(self, asides: Sequence[Aside]) -> list[Aside]:
        """Set aside these items, each for its keeper, as one run for ``undo_dedup``; what was set aside, with the run.

        Of an ``Aside`` only item, keeper and score count; the score is what whoever compared them says. What has gone,
        was set aside or called distinct meanwhile is passed over. Raises NoSuchItem, UsageError.
        """
        done = set_aside_chosen(self._stores, self._record, asides)
        if done:
            keep_calibrated(self._stores, self._record)
        return done

    def distinct(self) -> list[tuple[str, str]]:
        """Every pair that ``not_duplicates`` remembers, sorted; the lesser id first."""
        return sorted(self._stores.catalog.distinct(self._record))

    def undo_dedup(self, run: str | None = None) -> int:
        """Bring back what a run set aside, the last one where none is named; how many. Raises UsageError."""
        return self._brought_back(*bring_back(self._stores, self._record, run))

    def purge_duplicates(self, run: str | None = None) -> int:
        """Remove for good what is set aside, by one run or by any; how many. In-place files stay. Raises UsageError."""
        return purge(self._stores, self._record, run)

    def not_duplicates(self, *item_ids: str) -> int:
        """Remember that no two of these are duplicates; how many came back because of it. Raises NoSuchItem."""
        return self._brought_back(*remember_distinct(self._stores, self._record, self._whole(item_ids)))

    def forget_not_duplicates(self, *item_ids: str) -> None:
        """Forget what ``not_duplicates`` remembered of these. Raises NoSuchItem."""
        forget_distinct(self._stores, self._record, self._whole(item_ids))

    def _whole(self, item_ids: Sequence[str]) -> list[str]:
        return [self._stores.catalog.item(self._record, item_id).id for item_id in item_ids]

    def _brought_back(self, count: int, unencoded: Sequence[Item]) -> int:
        def blobs() -> Iterator[Blob]:
            for item in unencoded:
                with suppress(OriginalGone):  # it stays pending, which ``doctor`` tells
                    blob = original(self._stores, item)
                    yield blob if item.in_place else replace(blob, path=None)

        if unencoded:
            self.requeue(blobs())
        return count
