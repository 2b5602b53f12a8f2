"""Segments and graphs, made while searches and writes go on."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from morelike.errors import StoreError
from morelike.stores.disk import remove, translated
from morelike.stores.vectors import making, segmentfiles
from morelike.stores.vectors.blocks import kernels
from morelike.stores.vectors.graph import Graph, Stopped, build
from morelike.stores.vectors.held import Held
from morelike.stores.vectors.layers import LayeredIndex
from morelike.stores.vectors.segment import Segment
from morelike.stores.vectors.settled import Settled

__all__ = ["Builder", "gently", "only_one", "sweep", "warned"]

_log = logging.getLogger(__name__)

_NICENESS = 10


class Builder:
    """Makes what is due in one space's index. ``save`` writes a snapshot of it."""

    def __init__(self, folder: Path, space_id: int, stopped: Callable[[], bool], save: Callable[[], None]) -> None:
        self._folder = folder
        self._space_id = space_id
        self._stopped = stopped
        self._save = save

    def load(self, index: LayeredIndex) -> None:
        """Turn the rows of an index that nobody else sees yet into a segment as soon as they fill one."""
        if making.settles(index.shape) and len(index.recent) >= making.largest(index.shape):
            self._settle(index, making.Plan(making.largest(index.shape), []), contextlib.nullcontext, lambda: None)

    def run(self, held: Held, index: LayeredIndex) -> bool:
        """Whether anything was made. Raises Stopped, Damaged, OSError."""
        made = False
        while held.is_now(index) and (due := making.plan(index)) is not None:
            with held.lock.changing():
                index.touched = []
            self._settle(index, due, held.lock.searching, held.moved, held)
            made = True
        if made and held.is_now(index):
            self._save()
        while held.is_now(index) and (segment := self._without_graph(index)) is not None:
            self._link(held, index, segment)
            self._save()
            made = True
        return made

    def _settle(
        self,
        index: LayeredIndex,
        due: making.Plan,
        looking: Callable[[], contextlib.AbstractContextManager[None]],
        moved: Callable[[], None],
        held: Held | None = None,
    ) -> None:
        if index.touched is None:  # nobody else sees the index
            index.touched = []
        try:
            made = making.make(self._folder, self._space_id, index, due, looking=looking, stopped=self._stopped)
            if any(isinstance(old, Segment) and old.graph is not None for old in due.instead):
                self._link_first(index, made)
            with contextlib.nullcontext() if held is None else held.lock.changing():
                if held is None or held.is_now(index):
                    index.settle(made, due.instead)
                    moved()
                else:
                    made.close()
        finally:
            index.touched = None
            _give_back()

    def _link_first(self, index: LayeredIndex, made: Settled) -> None:
        """Until its graph is made, the ones that it stands for are searched, dead rows and all, by theirs."""
        if not (isinstance(made, Segment) and making.wants_graph(index.shape, made)):
            return
        try:
            made.link(*self._graph_of(made))
        except BaseException:
            made.close()
            raise

    def _graph_of(self, segment: Segment) -> tuple[Graph | None, str | None]:
        """With its file's digest; None where it would not find enough."""
        graph = build(segment.codes, segment.linked, self._stopped)
        return graph, None if graph is None else segmentfiles.write_graph(self._folder, segment.name, graph)

    @staticmethod
    def _without_graph(index: LayeredIndex) -> Segment | None:
        wanting = (segment for segment in index.segments if making.wants_graph(index.shape, segment))
        return next((segment for segment in wanting if isinstance(segment, Segment)), None)

    def _link(self, held: Held, index: LayeredIndex, segment: Segment) -> None:
        graph, digest = self._graph_of(segment)
        with held.lock.changing():
            if held.is_now(index):
                segment.link(graph, digest)
        _give_back()


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[bool]:
    """Whether nobody else, here or in another process, makes or sweeps files of this folder. Raises OSError."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "build.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextlib.contextmanager
def warned(folder: Path, what: str) -> Iterator[None]:
    """What a store cannot do is a warning: all that is made here only saves time."""
    try:
        with translated(folder):
            yield
    except StoreError as error:
        _log.warning("%s: %s", what, error)


def gently(work: Callable[[Callable[[], bool]], bool], stop: Event | None, threads: int) -> bool:
    """``work(stopped)`` in a thread that gives way to others; False where it was stopped."""
    interrupted = Event()
    result: list[bool] = []
    failed: list[BaseException] = []

    def stopped() -> bool:
        return interrupted.is_set() or (stop is not None and stop.is_set())

    def run() -> None:
        with contextlib.suppress(OSError):
            if sys.platform == "linux":  # elsewhere a thread has no niceness of its own
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        kernels().omp_set_num_threads(threads)  # this thread's; its helpers are as nice as it is
        try:
            result.append(work(stopped))
        except Stopped:
            result.append(False)
        except BaseException as error:  # raised below, in the thread that asked
            failed.append(error)

    thread = threading.Thread(target=run, name="build", daemon=True)
    thread.start()
    try:
        thread.join()
    finally:
        interrupted.set()
        thread.join()
    if failed:
        raise failed[0]
    return result[0]


def _give_back() -> None:
    """Freed memory to the system: glibc would keep what lies between pieces that are in use, hundreds of megabytes."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def sweep(folder: Path, keep: Callable[[int], set[str] | None], spaces: set[int]) -> None:
    """Remove what a crash left half written, segments that no snapshot names, and what is left of dropped spaces.

    ``keep(space)`` names the segments to keep; None: all. Only inside ``only_one``.
    """
    for path in folder.glob("*.part"):
        remove(path)
    for path in folder.glob("*.snapshot"):
        if not path.stem.isdigit() or int(path.stem) not in spaces:
            remove(path)
    kept = {space: keep(space) for space in spaces}
    for path in (each for ending in segmentfiles.ENDINGS for each in folder.glob(f"*{ending}")):
        space = path.stem.partition("-")[0]
        names = kept.get(int(space), set()) if space.isdigit() else set()
        if names is not None and path.stem not in names:
            remove(path)
