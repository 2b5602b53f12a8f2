"""What scores mean: percentiles among random pairs, and whether an answer found anything at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import morelike
from morelike import calibration as calibration_module
from morelike.calibration import FEWEST, LEVELS, RARE, due, nothing_similar, percentile
from morelike.collection import OpenCollection
from morelike.errors import StoreBusy
from morelike.library import Library
from morelike.records import Calibration
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder, ToyJointEncoder
from morelike.types import Card, Example, Query, Space
from morelike.vecmath import normalise, similarity


def calibrated(background: np.ndarray, nearest: np.ndarray, items: int = 1000) -> Calibration:
    return Calibration(items, tuple(np.quantile(background, LEVELS).tolist()), tuple(np.sort(nearest).tolist()))


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def photos(library: Library, tmp_path: Path) -> OpenCollection:
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    assert collection.add(*write_images(tmp_path / "pictures", 60, seed=1)).added == 60
    return collection


def vectors_of(collection: OpenCollection) -> np.ndarray:
    (space,) = collection.spaces
    ids = np.concatenate(list(collection._stores.vectors.ids(space)))
    return collection._stores.vectors.fetch(space, ids)[1]


def test_a_percentile_is_the_share_of_random_pairs_below() -> None:
    """Exact at every level up to 99.999 %, in proportion between them, never outside 0 to 100, and rising."""
    uniform = calibrated(np.linspace(0, 1, 1_000_001), np.ones(100))

    assert [percentile(uniform, share) for share in (0.25, 0.5, 0.995, 0.9997)] == pytest.approx(
        [25, 50, 99.5, 99.97], abs=1e-3
    )
    assert (percentile(uniform, -1), percentile(uniform, 2)) == (0.0, 100.0)
    scores = np.linspace(-0.5, 1.5, 4001)
    found = [percentile(uniform, float(score)) for score in scores]
    assert all(low <= high for low, high in itertools.pairwise(found))


def test_equal_scores_count_as_not_below() -> None:
    """Where most pairs score zero, as fingerprints do, zero is no high percentile."""
    mostly = calibrated(np.concatenate([np.zeros(900), np.linspace(0.1, 1, 100)]), np.ones(100))

    assert percentile(mostly, 0.0) == 0.0
    assert percentile(mostly, 0.1) == pytest.approx(90, abs=1)


def test_nothing_similar_is_rare_among_the_items_themselves() -> None:
    """Of a thousand strangers to the sample that are drawn as it was, about two in a hundred are said to be alone."""
    draw = np.random.default_rng(5)
    sample, others = draw.normal(size=512), draw.normal(size=20_000)
    known = calibrated(np.full(10, -10.0), sample)

    share = np.mean([nothing_similar(known, float(score)) for score in others])

    assert RARE == 0.02
    assert 0.01 < share < 0.03


def test_further_than_chance_is_nothing_similar() -> None:
    """Few items cannot tell a rare one, but no best hit is worse than the middle of random pairs."""
    few = calibrated(np.linspace(0, 1, 1000), np.full(25, 0.9), items=25)

    assert nothing_similar(few, 0.49)
    assert not nothing_similar(few, 0.51)


@pytest.mark.parametrize(
    ("known", "items", "expected"),
    [(None, FEWEST - 1, False), (None, FEWEST, True), (100, 124, False), (100, 125, True), (100, 75, True)],
)
def test_a_space_is_measured_again_when_it_has_changed(known: int | None, items: int, expected: bool) -> None:
    """Not under twenty items; then once a quarter has come or gone."""
    before = None if known is None else calibrated(np.arange(9.0), np.arange(9.0), items=known)

    assert due(before, items) is expected


def test_a_calibration_of_another_making_is_measured_again() -> None:
    """Quantiles at other levels cannot be read."""
    assert due(Calibration(100, (0.0, 1.0), (0.5,)), 100)


def test_what_is_measured_is_the_truth_of_a_small_space(photos: OpenCollection) -> None:
    """Every pair of items, and every item's nearest other one."""
    vectors = normalise(vectors_of(photos))
    scores = similarity("cosine", vectors, vectors)
    pairs = scores[~np.eye(len(vectors), dtype=bool)]

    known = photos.calibration(photos.spaces[0])

    assert known is not None
    assert known.items == 60
    assert known.background == pytest.approx(np.quantile(pairs, LEVELS), abs=1e-5)
    nearest = np.where(np.eye(len(vectors), dtype=bool), -np.inf, scores).max(axis=1)
    assert known.nearest == pytest.approx(np.sort(nearest), abs=1e-5)


