"""Parts in time over HTTP: where an item was cut, how a part looks and sounds, and searches by a part."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from serving_library import API, PHOTOS, Served, problem_in, running
from timed_library import PitchEncoder, tones

import morelike
from morelike.settings import Settings

pytest.importorskip("av", reason="sounds need the extra `audio`")
pytest.importorskip("soxr", reason="sounds need the extra `audio`")

SOUNDS = f"{API}/collections/sounds"


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Three sounds in windows of two seconds: low then high, middle, and a short high one."""
    folder = tmp_path_factory.mktemp("sounding")
    for name, notes in (
        ("low-high.wav", [(200, 6), (3000, 4)]),
        ("middle.wav", [(1200, 8)]),
        ("high.wav", [(3100, 1.5)]),
    ):
        (folder / name).write_bytes(tones(*notes))
    settings = Settings(library=folder / "library", offline=True, allow_roots=(folder,))
    with morelike.open(settings) as library:
        made = library.collection(
            "sounds", modality="audio", encoder=PitchEncoder(), options={"window": 2.0, "hop": 1.0}
        )
        assert made.add(str(folder / "*.wav")).added == 3
        with running(library) as serving:
            yield serving


@pytest.fixture(scope="module")
def long_one(sounding: Served) -> str:
    """The path of the item that is low for six seconds, then high for four."""
    (item,) = sounding.library.collection("sounds").items(filter="name = 'low-high.wav'")
    return f"{SOUNDS}/items/{item.id}"


def test_segments_are_listed(sounding: Served, long_one: str) -> None:
    """The windows of one kind in the order of time, by pages; `more` says that another one exists."""
    whole = sounding.client.get(f"{long_one}/segments", params={"kind": "audio"}).json()
    page = sounding.client.get(f"{long_one}/segments", params={"kind": "audio", "offset": 2, "limit": 3}).json()

    spans = [segment["span"] for segment in whole["segments"]]
    assert whole["more"] is False
    assert spans[0] == {"unit": "seconds", "start": 0, "end": 2}
    assert spans[-1]["end"] == 10
    assert page == {"segments": whole["segments"][2:5], "more": True}


def test_the_segment_of_a_picture(reading: Served) -> None:
    """A picture is one whole."""
    answer = reading.client.get(f"{PHOTOS}/items/{reading.item()}/segments")

    assert answer.json() == {
        "segments": [{"kind": "image", "span": {"unit": "whole", "start": 0, "end": 0}}],
        "more": False,
    }


def test_a_part_has_a_picture_of_its_own(sounding: Served, long_one: str) -> None:
    """The preview of a part differs from that of another and of the whole, also in what a cache knows it by."""
    answers = [
        sounding.client.get(f"{long_one}/preview", params={"side": 256, **part})
        for part in ({}, {"start": 0, "end": 2}, {"start": 7, "end": 9})
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.content for answer in answers}) == 3
    assert len({answer.headers["etag"] for answer in answers}) == 3
    assert max(Image.open(io.BytesIO(answers[1].content)).size) <= 256
    etag = answers[1].headers["etag"]
    again = sounding.client.get(
        f"{long_one}/preview", params={"side": 256, "start": 0, "end": 2}, headers={"If-None-Match": etag}
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    "part", [{"start": 1}, {"end": 1}, {"start": 3, "end": 3}, {"start": 11, "end": 12}, {"start": -1, "end": 2}]
)
@pytest.mark.parametrize("what", ["preview", "peaks"])
def test_parts_that_there_are_not(sounding: Served, long_one: str, part: dict[str, float], what: str) -> None:
    """Half a part, an empty one, or one behind the end is refused with the field that is wrong."""
    problem = problem_in(sounding.client.get(f"{long_one}/{what}", params=part), 422)

    assert problem["fields"][0]["field"].split(".")[-1] in {"start", "end"}


def test_a_picture_has_no_time(reading: Served) -> None:
    """A part of a picture in seconds is the picture: no second rendering is made or kept."""
    place = f"{PHOTOS}/items/{reading.item()}/preview"
    whole = reading.client.get(place)
    part = reading.client.get(place, params={"start": 1, "end": 2})

    assert part.headers["etag"] == whole.headers["etag"]


