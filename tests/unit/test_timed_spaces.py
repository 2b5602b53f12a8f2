"""Sketch spaces through their life, several encoders in one collection, and the options it is cut by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import ModelError, SpaceMismatch, UnknownName, UsageError
from morelike.lanes import Lanes
from morelike.library import Library
from morelike.models import choose
from morelike.registry import MODALITIES, Row
from morelike.settings import Settings
from morelike.testing.toys import ToyEncoder, ToyFilm, ToySketches, ToySounds, toy_film
from morelike.types import Blob, Space

KINDS = ToyFilm.kinds


@pytest.fixture(autouse=True)
def _films(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODALITIES._all, "film", Row("morelike.testing.toys:ToyFilm"))


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def films(library: Library) -> OpenCollection:
    return library.collection("films", modality="film", encoder=[ToyEncoder(), ToySketches()])


def _film(seed: int, length: int = 25) -> Blob:
    rng = np.random.default_rng(seed)
    return Blob.from_bytes(toy_film([f"#{rng.bytes(3).hex()}" for _ in range(length)]), f"{seed}.film")


def _sketches(films: OpenCollection) -> Space:
    return next(space for space in films.spaces if space.card.form == "sketch")


def _count(library: Library, space: Space) -> int:
    return library._stores.sketches.count(space)


def test_sketches_come_with_the_item_and_go_with_it(library: Library, films: OpenCollection) -> None:
    """``add`` writes one a piece, ``remove`` and ``drop`` take them away."""
    films.add(_film(1), _film(2))
    space = _sketches(films)

    assert _count(library, space) == 6
    films.remove([films.items()[0].id])
    assert _count(library, space) == 3
    library.drop("films")
    assert list(library._stores.sketches.space_ids()) == []


def test_a_stored_sketch_is_that_of_its_piece(library: Library, films: OpenCollection) -> None:
    """Under the segment's id lies what the encoder makes of those seconds."""
    blob = _film(1)
    films.add(blob)
    space, encoder, modality = _sketches(films), ToySketches(), ToyFilm(library.settings)
    segments = [segment for segment in films.segments(films.items()[0].id) if segment.kind == "recording"]

    stored = library._stores.sketches.fetch(space, np.array([segment.id for segment in segments], dtype=np.int64))

    assert [(segment.span.start, segment.span.end) for segment in segments] == [(0, 10), (10, 20), (20, 25)]
    for segment, sketch in zip(segments, stored, strict=True):
        wanted = encoder.prepare("recording", modality.load(blob, segment, {"rate": ToyFilm.RATE}))  # type: ignore[arg-type] # it has what a spec has
        assert sketch is not None
        assert sketch.hashes.tolist() == wanted.hashes.tolist()
        assert sketch.at.tolist() == wanted.at.tolist()


def test_doctor_brings_lost_sketches_back(library: Library, films: OpenCollection) -> None:
    """An item without its sketches is worked on again; sketches of no item, and of no space, are swept."""
    films.add(_film(1))
    space = _sketches(films)
    store = library._stores.sketches
    kept = next(iter(store.ids(space)))
    sketch = store.fetch(space, kept[:1])[0]
    assert sketch is not None
    store.delete(space, kept[:1])
    store.upsert(space, np.array([12345], dtype=np.int64), [sketch])
    store.upsert(replace(space, id=space.id + 100), np.array([1], dtype=np.int64), [sketch])

    found = {finding.kind for finding in library.doctor(fix=True).findings}

    assert found == {"missing-vectors", "orphan-vectors", "orphan-space"}
    assert next(iter(store.ids(space))).tolist() == kept.tolist()
    assert library.doctor().findings == []


def test_reembedding_leaves_sketches_alone(library: Library, films: OpenCollection) -> None:
    """Only vectors are replaced by another encoder's."""
    films.add(_film(1))

    report = films.reembed(ToyEncoder("other"))

    assert (report.encoded, report.switched) == (25, True)
    assert _count(library, _sketches(films)) == 3
    assert _sketches(films).active


def test_a_sketch_alone_cannot_be_reembedded(films: OpenCollection) -> None:
    """An encoder of recordings has no vectors that others could stand in for."""
    with pytest.raises(UsageError, match="takes recording"):
        films.reembed(ToySketches("other"))


