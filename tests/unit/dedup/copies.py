"""Photographs, and what people do to copies of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from morelike.demo import ALTERATIONS

Alter = Callable[[Image.Image], Image.Image]

NAMES = ("astronaut", "camera", "chelsea", "coffee", "motorcycle_left", "rocket")
"""Of the photographs in scikit-image; the textures among those are a matter of their own."""


@cache
def photograph(name: str) -> Image.Image:
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    (path,) = [path for path in folder.glob(f"{name}.*") if path.suffix in {".png", ".jpg"}]
    with Image.open(path) as opened:
        return opened.convert("RGB")


def jpeg(picture: Image.Image, quality: int = 85) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def decoded(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as opened:
        return np.array(opened.convert("RGB"))


def _cropped(share: float) -> Alter:
    def crop(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        box = (share * 0.6 * width, share * 0.5 * height, (1 - share * 0.4) * width, (1 - share * 0.5) * height)
        return picture.crop(tuple(map(round, box)))

    return crop


def _scaled(factor: float) -> Alter:
    return lambda picture: picture.resize((round(picture.width * factor), round(picture.height * factor)))


def _written(text: str, at: float, share: float) -> Alter:
    def write(picture: Image.Image) -> Image.Image:
        picture = picture.copy()
        font = ImageFont.load_default(max(10, picture.height // round(1 / share)))
        place = (picture.width * at, picture.height * at)
        ImageDraw.Draw(picture).text(
            place, text, font=font, fill="white", stroke_fill="black", stroke_width=1, anchor="mm"
        )
        return picture

    return write


SAME: Mapping[str, Alter] = {
    "re-encoded": lambda picture: Image.open(io.BytesIO(jpeg(picture, 40))),
    "half the size": _scaled(0.5),
    "a third of the size": _scaled(1 / 3),
    "2 % cropped": _cropped(0.02),
    "5 % cropped": _cropped(0.05),
    "10 % cropped": _cropped(0.10),
    "paler": lambda picture: ImageEnhance.Color(picture).enhance(0.7),
    "more contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(1.15),
    "warmer": lambda picture: Image.merge(
        "RGB",
        [c.point(lambda v, g=g: min(255, round(v * g))) for c, g in zip(picture.split(), (1.06, 1, 0.92), strict=True)],
    ),
    "squeezed": lambda picture: picture.resize((round(picture.width * 0.85), picture.height)),
    **{f"the demo's {name}": alter for name, alter in ALTERATIONS.items()},
}
"""Found as near duplicates of the photograph they are made of."""

OTHER: Mapping[str, Alter] = {
    "a caption": _written("WHEN IT WORKS", 0.5, 1 / 8),
    "a small logo": _written("photo: someone", 0.8, 1 / 24),
    "mirrored": ImageOps.mirror,
    "half of it": _cropped(0.5),
    "upside down": lambda picture: picture.rotate(180),
}
"""Not called the same: something else is shown, or much less."""


def letter(number: int, seed: int = 0) -> Image.Image:
    """A page of text; ``seed`` decides the text, ``number`` six digits above it."""
    rng = np.random.default_rng(seed)
    page = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(page)
    draw.text((100, 100), "ACME Trading Ltd.", font=ImageFont.load_default(60), fill="black")
    draw.text((100, 220), f"Invoice {number}", font=ImageFont.load_default(28), fill="black")
    for y in range(360, 1500, 44):
        words = "".join(rng.choice(list("abcdefgh  "), 66))
        draw.text((100, y), words, font=ImageFont.load_default(28), fill="black")
    return page
