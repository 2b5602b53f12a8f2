"""``serve --compat audio``: what the older audio server did badly, and does well now."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_server import Audio, path_of, zipped
from compat_http import get, refused

from morelike.testing.sounds import as_wav, encoded, synthetic_sound, write_sounds
from morelike.testing.toys import ToySounds

pytestmark = pytest.mark.xdist_group("port 8002")

DEADLINE = 20.0


class Gated(ToySounds):
    """Encodes nothing before it is let go."""

    def __init__(self) -> None:
        super().__init__("gated-sounds")
        self.let_go = threading.Event()

    def encode(self, kind: str, batch: Sequence[Any]) -> Any:
        assert self.let_go.wait(DEADLINE)
        return super().encode(kind, batch)


def test_progress_answers_while_a_load_runs(audio: Audio) -> None:
    """It says that nothing of what was found is through; at the end that ``current`` has reached ``total``."""
    gated = Gated()
    audio.library.collection("gated", modality="audio", encoder=gated)
    write_sounds(audio.root / "gated", 4, seed=40, seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(audio.load, audio.root / "gated", "gated")
        try:
            until = time.monotonic() + DEADLINE
            while not re.fullmatch("current: 0, total: [1-4]", said := audio.client.get("/progress").json()):
                assert time.monotonic() < until, said
            assert not load.done()
            assert audio.count("gated") == 0, "counting goes on as well"
        finally:
            gated.let_go.set()
        load.result(DEADLINE)
    assert audio.client.get("/progress").json() == "current: 4, total: 4"


def test_bad_files_keep_nobody_from_loading(audio: Audio) -> None:
    """The good ones are loaded, upper case or not; ``current`` reaches ``total``; the ledger says why of the bad."""
    folder = audio.folder("mixed")
    sound = synthetic_sound(50, 0.5)
    (folder / "GOOD.WAV").write_bytes(as_wav(sound))
    (folder / "deep").mkdir()
    (folder / "deep" / "good.Flac").write_bytes(encoded(sound, 16_000, "flac", "flac"))
    (folder / "text.wav").write_bytes(b"these are words")
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "silent.wav").write_bytes(as_wav(np.zeros(8000, np.float32)))
    (folder / "notes.txt").write_bytes(b"not a sound, and not said to be one")
    audio.load(folder, "mixed")
    assert audio.count("mixed") == 2
    assert audio.client.get("/progress").json() == "current: 5, total: 5"
    rejected = {Path(row.uri).name for row in audio.library.collection("mixed").rejected()}
    assert rejected == {"text.wav", "empty.mp3", "silent.wav"}
    assert {name for _, (name, _) in audio.search("mixed", as_wav(sound))} == {"GOOD.WAV", "good.Flac"}


def test_a_sound_of_less_than_a_second_is_found(audio: Audio) -> None:
    """0.3 s are loaded and searched, and are nearest to themselves."""
    paths = write_sounds(audio.root / "short", 3, seed=80, seconds=0.3)
    audio.load(audio.root / "short", "short")
    (_, (name, distance)), *_ = audio.search("short", paths[2].read_bytes())
    assert (name, distance) == (paths[2].name, pytest.approx(0, abs=1e-5))


def test_a_sound_has_one_row_however_long_it_is(audio: Audio) -> None:
    """One vector up to two minutes, as it was; more beyond, of which the nearest counts."""
    folder = audio.folder("long")
    rate = 4000
    (folder / "short.wav").write_bytes(as_wav(synthetic_sound(1, 70, rate), rate))
    tail = synthetic_sound(3, 60, rate)
    long = np.concatenate([synthetic_sound(2, 80, rate), tail])
    (folder / "long.wav").write_bytes(as_wav(long, rate))
    audio.load(folder, "long")
    opened = audio.library.collection("long")
    vectors = {
        Path(item.sources[0].uri).name: sum(one.kind == "audio" for one in opened.segments(item.id))
        for item in opened.items()
    }
    assert vectors == {"short.wav": 1, "long.wav": 3}
    rows = audio.search("long", as_wav(tail, rate))
    assert [name for _, (name, _) in rows] == ["long.wav", "short.wav"]
    assert rows[0][1][1] < 0.05, "its last minute is the query"


def test_a_copy_has_its_own_row(audio: Audio) -> None:
    """Two files of the same content are two rows at the same distance, and count as two."""
    paths = write_sounds(audio.root / "copies", 2, seed=55, seconds=0.5)
    (audio.root / "copies" / "copy.wav").write_bytes(paths[0].read_bytes())
    audio.load(audio.root / "copies", "copies")
    assert audio.count("copies") == 3
    rows = audio.search("copies", paths[0].read_bytes())
    assert [name for _, (name, _) in rows] == ["00000.wav", "copy.wav", "00001.wav"]
    assert rows[0][1][1] == rows[1][1][1]


def test_two_loads_of_one_folder_at_once_double_nothing(audio: Audio) -> None:
    """Both succeed, each file is there once, and so it is after a third."""
    write_sounds(audio.root / "twice", 8, seed=100, seconds=0.5)
    with ThreadPoolExecutor(2) as pool:
        for load in [pool.submit(audio.load, audio.root / "twice", "twice") for _ in range(2)]:
            load.result()
    audio.load(audio.root / "twice", "twice")
    assert audio.count("twice") == 8
    assert len({path_of(row) for row in audio.search("twice", (audio.root / "twice/00000.wav").read_bytes())}) == 8


def test_an_address_loads_as_it_is_whatever_the_file_is_called(audio: Audio) -> None:
    """Only what would end or change the address is encoded, and ``/data`` decodes it, under both of its names."""
    folder = audio.folder("odd & #1+2%41?")
    path = folder / "ünï cödé 音.wav"
    path.write_bytes(as_wav(synthetic_sound(7, 0.5)))
    audio.load(folder, "odd")
    ((address, (name, _)),) = audio.search("odd", path.read_bytes())
    encoded_folder = str(folder).replace("%", "%25").replace("odd & #1+2", "odd%20%26%20%231%2B2").replace("?", "%3F")
    assert address == f"{audio.base}/data?audio_path={encoded_folder}/ünï%20cödé%20音.wav"
    assert name == path.name
    assert get(address).content == path.read_bytes()
    assert get(address.replace("audio_path=", "audio_file_path=")).content == path.read_bytes()


def test_a_player_may_ask_for_a_part(audio: Audio, three_sounds: list[Path]) -> None:
    """``/data`` answers a range with just that range."""
    part = audio.client.get("/data", params={"audio_path": str(three_sounds[0])}, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, three_sounds[0].read_bytes()[10:20])


def test_no_path_leads_out_of_the_tables(audio: Audio, three_sounds: list[Path]) -> None:
    """``/data`` gives files of tables alone: not one beside them, not by way of ``..``, and none of the system's."""
    beside = three_sounds[0].with_name("beside.wav")
    beside.write_bytes(as_wav(synthetic_sound(99, 0.5)))
    for path in (
        beside,
        three_sounds[0].parent / ".." / "three" / three_sounds[0].name,
        three_sounds[0].parent,
        "/etc/passwd",
        ".",
    ):
        refused(audio.client.get("/data", params={"audio_path": str(path)}), 404)
    refused(audio.client.get("/data"), 400)


