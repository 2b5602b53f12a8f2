"""Detectors that a user brings: what is read of their outputs, which boxes count, and which files are refused."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import saved
from numpy.typing import NDArray

from morelike.errors import DigestMismatch, ModelError, ModelNotHere, UsageError
from morelike.modalities import _detector
from morelike.modalities._detector import MOST, digest_of, opened_detector
from morelike.modalities._heads import read_heads
from morelike.modalities.image import ImageModality
from morelike.settings import Settings
from morelike.testing.tiny_onnx import HEADS, colour_detector, image_tower, waveform_tower
from morelike.types import WHOLE, Blob, Span

RED, BLUE = (100, 50, 260, 150), (20, 200, 90, 280)
SIDE = (64, 64)


@pytest.fixture
def folder(settings: Settings) -> Path:
    """Where detectors are looked for."""
    settings.models_cache.mkdir()
    return settings.models_cache


def scene(*, red: bool = True, blue: bool = True) -> NDArray[np.uint8]:
    """uint8 (300, 400, 3): a red box and a blue one on green."""
    pixels = np.full((300, 400, 3), (90, 120, 90), np.uint8)
    for there, (left, top, right, bottom), colour in ((red, RED, (220, 20, 20)), (blue, BLUE, (20, 20, 220))):
        if there:
            pixels[top:bottom, left:right] = colour
    return pixels


def put(folder: Path, model: bytes, name: str = "own") -> None:
    (folder / f"{name}.onnx").write_bytes(model)


def cut(settings: Settings, pixels: NDArray[np.uint8], name: str = "own") -> list[Span]:
    """The spans that a picture has with that detector."""
    images = ImageModality(settings)
    options = images.settle({"regions": f"detector:{name}"})
    return [spec.span for spec in images.split(Blob.from_bytes(saved("PNG", pixels), "a.png"), options)]


def near(found: Span, box: tuple[int, int, int, int], pixels: int = 4) -> bool:
    return found.box is not None and max(abs(a - b) for a, b in zip(found.box, box, strict=True)) <= pixels


@pytest.mark.parametrize("head", HEADS)
def test_the_usual_heads_are_read(settings: Settings, folder: Path, head: str) -> None:
    """Whatever the export looks like, each object is one region, where it is in the picture; the whole comes first."""
    put(folder, colour_detector(head, side=128))
    whole, *found = cut(settings, scene())
    assert whole == WHOLE
    assert len(found) == 2
    assert near(found[0], RED)
    assert near(found[1], BLUE)


@pytest.mark.parametrize("turned", [False, True])
def test_a_picture_is_fitted_into_the_middle(settings: Settings, folder: Path, turned: bool) -> None:
    """High or wide, the box lies where the object is, though the model looks at a square."""
    put(folder, colour_detector(side=128))
    pixels = np.ascontiguousarray(scene(blue=False).transpose(1, 0, 2)) if turned else scene(blue=False)
    left, top, right, bottom = RED
    _, found = cut(settings, pixels)
    assert near(found, (top, left, bottom, right) if turned else RED)


def test_a_large_jpeg_has_its_boxes_in_its_own_pixels(settings: Settings, folder: Path) -> None:
    """The detector looks at a smaller decoding; the regions are the picture's."""
    put(folder, colour_detector(side=128))
    images = ImageModality(settings)
    large = np.repeat(np.repeat(scene(blue=False), 8, axis=0), 8, axis=1)
    blob = Blob.from_bytes(saved("JPEG", large, quality=90), "large.jpg")
    _, found = images.split(blob, images.settle({"regions": "detector:own"}))
    assert near(found.span, tuple(8 * end for end in RED), 32)


def test_a_picture_without_objects_is_whole(settings: Settings, folder: Path) -> None:
    """Where nothing is found the picture itself is all there is."""
    put(folder, colour_detector(side=128))
    assert cut(settings, scene(red=False, blue=False)) == [WHOLE]


def test_what_fills_the_picture_is_no_region_of_it(settings: Settings, folder: Path) -> None:
    """The whole picture is not indexed twice."""
    put(folder, colour_detector(side=128))
    assert cut(settings, np.full((200, 200, 3), (250, 0, 0), np.uint8)) == [WHOLE]


def test_one_detector_serves_all_threads(settings: Settings, folder: Path) -> None:
    """A file is loaded once a process, and threads that share it get what one alone gets."""
    put(folder, colour_detector(side=128))
    digest = digest_of("own", settings)
    detectors = [opened_detector("own", digest, settings) for _ in range(2)]
    assert detectors[0] is detectors[1]
    alone = detectors[0].boxes(scene(), 400, 300)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: detectors[0].boxes(scene(), 400, 300), range(8))) == [alone] * 8


def test_another_file_under_the_same_name_is_refused(settings: Settings, folder: Path) -> None:
    """A collection keeps the digest of its detector, and is not cut with another one."""
    put(folder, colour_detector("yolov8", side=128))
    images = ImageModality(settings)
    options = images.settle({"regions": "detector:own"})
    put(folder, colour_detector("rows", side=128))
    os.utime(folder / "own.onnx", ns=(1, 1))
    specs = images.split(Blob.from_bytes(saved("PNG", scene()), "a.png"), options)
    next(specs)
    with pytest.raises(DigestMismatch, match=r"own\.onnx is not the detector"):
        next(specs)
    assert images.settle({**options, "regions": "detector:own"}) == options


