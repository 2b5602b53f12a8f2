"""Tags without training: items whose vectors stand near a label's, in spaces that words have too.

How near is near differs from encoder to encoder, and from item to item. So a label is measured against everyday words:
its score is by how many standard deviations it lies nearer to the item than those words do on the whole. An item that
is as near to them as to any label gets no tag.
"""

from __future__ import annotations

import math
from abc import ABC
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError, UsageError
from morelike.lanes import Lanes
from morelike.progress import Meter, Progress
from morelike.search.filter import parse_filter
from morelike.types import Collection, Ids, Item, Segment, Space, Vectors
from morelike.vecmath import normalise
from morelike.wiring import Stores

__all__ = ["AutoTag", "TagReport", "Tagging", "auto_labels"]

THRESHOLD = 2.5
"""Standard deviations. What it does to photographs and sounds with labels stands in docs/encoders.md."""
MOST_LABELS = 1000
LONGEST_LABEL = 200
TAG_LENGTH = 200
"""Of prefix and label together, as the catalog has it."""
SLOT = "{}"
"""Where the label goes in the wording."""
LEAST_SPREAD = 0.01
"""Of cosines: everyday words that all stand in one place say nothing of what is far."""
PAGE = 256
BLOCK = 8192
"""Vectors in memory at a time."""
AT_ONCE = 64
"""Words encoded together."""
KEPT = 10_000
"""Changes that wait for one transaction, at the most about."""
SHOWN = 100

_EVERYDAY = """
    aeroplane alarm animal applause baby bag ball beach bed bell bicycle bird boat book bottle breathing bridge building
    bus car cat chair child church clock cloth clothing cloud colour computer cough cow crowd crying cup dance darkness
    desert diagram dog door dress drill drum engine explosion face field fire fish flag flower food footsteps forest
    fruit game garden glass guitar gunshot hair hammer hand hat horse house insect jewellery keyboard knife knocking
    lake lamp laughter letter light machine man map meal metal motorcycle mountain music newspaper noise painting paper
    pattern person piano plant plate rain river road saw screen sea shoe sign silence singing siren sky sneeze snoring
    snow sofa song speech sport static stone street table telephone text thunder tool tower toy train tree vegetable
    watch water waves weapon whistle wind window woman wood
"""
EVERYDAY = tuple(_EVERYDAY.split())
"""What pictures show and recordings let hear, in no order of importance: the scale, not a list of what is known."""


@dataclass(frozen=True, slots=True)
class AutoTag:
    """A label that an item earned; ``score`` in standard deviations above everyday words."""

    item: str
    source: str
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class TagReport:
    """What a run found and changed. ``items``: how many were looked at, of which ``tagged`` got a label or more.

    ``labels``: how many items each has got, in the order they were given; ``added`` and ``removed``: tags that were not
    there before, or are not any more; ``shown``: the first hundred.
    """

    items: int
    tagged: int
    labels: Mapping[str, int]
    added: int
    removed: int
    shown: tuple[AutoTag, ...]
    threshold: float
    dry_run: bool
    interrupted: bool
    seconds: float


class Tagging(ABC):
    """The part of ``OpenCollection`` that tags by itself."""

    _stores: Stores
    _lanes: Lanes
    _record: Collection

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
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> TagReport:
        """Tag each item with those of the labels that it stands nearest to, ``top`` at the most; or with none.

        Stored vectors are enough: nothing is decoded. The collection needs an encoder that takes words, too: a joint
        one, ``conse-mobilenet-v2``, ``conse-yamnet``. An item of several parts (a film) has the score of its best one.
        ``wording``: how a label is put, as "a photo of a {}". ``prefix`` goes before each tag; with one, tags of these
        labels that no longer hold are taken off, without one nothing is: it may be a person's own. ``threshold``: the
        least score. Raises UsageError, QueryError, ModelError, StoreError.
        """
        task = _Task(auto_labels(labels), wording, prefix, threshold, top, dry_run=dry_run)
        work = _Run(self._stores, self._lanes, self._record, task, meter=Meter(progress))
        return work.run(filter, stop or Event())


