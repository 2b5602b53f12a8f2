"""``--mode recording``: the very recording, in whatever shape, and where in it; or no answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import QueryError
from morelike.search.filter import parse_filter
from morelike.search.recording import moments_needed
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.sounds import as_wav
from morelike.testing.tunes import DISTORTIONS, RATE, distorted, tune
from morelike.types import Answer, Blob, Example, Hit, Query, Span

for package in ("av", "soxr"):
    pytest.importorskip(package, reason="the extra audio is not installed")

TRACKS = 200
ASKED, STRANGERS = 20, 15
LONG = 150.0  # seconds: two pieces of a minute and a half one


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[morelike.Library]:
    settings = Settings(library=tmp_path_factory.mktemp("recordings") / "library", offline=True)
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def few(library: morelike.Library, tmp_path_factory: pytest.TempPathFactory) -> OpenCollection:
    """``long.wav``, a short tune and its own noisy copy."""
    sounds = {"long": tune(1000, LONG), "short": tune(1001, 20.0)}
    sounds["noisy"] = sounds["short"] + 0.03 * np.random.default_rng(0).standard_normal(20 * RATE, np.float32)
    return filled(library, "few", tmp_path_factory, sounds)


def filled(
    library: morelike.Library, name: str, folders: pytest.TempPathFactory, sounds: dict[str, np.ndarray]
) -> OpenCollection:
    folder = folders.mktemp(name)
    for stem, samples in sounds.items():
        (folder / f"{stem}.wav").write_bytes(as_wav(samples, RATE))
    collection = library.collection(name, modality="audio", encoder="landmarks")
    assert collection.add(folder).added == len(sounds)
    return collection


def asked(collection: OpenCollection, sound: bytes | np.ndarray, at: Span | None = None, **wishes: object) -> Answer:
    data = sound if isinstance(sound, bytes) else as_wav(sound, RATE)
    example = Example("blob", Blob.from_bytes(data, "query"), at=at)
    return collection.search(Query((example,), mode="recording", **wishes))  # type: ignore[arg-type]  # Query's own


def names(answer: Answer) -> list[str]:
    return [Path(hit.source).stem for hit in answer.hits]


def excerpt(seed: int) -> tuple[np.ndarray, float]:
    """Ten seconds of a tune from wherever, and where they begin."""
    samples = tune(seed)
    start = int(np.random.default_rng((9, seed)).integers(0, len(samples) - 10 * RATE))
    return samples[start : start + 10 * RATE].copy(), start / RATE


def test_found_among_two_hundred(library: morelike.Library, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ten seconds of a track, after each distortion: 95 of 100 are found first, within 0.1 s of their place; of tracks
    that are not there at most one in a hundred finds anything.
    """
    tracks = filled(library, "tracks", tmp_path_factory, {f"{seed}": tune(seed) for seed in range(TRACKS)})
    there = {seed: excerpt(seed) for seed in np.linspace(0, TRACKS - 1, ASKED).astype(int).tolist()}
    strangers = {seed: excerpt(seed)[0] for seed in range(TRACKS, TRACKS + STRANGERS)}
    right, wrong = dict.fromkeys(DISTORTIONS, 0), dict.fromkeys(DISTORTIONS, 0)
    for name in DISTORTIONS:
        for seed, (samples, start) in there.items():
            hits = asked(tracks, distorted(name, samples, seed)).hits
            found = bool(hits) and Path(hits[0].source).stem == str(seed)
            right[name] += found and abs(hits[0].unit["offset"] - start) <= 0.1
            wrong[name] += len(hits) > found
        for seed, samples in strangers.items():
            wrong[name] += bool(asked(tracks, distorted(name, samples, seed)).hits)

    assert {name: count for name, count in right.items() if count < 0.95 * ASKED} == {}
    assert {name: count for name, count in wrong.items() if count > 0.01 * (ASKED + STRANGERS)} == {}


def only(answer: Answer) -> Hit:
    (hit,) = answer.hits
    return hit


def test_the_hit_says_where(few: OpenCollection) -> None:
    """The span is the part of the item that is heard, the unit says share, hashes, offset; the score is the share."""
    hit = only(asked(few, tune(1000, LONG)[20 * RATE : 28 * RATE]))

    assert hit.span.unit == "seconds"
    assert (hit.span.start, hit.span.end) == (pytest.approx(20, abs=0.05), pytest.approx(28, abs=0.05))
    assert hit.unit["offset"] == pytest.approx(20, abs=0.05)
    assert hit.score == pytest.approx(hit.unit["containment"])
    assert 0.3 < hit.score <= 1
    assert hit.unit["landmarks"] > 100
    assert hit.kind == "recording"
    assert hit.why["moments"] > 2 * hit.why["moments_needed"]


@pytest.mark.parametrize("start", [52.0, 55.5, 59.0, 113.0])
def test_across_two_pieces(few: OpenCollection, start: float) -> None:
    """A match that crosses the border of two pieces has the votes of both, not of one."""
    long = tune(1000, LONG)
    samples = long[int(start * RATE) : int((start + 10) * RATE)]
    within = long[int((start - 20) * RATE) : int((start - 10) * RATE)]

    hit, inside = only(asked(few, samples)), only(asked(few, within))

    assert hit.unit["offset"] == pytest.approx(start, abs=0.05)
    assert hit.score > 0.7 * inside.score


