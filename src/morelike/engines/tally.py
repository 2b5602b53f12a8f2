"""Reports of parts, put together to what one run on one machine would say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock

from morelike.engines.partition import PartReport
from morelike.progress import Counts, Meter, Progress
from morelike.sync import Seen

__all__ = ["Tally"]


class Tally(Meter):
    """An item that two parts finished was added once; whoever came second would have found it there."""

    def __init__(self, tell: Callable[[Progress], None] | None) -> None:
        super().__init__(tell)
        self._items = Seen()
        self._running: dict[object, Counts] = {}
        self._merging = RLock()

    def running(self, part: object, counts: Counts) -> None:
        """How far a part is that has not reported yet."""
        with self._merging:
            self._running[part] = counts

    def forget(self, part: object) -> None:
        """It will not report."""
        with self._merging:
            self._running.pop(part, None)

    def merge(self, part: object, report: PartReport) -> None:
        with self._merging:
            self._running.pop(part, None)
            self.finish(report.finished)
            self.passed(report.same)
            self.replaced += report.replaced
            self.rejected_before += report.rejected_before
            for rejection in report.rejections:
                self.reject(rejection)
            for stage, seconds in report.stages.items():
                self.spend(stage, seconds)

    def finish(self, item_ids: Sequence[str]) -> None:
        for item_id in item_ids:
            if item_id in self._items:
                self.passed()
            else:
                self._items.add(item_id)
                self.done += 1

    def counts(self) -> Counts:
        """With what the running parts have done so far."""
        with self._merging:
            running = list(self._running.values())
            return Counts(
                self.done + sum(one.done for one in running),
                self.same + sum(one.same for one in running),
                self.rejected + sum(one.rejected for one in running),
            )
