"""``serve --compat audio``: what the older audio server's clients send, and what they get."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from audio_server import LOADED, Audio, path_of, zipped
from compat_http import get, refused
from PIL import Image

from morelike.testing.sounds import as_wav, synthetic_sound, write_sounds

pytestmark = pytest.mark.xdist_group("port 8002")

INSERTED = [{"status": True, "msg": "insert successfully!"}, 200]


def test_the_web_client_of_2022_goes_through_its_day(audio: Audio) -> None:
    """Count, drop with a body, load, count, search, play: each request as that client sends it, each answer its own."""
    (path, *_) = write_sounds(audio.root / "day", 2, seed=60)
    assert audio.client.get("/audio/count").json() is None
    dropped = audio.client.post("/audio/drop", json={"table_name": "audio_table"})
    assert (dropped.status_code, dropped.json()) == (200, "Collection is not exist")
    answer = audio.client.post("/audio/load", json={"Table": "audio_table", "File": str(audio.root / "day")})
    assert (answer.status_code, answer.json()) == (200, LOADED)
    assert audio.client.get("/audio/count").json() == 2
    found = audio.client.post(
        "/audio/search", files={"audio": ("query.wav", path.read_bytes())}, data={"Table": "audio_table"}
    )
    ((address, (name, distance)), *_) = found.json()
    assert (name, distance) == ("00000.wav", pytest.approx(0, abs=1e-5))
    played = get(address)
    assert played.content == path.read_bytes()
    assert played.headers["content-type"].startswith("audio/")
    dropped = audio.client.post("/audio/drop", json={"table_name": "audio_table"})
    assert (dropped.status_code, dropped.json()) == (200, "ok")
    assert audio.client.get("/audio/count").json() is None


def test_a_search_answers_rows_of_address_name_and_squared_distance(audio: Audio, three_sounds: list[Path]) -> None:
    """``[[address, [name, distance]], …]``, the nearest first, 2 - 2 cos as squared L2 of unit vectors is."""
    rows = audio.search("three", three_sounds[1].read_bytes())
    hits = audio.library.collection("three").search(three_sounds[1], k=10)
    expected = [
        [f"{audio.base}/data?audio_path={hit.source}", [Path(hit.source).name, 2 - 2 * hit.unit["cosine"]]]
        for hit in hits
    ]
    assert [[address, [name, pytest.approx(far, abs=1e-6)]] for address, (name, far) in rows] == expected
    assert rows[0][1][0] == three_sounds[1].name
    distances = [far for _, (_, far) in rows]
    assert distances == sorted(distances)
    assert distances[0] < 1e-5 < distances[1] <= distances[2] <= 4


def test_the_address_is_that_of_the_host_asked_for(audio: Audio, three_sounds: list[Path]) -> None:
    """A client that reaches the server under another name gets addresses under that name."""
    answer = audio.client.post(
        "/audio/search",
        params={"table_name": "three"},
        files={"audio": ("q.wav", three_sounds[0].read_bytes())},
        headers={"host": "sounds.example:8002"},
    )
    assert {row[0].partition("/data?")[0] for row in answer.json()} == {"http://sounds.example:8002"}


def test_a_search_answers_with_ten_rows(audio: Audio) -> None:
    """TOP_K was 10."""
    paths = write_sounds(audio.root / "twelve", 12, seed=20, seconds=0.5)
    audio.load(audio.root / "twelve", "twelve")
    assert audio.count("twelve") == 12
    assert len(audio.search("twelve", paths[0].read_bytes())) == 10


def test_the_forms_of_2021_name_everything_in_the_query(audio: Audio) -> None:
    """``/audio/load?Table=&File=`` and ``/audio/search?Table=&Audio=``, without a body."""
    (path, *_) = write_sounds(audio.root / "query-forms", 2, seed=70)
    answer = audio.client.post("/audio/load", params={"Table": "forms", "File": str(path.parent)})
    assert (answer.status_code, answer.json()) == (200, LOADED)
    found = audio.client.post("/audio/search", params={"Table": "forms", "Audio": str(path)})
    assert found.json() == audio.search("forms", path.read_bytes())
    assert len(found.json()) == 2


def test_a_file_of_the_server_can_be_the_example(audio: Audio, three_sounds: list[Path]) -> None:
    """``/audio/search/local?query_audio_path=`` answers as the upload of that file does, of a table's file or not."""
    (other,) = write_sounds(audio.root / "not-loaded", 1, seed=90)
    for path in (three_sounds[2], other):
        found = audio.client.post("/audio/search/local", params={"query_audio_path": str(path), "table_name": "three"})
        assert found.status_code == 200
        assert found.json() == audio.search("three", path.read_bytes())


