"""Tiny ONNX files for tests, written without the `onnx` package: towers for images, sounds and texts, detectors, a
composer with its pack.

Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COMPOSER_WORDS",
    "HEADS",
    "colour_detector",
    "composer",
    "composer_pack",
    "image_tower",
    "image_weights",
    "mel_tower",
    "mel_weights",
    "text_tower",
    "waveform_tower",
]

HEADS = ("yolov5", "yolov8", "rows", "three")
_FLOAT, _INT64 = 1, 7
_TYPES = {np.dtype(np.float32): _FLOAT, np.dtype(np.int64): _INT64}


def image_weights(dim: int, seed: int = 0) -> NDArray[np.float32]:
    """(3, dim): what ``image_tower`` multiplies the mean colour with."""
    return np.random.default_rng(seed).standard_normal((3, dim)).astype(np.float32)


def image_tower(dim: int, *, seed: int = 0, side: int | None = None) -> bytes:
    """(n, 3, h, w) → ``map`` (the same) → ``colour`` (n, 3) → ``embedding`` (n, dim).

    Inner values for tests of outputs: ``map`` is (n, 3, h, w), ``colour`` is the mean over places.
    """
    nodes = [
        _node("Identity", ["pixels"], ["map"]),
        _node("GlobalAveragePool", ["map"], ["pooled"]),
        _node("Flatten", ["pooled"], ["colour"]),
        _node("MatMul", ["colour", "weights"], ["embedding"]),
    ]
    extent: Any = side or "side"
    return _model(
        nodes,
        [_value("pixels", _FLOAT, ["n", 3, extent, extent])],
        [_value("embedding", _FLOAT, ["n", dim])],
        [_tensor("weights", image_weights(dim, seed))],
    )


def mel_weights(mels: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """(mels, dim): what ``mel_tower`` multiplies the mean frame with."""
    return np.random.default_rng(seed).standard_normal((mels, dim)).astype(np.float32)


def mel_tower(
    dim: int, *, mels: int, frames: int, seed: int = 0, name: str = "mel", output: str = "embedding"
) -> bytes:
    """``name`` (n, 1, frames, mels) → ``output`` (n, dim): the mean frame times ``mel_weights``."""
    nodes = [
        _node("ReduceMean", [name], ["mean"], axes=[1, 2], keepdims=0),
        _node("MatMul", ["mean", "weights"], [output]),
    ]
    return _model(
        nodes,
        [_value(name, _FLOAT, ["n", 1, frames, mels])],
        [_value(output, _FLOAT, ["n", dim])],
        [_tensor("weights", mel_weights(mels, dim, seed))],
    )


def waveform_tower() -> bytes:
    """``waveform`` (n, samples) → ``embedding`` (n, 2): the mean sample and the mean of the samples' sizes."""
    nodes = [
        _node("ReduceMean", ["waveform"], ["mean"], axes=[1], keepdims=1),
        _node("Abs", ["waveform"], ["sizes"]),
        _node("ReduceMean", ["sizes"], ["size"], axes=[1], keepdims=1),
        _node("Concat", ["mean", "size"], ["embedding"], axis=1),
    ]
    return _model(nodes, [_value("waveform", _FLOAT, ["n", "samples"])], [_value("embedding", _FLOAT, ["n", 2])], [])


def text_tower(table: NDArray[np.float32], *, name: str = "ids", output: str = "embedding") -> bytes:
    """``name`` (n, tokens) int64 → ``output`` (n, dim): the mean of the tokens' rows of ``table`` (vocabulary, dim)."""
    nodes = [
        _node("Gather", ["table", name], ["rows"]),
        _node("ReduceMean", ["rows"], [output], axes=[1], keepdims=0),
    ]
    return _model(
        nodes,
        [_value(name, _INT64, ["n", "tokens"])],
        [_value(output, _FLOAT, ["n", int(table.shape[1])])],
        [_tensor("table", table.astype(np.float32))],
    )


COMPOSER_WORDS = ("<UNK>", "make", "it", "red", "green", "blue", "dark", "topleft")
"""The vocabulary of ``composer_pack``."""
_COLOURS = {"red": (2, -1, -1), "green": (-1, 2, -1), "blue": (-1, -1, 2), "dark": (-1, -1, -1), "topleft": (0.5, 0, 0)}


