"""Objects in a picture, found by a detector that the user brings: an ONNX file in a folder of models.

Read are the usual exports: YOLOv5's (1, n, 5 + classes) and YOLOv8's (1, 4 + classes, n) raw heads, (1, n, 6) rows of
corners, score and class, and three outputs with boxes, scores and classes. The input is one batch of pictures,
(1, 3, height, width), RGB from 0 to 1, each fitted into the middle of a grey ground; boxes are in its pixels.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from morelike.errors import DigestMismatch, EncodeError, ModelError, ModelNotHere, UsageError
from morelike.modalities._heads import Found, read_heads
from morelike.modalities._regions import LONGEST_SIDE, SMALLEST, Box
from morelike.settings import Settings

__all__ = ["MOST", "Detector", "digest_of", "opened_detector"]

MOST: Final = 20
"""Regions of one picture: the surest."""
CONFIDENCE: Final = 0.25
OVERLAP: Final = 0.45
"""Of two boxes of one class that share more than this (intersection over union) the surer one stays."""
_CANDIDATES: Final = 1000
_GREY: Final = 114
_SIDE: Final = 640
"""Pixels, where the model takes any size."""
_SIDES: Final = (32, 2048)
_LARGEST: Final = 2**31 - 1  # a protobuf message can hold no more
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_INPUTS: Final = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_KEPT: Final = 2


def digest_of(name: str, settings: Settings) -> str:
    """The sha256 of the file ``NAME.onnx``. Raises UsageError, ModelNotHere, ModelError."""
    return _digest(_path_of(name, settings))


def opened_detector(name: str, digest: str, settings: Settings) -> Detector:
    """The detector in ``NAME.onnx``, which has to have that digest; one a process, whoever asks.

    Raises UsageError, ModelNotHere, DigestMismatch, ModelError.
    """
    path = _path_of(name, settings)
    if _digest(path) != digest:
        raise DigestMismatch(
            f"{path} is not the detector that the collection was made with",
            hint="put that one back, or make a new collection with this one",
        )
    with _lock:
        known = _detectors.pop(digest, None)
        _detectors[digest] = known or Detector(path, digest)
        while len(_detectors) > _KEPT:
            _detectors.popitem(last=False)
        return _detectors[digest]


class Detector:
    """One model file. Safe from any thread: each picture is worked on by the thread that brings it, and no other."""

    def __init__(self, path: Path, digest: str) -> None:
        self.name = path.name
        self._path = path
        self._digest = digest
        self._lock = threading.Lock()
        self._session: Any = None
        self._checked = False
        self._input = ""
        self._type: Any = np.float32
        self._size = (0, 0)

    def check(self) -> None:
        """Try it once, on a grey picture. Raises ModelError where it is no detector that is read here."""
        if self._checked:
            return
        grey = np.full((64, 64, 3), _GREY, np.uint8)
        try:
            self.boxes(grey, 64, 64)
        except EncodeError as error:
            raise ModelError(error.message, hint=error.hint) from error
        self._checked = True

    def side(self) -> int:
        """How many pixels of a picture's longer side it looks at. Raises ModelError."""
        self._loaded()
        return max(self._size)

    def boxes(self, pixels: NDArray[np.uint8], width: int, height: int) -> list[Box]:
        """The objects in a picture, the surest first, in pixels of the ``width`` × ``height`` that it has.

        ``pixels``: all of it, in any size. Raises EncodeError where the model fails, ModelError.
        """
        session = self._loaded()
        batch, scale, (across, down) = _fitted(pixels, self._size)
        try:
            outputs = session.run(None, {self._input: batch.astype(self._type, copy=False)})
        except Exception as error:  # onnxruntime's own exceptions share no base class but this one
            raise EncodeError(f"the detector {self.name} failed: {_first_line(error)}") from error
        names = [entry.name for entry in session.get_outputs()]
        found = _chosen(read_heads(self.name, dict(zip(names, outputs, strict=True)), self._size))
        factor = np.array([width / pixels.shape[1], height / pixels.shape[0]] * 2) / scale
        corners = (found - np.array([across, down] * 2)) * factor
        return _whole_pixels(corners, width, height)

    def _loaded(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = self._load()
            return self._session

    def _load(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # pictures are split side by side already
        options.log_severity_level = 4  # what goes wrong is raised; a library prints nothing
        nowhere = str(self._path.with_name(f"{self._path.name}.has-no-data"))  # the file stands for itself
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", nowhere)
        try:
            model = self._path.read_bytes()
            if hashlib.sha256(model).hexdigest() != self._digest:
                raise DigestMismatch(f"{self._path} has just been changed", hint="try again")
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except ModelError:
            raise
        except OSError as error:
            raise ModelError(f"{self._path} cannot be read: {error.strerror}") from error
        except Exception as error:  # likewise
            raise ModelError(f"onnxruntime cannot use {self._path}: {_first_line(error)}") from error
        inputs = session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        if len(shape) != 4 or shape[1] != 3 or (isinstance(shape[0], int) and shape[0] != 1):
            raise self._refused(f"its input is {[(entry.name, entry.shape) for entry in inputs]}")
        if inputs[0].type not in _INPUTS:
            raise self._refused(f"its input is of the type {inputs[0].type}")
        self._size = self._sides(shape[2:])
        self._input, self._type = inputs[0].name, _INPUTS[inputs[0].type]
        return session

    def _sides(self, shape: Sequence[Any]) -> tuple[int, int]:
        """(height, width) of the input."""
        height, width = (side if isinstance(side, int) and side > 0 else _SIDE for side in shape)
        if not all(_SIDES[0] <= side <= _SIDES[1] for side in (height, width)):
            raise self._refused(f"its input is {width} × {height} pixels")
        return height, width

    def _refused(self, what: str) -> ModelError:
        return ModelError(
            f"{self._path} is no detector that is read here: {what}",
            hint="export it with one input (1, 3, height, width) of floating-point numbers: RGB from 0 to 1",
        )


def _fitted(
    pixels: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float64], tuple[int, int]]:
    """(1, 3, height, width) from 0 to 1: the picture in its proportions in the middle of a grey ground; by how much it
    was scaled, (across, down), and where its left and top are.
    """
    height, width = size
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    inner = max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1)
    picture = Image.fromarray(pixels)
    if inner != picture.size:
        picture = picture.resize(inner, Image.Resampling.BILINEAR)
    ground = Image.new("RGB", (width, height), (_GREY, _GREY, _GREY))
    corner = (width - inner[0]) // 2, (height - inner[1]) // 2
    ground.paste(picture, corner)
    batch = np.asarray(ground, np.float32).transpose(2, 0, 1)[None] / np.float32(255)
    scales = np.array([inner[0] / pixels.shape[1], inner[1] / pixels.shape[0]] * 2)
    return np.ascontiguousarray(batch), scales, corner


