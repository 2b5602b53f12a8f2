"""Sounds and films for the browser tests, made here: what is in them is known to the second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

RATE = 16_000
SOUNDS = 6
LONG = (10, 11, 12, 13, 14)
"""The sounds that the long recording is made of, one after another."""
EACH = 4.0
"""Seconds of each."""
FILMS = 3
SCENES = (2.0, 2.0, 2.0)
FPS = 25


@dataclass(frozen=True)
class Timed:
    """A server, and files that the library has not seen."""

    url: str
    sounds: Path
    films: Path
    queries: Path


def make_timed(folder: Path) -> tuple[Path, Path, Path]:
    """Short sounds and a long one; films that Chromium plays, and one that it does not; parts of them to ask with."""
    from morelike.testing.films import film, film_frame
    from morelike.testing.sounds import as_wav, synthetic_sound

    sounds, films, queries = (folder / name for name in ("sounds", "films", "queries"))
    for made in (sounds, films, queries):
        made.mkdir()
    for seed in range(SOUNDS):
        (sounds / f"sound-{seed}.wav").write_bytes(as_wav(synthetic_sound(seed, 3.0, RATE), RATE))
    parts = [synthetic_sound(seed, EACH, RATE) for seed in LONG]
    whole = np.concatenate(parts).astype(np.float32)
    (sounds / "long.wav").write_bytes(as_wav(whole, RATE))
    (queries / "part.wav").write_bytes(as_wav(whole[int(9 * RATE) : int(11 * RATE)], RATE))
    (queries / "excerpt.wav").write_bytes(as_wav(whole[int(6.5 * RATE) : int(14.5 * RATE)], RATE))
    (queries / "sound-2.wav").write_bytes(as_wav(0.5 * synthetic_sound(2, 3.0, RATE), RATE))
    for seed in range(1, FILMS + 1):
        data = film(seed, scenes=SCENES, fps=FPS, codec="libvpx", container="webm", sound="libopus")
        (films / f"film-{seed}.webm").write_bytes(data)
    (films / "old.avi").write_bytes(film(9, scenes=SCENES, fps=FPS, codec="mpeg4", container="avi"))
    from PIL import Image

    Image.fromarray(film_frame(2, int(3.25 * FPS), scene=1)).save(queries / "frame.png")
    return sounds, films, queries


def standing(page: Page) -> float:
    """Where the player of the page stands, in seconds, once it stands still."""
    return float(
        page.locator("audio, video").first.evaluate(
            """(media) => new Promise((settle) => {
                const still = () => media.readyState > 1 && !media.seeking;
                const look = () => (still() ? settle(media.currentTime) : setTimeout(look, 30));
                look();
            })"""
        )
    )