def test_the_waveform(sounding: Served, long_one: str) -> None:
    """As many numbers as were asked for, 0 to 1, and the seconds that they stand for."""
    whole = sounding.client.get(f"{long_one}/peaks", params={"points": 100})
    part = sounding.client.get(f"{long_one}/peaks", params={"points": 32, "start": 1, "end": 3}).json()

    assert len(whole.json()["peaks"]) == 100
    assert all(0 <= peak <= 1 for peak in whole.json()["peaks"])
    assert max(whole.json()["peaks"]) == pytest.approx(0.6, abs=0.05)
    assert (whole.json()["start"], whole.json()["end"]) == (0, pytest.approx(10, abs=0.01))
    assert (len(part["peaks"]), part["start"], part["end"]) == (32, 1, 3)
    assert sounding.client.get(whole.url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_a_picture_has_no_waveform(reading: Served) -> None:
    """422, with a sentence."""
    problem = problem_in(reading.client.get(f"{PHOTOS}/items/{reading.item()}/peaks"), 422)

    assert "waveform" in problem["detail"]


def hit_names(answer: Any) -> list[str]:
    return [hit["source"].rpartition("/")[2] for hit in answer["hits"]]


def test_a_search_by_a_part(sounding: Served, long_one: str) -> None:
    """The same item asked with its low and with its high part finds other things; hits say where and what."""
    item = long_one.rpartition("/")[2]
    low, high = (
        sounding.client.post(f"{SOUNDS}/search", json={"examples": [{"item": item, "at": at}]}).json()
        for at in ({"start": 1, "end": 3}, {"start": 7, "end": 9, "unit": "seconds"})
    )

    assert hit_names(high)[0] == "high.wav"
    assert hit_names(low)[0] != "high.wav"
    assert {hit["kind"] for hit in high["hits"]} == {"audio"}


def test_a_file_is_asked_with_by_a_part(sounding: Served) -> None:
    """In a multipart body too; the hit's span is where in the item it sounds so."""
    query = {"examples": [{"file": 0, "at": {"start": 3, "end": 5}}], "k": 3}
    answer = sounding.client.post(
        f"{SOUNDS}/search",
        data={"query": json.dumps(query)},
        files={"example": ("ask.wav", tones((1200, 3), (3000, 3)), "audio/wav")},
    ).json()

    assert set(hit_names(answer)[:2]) == {"high.wav", "low-high.wav"}
    (hit,) = [hit for hit in answer["hits"] if hit["source"].endswith("low-high.wav")]
    assert hit["span"]["unit"] == "seconds"
    assert hit["span"]["start"] >= 5


@pytest.mark.parametrize("at", [{"start": 5, "end": 3}, {"start": 3}, {"start": -1, "end": 3}, [3, 5], {"from": 3}])
def test_a_part_that_is_none_is_refused(sounding: Served, long_one: str, at: Any) -> None:
    """422 before anything is decoded."""
    item = long_one.rpartition("/")[2]

    problem_in(sounding.client.post(f"{SOUNDS}/search", json={"examples": [{"item": item, "at": at}]}), 422)


def test_a_part_of_a_picture_is_refused(reading: Served) -> None:
    """A picture has no seconds: 400, with what to do."""
    problem = problem_in(reading.search(examples=[{"item": reading.item(), "at": {"start": 1, "end": 2}}]), 400)

    assert problem["hint"]


def test_a_sound_is_played_from_anywhere(sounding: Served, long_one: str) -> None:
    """Ranges of bytes, its own type, shown inline, under a policy that lets a player fetch it and run nothing."""
    answer = sounding.client.get(f"{long_one}/content", headers={"Range": "bytes=100-199"})

    assert (answer.status_code, len(answer.content)) == (206, 100)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"].startswith("audio/")
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.headers["content-security-policy"] == "default-src 'none'; img-src 'self'; media-src 'self'"
    assert answer.headers["permissions-policy"] == "camera=(self), geolocation=(), microphone=(self)"


def test_a_collection_is_made_with_options(sounding: Served) -> None:
    """They cut its items; one that the modality does not know, or cannot be, is refused."""
    made = {"name": "cut", "modality": "audio", "encoder": "classic-audio", "options": {"window": 3, "hop": 1.5}}

    problem_in(sounding.client.post(f"{API}/collections", json={**made, "options": {"widow": 3}}), 400)
    problem_in(sounding.client.post(f"{API}/collections", json={**made, "options": {"window": -3}}), 400)
    assert sounding.client.post(f"{API}/collections", json=made).status_code == 201
    sounding.client.post(f"{API}/collections/cut/items", files={"files": ("m.wav", tones((500, 6)))})
    (item,) = sounding.client.get(f"{API}/collections/cut/items").json()["items"]
    segments = sounding.client.get(f"{API}/collections/cut/items/{item['item']}/segments", params={"kind": "audio"})
    assert [one["span"]["start"] for one in segments.json()["segments"]] == [0, 1.5, 3]
    sounding.client.delete(f"{API}/collections/cut")


def test_one_collection_does_not_count_the_others(sounding: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for one, or searching all, counts no other collection's items."""

    def counted(_: object) -> None:
        raise AssertionError("all were counted")

    monkeypatch.setattr(type(sounding.library), "collections", counted)
    one = sounding.client.get(SOUNDS)
    several = sounding.client.post(f"{API}/search", json={"examples": [{"text": "x"}]})

    assert (one.status_code, one.json()["items"]) == (200, 3)
    assert several.status_code == 200
