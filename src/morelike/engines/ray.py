"""``add --engine ray``: the run's leader. It walks the sources, gives lists of keys to actors, and puts together what
they report.

The catalog alone says what is done. Whoever leads holds no lock while others work; a list whose actor died is held
against the catalog, and what is not done of it goes to another one.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from threading import Event
from time import monotonic
from typing import Any

from ray import cloudpickle, exceptions

from morelike.engines.actor import Order
from morelike.engines.cluster import check_settings, joined, room_for, shares
from morelike.engines.crew import Crew, Died, Done, cluster_lost
from morelike.engines.lists import End, InFlight, WorkList, work_lists
from morelike.engines.partition import Adding
from morelike.engines.settle import MOST_DEATHS, divided, give_up, settled
from morelike.engines.shared import marked
from morelike.engines.tally import Tally
from morelike.errors import UsageError
from morelike.known import Known
from morelike.ledger import Ledger
from morelike.progress import AddReport
from morelike.registry import ENCODERS
from morelike.sync import drop_gone
from morelike.types import Blob

__all__ = ["RayEngine"]

WAIT_SECONDS = 0.1
GRACE_SECONDS = 120.0
"""After ``stop`` an actor ends what its encoder has begun; one that takes longer is ended."""


class RayEngine:
    """Leads one run."""

    def __init__(self, adding: Adding) -> None:
        self._adding = adding
        self._settings = adding.stores.settings
        self._tally = Tally(adding.progress)
        self._stop = adding.stop or Event()
        self._ledger = Ledger(adding.stores, adding.collection, self._tally)
        self._known = Known(
            adding.stores,
            adding.collection,
            adding.options,
            meter=self._tally,
            ledger=self._ledger,
            stop=self._stop,
        )
        self._in_flight = InFlight()
        self._lists: deque[WorkList] = deque()
        self._following: Future[WorkList | End | None] | None = None
        self._end: End | None = None
        self.ended = False

    def run(self, sources: Iterable[tuple[str, Iterator[Blob]]]) -> AddReport:
        """Add all that ``(origin, blobs)`` pairs yield. Setting ``stop`` ends it soon: what it leaves stays pending.

        Raises StoreError, ModelError, UsageError, TooBusy and KeyboardInterrupt; what was reported until then stays.
        """
        stores, address = self._adding.stores, self._adding.address
        address = self._settings.ray_address if address is None else address
        check_settings(self._settings, address)
        sync = self._adding.options.sync
        found = work_lists(sources, self._known, self._settings, self._in_flight, sync=sync)
        try:
            self._alone(stores.blobs.sweep)  # what a crash left half written
            with marked(self._adding) as marks:
                first = self._first(found)
                if first is not None:  # joining a cluster takes a while, and a second run finds nothing to do
                    with joined(address, self.say), Crew(self._settings, self._order(marks), self._size()) as crew:
                        self._lead(crew, chain((first,), found))
        except exceptions.RayError as error:
            raise cluster_lost(error) from error
        finally:
            self.ended = True
            self._ledger.flush()
        self._alone(stores.vectors.checkpoint)
        return self._tally.report(interrupted=self._stop.is_set())

    def say(self, sentence: str) -> None:
        self._tally.waiting(sentence)

    def expect(self, total: int) -> None:
        """How many blobs are coming, once somebody has counted them."""
        self._tally.total = total

    def _size(self) -> int:
        """How many actors. Raises UsageError where no machine has room for one."""
        if self._settings.ray_actors:
            return self._settings.ray_actors
        room = room_for(self._settings)
        if not room:
            raise UsageError(
                f"no machine of the Ray cluster has room for an actor: {shares(self._settings)}",
                hint="lower the settings ray_cpus and ray_gpus; ray_actors waits for machines that are yet to come",
            )
        return room

    def _order(self, marks: dict[str, str]) -> Order:
        adding, settings = self._adding, self._settings
        threads = {
            "workers": settings.workers or settings.ray_cpus,
            "encoder_threads": settings.encoder_threads or settings.ray_cpus,
        }
        return Order(
            settings={**settings.model_dump(), **threads},
            library_id=adding.stores.catalog.library_id(),
            collection=adding.collection.name,
            options=replace(adding.options, sync=False),
            encoders=list(self._encoders()),
            marks=marks,
            version=version("morelike"),
        )

    def _encoders(self) -> Iterator[bytes]:
        """Those that an actor cannot make from their card. Raises UsageError."""
        pickler: Any = cloudpickle  # untyped
        for space in self._adding.spaces:
            card = space.card
            named = bool(card.parts) or (card.family in ENCODERS and card.family != "callable")
            if not space.active or card.form == "terms" or named:
                continue
            try:
                yield pickler.dumps(self._adding.lane_of(space).encoder)
            except (TypeError, AttributeError, ValueError, pickle.PicklingError) as error:
                raise UsageError(
                    f"the encoder {card.name} cannot be sent to other processes: {error}",
                    hint="one that a package brings as a plugin is found there by its name",
                ) from error

    def _first(self, found: Iterator[WorkList | End]) -> WorkList | None:
        """The first list, where there is something to do."""
        for made in found:
            if self._stop.is_set():
                return None
            if isinstance(made, WorkList):
                return made
            self._drop_gone(made.origin)
        return None

    def _lead(self, crew: Crew, found: Iterator[WorkList | End]) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="walk") as walk:
            self._following = walk.submit(next, found, None)
            while not self._stop.is_set():
                if self._walked():
                    self._following = walk.submit(next, found, None)
                self._give_out(crew)
                if not self._lists and not crew.busy and self._following is None:
                    if self._end is None:
                        return
                    self._drop_gone(self._end.origin)
                    self._end = None
                    self._following = walk.submit(next, found, None)
                self._listen(crew)
        self._leave_off(crew)

    def _walked(self) -> bool:
        """Whether a list came, and the next one may be made while others are worked on. Raises what the sources raise.

        Of an origin that came to its end all is done before the next one is begun.
        """
        if self._following is None or self._lists or not self._following.done():
            return False
        made, self._following = self._following.result(), None
        if isinstance(made, WorkList):
            self._lists.append(made)
            return True
        self._end = made
        return False

    def _give_out(self, crew: Crew) -> None:
        while self._lists and not (self._lists[0].alone and crew.busy):
            if not crew.takes(self._lists[0]):
                return
            rest = crew.give(self._lists.popleft())
            if rest is not None:
                self._lists.appendleft(rest)

    def _listen(self, crew: Crew) -> None:
        if self._following is not None and not crew.busy and crew.ready:  # there is nobody to listen to
            wait([self._following], WAIT_SECONDS)
        for event in crew.events(WAIT_SECONDS):
            if isinstance(event, Done):
                self._done(event)
            else:
                self._died(event)
        for work, counts in crew.counts().items():
            self._tally.running(work, counts)
        if self._ledger.full:
            self._ledger.flush()
        self._tally.tick(self._lists[0].entries[0].blob.name if self._lists else "")

    def _done(self, event: Done) -> None:
        work, returned = event.work, event.returned
        self._tally.merge(work, returned.report)
        without_path = {entry.blob.uri for entry in work.entries if entry.blob.path is None}
        for rejection in returned.report.rejections:
            self._known.attempts.pop(rejection.uri, None)
            if rejection.stage == "source" and rejection.uri in without_path:
                self._known.seen.could_not_read(rejection.uri)
        unseen = [work.entries[at] for at in returned.unseen]
        if unseen and not self._stop.is_set():
            self._lists.appendleft(WorkList(unseen, deaths=work.deaths, as_bytes=True))
        self._in_flight.end(entry.blob.uri for entry in set(work.entries).difference(unseen))

    def _died(self, event: Died) -> None:
        for work in event.lists:
            before = set(work.entries)
            self._tally.merge(work, settled(self._adding, self._known, work, event.since))
            work.deaths += 1
            if len(work.entries) == 1 and work.deaths >= MOST_DEATHS:
                give_up(self._adding, self._ledger, work)
                work.entries = []
            self._lists.extendleft(reversed(divided(work)))
            self._in_flight.end(entry.blob.uri for entry in before.difference(work.entries))

    def _leave_off(self, crew: Crew) -> None:
        """``stop`` was set: hear what is done of the lists that are out."""
        crew.stop()
        deadline = monotonic() + GRACE_SECONDS
        while crew.busy and monotonic() < deadline:
            self._lists.clear()
            self._listen(crew)

    def _drop_gone(self, origin: str) -> None:
        self._ledger.flush()
        adding, tally = self._adding, self._tally
        tally.removed += drop_gone(adding.stores, adding.collection, origin, self._known.seen, waiting=tally.waiting)

    def _alone(self, action: Any) -> None:
        with self._adding.stores.lock.hold(f"add to {self._adding.collection.name}", waiting=self._tally.waiting):
            action()
