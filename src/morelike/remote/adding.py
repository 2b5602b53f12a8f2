"""Adding to a remote collection: what lies here is read and uploaded, what the server reaches itself a job adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any, Final

from morelike.asking import Asking
from morelike.dryrun import DryRun
from morelike.errors import UsageError
from morelike.examples import as_sources, count_ahead, named
from morelike.progress import AddReport, Meter, Progress
from morelike.records import Job
from morelike.remote.behind import Behind
from morelike.remote.jobs import cancelled
from morelike.remote.places import THERE, is_there
from morelike.remote.shapes_back import add_report_of, dry_run_of
from morelike.remote.uploads import Uploads, Wanted
from morelike.types import Blob
from morelike.unpacking import holds_of

__all__ = ["Adding"]

Tell = Callable[[Progress], None]
NOT_BEGUN: Final = DryRun(0, 0, (), 0.0, 0.0, 0, 0, "", interrupted=True)


class Adding(Behind, Asking):
    """Those methods of a remote collection."""

    def add(
        self,
        *sources: Any,
        exclude: Sequence[str] = (),
        only: Sequence[str] = (),
        in_place: bool = False,
        sync: bool = False,
        retry: bool | Sequence[str] = False,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        index: bool = True,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        engine: str = "local",
        address: str | None = None,
    ) -> AddReport:
        """As ``OpenCollection.add``. Files, folders, globs, archives, tables, bytes and pictures are read here and
        uploaded; http(s) and ``s3://`` addresses, and places of the server's own (``server:/abs/path``), the server
        reads itself, ``in_place`` too. ``index``: the server makes it by itself.

        What the server knows by uri, size and time is not sent. A run that broke off is gone on with by the next.
        Raises SourceError, StoreError, UsageError.
        """
        del index
        if engine != "local" or address is not None:
            raise UsageError("which engine works is up to the server", hint="leave engine and address out")
        exclude, only, tags = _several(exclude), _several(only), _several(tags)
        here = tuple(one for one in sources if not is_there(one))
        there = [str(one).removeprefix(THERE) for one in sources if is_there(one)]
        if not sources and not retry:
            raise UsageError("there is nothing to add", hint="name a file, a folder, an archive, a table or a URL")
        if here and in_place:
            raise UsageError(
                "what is uploaded cannot stay in place: the server does not reach it",
                hint=f"leave in_place out, or name a folder of the server's: {THERE}/srv/pictures",
            )
        if sources and not isinstance(retry, bool) and retry:
            raise UsageError("rows of the ledger are tried again without sources", hint="name the ones or the others")
        stopping = stop or Event()
        meter = Meter(progress)
        if here:
            wanted = Wanted(sync=sync, retry=bool(retry), tags=tuple(tags), metadata=dict(metadata or {}))
            uploads = Uploads(self._server, self._path(), wanted, meter, stopping)
            if progress is not None:
                count_ahead(
                    here,
                    lambda places: self._opened(places, exclude, only),
                    lambda total: setattr(meter, "total", total),
                    lambda: uploads.ended,
                )
            uploads.run((origin, blobs) for _, origin, blobs in self._opened(here, exclude, only))
        sent = meter.report(interrupted=stopping.is_set())
        if sent.interrupted or (here and not there):
            return sent
        asked: dict[str, Any] = {"sources": there, "exclude": exclude, "only": only, "in_place": in_place, "sync": sync}
        asked |= {
            "retry": retry if isinstance(retry, bool) else _several(retry),
            "tags": tags,
            "metadata": dict(metadata or {}),
        }
        job = self._job("add", asked, new="added", progress=progress and _after(sent, progress), stop=stopping)
        if not job.result:  # called off before anybody took it up
            return (
                Meter(None).report(interrupted=True) if not here else _sum(sent, Meter(None).report(interrupted=True))
            )
        return _sum(sent, self._server.made(add_report_of, job.result))

    def dry_run(
        self,
        *sources: Any,
        exclude: Sequence[str] = (),
        in_place: bool = False,
        sample: int = 64,
        progress: Tell | None = None,
        stop: Event | None = None,
    ) -> DryRun:
        """As ``OpenCollection.dry_run``, only of what the server itself reads. Raises UsageError, SourceError."""
        if not all(map(is_there, sources)):
            raise UsageError(
                "what lies here cannot be tried by the server without being sent",
                hint=f"addresses and places of the server's ({THERE}/srv/pictures) can; "
                "a library of this machine tries files of this machine",
            )
        places = [str(one).removeprefix(THERE) for one in sources]
        asked = {"sources": places, "exclude": _several(exclude), "in_place": in_place, "sample": sample}
        job: Job = self._job("dry-run", asked, progress=progress, stop=stop)
        if not job.result and stop is not None and stop.is_set():  # called off before anybody took it up
            return NOT_BEGUN
        if not job.result:
            raise cancelled(job)
        return self._server.made(dry_run_of, job.result)

    def _opened(
        self, sources: tuple[Any, ...], exclude: Sequence[str], only: Sequence[str]
    ) -> Iterator[tuple[str, str, Iterator[Blob]]]:
        """(source kind, origin, blobs). Files of many items go as they are: the server takes them apart."""
        holds = holds_of(self._reader, self._settings)
        for name, origin, blobs in as_sources(sources, self._settings, tuple(exclude), holds):
            yield name, origin, named(blobs, only)


def _after(sent: AddReport, tell: Tell) -> Tell:
    """The progress of a job as that of one run with what was uploaded before it."""

    def told(now: Progress) -> None:
        before = sent.added + sent.same + sent.rejected + sent.rejected_before
        tell(
            Progress(
                done=now.done + sent.added,
                same=now.same + sent.same,
                rejected=now.rejected + sent.rejected,
                seen=now.seen + before,
                total=None if now.total is None else now.total + before,
                rate=now.rate,
                eta=now.eta,
                current=now.current,
                note=now.note,
            )
        )

    return told


def _sum(one: AddReport, other: AddReport) -> AddReport:
    stages = dict(one.stages)
    for stage, seconds in other.stages.items():
        stages[stage] = stages.get(stage, 0.0) + seconds
    return AddReport(
        added=one.added + other.added,
        same=one.same + other.same,
        replaced=one.replaced + other.replaced,
        removed=one.removed + other.removed,
        rejected=one.rejected + other.rejected,
        rejected_before=one.rejected_before + other.rejected_before,
        rejections=one.rejections + other.rejections,
        seconds=one.seconds + other.seconds,
        stages=stages,
        interrupted=one.interrupted or other.interrupted,
    )


def _several(words: str | Sequence[str]) -> list[str]:
    """A text alone is one tag or glob, not its letters."""
    return [words] if isinstance(words, str) else list(words)
