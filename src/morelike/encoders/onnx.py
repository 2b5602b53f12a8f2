"""Any ONNX file that makes vectors of pictures, sounds or words. See docs/encoders.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, finished, named_file, nothing
from morelike.encoders._mel import whole
from morelike.encoders._pixels import Pixels
from morelike.encoders._session import Session
from morelike.encoders._sound import Sound
from morelike.encoders._tokens import Tokens
from morelike.errors import ModelError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors

__all__ = ["OnnxEncoder"]

_TOWER_KEYS = {"file", "data", "name", "output", "pool"}
_TEXT_KEYS = {"tokenizer", "mask", "types", "before", "length", "prefix", "suffix", "pad", "lowercase", "padded"}
_KINDS = ("audio", "image", "text")
_POOLS = ("none", "cls", "gem", "mean")
_PIECES = 16
"""Pieces of sound in one run of a network where the card says nothing: memory is that, whatever a sound's length."""
_MOST_PIECES = 1024
_TOKENS = 4096
"""Tokens in one run of a network that takes texts of any length; its memory grows with them."""


class OnnxEncoder:
    """The registry's ``onnx`` family: one tower a kind, each an ONNX file with its own preprocessing numbers."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        """Reads the card only; raises ModelError where it cannot be followed. Files are read at the first batch."""
        if not card.weights:
            raise ModelError(f"the card {card.name!r} of the family onnx names no file", hint="add [[weights]] to it")
        self._card = card
        self._image: Pixels | None = None
        self._sound: Sound | None = None
        self._text: Tokens | None = None
        self._towers: dict[Kind, Session] = {}
        for kind, values in card.inputs.items():
            self._check_keys(kind, values)
            if kind == "image":
                self._image = Pixels.from_card(card.name, values)
            elif kind == "audio":
                self._sound = Sound.from_card(card.name, values)
            else:
                path = named_file(card, files, values, "tokenizer", "tokenizer.json")
                self._text = Tokens(card.name, path, values, extra="text" if card.kinds == ("text",) else "clip")
            self._towers[kind] = Session(
                named_file(card, files, values, "file", card.weights[0].name),
                output=str(values.get("output", "")),
                threads=settings.encoder_threads,
                external=named_file(card, files, values, "data", "") if values.get("data") else None,
            )

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[Any]:
        """A picture to (crop, crop, 3) uint8; a text to (2, length) int64; a sound to its pieces (p, …) float32.

        Raises EncodeError, MissingExtra.
        """
        check_kind(self._card, kind)
        if kind == "audio":
            assert self._sound is not None  # noqa: S101 - the card names the kind, so __init__ made it
            return self._sound.cut(payload)
        if kind == "image":
            assert self._image is not None  # noqa: S101 - likewise
            return self._image.cut(payload)
        assert self._text is not None  # noqa: S101 - likewise
        return self._text.ids(payload)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim) float32: one run of the network for pictures; for sounds, the mean over each one's pieces.

        Raises EncodeError, ModelError.
        """
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        if kind == "image":
            assert self._image is not None  # noqa: S101 - as in prepare
            vectors = self._run(kind, self._image.stack(batch))
        elif kind == "audio":
            vectors = self._of_sounds(batch)
        else:
            vectors = self._of_texts(batch)
        return finished(self._card, vectors, len(batch), unit=self._card.metric == "cosine")

    def _of_sounds(self, batch: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Pieces (p, …) of each sound to (n, dim): pieces of one shape share runs, whichever sound they are of."""
        sound = self._sound
        assert sound is not None  # noqa: S101 - as in prepare
        size = int(self._card.inputs["audio"].get("batch", _PIECES))
        pieces = [piece for own in batch for piece in own]

        def run(rows: list[int]) -> NDArray[np.float32]:
            return self._run("audio", sound.laid_out(np.stack([pieces[row] for row in rows])))

        vectors = _grouped([piece.shape for piece in pieces], size, run)
        ends = np.cumsum([len(own) for own in batch])
        return np.stack([vectors[end - len(own) : end].mean(axis=0) for own, end in zip(batch, ends, strict=True)])

    def _of_texts(self, batch: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """(2, length) of each text to (n, dim).

        With ``padded = false`` a network without a mask sees no padding; with "batch" texts of about one length share
        a run, padded to the longest of them, which the mask hides.
        """
        ids = np.stack(batch)  # (n, 2, length)
        padded = self._card.inputs["text"].get("padded", True)
        if padded is True:
            return self._run("text", ids[:, 0], ids[:, 1])
        lengths = ids[:, 1].sum(axis=1)

        def run(rows: list[int]) -> NDArray[np.float32]:
            cut = ids[rows, :, : lengths[rows].max()]
            return self._run("text", cut[:, 0], cut[:, 1])

        if padded is False:
            return _grouped([(int(length),) for length in lengths], len(ids), run)
        order = np.argsort(lengths, kind="stable")
        vectors = np.concatenate([run(rows) for rows in _runs(order.tolist(), lengths)])
        result = np.empty_like(vectors)
        result[order] = vectors
        return result

    def _run(self, kind: Kind, main: NDArray[Any], mask: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """The network's input (n, …) to (n, dim); ``mask`` (n, tokens): 1 where a text has a token, 0 where none."""
        values = self._card.inputs[kind]
        feeds: dict[str, NDArray[Any]] = {str(values.get("name", "")): main}
        if mask is not None and values.get("mask"):
            feeds[str(values["mask"])] = mask
        if mask is not None and values.get("types") and self._towers[kind].takes(str(values["types"])):
            feeds[str(values["types"])] = np.zeros_like(main)
        output = np.asarray(self._towers[kind].run(feeds), dtype=np.float32)
        return _pooled(output, values.get("pool", "none"), channels_last=values.get("layout") == "nhwc", mask=mask)

    def _check_keys(self, kind: Kind, values: Mapping[str, Any]) -> None:
        if kind not in _KINDS:
            raise ModelError(f"the card {self._card.name!r}: the family onnx takes {', '.join(_KINDS)}, not {kind}")
        own = {"audio": Sound.keys(values) | {"batch"}, "image": Pixels.keys(), "text": _TEXT_KEYS}
        known = _TOWER_KEYS | own[kind]
        if unknown := sorted(set(values) - known):  # a misspelt number would silently make other vectors
            raise ModelError(
                f"the card {self._card.name!r} has unknown keys in inputs.{kind}: {', '.join(unknown)}",
                hint=f"there are {', '.join(sorted(known))}",
            )
        if values.get("pool", "none") not in _POOLS:
            raise ModelError(f"the card {self._card.name!r} says pool = {values['pool']!r}", hint=f"one of {_POOLS}")
        if kind == "text" and values.get("padded") == "batch" and not values.get("mask"):
            raise ModelError(
                f"the card {self._card.name!r} says padded = 'batch' without a mask", hint="padded = false"
            )
        if values.get("padded", True) not in (True, False, "batch"):
            raise ModelError(
                f"the card {self._card.name!r} says padded = {values['padded']!r}", hint="true, false, batch"
            )
        if kind == "audio":
            whole(self._card.name, "batch", values, _PIECES, least=1, most=_MOST_PIECES)


def _grouped(
    shapes: Sequence[tuple[int, ...]], size: int, run: Callable[[list[int]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """``run`` over rows of one shape, ``size`` at a time; the vectors (n, dim) in the order of ``shapes``."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for row, shape in enumerate(shapes):
        alike.setdefault(shape, []).append(row)
    order = [row for rows in alike.values() for row in rows]
    blocks = [run(rows[start : start + size]) for rows in alike.values() for start in range(0, len(rows), size)]
    vectors = np.concatenate(blocks)
    result = np.empty_like(vectors)
    result[order] = vectors
    return result


def _runs(order: Sequence[int], lengths: NDArray[np.int64]) -> Iterator[list[int]]:
    """Rows, shortest first, as many in a run as make ``_TOKENS`` when all are as long as the last."""
    rows: list[int] = []
    for row in order:
        if rows and (len(rows) + 1) * int(lengths[row]) > _TOKENS:
            yield rows
            rows = []
        rows.append(row)
    yield rows


def _pooled(
    output: NDArray[np.float32], pool: str, *, channels_last: bool, mask: NDArray[Any] | None = None
) -> NDArray[np.float32]:
    """A network's output (n, …) to (n, dim). Tokens that ``mask`` hides count for nothing.

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
        return _mean(output, mask)
    gem: NDArray[np.float32] = np.cbrt(_mean(np.maximum(output, 1e-6) ** 3, mask))
    return gem


def _mean(rows: NDArray[np.float32], mask: NDArray[Any] | None) -> NDArray[np.float32]:
    """(n, rows, c) to (n, c): over the rows that ``mask`` shows, all without one."""
    mean: NDArray[np.float32]
    if mask is None or mask.shape != rows.shape[:2] or mask.all():
        mean = rows.mean(axis=1)
        return mean
    shown = mask.astype(np.float32)[:, :, None]
    mean = (rows * shown).sum(axis=1) / np.maximum(shown.sum(axis=1), 1)
    return mean
