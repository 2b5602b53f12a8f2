"""`classic`: deterministic, robust to what happens to copies, and no worse than promised on real photographs."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from morelike.encoders.classic import ClassicEncoder
from morelike.errors import ModelError
from morelike.models import cards, weights
from morelike.protocols import Encoder
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.types import Card


def classic() -> ClassicEncoder:
    return ClassicEncoder(next(card for card in cards.built_in() if card.name == "classic"), {}, Settings())


def encoded(made: Encoder, pictures: list[Any]) -> Any:
    return made.encode("image", [made.prepare("image", picture) for picture in pictures])


def scene(seed: int) -> Image.Image:
    """A picture of twelve discs on a slope of light: different for each seed, smooth as photographs are."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:180, 0:240].astype(np.float32)
    picture = np.stack([generator.uniform(60, 160) + x * generator.uniform(-0.3, 0.3) for _ in range(3)], axis=2)
    for _ in range(12):
        inside = (y - generator.uniform(0, 180)) ** 2 + (x - generator.uniform(0, 240)) ** 2
        picture[inside < generator.uniform(10, 50) ** 2] = generator.uniform(0, 255, 3)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def recompressed(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=20)
    return Image.open(buffer).convert("RGB")


MARKS = [-0.2545, -1.5742, -1.671, 0.3859, 0.5765, -0.9658]
"""Six fixed projections of the vector of ``scene(0)``."""

CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "cropped": lambda picture: picture.crop((20, 12, 225, 165)),
    "darker": lambda picture: picture.point(lambda value: value * 0.7),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "recompressed": recompressed,
    "rotated": lambda picture: picture.rotate(6, Image.Resampling.BICUBIC),
    "smaller": lambda picture: picture.resize((80, 60)),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_changed_copy_finds_its_original(change: str) -> None:
    """Among 40 pictures each changed copy is nearest to the one it was made from."""
    made = classic()
    originals = [scene(seed) for seed in range(40)]
    there = encoded(made, [np.asarray(picture) for picture in originals])
    copies = encoded(made, [np.asarray(CHANGES[change](picture)) for picture in originals])
    assert (copies @ there.T).argmax(axis=1).tolist() == list(range(40))


def test_a_plain_picture_has_neither_shape_nor_light() -> None:
    """Pictures of one colour differ by their colour alone: red is not green."""
    reds, green = (
        np.full((2, 30, 40, 3), (255, 0, 0), dtype=np.uint8),
        np.full((30, 40, 3), (0, 255, 0), dtype=np.uint8),
    )
    vectors = encoded(classic(), [*reds, green])
    np.testing.assert_allclose(vectors @ vectors.T, [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-6)


def test_vectors_are_the_ones_of_this_revision() -> None:
    """The numbers of revision 1 do not drift: a change of them needs a new revision."""
    vector = encoded(classic(), [np.asarray(scene(0))])[0]
    marks = np.random.default_rng(1).standard_normal((1145, 6)).T @ vector
    np.testing.assert_allclose(marks, MARKS, atol=1e-3)


def test_the_shares_are_those_of_the_parts() -> None:
    """Shape, light and colour weigh .8, .1 and .1."""
    vector = encoded(classic(), [np.asarray(scene(0))])[0]
    parts = [float(np.square(part).sum()) for part in (vector[:729], vector[729:857], vector[857:])]
    np.testing.assert_allclose(parts, [0.8, 0.1, 0.1], atol=1e-6)


def test_another_revision_is_refused() -> None:
    """A collection made with another revision is not searched with this one's vectors."""
    card = Card("classic", "classic", "dense", 1145, "cosine", {"image": {}}, options={"revision": 99})
    with pytest.raises(ModelError, match="revision 99"):
        ClassicEncoder(card, {}, Settings())


@pytest.fixture(scope="module")
def figures(test_data: Path) -> dict[str, tuple[float, float]]:
    """A card's (P@1, mAP) of same-class retrieval on 1 000 photographs of clothes, the query left out."""
    settings = Settings(models=(test_data / "models",))
    paths = sorted((test_data / "data" / "clothing").rglob("*.jpg"))
    labels = np.array([path.parent.name for path in paths])
    made = {name: _made(name, settings) for name in ("classic", "mobilenet-v1-025", "mobilenet-v2")}
    prepared: dict[str, list[Any]] = {name: [] for name in made}
    for path in paths:
        with Image.open(path) as picture:
            payload = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        for name, encoder in made.items():
            prepared[name].append(encoder.prepare("image", payload))
    blocks = range(0, len(paths), 32)
    return {
        name: _figures(np.concatenate([encoder.encode("image", prepared[name][i : i + 32]) for i in blocks]), labels)
        for name, encoder in made.items()
    }


def _made(name: str, settings: Settings) -> Encoder:
    card = cards.find(name, settings)
    encoder: Encoder = ENCODERS.load(card.family)(card, weights.files(card, settings), settings)
    return encoder


def _figures(vectors: Any, labels: Any) -> tuple[float, float]:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    hits = labels[order] == labels[:, None]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return float(hits[:, 0].mean()), float(((precision * hits).sum(axis=1) / hits.sum(axis=1)).mean())


@pytest.mark.xdist_group("figures of pictures")
@pytest.mark.parametrize(
    ("name", "p_at_1", "mean_precision"),
    [("classic", 0.575, 0.232), ("mobilenet-v1-025", 0.553, 0.255), ("mobilenet-v2", 0.751, 0.448)],
)
def test_real_photographs_give_the_promised_figures(
    name: str, p_at_1: float, mean_precision: float, figures: dict[str, tuple[float, float]]
) -> None:
    """Through our preprocessing each card reaches what its ``run_here`` says (± .005)."""
    assert figures[name] == pytest.approx((p_at_1, mean_precision), abs=0.005)