def auto_labels(labels: Sequence[str]) -> list[str]:
    """The labels, each once. Raises UsageError on none, too many, or one that is no label."""
    given = [labels] if isinstance(labels, str) else list(labels)
    found = list(dict.fromkeys(label.strip() for label in given))
    if not found or "" in found:
        raise UsageError("a label is missing", hint='for example: ["cat", "dog"]')
    if len(found) > MOST_LABELS:
        raise UsageError(f"{len(found)} labels are too many", hint=f"at most {MOST_LABELS}")
    if long := next((label for label in found if len(label) > LONGEST_LABEL), ""):
        raise UsageError(f"the label {long[:40]!r}… is too long", hint=f"at most {LONGEST_LABEL} characters")
    return found


@dataclass(frozen=True, slots=True)
class _Task:
    labels: Sequence[str]
    wording: str
    prefix: str
    threshold: float
    top: int
    dry_run: bool = field(kw_only=True)

    def __post_init__(self) -> None:
        if self.wording.count(SLOT) != 1 or len(self.wording) > LONGEST_LABEL:
            raise UsageError(f"the wording {self.wording[:40]!r} has no place for the label", hint='"a photo of a {}"')
        if not math.isfinite(self.threshold):
            raise UsageError(f"the threshold {self.threshold} is no finite number", hint=f"{THRESHOLD:g} without one")
        if not 1 <= self.top <= MOST_LABELS:
            raise UsageError(f"top is {self.top}", hint=f"how many tags an item may get: 1 to {MOST_LABELS}")
        if long := next((label for label in self.labels if len(self.prefix + label) > TAG_LENGTH), ""):
            raise UsageError(
                f"{(self.prefix + long)[:40]!r}… is too long for a tag", hint=f"at most {TAG_LENGTH} characters"
            )

    def worded(self, words: Sequence[str]) -> list[str]:
        return [self.wording.replace(SLOT, word) for word in words]


@dataclass(frozen=True, slots=True)
class _Measure:
    """A space, where its words lie (labels + everyday words, dim), and the segments that the filter leaves in it."""

    space: Space
    words: NDArray[np.float32]
    within: Ids | None