def test_a_query_longer_than_the_item(few: OpenCollection) -> None:
    """A mix that holds an item finds it: the whole item is the span, the offset says that it begins later."""
    mix = np.concatenate([tune(2000, 70.0), tune(1001, 20.0), tune(2001, 70.0)])

    hit = asked(few, mix).hits[0]

    assert Path(hit.source).stem == "short"
    assert hit.unit["offset"] == pytest.approx(-70, abs=0.05)
    assert (hit.span.start, hit.span.end) == (0, pytest.approx(20, abs=0.05))


def test_a_query_that_sticks_out(few: OpenCollection) -> None:
    """What begins before the item and ends in it is found, and the span is what both have."""
    hit = asked(few, np.concatenate([tune(2002, 6.0), tune(1001, 20.0)[: 6 * RATE]])).hits[0]

    assert Path(hit.source).stem == "short"
    assert hit.unit["offset"] == pytest.approx(-6, abs=0.05)
    assert (hit.span.start, hit.span.end) == (0, pytest.approx(6, abs=0.05))


def test_every_item_that_holds_it(few: OpenCollection) -> None:
    """Two items with the recording both answer, the better copy first; with a filter the other one alone."""
    samples = tune(1001, 20.0)[5 * RATE : 13 * RATE]

    assert names(asked(few, samples)) == ["short", "noisy"]
    page = asked(few, samples, k=1)
    assert (names(page), page.more) == (["short"], True)
    assert names(asked(few, samples, k=1, offset=1)) == ["noisy"]
    assert names(asked(few, samples, filter=parse_filter("path like '*noisy.wav'"))) == ["noisy"]


def test_three_noisy_seconds(few: OpenCollection) -> None:
    """What a telephone hears in three seconds of a noisy room is enough."""
    samples = tune(1000, LONG)[31 * RATE : 34 * RATE]

    hit = only(asked(few, distorted("pink noise at 10 dB", samples)))

    assert hit.unit["offset"] == pytest.approx(31, abs=0.1)


@pytest.mark.parametrize("name", ["stranger", "silence", "noise"])
def test_an_empty_answer(few: OpenCollection, name: str) -> None:
    """What is not there is not found, and nothing is made up."""
    sounds = {
        "stranger": tune(3000, 30.0),
        "silence": np.concatenate([np.zeros(5 * RATE, np.float32), np.full(1, 1e-4, np.float32)]),
        "noise": np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32) * 0.1,
    }
    answer = asked(few, sounds[name])

    assert (answer.hits, answer.more) == ((), False)


def test_by_item(few: OpenCollection) -> None:
    """An item of the collection finds the others that hold it, not itself; so does a range of it."""
    item = next(one for one in few.items() if one.sources[0].name == "short.wav")

    whole = few.search(Query((Example("item", item.id),), mode="recording"))
    part = few.search(Query((Example("item", item.id, at=Span("seconds", 4, 9)),), mode="recording"))

    assert (names(whole), names(part)) == (["noisy"], ["noisy"])
    assert only(whole).unit["offset"] == pytest.approx(0, abs=0.05)
    assert only(part).unit["offset"] == pytest.approx(4, abs=0.05)


def test_a_range_of_a_file(few: OpenCollection) -> None:
    """Of an example with a range only that part is looked for; the offset says where the part begins."""
    hit = only(asked(few, tune(1000, LONG), at=Span("seconds", 80, 88)))

    assert (hit.span.start, hit.span.end) == (pytest.approx(80, abs=0.05), pytest.approx(88, abs=0.05))


def test_what_cannot_be_asked(few: OpenCollection) -> None:
    """Words, arrays, several examples or ones to keep away from are refused with a sentence."""
    blob = Example("blob", Blob.from_bytes(as_wav(tune(1, 5.0), RATE), "query"))
    for examples in (
        (Example("text", "a song"),),
        (Example("payload", np.zeros((4, 4, 3), np.uint8)),),
        (blob, blob),
        (Example("blob", blob.content, weight=-1.0),),
    ):
        with pytest.raises(QueryError):
            few.search(Query(examples, mode="recording"))


def test_where_there_is_no_index(library: morelike.Library, tmp_path: Path) -> None:
    """A collection without sketches says so."""
    pictures = library.collection("pictures", modality="image", encoder="classic")
    paths = write_images(tmp_path, 1)
    pictures.add(tmp_path)

    with pytest.raises(QueryError, match="no index of recordings"):
        pictures.search(Query((Example("blob", Blob.from_path(paths[0])),), mode="recording"))


def test_chance_needs_more_of_more() -> None:
    """The longer the query and the larger the index, the more must agree."""
    by_length = [moments_needed(moments, 200) for moments in (5, 50, 500, 5000)]
    by_size = [moments_needed(100, segments) for segments in (10, 1000, 100_000, 10_000_000)]

    assert all(a < b for few in (by_length, by_size) for a, b in pairwise(few))
