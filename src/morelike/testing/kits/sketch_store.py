"""What every sketch store promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from morelike.errors import SpaceMismatch, UsageError
from morelike.protocols import SketchStore
from morelike.testing.kits.vector_store import within
from morelike.types import Card, Sketch, Space

__all__ = ["SketchStoreKit", "counted", "seeded_sketches", "sketch_of", "sketch_space"]


def sketch_space(id: int = 1, *, name: str = "toy-sketch") -> Space:
    card = Card(name, "toy", "sketch", 0, "containment", {"recording": {}}, {"tick": 0.1}, fingerprint="000000000000")
    return Space(id, 1, "recording", card, active=True)


def sketch_of(pairs: Sequence[tuple[int, int]]) -> Sketch:
    """The sketch that has these (hash, at)."""
    ordered = sorted(pairs)
    return Sketch(np.array([pair[0] for pair in ordered], np.uint64), np.array([pair[1] for pair in ordered], np.int32))


def seeded_sketches(count: int, size: int, *, hashes: int, ticks: int, seed: int = 0) -> list[Sketch]:
    """Sketches of ``size`` hashes below ``hashes``, each ``at`` below ``ticks``."""
    random = np.random.default_rng(seed)
    return [
        sketch_of(list(zip(random.integers(0, hashes, size).tolist(), random.integers(0, ticks, size).tolist())))  # noqa: B905 # equal by construction
        for _ in range(count)
    ]


def counted(stored: Mapping[int, Sketch], query: Sketch, k: int) -> list[tuple[int, int, int]]:
    """(id, shared, shift) as the seam defines them, one hash at a time.

    Of shifts with equal votes the one with more hashes exactly at it counts, then the least one.
    """
    found = []
    for segment, sketch in stored.items():
        at_shift: dict[int, set[int]] = {}
        for entry, (wanted, at) in enumerate(zip(query.hashes.tolist(), query.at.tolist(), strict=True)):
            for place in sketch.at[sketch.hashes == np.uint64(wanted)].tolist():
                at_shift.setdefault(place - at, set()).add(entry)
        if at_shift:
            votes = {
                shift: len(at_shift[shift] | at_shift.get(shift - 1, set()) | at_shift.get(shift + 1, set()))
                for shift in at_shift
            }
            best = min(at_shift, key=lambda shift: (-votes[shift], -len(at_shift[shift]), shift))
            found.append((segment, votes[best], best))
    return sorted(found, key=lambda one: (-one[1], one[0]))[:k]


class SketchStoreKit:
    """Subclass it and give a fixture ``store``: an empty store."""

    @pytest.fixture
    def store(self) -> SketchStore:
        raise NotImplementedError

    def _put(self, store: SketchStore, sketches: Mapping[int, Sketch], space: Space | None = None) -> None:
        store.upsert(space or sketch_space(), np.array(list(sketches), np.int64), list(sketches.values()))

    def _found(self, store: SketchStore, query: Sketch, k: int = 10) -> list[tuple[int, int, int]]:
        return list(zip(*(part.tolist() for part in store.search(sketch_space(), query, k)), strict=True))

    def test_the_count_is_that_of_the_definition(self, store: SketchStore) -> None:
        """Ids, shared hashes and shifts are those of counting every hash of every sketch."""
        stored = dict(enumerate(seeded_sketches(60, 50, hashes=40, ticks=30), start=5))
        self._put(store, stored)

        for query in seeded_sketches(5, 20, hashes=40, ticks=20, seed=1):
            assert self._found(store, query, 60) == counted(stored, query, 60)
            assert self._found(store, query, 7) == counted(stored, query, 7)

    def test_a_part_is_found_where_it_lies(self, store: SketchStore) -> None:
        """What was cut out of a sketch is found in it, at the tick at which it begins."""
        stored = dict(enumerate(seeded_sketches(20, 400, hashes=2**24, ticks=1000)))
        self._put(store, stored)
        whole = stored[13]
        inside = (whole.at >= 300) & (whole.at < 500)

        ids, shared, shifts = store.search(
            sketch_space(), Sketch(whole.hashes[inside], whole.at[inside] - np.int32(300)), 3
        )

        assert (ids[0], shared[0], shifts[0]) == (13, inside.sum(), 300)
        assert ids.dtype == shared.dtype == shifts.dtype == np.int64

    def test_a_tick_beside_counts(self, store: SketchStore) -> None:
        """Hashes one tick early or late agree, those two ticks away do not; a hash counts once."""
        self._put(store, {1: sketch_of([(10, 100), (11, 102), (12, 104), (13, 113), (10, 101)])})

        query = sketch_of([(10, 0), (11, 1), (12, 4), (13, 7)])

        assert self._found(store, query) == [(1, 3, 100)]

    def test_the_shift_may_be_negative(self, store: SketchStore) -> None:
        """A query may begin before the segment does."""
        self._put(store, {1: sketch_of([(10, 0), (11, 3)])})

        assert self._found(store, sketch_of([(9, 0), (10, 50), (11, 53)])) == [(1, 2, -50)]

    def test_without_places(self, store: SketchStore) -> None:
        """Where ``at`` is 0 everywhere, shared hashes are counted, of the whole range of 64 bits."""
        many = np.random.default_rng(0).integers(0, 2**64, 300, dtype=np.uint64)
        stored = {
            number: Sketch(np.unique(many[number * 20 : number * 20 + 200]), np.zeros(200, np.int32))
            for number in range(5)
        }
        self._put(store, stored)

        assert self._found(store, stored[0], 3) == [(0, 200, 0), (1, 180, 0), (2, 160, 0)]

    def test_nothing_to_find(self, store: SketchStore) -> None:
        """A query of no hashes, or of ones that nobody has, finds nothing, and so does k = 0."""
        self._put(store, {1: sketch_of([(10, 0)]), 2: sketch_of([])})

        assert self._found(store, sketch_of([])) == []
        assert self._found(store, sketch_of([(77, 0)])) == []
        assert self._found(store, sketch_of([(10, 0)]), 0) == []

    def test_ties_by_ascending_id(self, store: SketchStore) -> None:
        """Equally good segments come in the order of their ids."""
        self._put(store, dict.fromkeys([9, 2**62, 3, 5], sketch_of([(1, 0), (2, 1)])))

        assert [found[0] for found in self._found(store, sketch_of([(1, 0), (2, 1)]), 3)] == [3, 5, 9]

    def test_within(self, store: SketchStore) -> None:
        """A filter leaves only its own ids, however many better ones there are."""
        stored = dict(enumerate(seeded_sketches(50, 60, hashes=30, ticks=10)))
        self._put(store, stored)
        query = seeded_sketches(1, 30, hashes=30, ticks=10, seed=1)[0]
        left = [one[0] for one in counted(stored, query, 50)[-6:]]

        ids, _, _ = store.search(sketch_space(), query, 4, within=within([*left, 999]))

        assert ids.tolist() == [one[0] for one in counted({one: stored[one] for one in left}, query, 4)]

    def test_as_stored(self, store: SketchStore) -> None:
        """``fetch`` gives back what was stored, in the order asked for; None for an absent one."""
        stored = {1: sketch_of([]), 2: sketch_of([(0, -5), (2**64 - 1, 7), (2**64 - 1, 7)]), 3: sketch_of([(8, 2**20)])}
        self._put(store, stored)

        found = store.fetch(sketch_space(), np.array([3, 9, 1, 2]))

        assert found[1] is None
        for sketch, segment in ((found[0], 3), (found[2], 1), (found[3], 2)):
            assert sketch is not None
            assert sketch.hashes.dtype == np.uint64
            assert sketch.at.dtype == np.int32
            np.testing.assert_array_equal(sketch.hashes, stored[segment].hashes)
            np.testing.assert_array_equal(sketch.at, stored[segment].at)

    def test_upsert_overwrites(self, store: SketchStore) -> None:
        """An id has one sketch: the last one given, in a batch too."""
        self._put(store, {1: sketch_of([(10, 0)]), 2: sketch_of([(10, 0)])})
        store.upsert(sketch_space(), np.array([1, 1]), [sketch_of([(11, 0)]), sketch_of([(12, 3)])])

        assert self._found(store, sketch_of([(10, 0)])) == [(2, 1, 0)]
        assert self._found(store, sketch_of([(11, 0)])) == []
        assert self._found(store, sketch_of([(12, 0)])) == [(1, 1, 3)]
        assert store.count(sketch_space()) == 2

    def test_delete(self, store: SketchStore) -> None:
        """Deleted sketches are not found; absent ids are passed over."""
        self._put(store, dict.fromkeys([1, 2, 3], sketch_of([(10, 0)])))
        store.delete(sketch_space(), np.array([2, 99]))
        store.delete(sketch_space(77), np.array([1]))

        assert [found[0] for found in self._found(store, sketch_of([(10, 0)]))] == [1, 3]
        assert store.fetch(sketch_space(), np.array([2])) == [None]

    def test_many_small_writes(self, store: SketchStore) -> None:
        """However the sketches came and went, the answer is that of what is there."""
        random = np.random.default_rng(3)
        sketches = seeded_sketches(150, 40, hashes=50, ticks=20)
        stored: dict[int, Sketch] = {}
        for start in range(0, 150, 3):
            some = {int(random.integers(60)): sketch for sketch in sketches[start : start + 3]}
            self._put(store, some)
            stored.update(some)
            gone = random.integers(0, 60, 1)
            store.delete(sketch_space(), gone)
            stored.pop(int(gone[0]), None)

        query = seeded_sketches(1, 40, hashes=50, ticks=20, seed=9)[0]

        assert self._found(store, query, 100) == counted(stored, query, 100)
        assert np.concatenate(list(store.ids(sketch_space()))).tolist() == sorted(stored)

    def test_ids_ascend(self, store: SketchStore) -> None:
        """``ids`` names every id, of empty sketches too; ``count`` counts them."""
        self._put(store, {7: sketch_of([]), 2**62: sketch_of([(1, 1)]), 0: sketch_of([])})

        assert np.concatenate(list(store.ids(sketch_space()))).tolist() == [0, 7, 2**62]
        assert store.count(sketch_space()) == 3

    def test_spaces_are_apart(self, store: SketchStore) -> None:
        """Each space has its own sketches; dropping one leaves the other; unknown ones are empty."""
        self._put(store, {1: sketch_of([(10, 0)])})
        self._put(store, {1: sketch_of([(10, 5)])}, sketch_space(2))
        assert list(store.space_ids()) == [1, 2]
        store.drop(1)
        store.drop(77)

        assert store.count(sketch_space()) == 0
        assert list(store.ids(sketch_space())) == []
        assert self._found(store, sketch_of([(10, 0)])) == []
        assert store.search(sketch_space(2), sketch_of([(10, 0)]), 5)[2].tolist() == [5]
        assert list(store.space_ids()) == [2]

    def test_another_card_is_refused(self, store: SketchStore) -> None:
        """A space holds the sketches of one card."""
        self._put(store, {1: sketch_of([(10, 0)])})

        with pytest.raises(SpaceMismatch):
            self._put(store, {2: sketch_of([(10, 0)])}, sketch_space(name="other"))

    @pytest.mark.parametrize(
        "sketch",
        [
            Sketch(np.array([2, 1], np.uint64), np.zeros(2, np.int32)),
            Sketch(np.array([1, 1], np.uint64), np.array([1, 0], np.int32)),
            Sketch(np.array([1], np.uint64), np.zeros(2, np.int32)),
            Sketch(np.array([1], np.int64), np.zeros(1, np.int32)),
        ],
        ids=["unsorted", "ties unsorted", "lengths", "dtype"],
    )
    def test_no_sketch(self, store: SketchStore, sketch: Sketch) -> None:
        """What is no sketch is refused, and nothing of its batch is stored."""
        with pytest.raises(UsageError):
            self._put(store, {1: sketch_of([(10, 0)]), 2: sketch})
        assert store.count(sketch_space()) == 0