class _Run:
    """One pass over a collection."""

    def __init__(self, stores: Stores, lanes: Lanes, record: Collection, task: _Task, *, meter: Meter) -> None:
        self._stores = stores
        self._lanes = lanes
        self._record = record
        self._task = task
        self._meter = meter
        self._waiting: defaultdict[tuple[str, bool], list[str]] = defaultdict(list)
        """By tag, and whether it is put on or taken off: the items, until a transaction writes them."""
        self._shown: list[AutoTag] = []
        self._counts: Counter[str] = Counter()
        self._items = self._tagged = self._added = self._removed = 0

    def run(self, expression: str | None, stop: Event) -> TagReport:
        began = monotonic()
        catalog, parsed = self._stores.catalog, parse_filter(expression) if expression else None
        measures = [
            _Measure(
                space,
                self._words(space),
                None if parsed is None else catalog.segment_ids(self._record, space.kind, filter=parsed),
            )
            for space in self._spaces()
        ]
        self._meter.total = catalog.count(self._record, filter=parsed)
        interrupted = False
        for page in catalog.pages(self._record, size=PAGE):
            if interrupted := stop.is_set():
                break
            segments = catalog.segments_of(self._record, [item.id for item in page])
            best = np.full((len(page), len(self._task.labels)), -np.inf, dtype=np.float32)
            for measure in measures:
                self._score(measure, page, segments, best)
            self._settle(page, best)
        self._write()
        return TagReport(
            items=self._items,
            tagged=self._tagged,
            labels={label: self._counts[label] for label in self._task.labels},
            added=self._added,
            removed=self._removed,
            shown=tuple(self._shown),
            threshold=self._task.threshold,
            dry_run=self._task.dry_run,
            interrupted=interrupted,
            seconds=monotonic() - began,
        )

    def _spaces(self) -> list[Space]:
        active = [space for space in self._stores.catalog.spaces(self._record) if space.active]
        found = [space for space in active if space.card.form == "dense" and "text" in space.card.kinds]
        if not found:
            cards = ", ".join(space.card.name for space in active) or "none"
            name = self._record.name
            raise QueryError(
                f"the collection {name} cannot be tagged by labels: its encoder ({cards}) takes no words",
                hint=f"`morelike reembed {name} --encoder NAME` gives it one that does; "
                "`morelike encoders --kind text` lists them",
            )
        return found

    def _words(self, space: Space) -> NDArray[np.float32]:
        """(labels + everyday words, dim) directions."""
        lane = self._lanes.lane(space)
        texts = self._task.worded([*self._task.labels, *EVERYDAY])
        prepared = [lane.encoder.prepare("text", text) for text in texts]
        batches = (prepared[start : start + AT_ONCE] for start in range(0, len(prepared), AT_ONCE))
        return normalise(np.concatenate([lane.submit("text", batch).result() for batch in batches]))

    def _score(
        self,
        measure: _Measure,
        page: Sequence[Item],
        segments: Mapping[str, Sequence[Segment]],
        best: NDArray[np.float32],
    ) -> None:
        """Raise each item's scores (items, labels) to those of its best segment in this space."""
        rows = {
            segment.id: row
            for row, item in enumerate(page)
            for segment in segments.get(item.id, ())
            if segment.kind == measure.space.kind
        }
        ids = np.fromiter(rows, dtype=np.int64, count=len(rows))
        if measure.within is not None:
            ids = ids[np.isin(ids, measure.within)]
        for found, vectors in self._fetched(measure.space, ids):
            scores = _above_everyday(vectors, measure.words, len(self._task.labels))
            np.maximum.at(best, [rows[identifier] for identifier in found.tolist()], scores)

    def _fetched(self, space: Space, ids: Ids) -> Iterator[tuple[Ids, Vectors]]:
        for start in range(0, len(ids), BLOCK):
            found, vectors = self._stores.vectors.fetch(space, ids[start : start + BLOCK])
            if len(found):
                yield found, vectors

    def _settle(self, page: Sequence[Item], best: NDArray[np.float32]) -> None:
        labels, prefix = self._task.labels, self._task.prefix
        for item, scores in zip(page, best, strict=True):
            if not np.isfinite(scores).any():  # nothing of it lies in these spaces, or the filter leaves it out
                continue
            order = np.argsort(-scores, kind="stable")[: self._task.top]
            earned = [(labels[at], float(scores[at])) for at in order if scores[at] >= self._task.threshold]
            self._items += 1
            self._meter.done += 1
            self._tagged += bool(earned)
            self._counts.update(label for label, _ in earned)
            source = item.sources[0].uri if item.sources else ""
            room = SHOWN - len(self._shown)
            self._shown += [AutoTag(item.id, source, label, score) for label, score in earned][:room]
            wanted = {prefix + label for label, _ in earned}
            for tag in wanted - set(item.tags):
                self._waiting[tag, True].append(item.id)
            for tag in {prefix + label for label in labels} & set(item.tags) - wanted if prefix else ():
                self._waiting[tag, False].append(item.id)
        self._meter.tick(page[-1].id if page else "")
        if sum(map(len, self._waiting.values())) >= KEPT:
            self._write()

    def _write(self) -> None:
        """Items that went meanwhile are passed over by the catalog."""
        self._added += sum(len(items) for (_, on), items in self._waiting.items() if on)
        self._removed += sum(len(items) for (_, on), items in self._waiting.items() if not on)
        if self._waiting and not self._task.dry_run:
            with self._stores.lock.hold(f"tag in {self._record.name}", waiting=self._meter.waiting):
                for (tag, on), items in sorted(self._waiting.items()):
                    self._stores.catalog.tag(self._record, items, [tag] if on else [], [] if on else [tag])
        self._waiting.clear()


def _above_everyday(vectors: Vectors, words: NDArray[np.float32], labels: int) -> NDArray[np.float32]:
    """(n, labels): how far each label's cosine lies above the mean of everyday words', in their standard deviations."""
    cosines = normalise(vectors) @ words.T
    usual = cosines[:, labels:]
    spread = np.maximum(usual.std(axis=1, keepdims=True), LEAST_SPREAD)
    scores: NDArray[np.float32] = (cosines[:, :labels] - usual.mean(axis=1, keepdims=True)) / spread
    return scores
