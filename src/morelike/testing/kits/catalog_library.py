"""What every catalog promises of its library: who it is, how much it stored, and what changed since."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from morelike.catalog_protocols import WriteLock
from morelike.expressions import Compare, Expression, Has, Not
from morelike.protocols import Catalog
from morelike.records import Aside, StorageReading
from morelike.testing.kits.catalog_samples import CatalogFixtures, finished, make_item, some_claim
from morelike.types import Collection, segment_id

__all__ = ["CatalogLibraryKit"]

NAMES = [f"item-{number}" for number in range(10)]
FILTERS: tuple[Expression | None, ...] = (
    None,
    Compare("tag", "=", "t"),
    Not(Has("tag")),
    Compare("x", ">=", 2),
)


class CatalogLibraryKit(CatalogFixtures):
    """``CatalogStorage``, ``library_id``, ``write_lock``, ``touched``."""

    def test_a_library_has_one_id(self, catalog: Catalog, another: Catalog, other_library: Catalog) -> None:
        """Twelve hex digits, the same however it is opened, and another library's are others."""
        known = catalog.library_id()

        assert (len(known), set(known) <= set("0123456789abcdef")) == (12, True)
        assert (catalog.library_id(), another.library_id()) == (known, known)
        assert other_library.library_id() != known

    def test_storage_readings_come_oldest_first(self, catalog: Catalog, another: Catalog) -> None:
        """As they were noted, by whoever did."""
        readings = [StorageReading(f"2026-01-0{day}T00:00:00Z", day, {"blobs": day * 2**40}) for day in (1, 2, 3)]
        for reading in readings:
            catalog.note_storage(reading)

        assert another.storage_readings() == readings

    def test_touched_says_what_changed(self, catalog: Catalog, another: Catalog, photos: Collection) -> None:
        """The segments that came, went, or whose items changed; or that it is not known."""
        make_item(catalog, photos, "cat")
        make_item(catalog, photos, "dog")
        before = catalog.revision(photos)
        nothing = catalog.touched(photos, before)
        another.tag(photos, ["cat"], ["t"], [])
        make_item(another, photos, "car")
        another.forget(photos, ["dog"])
        after, ids = catalog.touched(photos, before)

        assert nothing[0] == before
        assert nothing[1] is not None
        assert nothing[1].tolist() == []
        assert after == another.revision(photos)
        assert ids is None or ids.tolist() == sorted(segment_id(name, 0) for name in ("cat", "dog", "car"))

    @pytest.mark.parametrize("seed", range(2))
    def test_kept_answers_are_those_of_the_moment(
        self, catalog: Catalog, another: Catalog, photos: Collection, seed: int
    ) -> None:
        """Whatever happens to the items, by two processes in turn: a remembered filter never gives an older answer."""
        chance = random.Random(seed)  # noqa: S311  # the same each time
        for name in NAMES[:5]:
            make_item(catalog, photos, name, metadata={"x": 1})
        for _ in range(30):
            chance.choice(_steps(chance.choice((catalog, another)), photos, chance))()
            if chance.random() < 0.5:
                for wanted in FILTERS:
                    items = catalog.items(photos, filter=wanted)
                    segments = catalog.segments_of(photos, [item.id for item in items])
                    expected = sorted(each.id for of_item in segments.values() for each in of_item)

                    assert catalog.segment_ids(photos, "image", filter=wanted).tolist() == expected

    def test_the_write_lock_is_held_by_one(self, catalog: Catalog, another: Catalog) -> None:
        """Where the catalog has one of its own: re-entrant for its thread, and another's turn comes after."""
        locks = [each.write_lock() for each in (catalog, another)]
        if locks[0] is None:
            assert locks[1] is None
            return
        assert all(isinstance(lock, WriteLock) for lock in locks)
        order: list[str] = []
        told = threading.Event()

        def second() -> None:
            assert locks[1] is not None
            with locks[1].hold("second", waiting=lambda _: told.set()):
                order.append("second")

        thread = threading.Thread(target=second)
        with locks[0].hold("first"):
            thread.start()
            assert told.wait(30)
            with locks[0].hold("inside"):
                order.append("first")
        thread.join(30)

        assert order == ["first", "second"]


def _steps(catalog: Catalog, photos: Collection, chance: random.Random) -> list[Callable[[], object]]:
    """One of each thing that may happen to items, with names by chance."""
    name, other = chance.sample(NAMES, 2)
    number = chance.randrange(4)
    path = f"/elsewhere/{chance.randrange(3)}.jpg"
    return [
        lambda: make_item(catalog, photos, name, metadata={"x": number}),
        lambda: catalog.claim(photos, [some_claim(name, path, tags=["t"]), some_claim(other, path)]),
        lambda: catalog.finish(photos, [finished(name)]),
        lambda: catalog.tag(photos, [name, other], ["t"], []),
        lambda: catalog.tag(photos, [name], [], ["t"]),
        lambda: catalog.annotate(photos, [name], {"x": number}),
        lambda: catalog.drop_sources(photos, [path, f"/pictures/{name}.jpg"]),
        lambda: catalog.requeue(photos, [name]),
        lambda: catalog.set_aside(photos, [Aside(name, other, "run")]),
        lambda: catalog.bring_back(photos, [name, other]),
        lambda: catalog.mark_deleting(photos, [name]),
        lambda: catalog.forget(photos, [name]),
    ]