def _chosen(found: Found) -> NDArray[np.float64]:
    """(n, 4) corners of the surest boxes: of one class, none that lies much where a surer one does."""
    sure = np.isfinite(found.corners).all(axis=1) & (found.scores >= CONFIDENCE)  # NaN is not
    corners, scores, classes = found.corners[sure], found.scores[sure], found.classes[sure]
    order = np.lexsort((np.arange(len(scores)), -scores))[:_CANDIDATES]
    boxes: NDArray[np.float64] = corners[order].astype(np.float64)
    classes = classes[order]
    kept: list[int] = []
    for at in range(len(boxes)):
        rivals = [one for one in kept if classes[one] == classes[at]]
        if not found.final and rivals and float(_shared(boxes[at], boxes[rivals]).max()) > OVERLAP:
            continue
        kept.append(at)
        if len(kept) == MOST:
            break
    return boxes[kept]


def _shared(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) intersection over union."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.prod(np.clip(sides, 0, None), axis=1)
    areas = np.prod(np.clip(others[:, 2:] - others[:, :2], 0, None), axis=1)
    area = np.prod(np.clip(box[2:] - box[:2], 0, None))
    shared: NDArray[np.float64] = common / np.maximum(area + areas - common, 1e-9)
    return shared


def _whole_pixels(corners: NDArray[np.float64], width: int, height: int) -> list[Box]:
    """Within the picture, each once; what is too small, or the whole picture, is left out."""
    if max(width, height) > LONGEST_SIDE:
        return []
    corners = np.clip(corners, 0, [width, height, width, height])
    first, last = np.floor(corners[:, :2]).astype(int), np.ceil(corners[:, 2:]).astype(int)
    boxes: dict[Box, None] = {}
    for (left, top), (right, bottom) in zip(first.tolist(), last.tolist(), strict=True):
        large = right - left >= SMALLEST and bottom - top >= SMALLEST
        if large and (right - left, bottom - top) != (width, height):
            boxes[left, top, right, bottom] = None
    return list(boxes)


def _path_of(name: str, settings: Settings) -> Path:
    """The first such file in the folders of models. Raises UsageError, ModelNotHere."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(f"a detector cannot be named {name!r}", hint="regions=detector:NAME is the file NAME.onnx")
    for folder in (*settings.models, settings.models_cache):
        if (path := folder / f"{name}.onnx").is_file():
            return path
    raise ModelNotHere(
        f"there is no detector {name}.onnx on this machine",
        hint="put it into a folder that MORELIKE_MODELS names",
    )


def _digest(path: Path) -> str:
    """Its sha256, read again where the file has changed. Raises ModelError."""
    try:
        stat = path.stat()
        stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        known = _digests.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        if not 0 < stat.st_size <= _LARGEST:
            raise ModelError(f"{path} has {stat.st_size} bytes: no ONNX file has")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    _digests[path] = stamp, digest
    return digest


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [repr(error)]
    return lines[0][:300]


_lock = threading.Lock()
_detectors: OrderedDict[str, Detector] = OrderedDict()
"""By digest, the one last asked for at the end."""
_digests: dict[Path, tuple[tuple[int, int, int], str]] = {}
"""By file: size, time of change and inode as it was read, and its digest."""