def test_the_routes_of_2020_beside_them(audio: Audio, three_sounds: list[Path]) -> None:
    """``/getAudio`` gives the file, ``/getSpectrogram`` a PNG of it that is no blank."""
    path = path_of(audio.search("three", three_sounds[0].read_bytes())[0])
    assert audio.client.get("/getAudio", params={"audio": path}).content == three_sounds[0].read_bytes()
    drawn = audio.client.get("/getSpectrogram", params={"image": path})
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(drawn.content)) as picture:
        assert picture.format == "PNG"
        assert picture.width >= 512
        assert np.asarray(picture.convert("L")).std() > 5
    assert audio.client.get("/getSpectrogram", params={"image": path}).content == drawn.content
    for route, name in (("/getAudio", "audio"), ("/getSpectrogram", "image")):
        refused(audio.client.get(route), 400)
        refused(audio.client.get(route, params={name: "/etc/hostname"}), 404)


def test_a_zip_of_sounds_is_taken_in(audio: Audio) -> None:
    """``/audio/insert`` keeps the archive's sounds under harmless paths, which searches and ``/data`` know."""
    good, other = (as_wav(synthetic_sound(seed, 0.5)) for seed in (30, 31))
    archive = zipped(**{"../../evil.wav": good, "deep/b.WAV": other, "bad.wav": b"no sound", "readme.txt": b"hello"})
    answer = audio.insert("zipped", archive, "../../evil.zip")
    assert (answer.status_code, answer.json()) == (200, INSERTED)
    assert audio.count("zipped") == 2
    rows = audio.search("zipped", good)
    assert [row[1][0] for row in rows] == ["evil.wav", "b.WAV"]
    assert [get(address).content for address, _ in rows] == [good, other]
    assert [row.reason.partition(" ")[0] for row in audio.library.collection("zipped").rejected()] == ["bad.wav"]
    above = [path for path in audio.root.parent.parent.rglob("*") if "evil" in path.name]
    assert above == []
    assert audio.insert("zipped", archive).json() == INSERTED, "a second time it is there already"


@pytest.mark.parametrize(
    ("archive", "status", "told"),
    [
        (b"PK is how it begins", 400, "no zip archive"),
        (zipped(**{"readme.txt": b"hello"}), 422, "holds no sounds"),
        (zipped(**{"a.wav": b"no sound"}), 422, "a.wav"),
        (zipped(**{"a.wav": as_wav(synthetic_sound(1, 0.5))})[:-30], 422, "cannot be read"),
    ],
    ids=["no zip", "no sounds", "bad sounds", "cut off"],
)
def test_an_archive_without_anything_usable_is_refused(audio: Audio, archive: bytes, status: int, told: str) -> None:
    """The sentence says what is wrong with it, and nothing was taken in."""
    assert told in refused(audio.insert("useless", archive), status)
    assert not audio.count("useless")


def test_every_page_may_ask(audio: Audio) -> None:
    """A web client of another origin gets its answers, and its preflight requests theirs."""
    origin = {"Origin": "http://elsewhere.example"}
    assert audio.client.get("/progress", headers=origin).headers["access-control-allow-origin"] == "*"
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = audio.client.options("/audio/load", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
