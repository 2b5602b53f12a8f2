"""Encoders and a modality that need no weights and whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError, UsageError
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Card, Kind, Metadata, Payload, Preview, SegmentSpec, Span
from morelike.vecmath import normalise

__all__ = ["COLOURS", "ToyEncoder", "ToyJointEncoder", "ToyLines", "ToyRescorer", "ToyWords"]

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "black": (0, 0, 0),
    "blue": (0, 0, 255),
    "green": (0, 255, 0),
    "red": (255, 0, 0),
    "white": (255, 255, 255),
    "yellow": (255, 255, 0),
}


def _card(name: str, dim: int, inputs: Mapping[str, Mapping[str, Any]], **more: Any) -> Card:
    return Card(
        name=name, family="toy", form="dense", dim=dim, metric="cosine", inputs=inputs, fingerprint="0" * 12, **more
    )


class ToyEncoder:
    """A picture to the mean colours of a 4 × 4 grid, centred: 48 numbers, exact and independent of the batch."""

    SIDE = 64

    def __init__(self, name: str = "toy") -> None:
        self._card = _card(name, 48, {"image": {"side": self.SIDE}})

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        if kind not in self._card.kinds:
            raise UsageError(f"the card {self._card.name} takes {', '.join(self._card.kinds)}, not {kind}")
        return _grid(payload, 4)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> NDArray[np.float32]:  # noqa: ARG002 # the protocol's
        return normalise(np.stack(batch)) if batch else np.empty((0, self._card.dim), dtype=np.float32)


class ToyJointEncoder(ToyEncoder):
    """Pictures and colour words in one space: a word is where a picture of that colour is."""

    def __init__(self, name: str = "toy-joint") -> None:
        super().__init__(name)
        self._card = _card(name, 48, {"image": {"side": self.SIDE}, "text": {}})

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        if kind != "text":
            return super().prepare(kind, payload)
        named = [COLOURS[word] for word in str(payload).lower().split() if word in COLOURS]
        if not named:
            return np.zeros(48, dtype=np.float32)
        return _grid(np.array(named, dtype=np.float64).mean(axis=0).round().astype(np.uint8)[None, None, :], 4)


def _grid(picture: Payload, cells: int) -> NDArray[np.float32]:
    """uint8 (h, w, 3) to (cells² × 3,) float32 in [-0.5, 0.5], never all zero."""
    height, width = picture.shape[:2]
    rows = np.minimum(np.arange(cells) * height // cells, height - 1)
    columns = np.minimum(np.arange(cells) * width // cells, width - 1)
    sums = np.add.reduceat(np.add.reduceat(picture.astype(np.float64), rows, axis=0), columns, axis=1)
    heights = np.maximum(np.diff([*rows, height]), 1)
    widths = np.maximum(np.diff([*columns, width]), 1)
    means = sums / (heights[:, None, None] * widths[None, :, None])
    centred: NDArray[np.float32] = (means / 255.0 - 0.499).astype(np.float32).ravel()
    return centred


class ToyWords:
    """A text to counts of its letters a-z."""

    def __init__(self, name: str = "toy-words") -> None:
        self._card = _card(name, 26, {"text": {}})

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        if kind != "text":
            raise UsageError(f"the card {self._card.name} takes text, not {kind}")
        counts = np.zeros(26, dtype=np.float32)
        for letter in str(payload).lower():
            if "a" <= letter <= "z":
                counts[ord(letter) - ord("a")] += 1
        return counts

    def encode(self, kind: Kind, batch: Sequence[Any]) -> NDArray[np.float32]:  # noqa: ARG002 # the protocol's
        return normalise(np.stack(batch)) if batch else np.empty((0, 26), dtype=np.float32)


class ToyLines:
    """A modality of plain text files: one segment a line, with its span in characters."""

    name = "lines"
    kinds: tuple[Kind, ...] = ("text",)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def sniff(self, head: bytes, name: str) -> float:
        return 0.5 if name.endswith(".lines") and b"\x00" not in head else 0.0

    def media_type(self, head: bytes, name: str) -> str:  # noqa: ARG002 # the protocol's
        return "text/plain"

    def describe(self, blob: Blob) -> Metadata:
        return {"lines": self._text(blob).count("\n") + 1}

    def settle(self, given: Metadata) -> Metadata:
        return dict(given)

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:  # noqa: ARG002 # the protocol's
        start = 0
        for line in self._text(blob).split("\n"):
            if line.strip():
                yield SegmentSpec("text", Span("characters", start, start + len(line)))
            start += len(line) + 1

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> str:  # noqa: ARG002 # the protocol's
        text = self._text(blob)
        return text if spec.span == WHOLE else text[int(spec.span.start) : int(spec.span.end)]

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:  # noqa: ARG002 # the protocol's
        return Preview(self._text(blob).encode(), "text/plain")

    def identity(self, blob: Blob) -> str | None:  # noqa: ARG002 # the protocol's
        return None

    def _text(self, blob: Blob) -> str:
        try:
            return blob.read().decode()
        except UnicodeDecodeError as error:
            raise DecodeError(f"{blob.name} is not UTF-8") from error


class ToyRescorer:
    """Minus the mean difference of two pictures' mean colours, with the difference as the explanation."""

    name = "toy-colour"
    kinds: tuple[Kind, ...] = ("image",)
    unit = "colour"

    def rescore(self, query: Payload, candidate: Payload) -> tuple[float, Metadata]:
        difference = candidate.mean(axis=(0, 1)) - query.mean(axis=(0, 1))
        return -float(np.abs(difference).mean()) / 255.0, {"difference": [round(float(d), 3) for d in difference]}
