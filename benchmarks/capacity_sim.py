"""`add` simulated: one pipeline item by item, and many of them list by list, on machines that fail and are slow.

A pipeline decodes on some threads, encodes in batches on the encoder's own, and writes on one more, as ``add`` does;
its cores are shared out evenly among the threads that want one. A cluster's actors each work on a list of keys and take
turns under the one write lock. All times are in seconds; the same seed gives the same run.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.capacity_query import Latency

__all__ = ["Cluster", "Costs", "Machine", "Ran", "Writes", "ceiling", "pipeline", "simulate"]

BATCH = 32
CLAIMED, FINISHED = 64, 128
READERS, AT_ONCE = 16, 12
"""Objects that one `add` reads from a bucket, and stores in one, at a time."""
_SAMPLED = 24
"""Lists that are simulated item by item; the others take as long as one of these."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one item: CPU seconds of reading and decoding, of encoding all its segments, and of a group's writing."""

    decode: Latency
    encode: Latency
    read: float = 0.0
    segments: float = 1.0
    claim: float = 0.0
    """Of a group of ``CLAIMED`` items, under the lock."""
    finish: float = 0.0
    """Of a group of ``FINISHED``: its vectors and its rows."""


@dataclass(frozen=True, slots=True)
class Machine:
    """``cores`` that a pipeline has for itself, ``workers`` decode threads, ``threads`` inside the encoder."""

    cores: float = 2.0
    workers: int = 2
    threads: int = 2
    window: int = 64
    """Items that are decoded ahead of the encoder (the setting look_ahead)."""


@dataclass(slots=True)
class _Task:
    """What a thread is at: CPU seconds that are left of it, and how many cores it can use."""

    what: str
    left: float
    cores: float


@dataclass(slots=True)
class _Line:
    """The state of one pipeline."""

    undecoded: deque[float]
    encode: deque[float]
    decoded: int = 0
    claimed: int = 0
    encoded: int = 0
    finished: int = 0
    writing: deque[tuple[str, int]] = field(default_factory=deque)


