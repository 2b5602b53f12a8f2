"""Small films and recordings for tests of what is the same in time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from morelike.collection import OpenCollection
from morelike.dedup import Group
from morelike.testing.films import film_frame, scene_at

FPS = 10
SCENES = (2.0, 3.0, 2.5)
Frames = NDArray[np.uint8]
"""(n, h, w, 3) RGB."""


def frames(seed: int, scenes: Sequence[float] = SCENES) -> Frames:
    """A film of its own: 7.5 seconds in three scenes."""
    return np.stack(
        [film_frame(seed, n, (160, 120), scene=scene_at(scenes, n / FPS)) for n in range(int(sum(scenes) * FPS))]
    )


def black(seconds: float) -> Frames:
    return np.zeros((int(seconds * FPS), 120, 160, 3), dtype=np.uint8)


def scaled(film: Frames, width: int, height: int) -> Frames:
    return np.stack([np.asarray(Image.fromarray(frame).resize((width, height))) for frame in film])


def one_camera(seed: int) -> Frames:
    """One unmoving view, before which something of its own moves."""
    background = film_frame(90, 0, (160, 120))
    rng = np.random.default_rng([seed, 3])
    places = rng.uniform(20, 90, (5, 2)).repeat(FPS, axis=0).astype(int)
    film = np.repeat(background[None], len(places), axis=0)
    for frame, (top, left) in zip(film, places, strict=True):
        frame[top : top + 14, left : left + 14] = rng.integers(0, 255, 3) if top % 2 else (255, 40, 40)
    return film


def mp4(film: Frames, crf: int = 20, fps: int = FPS) -> bytes:
    """H.264; sides are even."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream: Any = output.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width = film.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in film:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def by_name(collection: OpenCollection, group: Group) -> list[str]:
    """The members' names, the keeper's first."""
    names = {
        item.id: item.sources[0].name for state in ("ready", "duplicate") for item in collection.items(state=state)
    }
    return [names[member.item] for member in group.members]


def found(collection: OpenCollection, groups: Sequence[Group], kind: str) -> dict[str, set[str]]:
    """Keepers' names with what is grouped with them."""
    named = [by_name(collection, group) for group in groups if group.kind == kind]
    return {keeper: set(others) for keeper, *others in named}