def test_requests_name_only_what_they_may(audio: Audio, three_sounds: list[Path], tmp_path: Path) -> None:
    """A folder or file elsewhere, or a link to one, is refused in a sentence, and no table is made."""
    (outside,) = write_sounds(tmp_path / "elsewhere", 1)
    link = audio.root / "link.wav"
    link.symlink_to(outside)
    for folder in (outside.parent, "/", audio.root / ".." / "library"):
        answer = audio.client.post("/audio/load", json={"Table": "never", "File": str(folder)})
        assert "--allow-root" in refused(answer, 403, 422)
    assert audio.count("never") is None
    for path in (outside, link, "/etc/passwd"):
        answers = [
            audio.client.post("/audio/search", params={"Table": "three", "Audio": str(path)}),
            audio.client.post("/audio/search/local", params={"table_name": "three", "query_audio_path": str(path)}),
        ]
        for answer in answers:
            assert "may not read" in refused(answer, 403)
    for address in ("http://127.0.0.1:9/a.wav", "s3://bucket/a.wav"):
        answer = audio.client.post("/audio/search/local", params={"table_name": "three", "query_audio_path": address})
        assert "no file of this machine" in refused(answer, 400)


@pytest.mark.parametrize("table", ["a;drop table", "a-b", "1st", "../up", "tab\tle", "x" * 65, "`a`", "tåble"])
def test_a_table_has_a_name_that_can_be_one(audio: Audio, three_sounds: list[Path], table: str) -> None:
    """Every route refuses any other, and says what names there are."""
    upload = {"audio": ("q.wav", three_sounds[0].read_bytes())}
    answers = [
        audio.client.post("/audio/load", json={"Table": table, "File": str(three_sounds[0].parent)}),
        audio.client.post("/audio/search", params={"table_name": table}, files=upload),
        audio.client.post(
            "/audio/search/local", params={"table_name": table, "query_audio_path": str(three_sounds[0])}
        ),
        audio.client.get("/audio/count", params={"table_name": table}),
        audio.client.post("/audio/drop", params={"table_name": table}),
        audio.insert(table, zipped(**{"a.wav": as_wav(synthetic_sound(1, 0.5))})),
    ]
    for answer in answers:
        assert "letters, digits and _" in refused(answer, 400)


