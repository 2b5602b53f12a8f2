"""Looking after a remote collection: the server does the work as a job, and the call waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any, TypeVar

from morelike.dedup.groups import Group
from morelike.dedup.keeping import Keep
from morelike.dedup.run import DedupReport
from morelike.errors import UsageError
from morelike.evaluate import Evaluation
from morelike.lanes import Encoders
from morelike.progress import Progress
from morelike.records import Aside, Job
from morelike.reembed import ReembedReport
from morelike.remote.behind import Behind
from morelike.remote.jobs import cancelled
from morelike.remote.shapes_back import (
    aside_of,
    dedup_report_of,
    evaluation_of,
    group_of,
    reembed_report_of,
    tag_report_of,
)
from morelike.tagging import SLOT, THRESHOLD, TagReport, auto_labels

__all__ = ["Upkeep", "names_of"]

T = TypeVar("T")
MOST_ASIDES = 1_000_000
Tell = Callable[[Progress], None] | None


class Upkeep(Behind):
    """Those methods of a remote collection."""

    def _result(self, make: Callable[[Mapping[str, Any]], T], job: Job) -> T:
        if not job.result:
            raise cancelled(job)
        return self._server.made(make, job.result)

    def reembed(
        self,
        encoder: Encoders,
        *,
        allow_missing: bool = False,
        switch: bool = True,
        progress: Tell = None,
        stop: Event | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> ReembedReport:
        """As ``OpenCollection.reembed``; the encoder is one that the server has. Raises UsageError, ModelError,
        StoreError.
        """
        arguments = {"encoder": names_of(encoder), "allow_missing": allow_missing, "switch": switch}
        job = self._job("reembed", arguments, new="encoded", progress=progress, stop=stop, notify=notify)
        return self._result(reembed_report_of, job)

    def rollback(
        self, *, allow_missing: bool = False, progress: Tell = None, stop: Event | None = None
    ) -> ReembedReport:
        """As ``OpenCollection.rollback``. Raises UsageError."""
        arguments = {"rollback": True, "allow_missing": allow_missing}
        return self._result(
            reembed_report_of, self._job("reembed", arguments, new="encoded", progress=progress, stop=stop)
        )

    def calibrate(self) -> int:
        """As ``OpenCollection.calibrate``."""
        return self._result(lambda result: int(result["spaces"]), self._job("calibrate", {}))

    def evaluate(
        self,
        *,
        labels: str = "parent-folder",
        folds: str | None = None,
        kind: str | None = None,
        queries: int | None = None,
        seed: int = 0,
        progress: Tell = None,
        stop: Event | None = None,
    ) -> Evaluation:
        """As ``OpenCollection.evaluate``; regular expressions are bounded by the server. Raises QueryError."""
        arguments = {"labels": labels, "folds": folds, "kind": kind, "queries": queries, "seed": seed}
        job = self._job("evaluate", arguments, progress=progress, stop=stop)
        return self._result(evaluation_of, job)

    def tag_auto(
        self,
        labels: Sequence[str],
        *,
        wording: str = SLOT,
        prefix: str = "",
        threshold: float = THRESHOLD,
        top: int = 1,
        filter: str | None = None,
        dry_run: bool = False,
        progress: Tell = None,
        stop: Event | None = None,
    ) -> TagReport:
        """As ``OpenCollection.tag_auto``. Raises QueryError, UsageError."""
        arguments: dict[str, Any] = {
            "labels": auto_labels(labels),
            "wording": wording,
            "prefix": prefix,
            "threshold": threshold,
        }
        arguments |= {"top": top, "filter": filter, "dry_run": dry_run}
        return self._result(tag_report_of, self._job("tag", arguments, progress=progress, stop=stop))

    def duplicates(
        self,
        *,
        near: bool = True,
        threshold: float | None = None,
        keep: Keep = "best",
        progress: Tell = None,
        stop: Event | None = None,
    ) -> list[Group]:
        """As ``OpenCollection.duplicates``, of as many as the server tells of: 5 000 members together. Raises
        UsageError.
        """
        arguments = {"near": near, "threshold": threshold, "keep": keep}
        job = self._job("duplicates", arguments, progress=progress, stop=stop)
        return self._result(lambda result: [group_of(shape) for shape in result["groups"]], job)

    def dedup(
        self,
        *,
        keep: Keep = "best",
        near: bool = True,
        threshold: float | None = None,
        dry_run: bool = False,
        contained: bool = False,
        progress: Tell = None,
        stop: Event | None = None,
    ) -> DedupReport:
        """As ``OpenCollection.dedup``; the report shows the first 200 groups. Raises UsageError, StoreError."""
        arguments = {"keep": keep, "near": near, "threshold": threshold, "apply": not dry_run, "contained": contained}
        job = self._job("dedup", arguments, progress=progress, stop=stop)
        interrupted = job.state == "cancelled"
        return self._result(lambda result: dedup_report_of(result, interrupted=interrupted), job)

    def asides(self, run: str | None = None) -> list[Aside]:
        """What is set aside, newest first; of one run, or of all."""
        return self._server.page(self._path("asides"), "asides", aside_of, 0, MOST_ASIDES, run=run)

    def set_aside(self, asides: Sequence[Aside]) -> list[Aside]:
        """As ``OpenCollection.set_aside``, of up to 10 000 items. Raises NoSuchItem, UsageError."""
        body = {"asides": [{"item": one.item_id, "keeper": one.keeper, "score": one.score} for one in asides]}
        answer = self._post("asides", body=body, repeat=False)
        return self._server.made(lambda shape: [aside_of(one) for one in shape["asides"]], answer)

    def distinct(self) -> list[tuple[str, str]]:
        """As ``OpenCollection.distinct``."""
        return self._server.page(self._path("distinct"), "pairs", _pair, 0, MOST_ASIDES)

    def undo_dedup(self, run: str | None = None) -> int:
        """Bring back what a run set aside, the last one where none is named; how many. Raises UsageError."""
        return self._number("brought_back", self._post("dedup", "undo", body={"run": run}, repeat=False))

    def purge_duplicates(self, run: str | None = None) -> int:
        """Remove for good what is set aside, by one run or by any; how many. In-place files stay. Raises UsageError."""
        return self._number("removed", self._post("dedup", "purge", body={"run": run}, repeat=False))

    def not_duplicates(self, *item_ids: str) -> int:
        """Remember that no two of these are duplicates; how many came back because of it. Raises NoSuchItem."""
        return self._number("brought_back", self._post("distinct", body={"items": list(item_ids)}))

    def forget_not_duplicates(self, *item_ids: str) -> None:
        """Forget what ``not_duplicates`` remembered of these. Raises NoSuchItem."""
        self._server.client.json("DELETE", self._path("distinct"), body={"items": list(item_ids)})

    def _number(self, name: str, answer: Mapping[str, Any]) -> int:
        return self._server.made(lambda shape: int(shape[name]), answer)


def names_of(encoder: Encoders) -> str:
    """An encoder as a server knows it: by names, with commas between. Raises UsageError on one made in this process."""
    several = [encoder] if isinstance(encoder, str) else list(encoder) if isinstance(encoder, Sequence) else [encoder]
    for one in several:
        if not isinstance(one, str):
            raise UsageError(
                f"the encoder {one.card.name} is an object of this process, which a server cannot have",
                hint="name one that `morelike encoders` lists there",
            )
    return ",".join(str(one) for one in several)


def _pair(shape: Any) -> tuple[str, str]:
    one, other = shape
    return str(one), str(other)