def test_a_detector_that_is_gone_is_named(settings: Settings, folder: Path) -> None:
    """Whoever adds to the collection learns which file is missing, and where to put it."""
    options = {"regions": "detector:own", "detector": "0" * 64}
    images = ImageModality(settings)
    assert images.settle(options) == options
    with pytest.raises(ModelNotHere, match=r"own\.onnx.*MORELIKE_MODELS"):
        list(images.split(Blob.from_bytes(saved("PNG", scene()), "a.png"), options))


@pytest.mark.parametrize("name", ["", "../own", "/etc/passwd", "a/b", ".own", "a..b", "x" * 200])
def test_a_name_leads_nowhere_else(settings: Settings, folder: Path, name: str) -> None:
    """Only plain names are looked for, and only in the folders of models."""
    with pytest.raises(UsageError, match="cannot be named"):
        ImageModality(settings).settle({"regions": f"detector:{name}"})


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (b"", "0 bytes"),
        (b"not a protobuf message at all", "cannot use"),
        (image_tower(8, side=64), "outputs are embedding"),
        (waveform_tower(), "its input is"),
        (colour_detector(side=16), "16 × 16"),
    ],
)
def test_what_is_no_detector_is_refused_at_once(settings: Settings, folder: Path, model: bytes, says: str) -> None:
    """A collection is not even made with a file that finds nothing, and the sentence says what is wrong with it."""
    put(folder, model)
    with pytest.raises(ModelError, match=says):
        ImageModality(settings).settle({"regions": "detector:own"})


def _head(rows: list[list[float]]) -> dict[str, Any]:
    """Outputs of the head that has corners, score and class."""
    return {"head": np.array([rows], np.float32)}


def _boxes(outputs: dict[str, Any]) -> list[list[float]]:
    corners: list[list[float]] = _detector._chosen(read_heads("own.onnx", outputs, SIDE)).tolist()
    return corners


def test_of_boxes_upon_one_another_the_surest_stays() -> None:
    """Within a class those that share much are one object; of two classes both stay, and so do neighbours."""
    rows = np.zeros((1, 40, 7), np.float32)  # x, y, w, h, objectness, two classes
    rows[0, 0] = [20, 20, 20, 20, 0.8, 1, 0]
    rows[0, 1] = [21, 20, 20, 20, 0.9, 1, 0]
    rows[0, 2] = [20, 20, 20, 20, 0.7, 0, 1]
    rows[0, 3] = [40, 20, 20, 20, 0.6, 1, 0]
    rows[0, 4] = [50, 50, 9, 9, 0.2, 1, 0]
    assert _boxes({"head": rows}) == [[11, 10, 31, 30], [10, 10, 30, 30], [30, 10, 50, 30]]


def test_a_detector_of_one_class_is_not_taken_for_rows() -> None:
    """YOLOv5 with one class has six columns, as rows of corners have: the number of its places tells them apart."""
    places = 3 * (8 * 8 + 4 * 4 + 2 * 2)
    rows = np.zeros((1, places, 6), np.float32)
    rows[0, 7] = [20, 20, 20, 20, 0.9, 0.9]
    assert _boxes({"head": rows}) == [[10, 10, 30, 30]]


def test_numbers_that_are_none_are_passed_over() -> None:
    """A box without finite corners, or without a score, is no box."""
    nan, inf = float("nan"), float("inf")
    rows = [[0, 0, inf, 9, 0.9, 0], [nan, 0, 9, 9, 0.9, 0], [0, 0, 9, 9, nan, 0], [1, 2, 3, 4, 0.5, 0]]
    assert _boxes(_head(rows)) == [[1, 2, 3, 4]]


def test_a_crowd_is_cut_down_to_the_surest() -> None:
    """No picture has more than twenty regions, and equal ones stay in the model's order."""
    rows = [[at, 0, at + 1, 1, 0.5 + 0.01 * (at % 2), 0] for at in range(50)]
    found = _boxes(_head([[float(value) for value in row] for row in rows]))
    assert len(found) == MOST
    assert [box[0] for box in found] == [float(at) for at in range(1, 2 * MOST, 2)]


@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {"a": np.zeros((1, 2, 3, 4), np.float32)},
        {"a": np.zeros((1, 64, 3), np.float32)},
        {"boxes": np.zeros((1, 5, 4), np.float32)},
        {"boxes": np.zeros((2, 5, 4), np.float32), "scores": np.zeros((2, 5), np.float32)},
        {"boxes": np.zeros((5, 4), np.float32), "a": np.zeros(5, np.float32), "b": np.zeros(5, np.float32)},
        {"a": [1, 2, 3]},
    ],
)
def test_outputs_that_say_nothing_are_refused(outputs: dict[str, Any]) -> None:
    """The sentence names the file, and what is read instead."""
    with pytest.raises(ModelError, match=r"own\.onnx is no detector.*YOLO"):
        read_heads("own.onnx", outputs, SIDE)


def test_no_objects_at_all_is_an_answer() -> None:
    """Outputs with no rows are no fault."""
    assert _boxes({"head": np.zeros((1, 0, 6), np.float32)}) == []
    assert _boxes({"boxes": np.zeros((0, 4), np.float32), "scores": np.zeros(0, np.float32)}) == []
