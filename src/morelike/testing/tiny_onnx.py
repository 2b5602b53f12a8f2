"""Tiny ONNX files for tests, written without the `onnx` package: towers for images, sounds and texts.

Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["image_tower", "image_weights", "mel_tower", "mel_weights", "text_tower", "waveform_tower"]

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
