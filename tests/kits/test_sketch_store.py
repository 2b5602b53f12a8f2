"""Every registered sketch store keeps the promises of its seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from morelike.protocols import SketchStore
from morelike.registry import SKETCH_STORES
from morelike.settings import Settings
from morelike.testing.kits.sketch_store import SketchStoreKit, counted, sketch_of, sketch_space


class TestSketchStores(SketchStoreKit):
    @pytest.fixture(params=list(SKETCH_STORES))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[SketchStore]:
        store = SKETCH_STORES.load(request.param)(tmp_path / "sketches", settings)
        yield store
        store.close()


PAIRS = some.lists(some.tuples(some.integers(0, 6), some.integers(-4, 8)), max_size=12)


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    writes=some.lists(some.dictionaries(some.integers(0, 5), PAIRS, max_size=4), max_size=10),
    gone=some.lists(some.integers(0, 5), max_size=3),
    query=PAIRS,
    k=some.integers(1, 6),
)
@pytest.mark.parametrize("name", list(SKETCH_STORES))
def test_any_sketches(
    name: str,
    writes: list[dict[int, list[tuple[int, int]]]],
    gone: list[int],
    query: list[tuple[int, int]],
    k: int,
) -> None:
    """Whatever was written, overwritten and deleted: the answer is that of counting what is left."""
    stored = {}
    with TemporaryDirectory() as folder:
        store = SKETCH_STORES.load(name)(Path(folder), Settings(library=Path(folder), offline=True))
        for batch in writes:
            sketches = {segment: sketch_of(pairs) for segment, pairs in batch.items()}
            store.upsert(sketch_space(), np.array(list(sketches), np.int64), list(sketches.values()))
            stored.update(sketches)
        store.delete(sketch_space(), np.array(gone, np.int64))
        for segment in gone:
            stored.pop(segment, None)

        found = store.search(sketch_space(), sketch_of(query), k)

        assert list(zip(*(part.tolist() for part in found), strict=True)) == counted(stored, sketch_of(query), k)
        store.close()