def composer() -> bytes:
    """``pixels`` (n, 3, h, w), ``ids`` (n, length), ``lengths`` (n,) → ``embedding`` (n, 3): the mean colour and the
    sum of the words' colours, the k-th word's times 1 + (k - 1) / 10: the words' order counts, padding with 0 does not.
    """
    table = np.array([_COLOURS.get(word, (0, 0, 0)) for word in COMPOSER_WORDS], dtype=np.float32)
    nodes = [
        _node("GlobalAveragePool", ["pixels"], ["pooled"]),
        _node("Flatten", ["pooled"], ["colour"]),
        _node("Gather", ["table", "ids"], ["rows"]),
        _node("Shape", ["ids"], ["shape"]),
        _node("Gather", ["shape", "one"], ["length"], axis=0),
        _node("Range", ["nought", "length", "one"], ["places"]),
        _node("Unsqueeze", ["lengths", "last"], ["ends"]),
        _node("Less", ["places", "ends"], ["there"]),
        _node("Cast", ["there"], ["mask"], to=_FLOAT),
        _node("Cast", ["places"], ["steps"], to=_FLOAT),
        _node("Mul", ["steps", "tenth"], ["more"]),
        _node("Add", ["more", "unit"], ["heavy"]),
        _node("Mul", ["mask", "heavy"], ["shares"]),
        _node("Unsqueeze", ["shares", "last"], ["weights"]),
        _node("Mul", ["rows", "weights"], ["weighed"]),
        _node("ReduceSum", ["weighed", "along"], ["words"], keepdims=0),
        _node("Add", ["colour", "words"], ["embedding"]),
    ]
    numbers: dict[str, NDArray[Any]] = {"table": table}
    numbers |= {"tenth": np.array([0.1], np.float32), "unit": np.array([1], np.float32)}
    numbers |= {"nought": np.array(0), "one": np.array(1), "last": np.array([-1]), "along": np.array([1])}
    inputs = [_value("pixels", _FLOAT, ["n", 3, "h", "w"]), _value("ids", _INT64, ["n", "length"])]
    return _model(
        nodes,
        [*inputs, _value("lengths", _INT64, ["n"])],
        [_value("embedding", _FLOAT, ["n", 3])],
        [_tensor(name, value) for name, value in numbers.items()],
    )


def composer_pack(folder: Path, name: str = "tiny-composer") -> Path:
    """A folder ``name`` below ``folder`` with a card of the family ``composer`` and its files: pictures stand where
    their mean colour does, words of ``COMPOSER_WORDS`` lead to theirs.
    """
    pack = folder / name
    pack.mkdir(parents=True)
    (pack / "image.onnx").write_bytes(image_tower(3))
    (pack / "composer.onnx").write_bytes(composer())
    (pack / "vocabulary.txt").write_text("\n".join(COMPOSER_WORDS) + "\n", encoding="ascii")
    (pack / "card.toml").write_text(_COMPOSER_CARD.format(name=name), encoding="utf-8")
    return pack


_COMPOSER_CARD = """\
name = "{name}"
family = "composer"
form = "dense"
dim = 3
metric = "cosine"
description = "mean colours"

[inputs.image]
file = "image.onnx"
name = "pixels"
output = "colour"
side = 8
width = 12
resize = "squash"
interpolation = "bilinear"
mean = 0.5
std = 0.5

[inputs.composed]
file = "composer.onnx"
name = "pixels"
ids = "ids"
lengths = "lengths"
output = "embedding"
vocabulary = "vocabulary.txt"

[[weights]]
name = "image.onnx"

[[weights]]
name = "composer.onnx"

[[weights]]
name = "vocabulary.txt"
"""


def colour_detector(head: str = "yolov8", *, side: int = 64) -> bytes:
    """A detector of (1, 3, side, side): one box round all that is red (class 0), one round all that is blue (1).

    ``head`` is how it says so: one of ``HEADS``. The raw ones say everything twice, a pixel apart and less sure the
    second time, among rows that say nothing.
    """
    nodes = _boxes_of_colours()
    last, outputs = _said(head)
    ramp = np.arange(side, dtype=np.float32)
    numbers = {"half": 0.3, "sure": 0.9, "far": 1e4, "two": 2.0, "one": 1.0, "less": 0.7}
    tensors = [_tensor(name, np.array([value], np.float32)) for name, value in numbers.items()]
    tensors += [_tensor(name, np.array([at], np.int64)) for at, name in enumerate("rgb")]
    tensors += [_tensor("ramp", ramp), _tensor("after", ramp + 1), _tensor("each", np.eye(2, dtype=np.float32)[None])]
    tensors += [_tensor("labels", np.array([[0, 1]], np.int64))]
    tensors += [_tensor("classes", np.array([[[0], [1]]], np.float32))]
    tensors += [_tensor(f"silent {n}", np.zeros((1, 60, n), np.float32)) for n in (6, 7)]
    return _model([*nodes, *last], [_value("pixels", _FLOAT, [1, 3, side, side])], outputs, tensors)