def test_each_kind_gets_the_first_encoder_that_takes_it(settings: Settings) -> None:
    """Names and encoders may be mixed; a kind that nobody takes is left out."""
    lanes = Lanes(settings)

    chosen = lanes.choose(KINDS, ["classic", ToySketches()], None)

    assert {kind: card.name for kind, card in chosen.items()} == {"image": "classic", "recording": "toy-sketches"}
    lanes.close()


def test_names_may_stand_in_one_text(settings: Settings) -> None:
    """As the command line and HTTP have it; recordings get their sketches unasked."""
    lanes = Lanes(settings)

    chosen = lanes.choose(KINDS, "classic, classic-audio", None)

    names = {kind: card.name for kind, card in chosen.items()}
    assert names == {"image": "classic", "audio": "classic-audio", "recording": "landmarks"}
    lanes.close()


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ([ToyEncoder(), ToyEncoder("other")], "other would get nothing: toy takes image already"),
        ([ToyEncoder(), ToySounds()], "toy-sounds takes audio, this modality gives image"),
        ("classic,", "without a name"),
        ([], "without a name"),
    ],
)
def test_an_encoder_with_nothing_to_do_is_refused(settings: Settings, encoder: Any, message: str) -> None:
    """Rather than passed over in silence."""
    with pytest.raises(UsageError, match=message):
        Lanes(settings).choose(("image",), encoder, None)


def test_auto_chooses_for_each_kind(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says names the kind, and a kind for which there is no card is left out with a sentence."""
    whole = choose.auto

    def auto(kinds: tuple[str, ...], *arguments: Any, **named: Any) -> Any:
        if kinds == ("audio",):
            raise UnknownName("no encoder takes audio")
        return whole(kinds, *arguments, **named)

    monkeypatch.setattr(choose, "auto", auto)
    said: list[str] = []
    lanes = Lanes(settings)

    chosen = lanes.choose(KINDS, "auto", said.append)

    assert {kind: card.name for kind, card in chosen.items()} == {"image": "classic", "recording": "landmarks"}
    assert said[0].startswith("image: classic")
    assert said[-1] == "nothing is made of the kind audio: no encoder takes audio"
    lanes.close()


def test_auto_fails_where_no_kind_has_a_card(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sketches of recordings alone are nothing that anybody asked for."""

    def auto(*_: Any, **__: Any) -> Any:
        raise ModelError("the weights cannot be had")

    monkeypatch.setattr(choose, "auto", auto)

    with pytest.raises(ModelError, match="cannot be had"):
        Lanes(settings).choose(KINDS, "auto", None)


def test_a_collection_opens_with_any_of_its_own_encoders(library: Library, films: OpenCollection) -> None:
    """One or all of them, and with no other."""
    for encoder in (ToyEncoder(), [ToySketches(), ToyEncoder()], "toy", "toy,toy-sketches"):
        assert library.collection("films", encoder=encoder).name == films.name
    with pytest.raises(SpaceMismatch, match="classic"):
        library.collection("films", encoder="toy,classic")


def test_options_are_settled_once(library: Library) -> None:
    """A new collection keeps complete options, and is cut by them."""
    films = library.collection("films", modality="film", encoder=[ToyEncoder(), ToySketches()], options={"every": 5})
    films.add(_film(1))

    assert dict(films._record.options) == {"every": 5.0}
    assert sum(segment.kind == "image" for segment in films.segments(films.items()[0].id)) == 5


def test_other_options_than_a_collection_has_are_refused(library: Library, films: OpenCollection) -> None:
    """The same ones are not; neither is silence."""
    assert library.collection("films", options={"every": 1}).name == films.name
    assert library.collection("films", options={}).name == films.name
    with pytest.raises(UsageError, match=r"was made with every 1\.0"):
        library.collection("films", options={"every": 2})
    with pytest.raises(UsageError, match="no pace"):
        library.collection("films", options={"pace": 2})


def test_bad_options_make_no_collection(library: Library) -> None:
    """What the modality refuses leaves nothing behind."""
    with pytest.raises(UsageError, match="every 0"):
        library.collection("films", modality="film", encoder=ToyEncoder(), options={"every": 0})

    assert library.names() == []


def test_a_part_of_a_film_is_an_example(films: OpenCollection) -> None:
    """``at`` cuts the example as a film of that length would be."""
    films.add(_film(1), _film(2))

    best = films.search(_film(2), at=morelike.types.Span("seconds", 7, 9), k=1)[0]

    assert best.source == "upload:2.film"
    assert 6 <= best.span.start < best.span.end <= 10
