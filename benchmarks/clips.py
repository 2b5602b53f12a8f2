"""Clips looked for in films: which film, and which stretch of it, after what is done to clips on their way.

``python -m benchmarks.clips [ENCODER…]``: prints a table in Markdown for each encoder (``mobilenet-v2`` and
``classic``). The library: films made of photographs in the test data, over which the camera pans and zooms, scene after
scene, each photograph in one film only; the real clips of the test data; all are one another's distractors. The
queries: stretches of 5 to 15 s of them, altered and encoded anew. A query counts as found where the best hit is its
film, and as placed where, besides, the interval's intersection over union with the true one is at least 0.8.
"""

from __future__ import annotations

import io
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.settings import Settings
from morelike.types import Blob

ROOT = Path(__file__).resolve().parents[1]
ENCODERS = ("mobilenet-v2", "classic")
FILMS = 20
SCENES = (1.5, 7.0)  # seconds
LENGTH = 60.0
CLIPS = 2
"""So many stretches of each film."""
REAL = ("bikes.mp4", "cockatoo.mp4", "flipping_a_pancake.mkv", "nasa_13013.mp4", "scene_cuts.mp4")
FPS = 12
WIDTH, HEIGHT = 320, 180
PLACED = 0.8

Frames = NDArray[np.uint8]
"""(n, h, w, 3) RGB."""


def _cropped(frames: Frames) -> Frames:
    """The middle 80 % of each side."""
    height, width = frames.shape[1:3]
    top, left = height // 10, width // 10
    return frames[:, top : height - top, left : width - left]


def _letterboxed(frames: Frames) -> Frames:
    bar = frames.shape[1] // 6
    return np.pad(frames, ((0, 0), (bar, bar), (0, 0), (0, 0)))


def _faster(frames: Frames) -> Frames:
    shown = np.arange(int(len(frames) / 1.1)) * 1.1
    return frames[np.minimum(shown.round().astype(int), len(frames) - 1)]


ALTERATIONS: tuple[tuple[str, Callable[[Frames], Frames], int], ...] = (
    ("trimmed", lambda frames: frames, 20),
    ("re-encoded at CRF 35", lambda frames: frames, 35),
    ("cropped to 80 %", _cropped, 23),
    ("mirrored", lambda frames: frames[:, :, ::-1], 23),
    ("letterboxed", _letterboxed, 23),
    ("1.1 times as fast", _faster, 23),
)
"""What is done to a clip, and the quality that it is encoded with."""


@dataclass(frozen=True, slots=True)
class Film:
    path: Path
    frames: Frames
    fps: float


def encoded(frames: Frames, fps: float, crf: int) -> bytes:
    """An MP4 of H.264."""
    import av

    buffer = io.BytesIO()
    height, width = (side // 2 * 2 for side in frames.shape[1:3])
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=round(fps), options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def made(photographs: Iterator[Path], rng: random.Random) -> Frames:
    """A film whose scenes are moves over photographs."""
    frames: list[NDArray[np.uint8]] = []
    while len(frames) < LENGTH * FPS:
        with Image.open(next(photographs)) as opened:
            photograph = opened.convert("RGB")
        width, height = photograph.size
        count = int(rng.uniform(*SCENES) * FPS)
        zooms = [rng.uniform(0.6, 0.95) for _ in range(2)]
        places = [(rng.random(), rng.random()) for _ in range(2)]
        for share in np.arange(count) / count:
            wide = min(width, height * WIDTH / HEIGHT) * (zooms[0] * (1 - share) + zooms[1] * share)
            high = wide * HEIGHT / WIDTH
            left, top = (
                (first * (1 - share) + last * share) * room
                for first, last, room in zip(*places, (width - wide, height - high), strict=True)
            )
            box = (left, top, left + wide, top + high)
            frames.append(np.asarray(photograph.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box=box)))
    return np.stack(frames)


def real(path: Path) -> Film:
    """A clip from the test data, its frames no larger than they have to be."""
    import av

    with av.open(str(path)) as container:
        fps = float(container.streams.video[0].average_rate or FPS)
        frames = []
        for frame in container.decode(video=0):
            scale = min(1.0, 240 / min(frame.width, frame.height))
            size = {"width": int(frame.width * scale) // 2 * 2, "height": int(frame.height * scale) // 2 * 2}
            frames.append(frame.to_ndarray(format="rgb24", **size))
    return Film(path, np.stack(frames), fps)


def films(data: Path, folder: Path, rng: random.Random) -> list[Film]:
    photographs = sorted((data / "clothing").rglob("*.jpg"))
    rng.shuffle(photographs)
    left = iter(photographs)
    library = []
    for number in range(FILMS):
        frames = made(left, rng)
        path = folder / f"film-{number:02d}.mp4"
        path.write_bytes(encoded(frames, FPS, 20))
        library.append(Film(path, frames, FPS))
    return library + [real(data / "video" / name) for name in REAL]


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union of two intervals."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(shared, 0.0) / (max(one[1], other[1]) - min(one[0], other[0]))


def measure(opened: OpenCollection, library: list[Film], rng: random.Random) -> None:
    rows: dict[str, list[tuple[bool, float, float, float]]] = {name: [] for name, _, _ in ALTERATIONS}
    for film in library:
        whole = len(film.frames) / film.fps
        for _ in range(CLIPS):
            length = min(rng.uniform(5.0, 15.0), whole * 0.7)
            first = int(rng.uniform(0.0, whole - length) * film.fps)
            last = first + int(length * film.fps)
            for name, alter, crf in ALTERATIONS:
                data = encoded(alter(film.frames[first:last]), film.fps, crf)
                began = perf_counter()
                hits = opened.search(Blob.from_bytes(data, "clip.mp4"), k=2)
                seconds = perf_counter() - began
                best = hits[0]
                found = best.source == str(film.path)
                shared = overlap((best.span.start, best.span.end), (first / film.fps, last / film.fps))
                lead = best.score - (hits[1].score if len(hits) > 1 else 0.0)
                rows[name].append((found, shared if found else 0.0, lead, seconds))
    print(
        "| clip | queries | film found | interval placed (IoU >= .8) | mean IoU | lead over the next film | s a query |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, measured in rows.items():
        found, shared, lead, seconds = np.array(measured, dtype=float).T
        print(
            f"| {name} | {len(measured)} | {100 * found.mean():.0f} % | {100 * (shared >= PLACED).mean():.0f} % "
            f"| {shared.mean():.3f} | {np.median(lead):.2f} | {np.median(seconds):.2f} |",
            flush=True,
        )


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    with tempfile.TemporaryDirectory() as temporary:
        library = films(data / "data", Path(temporary), random.Random(1))
        for encoder in sys.argv[1:] or ENCODERS:
            settings = Settings(library=Path(temporary) / encoder, models=(data / "models",), offline=True)
            with morelike.open(settings) as lib:
                opened = lib.collection("films", modality="video", encoder=encoder)
                began = perf_counter()
                opened.add(*(film.path for film in library), in_place=True)
                total = sum(len(film.frames) / film.fps for film in library)
                print(f"\n{encoder}: {len(library)} films, {total:.0f} s, added in {perf_counter() - began:.0f} s\n")
                measure(opened, library, random.Random(2))


if __name__ == "__main__":
    main()
