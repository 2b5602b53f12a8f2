"""The demo's second half: made scenes, and a picture of one with the words that change it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from morelike.collection import OpenCollection
    from morelike.library import Library
    from morelike.progress import Progress

__all__ = ["SceneDemo", "build_scenes", "make_scenes"]

COLLECTION, ENCODER = "scenes", "tirg-css"
CHANGE = "make red cube small"
SEED, SCENES = 47, 24
"""Of the test split: half of what stands in them has a shape and a colour that the encoder never saw together."""


@dataclass(frozen=True, slots=True)
class SceneDemo:
    """``picture`` with ``text`` is what to search for; ``wanted`` is the picture that should come first."""

    collection: OpenCollection
    picture: str
    text: str
    wanted: str


def build_scenes(
    library: Library, pictures: Path, *, notify: Callable[[str], None], progress: Callable[[Progress], None]
) -> SceneDemo:
    """Write the scenes to ``pictures`` and add them. Raises what ``OpenCollection.add`` raises."""
    picture, text, wanted = make_scenes(pictures)
    collection = library.collection(COLLECTION, modality="image", encoder=ENCODER, notify=notify)
    collection.add(str(pictures), progress=progress)
    return SceneDemo(collection, str(picture), text, str(wanted))


def make_scenes(folder: Path) -> tuple[Path, str, Path]:
    """216 PNGs, the same every time; what is there is left alone. A picture, words that change it, what comes of it."""
    from PIL import Image

    from morelike.training.css import make_css
    from morelike.training.css_solid import draw_solid

    split = make_css(SEED, SCENES).test
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"scene-{index:03d}.png" for index in range(len(split.scenes))]
    for path, scene in zip(paths, split.scenes, strict=True):
        if not path.exists():
            stream = io.BytesIO()
            Image.fromarray(draw_solid(scene)).save(stream, "PNG")
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(stream.getvalue())
            unfinished.replace(path)
    source, target = next((source, target) for source, text, target in split.changes if text == CHANGE)
    return paths[source], CHANGE.replace("make", "make the"), paths[target]
