"""The actors of one run: hired, given lists, listened to, and replaced where one died."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from types import TracebackType
from typing import Any

import ray
from ray import exceptions

from morelike.engines.actor import Adder, Failed, Order, Returned
from morelike.engines.cluster import shares
from morelike.engines.lists import WorkList, carry
from morelike.errors import StoreUnreachable, TooBusy
from morelike.progress import Counts
from morelike.settings import Settings

__all__ = ["Crew", "Died", "Done", "cluster_lost"]

LISTS_EACH = 2
"""So many an actor has at once: while one is being written the next is decoded."""
POLL_SECONDS = 0.5
PLACE_SECONDS = 300.0
"""A cluster that gives no actor a place for so long is full."""
MOST_FALSE_STARTS = 3
CLOSE_SECONDS = 30.0
HURRY_SECONDS = 5.0

_DEATHS = (
    exceptions.RayActorError,
    exceptions.ObjectLostError,
    exceptions.WorkerCrashedError,
    exceptions.OutOfMemoryError,
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
)


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """A list came back."""

    work: WorkList
    returned: Returned


@dataclass(frozen=True, slots=True, eq=False)
class Died:
    """An actor that had these lists is gone; ``since``: when it was ready, by its own clock."""

    lists: list[WorkList]
    since: str


@dataclass(slots=True, eq=False)
class _Member:
    handle: Any
    opening: Any
    since: str = ""
    held: dict[Any, tuple[int, WorkList]] = field(default_factory=dict)
    polling: Any = None
    blind: bool = False
    """Whether it sees none of the files that keys name."""

    def takes(self, work: WorkList) -> bool:
        if not self.since or (work.deaths and self.held) or any(one.deaths for _, one in self.held.values()):
            return False
        return len(self.held) < LISTS_EACH

    @property
    def refs(self) -> list[Any]:
        return [ref for ref in (self.opening, self.polling, *self.held) if ref is not None]


class Crew:
    """A context manager; the actors end with it. For one thread."""

    def __init__(self, settings: Settings, order: Order, size: int) -> None:
        self._settings = settings
        self._order = order
        self._members: list[_Member] = []
        self._numbers = count()
        self._false_starts = 0
        self._polled = 0.0
        self._counts: dict[WorkList, Counts] = {}
        self._waiting_since = monotonic()
        remote: Any = ray.remote  # as it is typed, it knows no options of actors
        self._kind = remote(
            num_cpus=settings.ray_cpus,
            num_gpus=settings.ray_gpus,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
            concurrency_groups={"add": LISTS_EACH, "talk": 2},
        )(Adder)
        for _ in range(size):
            self._hire()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(Exception):  # whatever is left of them ends with this process
            self.stop()
            lists = [ref for member in self._members for ref in member.held]
            if lists:
                ray.wait(lists, num_returns=len(lists), timeout=HURRY_SECONDS)
            closing = [member.handle.close.remote() for member in self._members if member.since]
            if closing:
                ray.wait(closing, num_returns=len(closing), timeout=HURRY_SECONDS if kind else CLOSE_SECONDS)
            for member in self._members:
                ray.kill(member.handle, no_restart=True)

    @property
    def busy(self) -> bool:
        return any(member.held for member in self._members)

    @property
    def ready(self) -> bool:
        return any(member.since for member in self._members)

    def takes(self, work: WorkList) -> bool:
        """Whether an actor is free for it. One of which an actor died has to be alone: another would die with it."""
        return any(member.takes(work) for member in self._members)

    def give(self, work: WorkList) -> WorkList | None:
        """Give it to the actor that has least to do; what is too much of it for once comes back."""
        member = min((one for one in self._members if one.takes(work)), key=lambda one: len(one.held))
        rest = None
        keys = [entry.key for entry in work.entries]
        if member.blind or work.as_bytes:
            keys, rest = carry(work, self._settings)
        pairs = [(entry.origin, key) for entry, key in zip(work.entries, keys, strict=True)]
        number = next(self._numbers)
        ref = member.handle.add.options(concurrency_group="add").remote(number, pairs)
        member.held[ref] = (number, work)
        return rest

    def stop(self) -> None:
        """Lists come back soon, with what is done of them."""
        for member in self._members:
            if member.since:
                member.handle.stop.options(concurrency_group="talk").remote()

    def counts(self) -> dict[WorkList, Counts]:
        """How far lists are, as far as it was heard lately."""
        heard, self._counts = self._counts, {}
        return heard

    def events(self, seconds: float) -> Iterator[Done | Died]:
        """What happened, after at most so long. Raises what ends the whole run: see ``Failed``, and TooBusy."""
        self._poll()
        by_ref = {ref: member for member in self._members for ref in member.refs}
        if not by_ref:
            return
        ready, _ = ray.wait(list(by_ref), num_returns=1, timeout=seconds)
        if not ready:
            self._check_waiting()
            return
        ready, _ = ray.wait(list(by_ref), num_returns=len(by_ref), timeout=0)
        for ref in ready:
            member = by_ref[ref]
            if member not in self._members:  # it died with another one of these
                continue
            try:
                answer = ray.get(ref)
            except _DEATHS as error:
                yield from self._died(member, error)
            except exceptions.RayTaskError as error:
                raise error.cause or error from None
            else:
                yield from self._heard(member, ref, answer)

    def _heard(self, member: _Member, ref: Any, answer: Any) -> Iterator[Done]:
        if isinstance(answer, Failed):
            raise answer.error
        if ref is member.opening:
            member.opening, member.since = None, answer.at
            self._false_starts = 0
        elif ref is member.polling:
            member.polling = None
            lists = dict(member.held.values())
            self._counts.update({lists[number]: counts for number, counts in answer.items() if number in lists})
        else:
            _, work = member.held.pop(ref)
            self._counts.pop(work, None)  # its report says more
            if answer.unseen and len(answer.unseen) == answer.files:
                member.blind = True
            yield Done(work, answer)

    def _died(self, member: _Member, error: BaseException) -> Iterator[Died]:
        self._members.remove(member)
        with suppress(Exception):  # it may only be out of reach
            ray.kill(member.handle, no_restart=True)
        if not member.since:
            self._false_starts += 1
            if self._false_starts >= MOST_FALSE_STARTS:
                raise StoreUnreachable(
                    f"no process can be started on the Ray cluster: {_said(error)}",
                    hint="morelike, with the extras that the collection needs, has to be installed on every machine",
                ) from error
        self._hire()
        self._waiting_since = monotonic()
        lists = [work for _, work in member.held.values()]
        for work in lists:
            self._counts.pop(work, None)
        if lists:
            yield Died(lists, member.since)

    def _hire(self) -> None:
        handle = self._kind.remote()
        self._members.append(_Member(handle, handle.open.options(concurrency_group="talk").remote(self._order)))

    def _poll(self) -> None:
        moment = monotonic()
        if moment - self._polled < POLL_SECONDS:
            return
        self._polled = moment
        for member in self._members:
            if member.held and member.polling is None:
                member.polling = member.handle.so_far.options(concurrency_group="talk").remote()

    def _check_waiting(self) -> None:
        if not self.ready and monotonic() - self._waiting_since > PLACE_SECONDS:
            raise TooBusy(
                f"the Ray cluster had no room for an actor for {PLACE_SECONDS:.0f} s: {shares(self._settings)}",
                hint="run the same command again when others are done, or lower ray_cpus and ray_gpus",
            )


def cluster_lost(error: exceptions.RayError) -> StoreUnreachable:
    """What Ray itself stumbled over, as a sentence."""
    return StoreUnreachable(
        f"the Ray cluster does not answer any more: {_said(error)}",
        hint="what was reported is in; run the same command again to continue",
    )


def _said(error: BaseException) -> str:
    """The line that says most; the others are a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error: " in line or "Exception: " in line]
    return (told[-1:] or lines[:1] or [type(error).__name__])[0][:300]
