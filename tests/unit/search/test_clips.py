"""Films searched by clip, picture, sound, item and range: toy films, whose frames are colours."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import OriginalGone, QueryError, UnknownMedia
from morelike.hits import Hits
from morelike.library import Library
from morelike.registry import MODALITIES, Row
from morelike.search import clips
from morelike.search.reading import MOST_FRAMES, spread
from morelike.settings import Settings
from morelike.testing.sounds import as_wav
from morelike.testing.toys import ToyEncoder, ToySounds, ToyWords, toy_film
from morelike.types import WHOLE, Blob, Example, Query, Span

FILMS = 6
SECONDS = 40


class Counting(ToyEncoder):
    """Notes how many payloads it encoded."""

    def __init__(self) -> None:
        super().__init__("counting")
        self.encoded = 0

    def encode(self, kind: str, batch: Sequence[Any]) -> Any:
        self.encoded += len(batch)
        return super().encode(kind, batch)


def colours(film: int) -> list[str]:
    """A film's colours, a second each."""
    rng = random.Random(film)
    return [f"#{rng.randrange(1 << 24):06x}" for _ in range(SECONDS)]


def film(name: str, shown: list[str], step: float = 1.0) -> Blob:
    return Blob.from_bytes(toy_film(shown, step), f"{name}.film", uri=name)


def picture(colour: str) -> Blob:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(stream, "PNG")
    return Blob.from_bytes(stream.getvalue(), "picture.png")


@pytest.fixture
def library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setitem(MODALITIES._all, "film", Row("morelike.testing.toys:ToyFilm"))
    monkeypatch.setitem(MODALITIES._all, "lines", Row("morelike.testing.toys:ToyLines"))
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def encoder() -> Counting:
    return Counting()


Made = Callable[..., OpenCollection]


@pytest.fixture
def made(library: Library, encoder: Counting) -> Made:
    def make(every: float = 1.0) -> OpenCollection:
        collection = library.collection("films", modality="film", encoder=encoder, options={"every": every})
        collection.add(*(film(f"film-{number}", colours(number)) for number in range(FILMS)))
        encoder.encoded = 0
        return collection

    return make


def where(hits: Hits) -> tuple[str, float, float]:
    return hits[0].source, hits[0].span.start, hits[0].span.end


