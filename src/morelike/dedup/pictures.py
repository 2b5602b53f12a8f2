"""Whether two pictures are one: a perceptual hash and a thumbnail to find pairs, pixels to be sure of them.

A pair is laid over each other first (``alignment``), then compared place by place. What counts is how the places that
agree least agree: another text, another pose or a logo changes a few of them, re-encoding changes all of them a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.dedup.alignment import IDENTITY, Floats, align, correlation, covered, sample
from morelike.dedup.groups import Likeness
from morelike.types import Payload

__all__ = ["SKETCH_SIDE", "Look", "Pictures", "Screened", "perceptual_hash"]

SKETCH_SIDE = 32
_LARGEST, _SMALLEST = 512, 64
_COLOURS = 64
_HASHED = 8
_SCREEN_STEPS = (8, 5)
_STEPS = {64: 5, 128: 3, 256: 2, 512: 2}
_ALIKE_COARSE, _ALIKE = 0.8, 0.9
"""Correlations of two thumbnails, halved and whole, that are worth a closer look: copies reach them."""
_PLAIN = 6.0
"""Standard deviation, in levels, below which a picture has nothing that could be compared."""
_CONTRAST = 50.0
_NOISE = 100.0
"""Variance in a place that is not worth a word: that of a mediocre JPEG at the contrast above."""
_BRIGHTNESS = 900.0
_STRAY = 3.0
_COLOUR_LEFT, _COLOUR_MOVED = 15.0, 35.0
"""Distances in levels that still count as 1, or halved as 0.5 at twice as much: see ``_colours``."""
_CONTAINED = 0.9
_COARSE = 0.4
_BENT = 1.4
_UPRIGHT = 0.65
"""Neither mirrored nor turned by much: a cosine, less what bending may take of it."""
_FEW = 12
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Look:
    """A picture squeezed to squares: ``grey`` uint8 (s, s), s 64 to 512 as its pixels allow, ``colour`` (64, 64, 3)."""

    grey: NDArray[np.uint8]
    colour: NDArray[np.uint8]
    aspect: float
    """Width over height, as the picture was."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What thumbnails say of n pairs: which are ``worth`` a look, and how the one lies in the other.

    ``turned``: the second is the template, so that ``maps`` (n, 2, 3) lead from it into the first.
    """

    worth: NDArray[np.bool_]
    maps: Floats
    turned: NDArray[np.bool_]


class Pictures:
    """The verifier of payloads of kind ``image``. Holds no state; safe from any thread."""

    sketch_side = 2 * SKETCH_SIDE
    """The ``side`` that a payload needs for ``sketch``, as a card would ask for it."""
    look_side = _LARGEST
    sketch_shape = (SKETCH_SIDE, SKETCH_SIDE)

    def sketch(self, picture: Payload) -> tuple[int | None, NDArray[np.uint8]]:
        """The 64-bit hash, None where the picture is too plain for one, and the thumbnail (32, 32)."""
        small = _grey(_squeezed(picture, SKETCH_SIDE))
        return perceptual_hash(small), np.rint(small).astype(np.uint8)

    def screen(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Screened:
        """Which pairs of thumbnails, each (n, 32, 32), agree somehow; plain ones never do."""
        one, other = first.astype(np.float32), second.astype(np.float32)
        plain = (one.std(axis=(1, 2)) < _PLAIN) | (other.std(axis=(1, 2)) < _PLAIN)
        halved = [grey.reshape(len(grey), 16, 2, 16, 2).mean(axis=(2, 4)) for grey in (one, other)]
        start = np.repeat(IDENTITY[None], len(one), axis=0)
        maps, how = _aligned(halved[0], halved[1], start, _SCREEN_STEPS[0])
        back, how_back = _aligned(halved[1], halved[0], start, _SCREEN_STEPS[0])
        some = (np.maximum(how, how_back) >= _ALIKE_COARSE) & ~plain
        maps[some], how[some] = _aligned(one[some], other[some], maps[some], _SCREEN_STEPS[1])
        back[some], how_back[some] = _aligned(other[some], one[some], back[some], _SCREEN_STEPS[1])
        turned = how_back > how
        best = np.maximum(how, how_back)
        return Screened(some & (best >= _ALIKE), np.where(turned[:, None, None], back, maps), turned)

    def look(self, picture: Payload) -> Look:
        height, width = picture.shape[:2]
        side = _SMALLEST
        while side < _LARGEST and min(height, width) >= side * 1.5:
            side *= 2
        grey = np.rint(_grey(_squeezed(picture, side))).astype(np.uint8)
        return Look(grey, _squeezed(picture, _COLOURS), width / height)

    def thumbnail(self, look: Look) -> NDArray[np.uint8]:
        """What ``sketch`` made of the picture, or nearly so."""
        reduced: NDArray[np.uint8] = np.rint(_reduced(look.grey, SKETCH_SIDE)[0]).astype(np.uint8)
        return reduced

    def compare(self, template: Look, picture: Look, start: Floats, threshold: float) -> Likeness | None:
        """How alike they are where ``start`` (2, 3) leads from the template into the picture; None below the threshold.

        The score, 0 to 1, is the least of: how the third-worst place agrees; how little the very worst one strays from
        the others; how little colours changed; how much of the larger picture the other one shows.
        """
        side = min(len(template.grey), len(picture.grey))
        maps = start[None]
        level = _SMALLEST
        places = 0.0, 0.0
        while level <= side:
            one, other = _reduced(template.grey, level), _reduced(picture.grey, level)
            maps = align(one, other, maps, _STEPS[level])
            overlap = _overlap(maps, template.aspect, picture.aspect)
            if overlap < threshold:
                return None
            places = _places(one, other, maps)
            # Coarser levels only save time: a place there is many here, and most of them may agree.
            if (min(places) if level == side else places[0] / _COARSE) < threshold:
                return None
            level *= 2
        left, moved = _colours(template.colour, picture.colour, maps)
        score = min(*places, left, moved, overlap)
        if score < threshold:
            return None
        why = {"places": places[0], "worst": places[1], "colour": min(left, moved), "overlap": overlap}
        return Likeness(round(score, 4), {name: round(value, 4) for name, value in why.items()})


def perceptual_hash(grey: Floats) -> int | None:
    """64 bits: which of the 8 × 8 lowest frequencies of a (32, 32) picture are above their median; None where plain.

    The DCT hash of Zauner, "Implementation and benchmarking of perceptual image hash functions" (2010), without the
    frequencies 0.
    """
    if float(grey.std()) < _PLAIN:
        return None
    ticks = np.arange(SKETCH_SIDE)
    waves = np.cos(np.pi / SKETCH_SIDE * np.outer(np.arange(1, _HASHED + 1), ticks + 0.5))
    low = waves @ grey @ waves.T
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def _squeezed(picture: Payload, side: int) -> NDArray[np.uint8]:
    """uint8 (side, side, 3), each pixel the mean of those that it stands for."""
    from PIL import Image

    image = Image.fromarray(picture)
    return np.array(image.resize((side, side), Image.Resampling.BOX, reducing_gap=3.0))


def _grey(colour: NDArray[np.uint8]) -> Floats:
    """Luma of BT.601, 0 to 255."""
    grey: Floats = colour.astype(np.float32) @ _GREY
    return grey


def _reduced(grey: NDArray[np.uint8], side: int) -> Floats:
    """(1, side, side) by means over squares."""
    factor = len(grey) // side
    reduced: Floats = grey.reshape(1, side, factor, side, factor).mean(axis=(2, 4), dtype=np.float32)
    return reduced


def _aligned(templates: Floats, pictures: Floats, maps: Floats, steps: int) -> tuple[Floats, Floats]:
    """Better maps (n, 2, 3), and the correlations (n,) under them."""
    maps = align(templates, pictures, maps, steps)
    return maps, correlation(templates, pictures, maps)


def _overlap(maps: Floats, template_aspect: float, picture_aspect: float) -> float:
    """How much of the larger one is shown by the smaller one; 0 where neither holds the other, or one is bent."""
    of_template, of_picture = (float(share[0]) for share in covered(maps))
    if max(of_template, of_picture) < _CONTAINED:
        return 0.0
    bend = maps[0, :, :2] * np.array([[picture_aspect / template_aspect, picture_aspect], [1 / template_aspect, 1]])
    stretches = np.linalg.svd(bend.astype(np.float64), compute_uv=False)
    upright = min(bend[0, 0], bend[1, 1]) > _UPRIGHT * stretches[0] and np.linalg.det(bend) > 0
    if stretches[0] > _BENT * stretches[1] or not upright:
        return 0.0
    return min(of_template, of_picture)


def _places(template: Floats, picture: Floats, maps: Floats) -> tuple[float, float]:
    """How the third-worst place agrees, and how little the worst one strays: both 0 to 1.

    A place is a tile of the template; how it agrees is the structural term of SSIM (Wang et al. 2004) after both
    pictures were brought to one contrast, times how near its brightness is once a curve for the whole picture has been
    fitted. Compression blurs every place a little; so a worst place that is six times as far from agreeing as the worst
    tenth is something that only one of the pictures shows.
    """
    side = template.shape[1]
    warped, inside = sample(picture, maps, side)
    tile = 16 if side >= 256 else 8
    whole = _tiles(inside[0], side, tile).all(axis=1)
    if int(whole.sum()) < _FEW:
        return 0.0, 0.0
    one, other = template.reshape(-1), warped[0]
    first = _tiles(_levelled(one, inside[0]), side, tile)[whole]
    second = _tiles(_levelled(other, inside[0]), side, tile)[whole]
    mean_first, mean_second = first.mean(axis=1), second.mean(axis=1)
    shared = ((first - mean_first[:, None]) * (second - mean_second[:, None])).mean(axis=1)
    structure = (2 * shared + _NOISE) / (first.var(axis=1) + second.var(axis=1) + _NOISE)
    apart = mean_first - _curve(mean_second, mean_first)
    agreement = np.sort(structure * (_BRIGHTNESS / (_BRIGHTNESS + apart * apart)))
    tenth = float(np.quantile(agreement, 0.1))
    stray = (1 - float(agreement[0])) / (0.03 + 1 - tenth)
    return max(float(agreement[2]), 0.0), min(_STRAY / max(stray, _STRAY), 1.0)


def _tiles(values: NDArray[np.generic], side: int, tile: int) -> NDArray[np.generic]:
    """(side²,) to (tiles, tile²)."""
    count = side // tile
    return values.reshape(count, tile, count, tile).transpose(0, 2, 1, 3).reshape(count * count, tile * tile)


def _levelled(values: Floats, inside: NDArray[np.bool_]) -> Floats:
    """At one contrast, around zero; a picture of little contrast is not blown up."""
    seen = values[inside]
    levelled: Floats = (values - seen.mean()) * (_CONTRAST / max(float(seen.std()), _PLAIN))
    return levelled


def _curve(x: Floats, y: Floats) -> Floats:
    """``y`` as a quadratic of ``x``: brightness, contrast and gamma."""
    powers = np.stack((np.ones_like(x), x / _CONTRAST, (x / _CONTRAST) ** 2), axis=1)
    return _fitted(powers, y[:, None])[:, 0]


def _fitted(columns: Floats, wanted: Floats) -> Floats:
    """The least squares fit of ``wanted`` (n, m) by ``columns`` (n, k), slightly damped."""
    square = columns.T @ columns
    square = square + np.eye(len(square), dtype=np.float32) * (1e-4 * float(np.trace(square)) / len(square) + 1e-6)
    fitted: Floats = columns @ np.linalg.solve(square, columns.T @ wanted)
    return fitted


def _colours(template: NDArray[np.uint8], picture: NDArray[np.uint8], maps: Floats) -> tuple[float, float]:
    """How little colours differ, 0 to 1: what a change of the whole picture's colours leaves over, and that change.

    Of the 16 × 16 places the third-worst counts. The fit is tried both ways: grey follows from any colour, but no
    colour from grey.
    """
    one = template.astype(np.float32)
    channels = [
        sample(np.ascontiguousarray(picture[None, :, :, c], dtype=np.float32), maps, _COLOURS) for c in range(3)
    ]
    other = np.stack([values[0] for values, _ in channels], axis=1).reshape(_COLOURS, _COLOURS, 3)
    inside = channels[0][1][0].reshape(16, 4, 16, 4).all(axis=(1, 3)).reshape(-1)
    first, second = (rgb.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)).reshape(-1, 3)[inside] for rgb in (one, other))
    if len(first) < _FEW:
        return 0.0, 0.0
    left = np.maximum(_distance(_recoloured(first, second), second), _distance(_recoloured(second, first), first))
    return _worst(left, _COLOUR_LEFT), _worst(_distance(first, second), _COLOUR_MOVED)


def _recoloured(colours: Floats, wanted: Floats) -> Floats:
    """As near to ``wanted`` as one affine map of red, green and blue brings them."""
    columns = np.concatenate((colours, np.full((len(colours), 1), 128, dtype=np.float32)), axis=1)
    return _fitted(columns, wanted)


def _distance(first: Floats, second: Floats) -> Floats:
    """Between the chromaticities (red - green, blue - yellow), in levels."""
    apart = first - second
    red, yellow = apart[:, 0] - apart[:, 1], apart[:, 2] - (apart[:, 0] + apart[:, 1]) / 2
    distance: Floats = np.sqrt(red * red + yellow * yellow)
    return distance


def _worst(distances: Floats, allowed: float) -> float:
    return min(allowed / max(float(np.sort(distances)[-3]), allowed), 1.0)