def _boxes_of_colours() -> list[bytes]:
    """Nodes from ``pixels`` to ``corners`` (1, 2, 4) and ``score`` (1, 2, 1)."""
    nodes = [_node("Gather", ["pixels", name], [f"{name} plane"], axis=1) for name in ("r", "g", "b")]
    for own, others in (("r", ["g plane", "b plane"]), ("b", ["r plane", "g plane"])):
        nodes += [_node("Max", others, [f"not {own}"]), _node("Sub", [f"{own} plane", f"not {own}"], [f"lead {own}"])]
    nodes += [
        _node("Concat", ["lead r", "lead b"], ["lead"], axis=1),
        _node("Greater", ["lead", "half"], ["is"]),
        _node("Cast", ["is"], ["mask"], to=_FLOAT),
        _node("ReduceMax", ["mask"], ["across"], axes=[2], keepdims=0),
        _node("ReduceMax", ["mask"], ["down"], axes=[3], keepdims=0),
        _node("ReduceMax", ["across"], ["any"], axes=[2], keepdims=1),
        _node("Mul", ["any", "sure"], ["score"]),
    ]
    for along, first, last in (("across", "left", "right"), ("down", "top", "bottom")):
        nodes += [
            _node("Greater", [along, "half"], [f"is {along}"]),
            _node("Where", [f"is {along}", "ramp", "far"], [f"from {along}"]),
            _node("Mul", [along, "after"], [f"to {along}"]),
            _node("ReduceMin", [f"from {along}"], [first], axes=[2], keepdims=1),
            _node("ReduceMax", [f"to {along}"], [last], axes=[2], keepdims=1),
        ]
    return [*nodes, _node("Concat", ["left", "top", "right", "bottom"], ["corners"], axis=2)]


def _said(head: str) -> tuple[list[bytes], list[bytes]]:
    """The last nodes of a detector with that head, and its outputs."""
    if head == "three":
        nodes = [
            _node("Identity", ["corners"], ["boxes"]),
            _node("ReduceMax", ["score"], ["scores"], axes=[2], keepdims=0),
            _node("Identity", ["labels"], ["ids"]),
        ]
        shapes = [("boxes", _FLOAT, [1, 2, 4]), ("scores", _FLOAT, [1, 2]), ("ids", _INT64, [1, 2])]
        return nodes, [_value(name, kind, shape) for name, kind, shape in shapes]
    if head == "rows":
        return [_node("Concat", ["corners", "score", "classes"], ["head"], axis=2)], [_value("head", _FLOAT, [1, 2, 6])]
    nodes = []
    for low, high, centre, extent in (("left", "right", "x", "w"), ("top", "bottom", "y", "h")):
        nodes += [_node("Add", [low, high], [f"{centre} twice"]), _node("Div", [f"{centre} twice", "two"], [centre])]
        nodes += [_node("Sub", [high, low], [extent]), _node("Add", [centre, "one"], [f"{centre} beside"])]
    nodes.append(_node("Mul", ["score", "less"], ["less sure"]))
    columns = 6 if head == "yolov8" else 7
    for beside, score in (("", "score"), (" beside", "less sure")):
        chances = f"chances{beside}"
        nodes.append(_node("Mul", [score, "each"], [chances]))
        said = [score, "each"] if head == "yolov5" else [chances]
        nodes.append(_node("Concat", [f"x{beside}", f"y{beside}", "w", "h", *said], [f"rows{beside}"], axis=2))
    nodes.append(_node("Concat", ["rows", f"silent {columns}", "rows beside"], ["lying"], axis=1))
    if head == "yolov5":
        return [*nodes, _node("Identity", ["lying"], ["head"])], [_value("head", _FLOAT, [1, 64, 7])]
    return [*nodes, _node("Transpose", ["lying"], ["head"], perm=[0, 2, 1])], [_value("head", _FLOAT, [1, 6, 64])]


def _model(nodes: list[bytes], inputs: list[bytes], outputs: list[bytes], tensors: list[bytes]) -> bytes:
    graph = [_bytes(1, node) for node in nodes] + [_bytes(2, b"tiny")] + [_bytes(5, tensor) for tensor in tensors]
    graph += [_bytes(11, entry) for entry in inputs] + [_bytes(12, entry) for entry in outputs]
    return _number(1, 8) + _bytes(7, b"".join(graph)) + _bytes(8, _bytes(1, b"") + _number(2, 13))


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int | list[int]) -> bytes:
    node = b"".join(_bytes(1, name.encode()) for name in inputs) + b"".join(
        _bytes(2, name.encode()) for name in outputs
    )
    node += _bytes(4, kind.encode())
    for name, value in attributes.items():
        if isinstance(value, int):
            content = _number(3, value) + _number(20, 2)
        else:
            content = b"".join(_number(8, entry) for entry in value) + _number(20, 7)
        node += _bytes(5, _bytes(1, name.encode()) + content)
    return node


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    dims = b"".join(_number(1, extent) for extent in values.shape)
    return dims + _number(2, _TYPES[values.dtype]) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def _value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(
        _bytes(1, _number(1, extent) if isinstance(extent, int) else _bytes(2, extent.encode())) for extent in shape
    )
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, dims)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return struct.pack(f"{len(groups) + 1}B", *groups, value)