def test_what_is_wrong_is_said_with_a_status_that_says_so_too(audio: Audio, three_sounds: list[Path]) -> None:
    """No error comes with 200: a missing table, file, folder or body, a broken upload, another table's kind."""
    audio.library.collection("pictures_here", modality="image", encoder="classic")
    sound = {"audio": ("q.wav", three_sounds[0].read_bytes())}
    post = audio.client.post
    assert "no table nowhere" in refused(post("/audio/search", params={"table_name": "nowhere"}, files=sound), 404)
    assert "audio" in refused(post("/audio/search", params={"table_name": "three"}), 400)
    assert "audio" in refused(post("/audio/search", data={"audio": "words"}, params={"table_name": "three"}), 422)
    bad = {"audio": ("q.wav", b"these are words")}
    refused(post("/audio/search", params={"table_name": "three"}, files=bad), 422)
    refused(post("/audio/search/local", params={"table_name": "three"}), 400)
    assert "folder" in refused(post("/audio/load", json={"Table": "three"}), 400)
    said = refused(post("/audio/load", data=b"{not json", headers={"content-type": "application/json"}), 422)
    assert said == "the body is no JSON: see its character 1"
    refused(post("/audio/load", json={"File": 7}), 422)
    refused(post("/audio/load", json={"File": str(audio.root / "is-not-there")}), 422)
    refused(post("/audio/insert", params={"table_name": "three"}), 400)
    refused(audio.client.get("/audio/count", params={"table_name": "pictures_here"}), 409)
    refused(post("/audio/count"), 405)
    refused(audio.client.get("/audio/nothing"), 404)
    refused(audio.client.get("/api/v1/collections"), 404)


def test_an_upload_leaves_no_file_under_its_name(audio: Audio, three_sounds: list[Path]) -> None:
    """The name that a client gives a query names nothing here."""
    audio.search("three", three_sounds[0].read_bytes(), "../../../escaped.wav")
    assert not [path for path in audio.root.parent.parent.rglob("*") if "escaped" in path.name]


def test_addresses_are_made_of_hosts_alone(audio: Audio) -> None:
    """What no machine can be called does not come back in an answer."""
    write_sounds(audio.folder("hosts"), 1, seed=70, seconds=0.5)
    audio.load(audio.root / "hosts", "hosts")
    example = {"audio": ("a.wav", as_wav(synthetic_sound(1, 0.5)))}
    answer = audio.client.post("/audio/search", params={"table_name": "hosts"}, files=example, headers={"host": '<b>"'})

    assert "Host" in refused(answer, 400)
