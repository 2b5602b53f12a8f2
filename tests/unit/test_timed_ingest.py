"""Items in time: segments decoded in runs, long items in flat memory, and what a failure or a stop leaves behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

import morelike
from morelike import batches, prepare
from morelike.batches import Batches
from morelike.collection import OpenCollection
from morelike.errors import DecodeError, EncodeError, StoreFull
from morelike.library import Library
from morelike.registry import MODALITIES, Row
from morelike.settings import Settings
from morelike.testing.toys import ToyEncoder, ToyFilm, ToySketches, ToySounds, toy_film
from morelike.types import Blob
from morelike.work import LONG, RUN

LENGTH = 700
"""Segments of a long film: more than two parts of it."""


@pytest.fixture(autouse=True)
def _films(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODALITIES._all, "film", Row("morelike.testing.toys:ToyFilm"))


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings.model_copy(update={"look_ahead": 32})) as opened:
        yield opened


@pytest.fixture
def films(library: Library) -> OpenCollection:
    return library.collection("films", modality="film", encoder=[ToyEncoder(), ToySketches()])


def _colours(number: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [f"#{rng.bytes(3).hex()}" for _ in range(number)]


def _film(path: Path, number: int, seed: int = 0, **broken: str) -> Path:
    """``broken``: ``at_300="purple"`` puts a colour that is none there."""
    colours = _colours(number, seed)
    for place, word in broken.items():
        colours[int(place.removeprefix("at_"))] = word
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(toy_film(colours))
    return path


def _image_space(films: OpenCollection) -> Any:
    return next(space for space in films.spaces if space.active and space.kind == "image")


def test_segments_are_decoded_in_runs(films: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A film of 40 segments is opened three times for them, not 40 times."""
    passes: list[int] = []
    whole = ToyFilm.load_run

    def counted(self: ToyFilm, blob: Blob, specs: Any, want: Any) -> Any:
        passes.append(len(specs))
        return whole(self, blob, specs, want)

    monkeypatch.setattr(ToyFilm, "load_run", counted)
    assert films.add(Blob.from_bytes(toy_film(_colours(40)), "a.film")).added == 1
    assert sorted(passes) == [40 // ToyFilm.PIECE, 40 - 2 * RUN, RUN, RUN]
    assert films.vectors_in(_image_space(films)) == 40


def test_a_moment_of_a_film_is_found(films: OpenCollection, tmp_path: Path) -> None:
    """A picture finds the film and the seconds in which it is shown."""
    for seed in range(3):
        _film(tmp_path / "films" / f"{seed}.film", 30, seed)
    films.add(tmp_path / "films")
    wanted = np.full((8, 8, 3), tuple(bytes.fromhex(_colours(30, 1)[17][1:])), dtype=np.uint8)

    best = films.search(wanted, k=1)[0]

    assert best.source.endswith("1.film")
    assert (best.span.unit, best.span.start, best.span.end) == ("seconds", 17.0, 18.0)


def test_prepared_payloads_are_few_however_long_the_film(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was prepared and not yet encoded is bounded by the window and the batches, not by the film."""
    alive, most = 0, 0

    class Counted(np.ndarray):
        pass

    class Counting(ToyEncoder):
        def prepare(self, kind: str, payload: Any) -> Any:
            nonlocal alive, most
            row = super().prepare(kind, payload).view(Counted)
            alive += 1
            most = max(most, alive)
            weakref.finalize(row, gone)
            return row

    def gone() -> None:
        nonlocal alive
        alive -= 1

    gc.collect()
    monkeypatch.setattr(batches, "BATCH", 16)
    films = library.collection("films", modality="film", encoder=[Counting(), ToySketches()])

    assert films.add(_film(tmp_path / "long.film", 1200)).added == 1
    assert alive == 0
    assert most <= library.settings.look_ahead + RUN + 16 * (batches.BATCHES_AHEAD + 3)


def test_vectors_of_a_long_film_are_not_kept_until_its_end(
    films: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item in work never holds many more vectors than one part has."""
    most = 0
    whole = Batches._done

    def watched(self: Batches, work: Any, segments: int) -> Any:
        nonlocal most
        most = max(most, len(work.vectors))
        return whole(self, work, segments)

    monkeypatch.setattr(Batches, "_done", watched)

    assert films.add(_film(tmp_path / "long.film", 1000)).added == 1
    assert LONG <= most <= LONG + batches.BATCH
    assert films.vectors_in(_image_space(films)) == 1000


def test_a_film_that_fails_late_leaves_nothing_behind(library: Library, films: OpenCollection, tmp_path: Path) -> None:
    """Parts that were written before the broken segment are removed with the rejection."""
    bad = _film(tmp_path / "bad.film", LENGTH, at_690="purple")

    report = films.add(bad, _film(tmp_path / "good.film", 20, 1))

    assert (report.added, report.rejected) == (1, 1)
    assert "purple" in films.rejected()[0].reason
    assert films.vectors_in(_image_space(films)) == 20
    assert library.doctor().findings == []


def test_an_encoder_that_refuses_late_leaves_nothing_behind(library: Library, tmp_path: Path) -> None:
    """The same where the encoder cannot take one of the segments."""

    class Fussy(ToyEncoder):
        def encode(self, kind: str, batch: Any) -> Any:
            if any(float(np.mean(row)) < -0.45 for row in batch):
                raise EncodeError("too dark")
            return super().encode(kind, batch)

    films = library.collection("films", modality="film", encoder=[Fussy(), ToySketches()])
    report = films.add(_film(tmp_path / "dark.film", LENGTH, at_650="black"))

    assert (report.added, report.rejected) == (0, 1)
    assert films.vectors_in(_image_space(films)) == 0
    assert library.doctor().findings == []


def test_a_run_that_dies_in_a_long_film_is_gone_on_with(
    library: Library, films: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is found by no search; the next run makes the item whole, and nothing is left over."""
    path = _film(tmp_path / "long.film", LENGTH)
    films.add(_film(tmp_path / "short.film", 5, 3))
    calls: list[int] = []
    upsert = library._stores.vectors.upsert

    def full(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise StoreFull("the disk is full")
        upsert(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(library._stores.vectors, "upsert", full)
        with pytest.raises(StoreFull):
            films.add(path)
    stored = films.vectors_in(_image_space(films))
    found = films.search(np.zeros((8, 8, 3), dtype=np.uint8), k=50)

    assert stored > LONG
    assert [Path(hit.source).name for hit in found] == ["short.film"]
    assert films.add(path).added == 1
    assert films.vectors_in(_image_space(films)) == LENGTH + 5
    assert library.doctor().findings == []


def test_doctor_mends_what_a_cut_off_long_film_left(
    library: Library, films: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors of an item that never became ready are swept, and the item is worked on again."""
    path = _film(tmp_path / "long.film", LENGTH)
    with monkeypatch.context() as patch:
        patch.setattr(library._stores.catalog, "finish", _raises(StoreFull("the disk is full")))
        with pytest.raises(StoreFull):
            films.add(path)

    kinds = {finding.kind for finding in library.doctor(fix=True).findings}

    assert {"pending", "orphan-vectors"} <= kinds
    assert films.count() == 1
    assert library.doctor().findings == []


def test_a_long_film_survives_a_doctor_beside_it(
    library: Library, films: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that somebody swept while the item was on its way are made again before it turns ready."""
    space = _image_space(films)
    swept: list[int] = []
    upsert = library._stores.vectors.upsert

    def sweeping(where: Any, ids: Any, rows: Any) -> None:
        upsert(where, ids, rows)
        if not swept:
            swept.extend(ids.tolist())
            library._stores.vectors.delete(where, ids)

    monkeypatch.setattr(library._stores.vectors, "upsert", sweeping)

    assert films.add(_film(tmp_path / "long.film", LENGTH)).added == 1
    assert swept
    assert films.vectors_in(space) == LENGTH
    assert library.doctor().findings == []


def test_a_stop_does_not_wait_for_a_long_film(
    library: Library, films: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends within its windows; the film stays pending without vectors, and the next run takes it up."""
    path = _film(tmp_path / "long.film", 1500)
    stop = Event()
    runs: list[int] = []
    whole = ToyFilm.load_run

    def stopping(self: ToyFilm, blob: Blob, specs: Any, want: Any) -> Any:
        runs.append(len(specs))
        if len(runs) == 30:
            stop.set()
        return whole(self, blob, specs, want)

    with monkeypatch.context() as patch:
        patch.setattr(ToyFilm, "load_run", stopping)
        report = films.add(path, stop=stop)

    assert (report.added, report.rejected, report.interrupted) == (0, 0, True)
    assert sum(runs) < 700
    assert films.vectors_in(_image_space(films)) == 0
    assert films.add(path).added == 1
    assert films.vectors_in(_image_space(films)) == 1500


def test_a_long_film_follows_a_switch_of_encoders(
    library: Library, films: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the collection is re-embedded while a long film is on its way, it is encoded anew, in parts too."""
    other = ToyEncoder("other")
    films.add(_film(tmp_path / "short.film", 5, 3))
    upsert = library._stores.vectors.upsert
    switched: list[bool] = []

    def switching(where: Any, ids: Any, rows: Any) -> None:
        upsert(where, ids, rows)
        if not switched and len(ids) >= LONG:
            switched.append(True)
            switched.append(films.reembed(other).switched)

    monkeypatch.setattr(library._stores.vectors, "upsert", switching)

    assert films.add(_film(tmp_path / "long.film", LENGTH)).added == 1
    assert switched == [True, True]
    space = _image_space(films)
    assert space.card.name == "other"
    assert films.vectors_in(space) == LENGTH + 5
    assert {finding.kind for finding in library.doctor(fix=True).findings} <= {"orphan-vectors"}


def test_reembedding_writes_long_films_in_parts(
    library: Library, films: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another encoder's vectors of a long film are written as they come, and all of them are there at the end."""
    films.add(_film(tmp_path / "long.film", LENGTH))
    groups: list[int] = []
    upsert = library._stores.vectors.upsert

    def counted(where: Any, ids: Any, rows: Any) -> None:
        groups.append(len(ids))
        upsert(where, ids, rows)

    monkeypatch.setattr(library._stores.vectors, "upsert", counted)
    report = films.reembed(ToyEncoder("other"))

    assert (report.switched, report.encoded, report.missing) == (True, LENGTH, 0)
    assert max(groups) <= LONG + batches.BATCH


def test_sounds_and_pictures_of_a_film_are_fused(library: Library, tmp_path: Path) -> None:
    """A collection with two active spaces answers from both."""
    films = library.collection("both", modality="film", encoder=[ToyEncoder(), ToySounds(), ToySketches()])
    paths = [_film(tmp_path / "films" / f"{seed}.film", 12, seed) for seed in range(4)]
    films.add(tmp_path / "films")

    hits = films.search(paths[2], k=4)

    assert {space.kind for space in films.spaces if space.active} == {"image", "audio", "recording"}
    assert hits[0].source == str(paths[2])
    assert "rrf" in hits[0].unit


def test_a_dry_run_tries_the_beginning_of_a_long_film(library: Library, films: OpenCollection, tmp_path: Path) -> None:
    """Its estimate grows with the film, not its work; sketches count too."""
    small = films.dry_run(_film(tmp_path / "short.film", 100))
    large = films.dry_run(_film(tmp_path / "long.film", 4000))

    assert (small.rejected, large.rejected) == ((), ())
    assert 4000 * 48 * 4 < large.bytes_on_disk < 4000 * 48 * 4 * 2
    assert "toy-sketches" in large.encoder
    assert films.count() == 0


def _raises(error: Exception) -> Any:
    def raising(*_: Any, **__: Any) -> None:
        raise error

    return raising


def test_a_run_that_ends_early_is_a_bad_item(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A modality that gives fewer payloads than it was asked for fails the item, with a sentence."""
    encoder = ToyEncoder()
    modality = ToyFilm(library.settings)
    blob = Blob.from_bytes(toy_film(_colours(4)), "a.film")
    specs = [spec for spec in modality.split(blob, {"every": 1.0}) if spec.kind == "image"]
    payloads = list(modality.load_run(blob, specs, {}))
    monkeypatch.setattr(ToyFilm, "load_run", lambda *_: iter(payloads[:-1]))

    with pytest.raises(DecodeError, match=r"a\.film ends early: 3 of 4"):
        prepare.load_segments(modality, encoder, blob, specs)
