"""The older servers' web pages, played by the axios that they used and by today's, in Chromium, from another origin."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser_pages import Watched
from compat_servers import CompatServers, compat_server
from PIL import Image
from playwright.sync_api import Page

from morelike.testing.films import film, film_frame
from morelike.testing.images import synthetic_image
from morelike.testing.sounds import as_wav, synthetic_sound

HERE = Path(__file__).parent
VERSIONS = ("0.21.4", "1.21.1")
NAMES = ("audio", "image", "image-objects", "molecule", "qa", "text", "video", "video-objects", "image-engine")
PICTURES = [f"red & 50% #{number}+.png" for number in range(5)]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing: a test says itself what was wrong."""


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``sounds``, ``pictures`` and ``films`` of the server's machine."""
    folder = tmp_path_factory.mktemp("media")
    sounds, pictures, films, objects = (folder / name for name in ("sounds", "pictures", "films", "objects"))
    for made in (sounds, pictures, films, objects):
        made.mkdir()
    for seed in range(3):
        (sounds / f"sound-{seed}.wav").write_bytes(as_wav(synthetic_sound(seed, 2.0)))
    for seed, name in enumerate(PICTURES):
        Image.fromarray(synthetic_image(seed)).save(pictures / name)
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff and then no picture")
    for seed in range(2):
        frames = [Image.fromarray(synthetic_image(10 * seed + number)) for number in range(3)]
        frames[0].save(films / f"film-{seed}.gif", save_all=True, append_images=frames[1:], duration=1000)
    for name, seed in (("shown.png", 1), ("absent.png", 2)):
        Image.fromarray(film_frame(seed, 25, scene=0)).save(objects / name)
    return folder


@pytest.fixture(scope="module")
def servers(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    """All of them over one library."""
    with compat_server(tmp_path_factory.mktemp("older") / "library", *NAMES, allow_roots=[media]) as made:
        yield made


@pytest.fixture(scope="module")
def site(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another origin than the servers', which has the clients' scripts and a few files to upload."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(HERE / "older_clients.js", folder)
    shutil.copy(media / "sounds" / "sound-1.wav", folder / "query.wav")
    shutil.copy(media / "pictures" / PICTURES[3], folder / "query.png")
    for number in range(3):
        shutil.copy(media / "pictures" / PICTURES[number], folder / f"upload-{number}.png")
    (folder / "query.webm").write_bytes(film(1, scenes=(2.0,), fps=25, codec="libvpx", container="webm"))
    (folder / "titles.csv").write_text("title,text\nA red dress,Of silk\nThe blue coat,Of wool\nA bird sings,\n")
    (folder / "questions.csv").write_text("question,answer\nWhat is red?,A dress & a shoe\nWho sings here?,A bird\n")
    (folder / "broken.jpg").write_bytes((media / "pictures" / "broken.jpg").read_bytes())
    for version in VERSIONS:
        shutil.copy(HERE / "vendor" / "axios" / version / "axios.min.js", folder / f"axios-{version}.js")
        (folder / f"{version}.html").write_text(
            "<!doctype html><title>client</title><link rel=icon href=data:,>"
            f'<script src="axios-{version}.js"></script><script src="older_clients.js"></script>'
        )
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, name="site")
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=VERSIONS)
def client(page: Page, site: str, request: pytest.FixtureRequest) -> Page:
    """A page of the other origin with one axios."""
    page.goto(f"{site}/{request.param}.html")
    assert page.evaluate("typeof axios.create") == "function"
    return page


def _played(client: Page, name: str, *arguments: Any) -> dict[str, Any]:
    result: dict[str, Any] = client.evaluate(
        "([name, arguments]) => olderClients[name](...arguments)", [name, arguments]
    )
    return result


def test_the_audio_client(client: Page, servers: CompatServers, media: Path) -> None:
    """It counts, drops, loads, finds the very recording first, and plays it."""
    servers.library.names("audio")
    seen = _played(client, "audio", servers["audio"], str(media / "sounds"), "query.wav")

    assert seen["opened"] in (None, 3)  # the second axios finds what the first one left
    assert seen["dropped"] == ("Collection is not exist" if seen["opened"] is None else "ok")
    assert (seen["loaded"], seen["counted"]) == ("Successfully loaded data!", 3)
    assert seen["names"][0] == "sound-1.wav"
    assert len(seen["names"]) == 3
    assert [float(text) for text in seen["texts"]] == sorted(float(text) for text in seen["texts"])
    assert seen["seconds"] == pytest.approx(2.0, abs=0.05)


def test_the_image_client(client: Page, servers: CompatServers, media: Path) -> None:
    """It counts, loads, polls the progress to its end, finds the very picture first, shows all of them, and clears."""
    seen = _played(client, "image", servers["image"], str(media / "pictures"), "query.png")

    assert seen["opened"] is None
    assert seen["loaded"] == "Successfully loaded data!"
    assert seen["polled"][-1] == [6, 6]  # the broken one is through too
    assert seen["counted"] == 5
    assert "red" in seen["paths"][0]
    assert "3" in seen["paths"][0].rpartition("/")[2]
    assert float(seen["texts"][0]) < 1e-3
    assert [float(text) for text in seen["texts"]] == sorted(float(text) for text in seen["texts"])
    assert seen["widths"] == [128] * 5
    assert (seen["cleared"], seen["after"]) == ("ok", None)


