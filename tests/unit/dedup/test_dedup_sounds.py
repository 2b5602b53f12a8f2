"""Copies of recordings, and recordings that lie in longer ones, through a library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from shown import by_name, found

import morelike
from morelike import tasks
from morelike.cli.run import run
from morelike.collection import OpenCollection
from morelike.dedup import Group, Member
from morelike.library import Library
from morelike.records import Job
from morelike.settings import Settings
from morelike.testing.sounds import as_wav, encoded, synthetic_sound
from morelike.testing.tunes import RATE, distorted, tune
from morelike.types import Item

pytestmark = pytest.mark.xdist_group("copies of sounds")

LENGTH = 16


def write_sounds(folder: Path) -> None:
    """Four tunes with copies and excerpts, and what only begins like, or is mixed with, one of them."""
    folder.mkdir()
    tunes = [tune(seed, LENGTH) for seed in range(6)]
    for number in range(4):
        (folder / f"{number}.wav").write_bytes(as_wav(tunes[number], RATE))
    (folder / "0 as mp3.mp3").write_bytes(distorted("mp3, 64 kb/s", tunes[0]))
    (folder / "1 in noise.flac").write_bytes(
        encoded(
            tunes[1] + 0.05 * np.random.default_rng(1).standard_normal(len(tunes[1])).astype(np.float32),
            RATE,
            "flac",
            "flac",
        )
    )
    (folder / "2 from 4 to 11.mp3").write_bytes(distorted("mp3, 64 kb/s", tunes[2][4 * RATE : 11 * RATE]))
    intro = tunes[3][: 5 * RATE]
    (folder / "begins like 3.wav").write_bytes(as_wav(np.concatenate([intro, tunes[4][5 * RATE :]]), RATE))
    (folder / "3 and another.wav").write_bytes(as_wav(0.5 * tunes[3] + 0.5 * tunes[5], RATE))
    (folder / "silence.wav").write_bytes(as_wav(np.full(LENGTH * RATE, 1e-6, dtype=np.float32), RATE))


@pytest.fixture(scope="module")
def settings_of_all(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("recordings")
    write_sounds(folder / "sounds")
    settings = Settings(library=folder / "library", offline=True)
    with morelike.open(settings) as library:
        report = library.collection("tunes", modality="audio", encoder="landmarks").add(folder / "sounds")
        assert (report.added, report.rejected) == (10, 0)
    return settings


@pytest.fixture
def library(settings_of_all: Settings) -> Iterator[Library]:
    with morelike.open(settings_of_all) as opened:
        yield opened


@pytest.fixture
def tunes(library: Library) -> Iterator[OpenCollection]:
    opened = library.collection("tunes")
    yield opened
    while opened.undo_dedup():
        pass


def test_copies_of_a_recording_are_near(tunes: OpenCollection) -> None:
    """Another codec, or noise: the one without loss stays. What begins like it, or is mixed with it, is another."""
    groups = tunes.duplicates()

    assert found(tunes, groups, "near") == {"0.wav": {"0 as mp3.mp3"}, "1.wav": {"1 in noise.flac"}}
    assert all(member.score >= 0.5 and set(member.why) == {"places", "gap", "landmarks"} for member in _others(groups))


def test_an_excerpt_lies_in_the_whole(tunes: OpenCollection) -> None:
    """Where, in seconds of the whole, and how much of it does."""
    (group,) = [group for group in tunes.duplicates() if group.kind == "contains"]
    (clip,) = group.members[1:]

    assert by_name(tunes, group) == ["2.wav", "2 from 4 to 11.mp3"]
    assert clip.why["from"] == pytest.approx(4.0, abs=0.1)
    assert clip.why["to"] == pytest.approx(11.0, abs=0.1)
    assert clip.why["coverage"] == 1.0
    assert clip.duration == pytest.approx(7.0, abs=0.1)


def test_excerpts_stay_unless_asked(tunes: OpenCollection) -> None:
    """Setting aside leaves what lies in another; with ``contained`` it goes too; undo brings all of it back."""
    plain = tunes.dedup()
    assert (plain.set_aside, tunes.count()) == (2, 8)
    assert tunes.undo_dedup(plain.run) == 2

    both = tunes.dedup(contained=True)

    assert both.set_aside == 3
    whole, clip = (
        next(i for i in _all(tunes) if i.sources[0].name == name) for name in ("2.wav", "2 from 4 to 11.mp3")
    )
    assert (clip.id, whole.id) in {(aside.item_id, aside.keeper) for aside in tunes.asides()}
    assert tunes.undo_dedup(both.run) == 3
    assert tunes.count() == 10


def test_an_excerpt_that_is_none_is_remembered(tunes: OpenCollection) -> None:
    """``not_duplicates`` holds for what lies in another as well."""
    ids = [item.id for item in _all(tunes) if item.sources[0].name in {"2.wav", "2 from 4 to 11.mp3"}]

    tunes.not_duplicates(*ids)
    try:
        assert found(tunes, tunes.duplicates(), "contains") == {}
    finally:
        tunes.forget_not_duplicates(*ids)


def test_the_original_may_be_gone(tunes: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings are compared by what ``add`` made of them: no file is opened."""
    monkeypatch.setattr("morelike.modalities.audio.AudioModality.load_run", None)

    report = tunes.dedup(dry_run=True)

    assert (len(report.groups), report.passed_over, report.looked_at) == (3, (), 10)


