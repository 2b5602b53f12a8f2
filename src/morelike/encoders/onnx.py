"""Any ONNX file that makes vectors of pictures, and of words where the card has a text tower. See docs/encoders.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, finished, nothing
from morelike.encoders._pixels import Pixels
from morelike.encoders._session import Session
from morelike.encoders._tokens import Tokens
from morelike.errors import ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors

__all__ = ["OnnxEncoder"]

_TOWER_KEYS = {"file", "data", "name", "output", "pool"}
_TEXT_KEYS = {"tokenizer", "mask", "length", "prefix", "suffix", "pad", "lowercase"}
_POOLS = ("none", "cls", "gem", "mean")


class OnnxEncoder:
    """The registry's ``onnx`` family: one tower a kind, each an ONNX file with its own preprocessing numbers."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        """Reads the card only; raises ModelError where it cannot be followed. Files are read at the first batch."""
        if not card.weights:
            raise ModelError(f"the card {card.name!r} of the family onnx names no file", hint="add [[weights]] to it")
        self._card = card
        self._image: Pixels | None = None
        self._text: Tokens | None = None
        self._towers: dict[Kind, Session] = {}
        for kind, values in card.inputs.items():
            self._check_keys(kind, values)
            if kind == "image":
                self._image = Pixels.from_card(card.name, values)
            else:
                self._text = Tokens(card.name, self._file(files, values, "tokenizer", "tokenizer.json"), values)
            self._towers[kind] = Session(
                self._file(files, values, "file", card.weights[0].name),
                output=str(values.get("output", "")),
                threads=settings.encoder_threads,
                external=self._file(files, values, "data", "") if values.get("data") else None,
            )

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[Any]:
        """A picture to (crop, crop, 3) uint8; a text to (2, length) int64. Raises EncodeError, MissingExtra."""
        check_kind(self._card, kind)
        if kind == "image":
            assert self._image is not None  # noqa: S101 - the card names the kind, so __init__ made it
            return self._image.cut(payload)
        assert self._text is not None  # noqa: S101 - likewise
        return self._text.ids(payload)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim) float32 in one run of the network. Raises EncodeError, ModelError."""
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        values = self._card.inputs[kind]
        name = str(values.get("name", ""))
        if kind == "image":
            assert self._image is not None  # noqa: S101 - as in prepare
            feeds: dict[str, NDArray[Any]] = {name: self._image.stack(batch)}
        else:
            ids = np.stack(batch)  # (n, 2, length)
            feeds = {name: ids[:, 0]}
            if mask := values.get("mask"):
                feeds[str(mask)] = ids[:, 1]
        output = np.asarray(self._towers[kind].run(feeds), dtype=np.float32)
        vectors = _pooled(output, values.get("pool", "none"), channels_last=values.get("layout") == "nhwc")
        return finished(self._card, vectors, len(batch), unit=self._card.metric == "cosine")

    def _check_keys(self, kind: Kind, values: Mapping[str, Any]) -> None:
        if kind not in ("image", "text"):
            raise ModelError(f"the card {self._card.name!r}: the family onnx takes image and text, not {kind}")
        known = _TOWER_KEYS | (Pixels.keys() if kind == "image" else _TEXT_KEYS)
        if unknown := sorted(set(values) - known):  # a misspelt number would silently make other vectors
            raise ModelError(
                f"the card {self._card.name!r} has unknown keys in inputs.{kind}: {', '.join(unknown)}",
                hint=f"there are {', '.join(sorted(known))}",
            )
        if values.get("pool", "none") not in _POOLS:
            raise ModelError(f"the card {self._card.name!r} says pool = {values['pool']!r}", hint=f"one of {_POOLS}")

    def _file(self, files: Mapping[str, Path], values: Mapping[str, Any], key: str, default: str) -> Path:
        name = str(values.get(key, default))
        if name not in files:
            raise ModelError(
                f"the card {self._card.name!r} uses the file {name!r}, which is not among its weights",
                hint=f"they are {', '.join(files) or 'none'}",
            )
        return files[name]


def _pooled(output: NDArray[np.float32], pool: str, *, channels_last: bool) -> NDArray[np.float32]:
    """A network's output (n, …) to (n, dim).

    A map of features is (n, c, h, w), or (n, h, w, c) with ``channels_last``; a row of tokens is (n, tokens, c).
    ``gem`` is the generalised mean with p = 3 of Radenović, Tolias & Chum (2018).
    """
    if pool == "none":
        return output.reshape(len(output), -1)
    if output.ndim == 4:
        moved = output if channels_last else np.moveaxis(output, 1, -1)
        output = moved.reshape(len(output), -1, moved.shape[-1])  # (n, places, c)
    if output.ndim != 3:
        raise ModelError(f"pool = {pool!r} needs an output of three or four axes, this one is {output.shape}")
    if pool == "cls":
        return output[:, 0]
    if pool == "mean":
        mean: NDArray[np.float32] = output.mean(axis=1)
        return mean
    gem: NDArray[np.float32] = np.cbrt((np.maximum(output, 1e-6) ** 3).mean(axis=1))
    return gem