def test_the_client_of_objects_in_pictures(client: Page, servers: CompatServers, media: Path) -> None:
    """The same client: it loads, polls to the end, has the picture that holds what it asks for first, and clears."""
    seen = _played(client, "image", servers["image-objects"], str(media / "pictures"), "query.png")

    assert seen["opened"] is None
    assert seen["loaded"] == "Successfully loaded data!"
    assert seen["polled"][-1] == [6, 6]
    assert seen["counted"] == 5
    assert "3" in seen["paths"][0].rpartition("/")[2]
    assert float(seen["texts"][0]) < 1e-3
    assert set(seen["widths"]) == {128}
    assert (seen["cleared"], seen["after"]) == ("ok", None)


def test_the_molecule_client(client: Page, servers: CompatServers, media: Path) -> None:
    """It loads, polls to the end, asks at each keystroke, shows a sentence where that is no molecule, draws, clears."""
    (media / "list.smi").write_text("CCO\nOCC\nc1ccccc1\nc1cc\nCC(=O)O\n")
    seen = _played(client, "molecule", servers["molecule"], str(media / "list.smi"), ["c1ccccc", "C(", "CCO"])

    assert seen["opened"] is None
    assert seen["loaded"] == {"status": True, "msg": "Successfully loaded data!"}
    assert seen["polled"][-1] == [5, 5]  # the broken one is through too
    assert seen["counted"] == 4
    assert len(seen["keystrokes"]) == 2
    assert all("SMILES" in note for note in seen["keystrokes"])
    assert set(seen["molecules"][:2]) <= {"CCO", "OCC"}
    assert seen["distances"][:2] == [0, 0]
    assert seen["distances"] == sorted(seen["distances"])
    assert seen["widths"] == [500] * 3
    assert (seen["cleared"], seen["after"]) == ("ok", None)


def test_the_text_client(client: Page, servers: CompatServers) -> None:
    """It drops, loads, and asks with words that nobody encoded: the title that is like them first, with its text."""
    seen = _played(client, "text", servers["text"], "titles.csv", "a blue & green coat, 100 % wool + more")

    assert seen["dropped"] in ("collection is not exist", "ok")  # the second axios finds what the first one left
    assert seen["loaded"] == "Successfully loaded data!"
    assert seen["rows"][0] == ["The blue coat", "Of wool"]
    assert len(seen["rows"]) == 3


def test_the_qa_client(client: Page, servers: CompatServers) -> None:
    """It loads, counts, finds questions, asks for the answer to the first one, and clears without an error."""
    seen = _played(client, "qa", servers["qa"], "questions.csv", "what could be red here?")

    assert seen["loaded"] == {"status": True, "msg": "Successfully loaded data: 2"}
    assert seen["counted"] == 2
    assert seen["found"] == {"status": True, "msg": ["What is red?", "Who sings here?"]}
    assert seen["answered"] == {"status": True, "msg": "A dress & a shoe"}
    assert (seen["cleared"], seen["said"]) == (True, "ok")


def test_the_video_client(client: Page, servers: CompatServers, media: Path) -> None:
    """It counts frames, loads, finds each film once, plays them, and clears; ``data.message`` stays undefined."""
    seen = _played(client, "video", servers["video"], str(media / "films"), "query.png")

    assert seen["opened"] is None
    assert seen["loaded"] == {"status": True, "msg": "Successfully loaded data!"}
    assert seen["counted"] >= 4
    assert seen["progress"] == {"current": 2, "total": 2}
    assert len(seen["sources"]) == 2
    assert all(source.startswith(f"{servers['video']}/data?gif_path=") for source in seen["sources"])
    assert seen["widths"] == [128, 128]
    assert seen["message"] is True


def test_the_client_of_objects_in_films(client: Page, servers: CompatServers, media: Path) -> None:
    """It loads known objects, hands in a film, plays it, and knows which of them each second shows."""
    pytest.importorskip("av", reason="films need the extra `video`")
    seen = _played(client, "videoObjects", servers["video-objects"], str(media / "objects"), "query.webm")

    assert (seen["opened"], seen["counted"], seen["cleared"]) == (None, 2, "ok")
    assert seen["source"].startswith(f"{servers['video-objects']}/video/getVideo?video=")
    assert seen["seconds"] == pytest.approx(2.0, abs=0.1)
    assert {found["object"] for found in seen["results"]} == {"shown"}
    assert {found["time"] for found in seen["results"]} == {"0000000001", "0000000002"}
    assert seen["first"]
    assert all(float(text) < 0.5 for text in seen["first"])


def test_the_engine_client(watched: Watched, client: Page, servers: CompatServers) -> None:
    """It uploads in parallel, is told what could not be stored, lists, searches, and shows what was found."""
    watched.expected = ("500 (Internal Server Error)",)
    left = f"{servers['image-engine']}/meta/image/images"  # by another test
    assert httpx.delete(left, timeout=120).status_code == 200
    uploads = ["upload-0.png", "upload-1.png", "upload-2.png", "broken.jpg"]
    seen = _played(client, "engine", servers["image-engine"], uploads)

    stored = [upload for upload in seen["uploads"] if upload.get("succeed")]
    refused = [upload for upload in seen["uploads"] if "refused" in upload]
    assert len(stored) == 3
    assert len(refused) == 1
    assert all(upload["status"] == 500 and upload["refused"] for upload in refused)
    assert seen["listed"]["total"] == 3
    assert len(seen["listed"]["data"]) == 3
    assert len(seen["found"]) == 3
    assert seen["scores"][0] == ["100.00", "0.0000"]
    assert seen["widths"] == [128] * 3