def test_stopping_ends_the_look(tunes: OpenCollection) -> None:
    """With ``stop`` set nothing is set aside."""
    stop = Event()
    stop.set()

    assert (tunes.dedup(stop=stop).set_aside, tunes.count()) == (0, 10)


def test_short_sounds_are_told_apart(library: Library, tmp_path: Path) -> None:
    """Half a second: its copy is found, and twenty others are not."""
    for seed in range(20):
        (tmp_path / f"{seed}.wav").write_bytes(as_wav(synthetic_sound(seed, 0.7), 16_000))
    (tmp_path / "copy.flac").write_bytes(encoded(0.5 * tune(7, 0.7), RATE, "flac", "flac"))
    (tmp_path / "tune.wav").write_bytes(as_wav(tune(7, 0.7), RATE))
    collection = library.collection("short", modality="audio", encoder="landmarks")
    collection.add(tmp_path)

    groups = collection.duplicates()
    library.drop("short")

    assert [{Path(member.source).stem for member in group.members} for group in groups] == [{"copy", "tune"}]


def test_without_landmarks_nothing_is_near(library: Library, tmp_path: Path) -> None:
    """The report says that near duplicates were not looked for."""
    (tmp_path / "tune.wav").write_bytes(as_wav(tune(1, 4), RATE))
    collection = library.collection("plain", modality="audio", encoder="classic-audio")
    for space in collection.spaces:
        if space.kind == "recording":
            collection._stores.catalog.drop_space(space)

    assert not collection.dedup(dry_run=True).near
    library.drop("plain")


def test_the_command_line_says_where(
    settings_of_all: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``X  lies in  Y  from–to``; how many hold others; and JSON with the same."""
    monkeypatch.setenv("MORELIKE_LIBRARY", str(settings_of_all.library))
    monkeypatch.chdir(settings_of_all.library.parent / "sounds")

    assert run(["dedup", "tunes"]) == 0
    told = capsys.readouterr().out
    assert run(["dedup", "tunes", "--contained", "--json"]) == 0
    shape = capsys.readouterr().out

    assert "  2 from 4 to 11.mp3  lies in  2.wav  0:04.0–0:11.0\n" in told
    assert "2 groups of near duplicates; 1 holds others, 2 that could be set aside" in told
    assert '"kind": "contains"' in shape
    assert '"coverage": 1.0' in shape


def test_a_job_says_where(library: Library, tunes: OpenCollection) -> None:
    """Its result has every member's place and length; ``contained`` is an argument of it."""
    job = Job("1", "dedup", "tunes", {"contained": True, "apply": True}, "running")

    result = tasks.perform(library, job, lambda _: None, Event())

    (held,) = [group for group in result["groups"] if group["kind"] == "contains"]
    assert held["members"][1]["why"]["from"] == pytest.approx(4.0, abs=0.1)
    assert held["members"][0]["duration"] == LENGTH
    assert (result["set_aside"], tunes.count()) == (3, 7)


def _all(collection: OpenCollection) -> list[Item]:
    return [*collection.items(), *collection.items(state="duplicate")]


def _others(groups: list[Group]) -> list[Member]:
    return [member for group in groups if group.kind == "near" for member in group.members[1:]]
