"""Near duplicates: what is found of each kind of altered copy, and what is called the same that is not.

``python -m benchmarks.dedup [FOLDER]``: prints tables in Markdown. Copies are made of the photographs in scikit-image
and of every twentieth one in FOLDER (clothing in the test data by default); each kind of copy is a collection of its
own, originals and copies together. Then all of FOLDER, as it is, and, where they are there, drawings that differ in
little.
"""

from __future__ import annotations

import io
import os
import random
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

import morelike
from morelike.collection import OpenCollection
from morelike.demo import ALTERATIONS, make_pictures
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
ENCODER = "mobilenet-v1-025"
EVERY = 20
DRAWINGS = 1000
Alter = Callable[[Image.Image], Image.Image]


def _cropped(share: float) -> Alter:
    def crop(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        left, top = share * 0.6 * width, share * 0.5 * height
        return picture.crop(
            (round(left), round(top), round(left + (1 - share) * width), round(top + (1 - share) * height))
        )

    return crop


def _scaled(factor: float) -> Alter:
    return lambda picture: picture.resize(
        (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    )


def _turned(degrees: float, share: float) -> Alter:
    def turn(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        box = (share * width, share * height, (1 - share) * width, (1 - share) * height)
        turned = picture.rotate(degrees, Image.Resampling.BICUBIC)
        return turned.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))

    return turn


def _written(text: str, *, across: float, down: float, lines: int, opacity: int = 255) -> Alter:
    """Text whose line is a ``lines``th of the picture's height."""

    def write(picture: Image.Image) -> Image.Image:
        layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
        font = ImageFont.load_default(max(8, picture.height // lines))
        place = (picture.width * across, picture.height * down)
        ImageDraw.Draw(layer).text(place, text, font=font, fill=(255, 255, 255, opacity), anchor="mm")
        return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")

    return write


def _warmer(picture: Image.Image) -> Image.Image:
    gains = (1.06, 1.0, 0.92)
    channels = [c.point(lambda v, g=g: min(255, round(v * g))) for c, g in zip(picture.split(), gains, strict=True)]
    return Image.merge("RGB", channels)


def _itself(picture: Image.Image) -> Image.Image:
    return picture


COPIES: dict[str, tuple[Alter, int]] = {
    "JPEG quality 60": (_itself, 60),
    "JPEG quality 30": (_itself, 30),
    "JPEG quality 15": (_itself, 15),
    "half the size": (_scaled(0.5), 85),
    "a quarter of the size": (_scaled(0.25), 85),
    "2 % cropped": (_cropped(0.02), 85),
    "5 % cropped": (_cropped(0.05), 85),
    "10 % cropped": (_cropped(0.10), 85),
    "20 % cropped": (_cropped(0.20), 85),
    "40 % cropped": (_cropped(0.40), 85),
    "turned by 1°": (_turned(1, 0.02), 85),
    "turned by 3°": (_turned(3, 0.04), 85),
    "20 % brighter": (lambda picture: ImageEnhance.Brightness(picture).enhance(1.2), 85),
    "30 % more contrast": (lambda picture: ImageEnhance.Contrast(picture).enhance(1.3), 85),
    "30 % paler": (lambda picture: ImageEnhance.Color(picture).enhance(0.7), 85),
    "warmer": (_warmer, 85),
    "sharpened": (lambda picture: picture.filter(ImageFilter.UnsharpMask(2, 100)), 85),
    "blurred": (lambda picture: picture.filter(ImageFilter.GaussianBlur(max(1.0, picture.width / 500))), 85),
    "20 % wider": (lambda picture: picture.resize((round(picture.width * 1.2), picture.height)), 85),
    "a white border of 3 %": (lambda picture: ImageOps.expand(picture, round(picture.width * 0.03), "white"), 85),
    **{f"the demo's {name}": (alter, 60) for name, alter in ALTERATIONS.items()},
    "without colour": (lambda picture: picture.convert("L").convert("RGB"), 85),
    "mirrored": (ImageOps.mirror, 85),
    "turned by 90°": (lambda picture: picture.transpose(Image.Transpose.ROTATE_90), 85),
    "a watermark": (_written("© example.org", across=0.5, down=0.5, lines=10, opacity=128), 85),
    "a small logo": (_written("photo: someone", across=0.8, down=0.95, lines=24), 85),
}


def measure_copies(folder: Path, settings: Settings, originals: list[Path]) -> None:
    print("| copy | found | wrongly called the same |")
    print("|---|---|---|")
    for kind, (alter, quality) in COPIES.items():
        place = folder / kind
        place.mkdir()
        for at, path in enumerate(originals):
            with Image.open(path) as opened:
                alter(ImageOps.exif_transpose(opened).convert("RGB")).save(place / f"{at}.jpg", quality=quality)
        with morelike.open(settings.model_copy(update={"library": folder / f"{kind} library"})) as library:
            photos = library.collection("photos", modality="image", encoder=ENCODER)
            photos.add(*originals, place, in_place=True)
            number = {str(path): at for at, path in enumerate(originals)}
            number |= {str(place / f"{at}.jpg"): at for at in range(len(originals))}
            found = wrong = 0
            for group in _near(photos):
                keeper = number[group[0]]
                found += sum(number[source] == keeper for source in group[1:])
                wrong += sum(number[source] != keeper for source in group[1:])
        print(f"| {kind} | {found} of {len(originals)} | {wrong} |", flush=True)


def measure_as_it_is(folder: Path, settings: Settings, paths: list[Path], what: str) -> None:
    with morelike.open(settings.model_copy(update={"library": folder / f"{what} library"})) as library:
        photos = library.collection("photos", modality="image", encoder=ENCODER)
        photos.add(*paths, in_place=True)
        began = perf_counter()
        groups = _near(photos)
        seconds = perf_counter() - began
    print(f"\n{len(paths)} {what}: {len(groups)} groups in {seconds:.0f} s")
    for group in groups:
        print("  " + ", ".join("/".join(Path(source).parts[-2:]) for source in group))


def _near(photos: OpenCollection) -> list[list[str]]:
    return [[member.source for member in group.members] for group in photos.duplicates() if group.kind == "near"]


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    photographs = Path(sys.argv[1]) if len(sys.argv) > 1 else data / "data" / "clothing"
    settings = Settings(models=(data / "models",), offline=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made, _ = make_pictures(folder / "demo")
        own = sorted(made.glob("*/original.*"))
        others = sorted(path for path in photographs.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
        measure_copies(folder, settings, own + others[::EVERY])
        measure_as_it_is(folder, settings, others, "photographs as they are")
        drawings = data / "data" / "nlvr" / "dev.tar.xz"
        if drawings.is_file():
            measure_as_it_is(folder, settings, _drawings(drawings, folder / "drawings"), "drawings")


def _drawings(archive: Path, folder: Path) -> list[Path]:
    """A seeded choice, written to ``folder``."""
    folder.mkdir()
    with tarfile.open(archive) as opened:
        members = sorted((m for m in opened if m.name.endswith(".png")), key=lambda member: member.name)
        chosen = random.Random(0).sample(members, min(DRAWINGS, len(members)))
        for member in chosen:
            stream = opened.extractfile(member)
            with Image.open(io.BytesIO(stream.read() if stream else b"")) as picture:
                picture.save(folder / Path(member.name).name)
    return sorted(folder.glob("*.png"))


if __name__ == "__main__":
    main()
