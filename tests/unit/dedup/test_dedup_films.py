"""Copies of films, and clips that lie in longer ones, through a library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from shown import black, by_name, found, frames, mp4, one_camera, scaled

import morelike
from morelike.collection import OpenCollection
from morelike.dedup import Group
from morelike.settings import Settings

pytestmark = pytest.mark.xdist_group("copies of films")


def write_films(folder: Path) -> None:
    """Films with copies and clips, and others that share a beginning, a view, or nothing but black."""
    folder.mkdir()
    film, other = frames(1), frames(2)
    intro = np.concatenate([film[:30], black(1.0)])
    made = {
        "film": mp4(film),
        "film, small and poor": mp4(scaled(film, 128, 96), crf=30),
        "film from 2.5 to 6": mp4(film[25:60], crf=26),
        "other": mp4(other),
        "other, cropped": mp4(other[:, 2:-2, 2:-2]),
        "other, mirrored": mp4(other[:, :, ::-1]),
        "begins like film 1": mp4(np.concatenate([intro, frames(3)[40:]])),
        "begins like film 2": mp4(np.concatenate([intro, frames(4)[40:]])),
        "one camera, Monday": mp4(one_camera(1)),
        "one camera, Tuesday": mp4(one_camera(2)),
        "black 1": mp4(black(5.0)),
        "black 2": mp4(black(5.0), crf=30),
        "still 1": mp4(np.repeat(film[:1], 50, axis=0)),
        "still 2": mp4(np.repeat(film[:1], 50, axis=0), crf=30),
    }
    for name, data in made.items():
        (folder / f"{name}.mp4").write_bytes(data)


@pytest.fixture(scope="module")
def settings_of_all(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("films")
    write_films(folder / "films")
    settings = Settings(library=folder / "library", offline=True)
    with morelike.open(settings) as library:
        report = library.collection("films", modality="video", encoder="classic").add(folder / "films")
        assert (report.added, report.rejected) == (14, 0)
    return settings


@pytest.fixture
def films(settings_of_all: Settings) -> Iterator[OpenCollection]:
    with morelike.open(settings_of_all) as library:
        yield library.collection("films")


@pytest.fixture(scope="module")
def groups(settings_of_all: Settings) -> list[Group]:
    with morelike.open(settings_of_all) as library:
        return library.collection("films").duplicates()


def test_copies_of_a_film_are_near(films: OpenCollection, groups: list[Group]) -> None:
    """Scaled, encoded again, cropped a little; the most pixels stay. Not near: what is mirrored, begins alike, shows
    one unmoving view, is black, or does not move at all.
    """
    assert found(films, groups, "near") == {
        "film.mp4": {"film, small and poor.mp4"},
        "other.mp4": {"other, cropped.mp4"},
    }


def test_a_clip_lies_in_its_film(films: OpenCollection, groups: list[Group]) -> None:
    """Only in the film that stays, not in that one's copy too: where, to a frame, and how much of it."""
    (group,) = [group for group in groups if group.kind == "contains"]
    (clip,) = group.members[1:]

    assert by_name(films, group) == ["film.mp4", "film from 2.5 to 6.mp4"]
    assert clip.why["from"] == pytest.approx(2.5, abs=0.1)
    assert clip.why["to"] == pytest.approx(6.0, abs=0.1)
    assert clip.why["coverage"] == 1.0


def test_films_that_cannot_be_decoded_are_passed_over(films: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose bytes rotted is a row in the report; the others are looked at."""
    item = next(item for item in films.items() if item.sources[0].name == "other, cropped.mp4")
    path = films._stores.blobs.path(item.digest.blake3)
    assert path is not None
    kept = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(bytes(len(kept)))
    try:
        report = films.dedup(dry_run=True)
    finally:
        path.write_bytes(kept)

    assert [(Path(row.uri).name, row.stage) for row in report.passed_over] == [("other, cropped.mp4", "decode")]
    assert found(films, report.groups, "near") == {"film.mp4": {"film, small and poor.mp4"}}


def test_stopping_ends_the_look(films: OpenCollection) -> None:
    """With ``stop`` set no film is decoded, and the report says so."""
    stop = Event()
    stop.set()

    report = films.dedup(stop=stop)

    assert (report.interrupted, report.groups, report.set_aside) == (True, (), 0)