def test_segments_of_one_item_are_no_pair(photos: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two views of one thing are alike for another reason than two things are."""
    (space,) = photos.spaces
    owners = np.repeat(np.arange(30), 2)  # the sixty segments as if they were thirty items of two
    monkeypatch.setattr(calibration_module, "_owners", lambda *_: owners)

    found = calibration_module.measure(photos._stores, photos._record, space, 30)

    ids = photos._stores.catalog.segment_ids(photos._record, "image")
    vectors = normalise(photos._stores.vectors.fetch(space, ids)[1])
    scores = np.where(owners[:, None] == owners[None, :], -np.inf, vectors @ vectors.T)
    assert found is not None
    assert found.nearest == pytest.approx(np.sort(scores.max(axis=1)), abs=1e-5)


def test_a_larger_space_is_sampled_the_same_way_each_time(
    photos: OpenCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more vectors are read than the sample has, and the answer is the same."""
    monkeypatch.setattr(calibration_module, "SAMPLE", 40)
    monkeypatch.setattr(calibration_module, "QUERIES", 10)
    (space,) = photos.spaces

    found = [calibration_module.measure(photos._stores, photos._record, space, 60) for _ in range(2)]

    assert found[0] == found[1]
    assert found[0] is not None
    assert len(found[0].nearest) == 10


def test_bits_are_measured_in_tanimoto(library: Library, photos: OpenCollection) -> None:
    """A space of fingerprints has its own unit."""
    catalog, store = photos._stores.catalog, photos._stores.vectors
    inputs = {"image": {"side": 8}}
    card = Card("prints", family="toy", form="bits", dim=64, metric="tanimoto", inputs=inputs, fingerprint="3" * 12)
    space = catalog.add_space(photos._record, "image", card, active=False)
    ids = catalog.segment_ids(photos._record, "image")
    bits = np.random.default_rng(2).integers(0, 256, (60, 8), dtype=np.uint8)
    store.upsert(space, ids, bits)

    found = calibration_module.measure(photos._stores, photos._record, space, 60)

    scores = np.where(np.eye(60, dtype=bool), -np.inf, similarity("tanimoto", bits, bits))
    assert found is not None
    assert found.nearest == pytest.approx(np.sort(scores.max(axis=1)), abs=1e-6)
    assert library.doctor().findings == []


def test_add_and_remove_keep_it_up(photos: OpenCollection, tmp_path: Path) -> None:
    """Few changes leave it as it is; many measure it anew."""
    (space,) = photos.spaces
    counts = [photos.calibration(space).items]
    more = write_images(tmp_path / "more", 30, seed=500)

    photos.add(*more[:5])
    counts.append(photos.calibration(space).items)
    photos.add(*more[5:])
    counts.append(photos.calibration(space).items)
    photos.remove([item.id for item in photos.items(limit=30)])
    counts.append(photos.calibration(space).items)

    assert counts == [60, 60, 90, 60]


def test_another_process_sees_it(photos: OpenCollection, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one library measures, another one that was open before reads in time."""
    monkeypatch.setattr(calibration_module, "READ_AGAIN", 0.0)
    with morelike.open(settings) as other:
        there = other.collection("photos", encoder=ToyEncoder())
        before = there.calibration(there.spaces[0])
        photos.remove([item.id for item in photos.items(limit=30)])

        after = there.calibration(there.spaces[0])

    assert before is not None
    assert after is not None
    assert (before.items, after.items) == (60, 30)


def test_it_is_not_read_for_each_search(photos: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a moment searches share what was read."""
    read: list[Space] = []
    known = photos._stores.catalog.calibration
    monkeypatch.setattr(photos._stores.catalog, "calibration", lambda space: read.append(space) or known(space))
    monkeypatch.setattr(calibration_module, "READ_AGAIN", 3600.0)

    for _ in range(3):
        assert photos.search(photos.items(limit=1)[0].id, k=1)[0].percentile is not None

    assert len(read) <= 1


def test_a_calibration_that_fails_fails_nothing_else(
    photos: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """``add`` has done its work whether or not scores could be measured after it."""

    def busy(*_: object) -> None:
        raise StoreBusy("somebody writes")

    monkeypatch.setattr(photos._stores.catalog, "calibrate", busy)

    report = photos.add(*write_images(tmp_path / "more", 30, seed=500))

    assert report.added == 30
    assert "photos was not calibrated: somebody writes" in caplog.text


def test_hits_carry_their_percentiles(photos: OpenCollection) -> None:
    """In the space's own unit, the share of pairs below each hit's score; the best first."""
    vectors = normalise(vectors_of(photos))
    pairs = (vectors @ vectors.T)[~np.eye(60, dtype=bool)]

    hits = photos.search(photos.items(limit=1)[0].id, k=59)

    for hit in hits:
        assert hit.percentile == pytest.approx(100 * np.mean(pairs < hit.score), abs=0.3)
    found = [hit.percentile for hit in hits]
    assert found == sorted(found, reverse=True)


def test_a_stranger_is_said_to_be_one(photos: OpenCollection) -> None:
    """A picture of the collection finds its like; one that is unlike all of them is answered with that remark."""
    known = photos.calibration(photos.spaces[0])
    assert known is not None
    checks = np.zeros((80, 80, 3), dtype=np.uint8)
    checks[:40, :40] = checks[40:, 40:] = 255
    own = [photos.search(item.id, k=1) for item in photos.items()]

    stranger = photos.search(checks)

    assert stranger.nothing_similar
    assert len(stranger) == 10
    assert stranger[0].score < min(known.nearest)
    assert sum(hits.nothing_similar for hits in own) <= 1


def test_the_remark_does_not_depend_on_the_page(photos: OpenCollection) -> None:
    """It is about the best hit, wherever the page begins and whatever the threshold leaves."""
    checks = np.zeros((80, 80, 3), dtype=np.uint8)
    checks[:40, :40] = checks[40:, 40:] = 255
    alike = photos.items(limit=1)[0].id

    assert photos.search(checks, k=5, offset=20).nothing_similar
    assert photos.search(checks, threshold=0.999).nothing_similar
    assert not photos.search(alike, k=5, offset=50).nothing_similar


def test_a_sum_of_examples_is_not_judged(photos: OpenCollection) -> None:
    """A sum lies where no item does: its hits have percentiles, and nothing is said of them all."""
    checks = np.zeros((80, 80, 3), dtype=np.uint8)
    checks[:40, :40] = checks[40:, 40:] = 255

    hits = photos.search(Query((Example("payload", checks), Example("payload", 255 - checks, 0.2))))

    assert not hits.nothing_similar
    assert all(hit.percentile is not None for hit in hits)


def test_words_have_no_percentiles(library: Library, tmp_path: Path) -> None:
    """A word lies elsewhere than the pictures that it names, so pairs of pictures say nothing of it."""
    collection = library.collection("joint", modality="image", encoder=ToyJointEncoder())
    collection.add(*write_images(tmp_path / "pictures", 30, seed=1))

    hits = collection.search(text="red")

    assert {hit.percentile for hit in hits} == {None}
    assert not hits.nothing_similar


def test_few_items_say_nothing(library: Library, tmp_path: Path) -> None:
    """Under twenty there is no calibration, asked for or not."""
    collection = library.collection("few", modality="image", encoder=ToyEncoder())
    collection.add(*write_images(tmp_path / "pictures", FEWEST - 1, seed=1))

    assert collection.calibrate() == 0
    assert collection.search(collection.items(limit=1)[0].id)[0].percentile is None


def test_calibrate_measures_anew_when_asked(photos: OpenCollection) -> None:
    """Whatever has changed since."""
    (space,) = photos.spaces
    photos._stores.catalog.calibrate(space, Calibration(60, tuple(float(x) for x in range(len(LEVELS))), (0.5,)))

    assert photos.calibrate() == 1
    known = photos.calibration(space)
    assert known is not None
    assert len(known.nearest) == 60