@pytest.mark.parametrize("every", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("step", [1.0, 1 / 1.1])
def test_a_clip_is_found_with_its_interval(made: Made, every: float, step: float) -> None:
    """Which film and which stretch of it, at its own speed or 1.1 times as fast, however coarsely films were cut."""
    films = made(every)

    hits = films.search(film("clip", colours(3)[12:24], step), explain=True)

    source, start, end = where(hits)
    assert source == "film-3"
    assert (start, end) == pytest.approx((12.0, 24.0), abs=1.0)
    assert hits[0].unit["coverage"] >= 0.9
    assert hits[0].unit["speed"] == pytest.approx(1 / step, abs=0.06)
    assert hits[0].why["aligned"]["frames"] <= hits[0].why["aligned"]["of"]
    assert hits[1].score < hits[0].score * 0.6


def test_a_clip_is_told_from_a_film_with_the_same_colours(made: Made) -> None:
    """Its frames in another order are less than its frames in order."""
    films = made()
    shown = colours(2)[5:17]
    films.add(film("shuffled", random.Random(1).sample(shown, len(shown)) * 3))

    hits = films.search(film("clip", shown))

    assert [hit.source for hit in hits[:2]] == ["film-2", "shuffled"]
    assert hits[1].score < hits[0].score


def test_scores_fall_and_pages_join(made: Made) -> None:
    """All films are in the answer, those that are not aligned too; pages are what the whole answer is."""
    films = made()
    clip = film("clip", colours(4)[3:13])

    whole = films.search(clip, k=FILMS)
    pages = [hit for offset in range(0, FILMS, 2) for hit in films.search(clip, k=2, offset=offset)]

    assert len(whole) == FILMS
    assert [hit.score for hit in whole] == sorted((hit.score for hit in whole), reverse=True)
    assert [(hit.item, hit.span) for hit in pages] == [(hit.item, hit.span) for hit in whole]


def test_a_part_of_a_file_and_of_an_item(made: Made) -> None:
    """``at`` of a file, and of an item, which is left out itself."""
    films = made()
    films.add(film("remake", [*colours(0)[:10], *colours(1)[20:30], *colours(2)[:10]]))
    item = next(one.id for one in films.items() if one.sources[0].uri == "film-1")

    by_file = films.search(film("clip", colours(5)), at=Span("seconds", 8.0, 18.0))
    by_item = films.search(item, at=Span("seconds", 20.0, 30.0))

    assert where(by_file) == ("film-5", pytest.approx(8.0, abs=0.6), pytest.approx(18.0, abs=0.6))
    assert where(by_item) == ("remake", pytest.approx(10.0, abs=0.6), pytest.approx(20.0, abs=0.6))


def test_a_part_of_an_item_without_its_bytes(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``add`` made of that part stands for it; and nothing is decoded to place the hit more finely."""
    films = made(2.0)
    films.add(film("remake", [*colours(0)[:10], *colours(1)[20:30], *colours(2)[:10]]))
    item = next(one.id for one in films.items() if one.sources[0].uri == "film-1")

    def gone(*_: object) -> Blob:
        raise OriginalGone("gone")

    monkeypatch.setattr("morelike.search.embed.stored_blob", gone)
    monkeypatch.setattr(clips, "stored_blob", gone)

    source, start, end = where(films.search(item, at=Span("seconds", 20.0, 30.0)))
    assert source == "remake"
    assert (start, end) == pytest.approx((10.0, 20.0), abs=1.5)


def test_a_picture_finds_its_second(made: Made, encoder: Counting) -> None:
    """A still picture is read as a picture: the film, and the stretch that its frame stands for."""
    films = made()

    hits = films.search(picture(colours(2)[7]))

    assert where(hits) == ("film-2", 7.0, 8.0)
    assert hits[0].kind == "image"
    assert encoder.encoded == 1


def test_what_is_no_part_of_a_film_is_refused(made: Made, library: Library) -> None:
    """Bytes that no modality knows, and those of one whose payloads are not compared here."""
    films = made()
    pictures = library.collection("pictures", modality="image", encoder=ToyEncoder())
    poems = library.collection("poems", modality="lines", encoder=ToyWords())

    with pytest.raises(UnknownMedia):
        films.search(Blob.from_bytes(b"nothing to see", "notes.txt"))
    with pytest.raises(UnknownMedia, match="modality image"):
        poems.search(picture("red"))
    with pytest.raises(QueryError):
        pictures.search(picture("red"), at=Span("seconds", 0.0, 1.0))


def test_a_film_finds_pictures_like_its_frames(library: Library) -> None:
    """In a collection of pictures, which have no time, its frames are examples like any other."""
    pictures = library.collection("pictures", modality="image", encoder=ToyEncoder())
    pictures.add(*(replace(picture(colour), uri=colour) for colour in ("#ff0000", "#00ff00", "#0000ff")))

    hits = pictures.search(film("clip", ["green"] * 4))

    assert hits[0].source == "#00ff00"
    assert hits[0].span == WHOLE
    assert hits[0].unit == {"cosine": pytest.approx(1.0)}


def test_frames_are_bounded_whatever_the_length(made: Made, encoder: Counting) -> None:
    """A long example speaks through evenly spread frames, and finer looks decode a bounded number more."""
    films = made(3.0)

    films.search(film("long", colours(1) * 30, 1.0))

    assert encoder.encoded <= MOST_FRAMES + sum(clips.LOOKED_INTO)


def test_the_same_clip_is_encoded_once(made: Made, encoder: Counting) -> None:
    """What is remembered of a clip has its times: the second answer is the first one."""
    films = made()
    clip = film("clip", colours(3)[12:24])
    first = films.search(clip)
    encoder.encoded = 0

    assert [(hit.item, hit.score, hit.span) for hit in films.search(clip)] == [
        (hit.item, hit.score, hit.span) for hit in first
    ]
    assert encoder.encoded == 0


def test_many_clips_get_the_answers_of_each(made: Made) -> None:
    """Clips, pictures and items in one list: together as one by one."""
    films = made()
    queries = [
        Query((Example("blob", film("clip", colours(3)[2:12])),), k=3),
        Query((Example("blob", picture(colours(1)[3])),), k=3),
        Query((Example("item", films.items()[0].id),), k=3),
        Query((Example("blob", film("clip", colours(3)[2:12])), Example("blob", picture("red"), -0.1)), k=3),
    ]

    together = films.search_many(queries)

    for query, hits in zip(queries, together, strict=True):
        alone = films.search(query)
        assert [(hit.item, hit.score, hit.span) for hit in hits] == [(hit.item, hit.score, hit.span) for hit in alone]


def test_an_array_speaks_to_the_frames(made: Made) -> None:
    """A picture that is at hand is an example too; it has no time."""
    films = made()
    red, green, blue = bytes.fromhex(colours(2)[7][1:])
    array = np.full((8, 8, 3), (red, green, blue), dtype=np.uint8)

    assert where(films.search(array)) == ("film-2", 7.0, 8.0)
    with pytest.raises(QueryError):
        films.search(array, at=Span("seconds", 0.0, 1.0))


def test_a_film_with_sound_keeps_the_place_of_its_frames(library: Library) -> None:
    """Frames and sound are fused by rank: where both rank a film first, the hit is the stretch of its frames."""
    films = library.collection("films", modality="film", encoder=Counting())
    catalog, record = films._stores.catalog, films._record
    sounds = ToySounds()
    films._lanes._add(sounds)
    catalog.add_space(record, "audio", sounds.card, active=True)
    films.add(*(film(f"film-{number}", colours(number)) for number in range(FILMS)))

    hits = films.search(film("clip", colours(3)[12:24]))

    assert where(hits) == ("film-3", pytest.approx(12.0, abs=0.6), pytest.approx(24.0, abs=0.6))
    assert hits[0].kind == "image"
    assert next(iter(hits[0].unit)) == "rrf"
    assert {"cosine", "coverage", "speed"} < set(hits[0].unit)


def test_a_sound_speaks_to_the_sound(library: Library) -> None:
    """A recording is searched in films by their sound, and says which part of it that is."""
    films = library.collection("films", modality="film", encoder=Counting())
    sounds = ToySounds()
    films._lanes._add(sounds)
    films._stores.catalog.add_space(films._record, "audio", sounds.card, active=True)
    films.add(film("quiet", ["#101010"] * 4), film("loud", ["#101010", "#101010", "#ffffff", "#101010"]))
    loud = np.full(8000, 0.9, dtype=np.float32)

    hits = films.search(Blob.from_bytes(as_wav(loud, 8000), "sound.wav"))

    assert where(hits) == ("loud", 2.0, 3.0)
    assert hits[0].kind == "audio"
    assert list(hits[0].unit)[-1] == "cosine"


def test_spread_keeps_both_ends() -> None:
    """Few are all there; of many the first, the last and evenly between."""
    assert spread([1, 2, 3], 5) == [1, 2, 3]
    assert spread(list(range(101)), 5) == [0, 25, 50, 75, 100]