def pipeline(costs: Costs, machine: Machine, items: int, random: np.random.Generator) -> float:
    """Seconds until ``items`` are added: decoding, encoding and writing overlap, within the window."""
    line = _Line(
        deque((costs.read + costs.decode.draw(random, items)).tolist()),
        deque((costs.segments * costs.encode.draw(random, -(-items // BATCH))).tolist()),
    )
    active: list[_Task] = []
    now = 0.0
    while line.finished < items:
        _begin(line, active, costs, machine, items)
        wanted = sum(task.cores for task in active)
        share = min(1.0, machine.cores / wanted)
        passed = min(task.left / (task.cores * share) for task in active)
        now += passed
        for task in active:
            task.left -= passed * task.cores * share
        for task in [task for task in active if task.left <= 1e-12]:
            active.remove(task)
            _end(line, task, items)
    return now


def _begin(line: _Line, active: list[_Task], costs: Costs, machine: Machine, items: int) -> None:
    """Start what can be started."""
    running = [task.what for task in active]
    decoding = running.count("decode")
    ahead = machine.window + 2 * BATCH
    while line.undecoded and decoding < machine.workers and line.decoded + decoding - line.encoded < ahead:
        active.append(_Task("decode", line.undecoded.popleft(), 1.0))
        decoding += 1
    if "encode" not in running and line.encode:
        size = min(BATCH, items - line.encoded)
        if line.decoded - line.encoded >= size:
            active.append(_Task("encode", line.encode.popleft() * size, float(machine.threads)))
    if line.writing and not any(what in running for what in ("claim", "finish")):
        what, count = line.writing.popleft()
        whole = costs.claim / CLAIMED if what == "claim" else costs.finish / FINISHED
        active.append(_Task(what, max(1e-9, whole * count), 1.0))


def _end(line: _Line, task: _Task, items: int) -> None:
    """What a task that is done makes possible."""
    if task.what == "decode":
        line.decoded += 1
        while (group := min(CLAIMED, items - line.claimed)) and line.decoded - line.claimed >= group:
            line.claimed += group
            line.writing.append(("claim", group))
    elif task.what == "encode":
        before = line.encoded // FINISHED
        line.encoded = min(items, line.encoded + BATCH)
        if line.encoded == items:
            line.writing.append(("finish", items - FINISHED * before))
        elif line.encoded // FINISHED > before:
            line.writing.append(("finish", FINISHED))
    elif task.what == "finish":
        line.finished = items if not line.writing and line.encoded == items else line.finished


@dataclass(frozen=True, slots=True)
class Writes:
    """What is done under the write lock, which one actor has at a time.

    ``lock``: taking and freeing it. ``claim`` and ``finish``: the catalog's part of a group of ``CLAIMED`` or
    ``FINISHED`` items; ``claimed`` and ``finished``: how many are in fact written at a time (the settings look_ahead
    and commit_items). ``put``: one object's way into the bucket, where blobs are copied. ``insert_rate``: rows that the
    vector store takes a second, and ``insert_least`` what a group's insertion takes however short it is. ``lease``: how
    long a dead holder keeps the lock.
    """

    lock: float
    claim: float
    finish: float
    put: Latency | None = None
    insert_rate: float = math.inf
    insert_least: float = 0.0
    lease: float = 10.0
    claimed: int = CLAIMED
    finished: int = FINISHED

    def claiming(self, keys: int, random: np.random.Generator) -> float:
        """Seconds for a list's claims, and for the blobs before them."""
        puts = 0.0 if self.put is None else float(self.put.draw(random, keys).sum()) / min(AT_ONCE, keys)
        return math.ceil(keys / self.claimed) * self.lock + keys / CLAIMED * self.claim + puts

    def finishing(self, keys: int, segments: float) -> float:
        """Seconds for a list's vectors, and for its rows after them."""
        groups = math.ceil(keys / self.finished)
        inserting = max(groups * self.insert_least, keys * segments / self.insert_rate)
        return groups * self.lock + keys / FINISHED * self.finish + inserting


@dataclass(frozen=True, slots=True)
class Cluster:
    """``nodes`` of so many actors, each with a machine's cores. ``get``: one object's way from a bucket.

    ``fails_after``: mean seconds between two failures of one node, which is back after ``repair``. ``slow_share`` of
    the nodes take ``slow_times`` as long. ``dispatch``: what the driver does for each list, alone.
    """

    nodes: int
    actors: int = 1
    keys: int = 64
    get: float = 0.0
    dispatch: float = 0.0
    fails_after: float = math.inf
    repair: float = 60.0
    slow_share: float = 0.0
    slow_times: float = 3.0


@dataclass(frozen=True, slots=True)
class Ran:
    """Items a second, from the first list to the last; shares of the time that actors worked and the lock was held;
    how many lists were begun anew after a failure; how long a claim waited for the lock in the mean.
    """

    per_second: float
    actors_busy: float
    lock_busy: float
    redone: int
    mean_wait: float


def ceiling(writes: Writes, keys: int, segments: float = 1.0) -> float:
    """Items a second that pass the write lock at the most, however many nodes there are."""
    puts = 0.0 if writes.put is None else keys * writes.put.mean / min(AT_ONCE, keys)
    whole = math.ceil(keys / writes.claimed) * writes.lock + keys / CLAIMED * writes.claim + puts
    return keys / (whole + writes.finishing(keys, segments))


def simulate(costs: Costs, machine: Machine, writes: Writes, cluster: Cluster, lists: int, *, seed: int = 0) -> Ran:
    """Run ``lists`` lists through the cluster. What is written is in ``writes``: ``costs`` need no claim or finish."""
    alone = _alone(costs, machine, cluster.keys, seed)
    reading = cluster.get * (1 + cluster.keys / READERS)
    return _Run(
        sampled=[max(seconds, reading) for seconds in alone],
        segments=costs.segments,
        writes=writes,
        cluster=cluster,
        lists=lists,
        random=np.random.default_rng((seed, 1)),
    ).run()


@functools.cache
def _alone(costs: Costs, machine: Machine, keys: int, seed: int) -> tuple[float, ...]:
    """Seconds of some lists of so many keys."""
    random = np.random.default_rng(seed)
    return tuple(pipeline(costs, machine, keys, random) for _ in range(_SAMPLED))


@dataclass(slots=True)
class _Attempt:
    """One actor at one list. ``dead``: its node failed meanwhile."""

    actor: int
    began: float
    worked: float
    asked: float = 0.0
    claimed: bool = False
    dead: bool = False


class _Run:
    """Events in order of time: an actor asks for the lock, has it no more, a node fails, a node is back."""

    def __init__(
        self,
        *,
        sampled: Sequence[float],
        segments: float,
        writes: Writes,
        cluster: Cluster,
        lists: int,
        random: np.random.Generator,
    ) -> None:
        self._sampled, self._segments, self._writes, self._cluster = sampled, segments, writes, cluster
        self._random = random
        self._speed = np.ones(cluster.nodes)
        slow = random.choice(cluster.nodes, round(cluster.slow_share * cluster.nodes), replace=False)
        self._speed[slow] = cluster.slow_times
        self._up = [True] * cluster.nodes
        self._events: list[tuple[float, int, str, object]] = []
        self._count = 0
        self._left, self._done, self._lists = lists, 0, lists
        self._working: dict[int, _Attempt] = {}
        self._queue: deque[_Attempt] = deque()
        self._holder: _Attempt | None = None
        self._driver = self._busy = self._held = self._waited = self._now = 0.0
        self._redone = 0

    def run(self) -> Ran:
        cluster = self._cluster
        actors = cluster.nodes * cluster.actors
        for node in range(cluster.nodes):
            self._fails_next(node)
        for actor in range(actors):
            self._next_list(actor)
        while self._done < self._lists:
            self._now, _, what, about = heapq.heappop(self._events)
            getattr(self, f"_{what}")(about)
        return Ran(
            per_second=self._lists * cluster.keys / self._now,
            actors_busy=self._busy / (actors * self._now),
            lock_busy=self._held / self._now,
            redone=self._redone,
            mean_wait=self._waited / (2 * self._lists),
        )

    def _at(self, when: float, what: str, about: object) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, what, about))

    def _fails_next(self, node: int) -> None:
        if math.isfinite(self._cluster.fails_after):
            self._at(self._now + float(self._random.exponential(self._cluster.fails_after)), "fails", node)

    def _next_list(self, actor: int) -> None:
        """The driver hands out one list after another; what it has no more is not waited for."""
        node = actor // self._cluster.actors
        if not self._left or not self._up[node] or actor in self._working:
            return
        self._left -= 1
        self._driver = max(self._now, self._driver) + self._cluster.dispatch
        seconds = float(self._random.choice(self._sampled)) * float(self._speed[node])
        attempt = self._working[actor] = _Attempt(actor, self._driver, seconds)
        self._at(self._driver + seconds * min(1.0, CLAIMED / self._cluster.keys) / 4, "asks", attempt)

    def _asks(self, attempt: object) -> None:
        """The first time for its claims, then for its vectors and rows."""
        assert isinstance(attempt, _Attempt)
        if not attempt.dead:
            attempt.asked = self._now
            self._queue.append(attempt)
            self._serve()

    def _serve(self) -> None:
        while self._holder is None and self._queue:
            attempt = self._queue.popleft()
            if attempt.dead:
                continue
            self._holder = attempt
            self._waited += self._now - attempt.asked
            keys = self._cluster.keys
            if attempt.claimed:
                held = self._writes.finishing(keys, self._segments)
            else:
                held = self._writes.claiming(keys, self._random)
            self._at(self._now + held, "frees", (attempt, held))

    def _frees(self, about: object) -> None:
        assert isinstance(about, tuple)
        attempt, held = about
        if attempt.dead:  # its lease frees it
            return
        self._held += held
        self._holder = None
        if attempt.claimed:
            self._done += 1
            self._busy += attempt.worked
            del self._working[attempt.actor]
            self._next_list(attempt.actor)
        else:
            attempt.claimed = True
            self._at(max(self._now, attempt.began + attempt.worked), "asks", attempt)
        self._serve()

    def _fails(self, node: object) -> None:
        assert isinstance(node, int)
        self._up[node] = False
        own = range(node * self._cluster.actors, (node + 1) * self._cluster.actors)
        for attempt in [self._working.pop(actor) for actor in own if actor in self._working]:
            attempt.dead = True
            self._left += 1
            self._redone += 1
            if attempt is self._holder:
                self._held += self._writes.lease
                self._at(self._now + self._writes.lease, "runs_out", attempt)
        self._at(self._now + self._cluster.repair, "returns", node)
        for actor in range(len(self._up) * self._cluster.actors):  # idle ones take over
            self._next_list(actor)

    def _runs_out(self, attempt: object) -> None:
        if attempt is self._holder:
            self._holder = None
            self._serve()

    def _returns(self, node: object) -> None:
        assert isinstance(node, int)
        self._up[node] = True
        self._fails_next(node)
        for actor in range(node * self._cluster.actors, (node + 1) * self._cluster.actors):
            self._next_list(actor)
