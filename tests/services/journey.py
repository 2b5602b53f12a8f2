"""Libraries as a person at a shell has them: a folder, and variables that say on which servers the parts are."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
from databases import DatabaseServer
from forking import Run, forking
from milvus_process import MilvusProcess
from PIL import Image
from radosgw_process import Gateway

import morelike
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.sounds import as_wav
from morelike.testing.tunes import tune

DRIVER = Path(__file__).with_name("journey_driver.py")
PICTURES = 40
WAIT = 300.0
"""Seconds in which a server that was started is to be noticed."""


@cache
def _forking() -> Run:
    """One for this process, whose end it is seen to end by."""
    opened = forking()
    atexit.register(opened.__exit__, None, None, None)
    return opened.__enter__()


@dataclass(frozen=True)
class Place:
    """A library's folder and its settings as variables."""

    folder: Path
    variables: Mapping[str, str]

    def morelike(self, *words: str | Path, code: int = 0) -> str:
        """``morelike WORDS…``: what it prints."""
        return self._done("plain", 0, *words, code=code)

    def told(self, *words: str | Path) -> Any:
        """The same with ``--json``, read."""
        return json.loads(self.morelike(*words, "--json"))

    def in_small_pages(self, *words: str | Path) -> str:
        return self._done("none", 0, *words, code=0)

    def killed(self, point: str, nth: int, *words: str | Path) -> None:
        """The same, which kills itself when it reaches ``point`` for the nth time."""
        self._done(point, nth, *words, code=-signal.SIGKILL)

    def open(self) -> Library:
        given = {name.removeprefix("MORELIKE_").lower(): value for name, value in self.variables.items()}
        return morelike.open(Settings(**{**given, "library": self.folder, "offline": True}))  # type: ignore[arg-type]

    @contextmanager
    def serving(self, *words: str | Path, groups: int = 0) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
        """``morelike serve`` on a free port, and a client of it. After so many ``groups`` of items a job of its own
        stands still until it is asked to stop.
        """
        program = [str(DRIVER), "stopped", str(groups)] if groups else ["-m", "morelike"]
        command = [sys.executable, *program, *self._global(), "serve", "--port", "0", "--json"]
        process = subprocess.Popen(
            [*command, *map(str, words)],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = ""
            while not said.endswith("}\n"):
                line = process.stdout.readline()
                assert line, "the server ended"
                said += line
            with httpx.Client(base_url=json.loads(said)["url"], timeout=300, trust_env=False) as client:
                yield process, client
        finally:
            process.kill()
            process.communicate()

    def _global(self) -> list[str]:
        return ["--library", str(self.folder), "--quiet"]

    def _environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MORELIKE_")}
        own = {"HOME": str(self.folder.parent), "NO_COLOR": "1", "MORELIKE_OFFLINE": "1"}
        return {**plain, **own, **self.variables}

    def _done(self, point: str, nth: int, *words: str | Path, code: int) -> str:
        done = _forking()(DRIVER, point, nth, *self._global(), *words, environment=self._environment())
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout


@dataclass(frozen=True)
class Servers:
    """A catalog's, a vector store's and a bucket's, which a test may end and start again."""

    database: DatabaseServer
    milvus: MilvusProcess
    gateway: Gateway

    def variables(self) -> dict[str, str]:
        """Those of a new, empty library."""
        return {
            "MORELIKE_CATALOG": self.database.create(),
            "MORELIKE_VECTORS": self.milvus.address,
            **self.gateway.variables(f"s3://{self.gateway.bucket()}/lib"),
        }


@dataclass(frozen=True)
class Home:
    """A library in one folder, and where its pictures and sounds came from."""

    place: Place
    pictures: Path
    sounds: Path

    @property
    def models(self) -> dict[str, str]:
        """The variable that a library with the same encoders needs."""
        return {"MORELIKE_MODELS": self.place.variables["MORELIKE_MODELS"]}


def make_home(folder: Path) -> Home:
    """Pictures kept and in place, with a near copy set aside, one rejected, tags, metadata and two spaces; sounds with
    vectors and sketches.
    """
    pictures, sounds = folder / "pictures", folder / "sounds"
    place = Place(folder / "home", {"MORELIKE_MODELS": str(_cards(folder / "cards"))})
    write_sources(pictures, sounds)
    placed = folder / "placed"
    write_images(placed, 4, seed=3000)
    place.morelike("add", "photos", pictures, "--encoder", "classic", "--tag", "kept", "--meta", "by=me", code=3)
    place.morelike("add", "photos", placed, "--in-place")
    place.morelike("add", "songs", sounds, "--encoder", "classic-audio,landmarks")
    place.morelike("dedup", "photos", "--apply")
    items = place.told("ls", "photos")["items"]
    ids = [item["item"] for item in items]
    place.morelike("dedup", "photos", "--not-duplicates", ids[0], ids[1])
    place.morelike("tag", "photos", *ids[5:15], "--add", "ten", "--meta", "stars=3")
    place.morelike("reembed", "photos", "--encoder", "finer", "--yes")
    return Home(place, pictures, sounds)


def write_sources(pictures: Path, sounds: Path) -> None:
    """``PICTURES`` pictures, one of them twice, one nearly, one broken; five pieces of music."""
    paths = write_images(pictures, PICTURES, seed=1)
    (pictures / "again.jpg").write_bytes(paths[0].read_bytes())
    (pictures / "broken.jpg").write_bytes(paths[0].read_bytes()[:60])
    with Image.open(paths[3]) as picture:
        picture.resize((120, 90)).save(pictures / "near.png")
    sounds.mkdir()
    for seed in range(5):
        (sounds / f"{seed}.wav").write_bytes(as_wav(tune(seed, 12.0)))


def _cards(folder: Path) -> Path:
    """A second encoder without weights, of another metric: that of ``classic`` from larger pictures."""
    text = (resources.files("morelike.models") / "cards" / "classic.toml").read_text("utf-8")
    for old, new in (('name = "classic"', 'name = "finer"'), ("side = 128", "side = 96"), ('"cosine"', '"ip"')):
        assert old in text
        text = text.replace(old, new)
    folder.mkdir()
    (folder / "finer.toml").write_text(text, "utf-8")
    return folder


def answers(library: Library, home: Home) -> list[list[tuple[str, str, float, float | None]]]:
    """What searches of several kinds find: (item, span, score, percentile) a hit."""
    photos, songs = library.collection("photos"), library.collection("songs")
    examples = sorted(home.pictures.glob("0*.jpg"))[:4]
    found = [photos.search(example, k=12) for example in examples]
    found += [photos.search(examples[0], filter=text, k=30) for text in FILTERS]
    found += [songs.search(home.sounds / "2.wav", k=5), songs.search(home.sounds / "1.wav", mode="recording")]
    return [
        [(hit.item, str(hit.span), round(hit.score, 4), _rounded(hit.percentile)) for hit in hits] for hits in found
    ]


FILTERS = ("tag = 'ten'", "tag = 'kept' and not stars = 3", "format = 'JPEG' and width >= 128 and not by = 'me'")


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)


def told(answer: httpx.Response) -> Any:
    """What a server answers; a refusal fails the test, and is shown whole."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json()


def eventually(holds: Callable[[], bool], what: str, seconds: float = WAIT) -> None:
    """Returns as soon as ``holds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
