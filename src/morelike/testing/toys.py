"""Encoders and modalities that need no weights and whose answers can be worked out by hand."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.records import Rescored
from morelike.settings import Settings
from morelike.types import WHOLE, Audio, Blob, Card, Kind, Metadata, Payload, Preview, SegmentSpec, Sketch, Span
from morelike.vecmath import normalise

__all__ = [
    "COLOURS",
    "ToyEncoder",
    "ToyFilm",
    "ToyJointEncoder",
    "ToyLines",
    "ToyRescorer",
    "ToySketches",
    "ToySounds",
    "ToyWords",
    "toy_film",
]

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
        if given:
            raise UsageError(f"lines have no {', '.join(given)}", hint="leave it out")
        return {}

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:  # noqa: ARG002 # the protocol's
        if at.unit != "whole":
            raise QueryError(f"{blob.name} has no {at.unit}", hint="leave --at out")
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


class ToySounds:
    """A sound to its level in each eighth of its length, and how long it is: 9 numbers."""

    def __init__(self, name: str = "toy-sounds") -> None:
        self._card = _card(name, 9, {"audio": {"rate": ToyFilm.RATE}})

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> NDArray[np.float32]:
        if kind != "audio":
            raise UsageError(f"the card {self._card.name} takes audio, not {kind}")
        levels = [np.abs(part).mean() if len(part) else 0.0 for part in np.array_split(payload.samples, 8)]
        return np.array([*levels, len(payload.samples) / payload.rate], dtype=np.float32)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> NDArray[np.float32]:  # noqa: ARG002 # the protocol's
        return normalise(np.stack(batch)) if batch else np.empty((0, 9), dtype=np.float32)


class ToySketches:
    """A recording to a sketch: each pair of neighbouring different samples is a hash, at the sample's number."""

    def __init__(self, name: str = "toy-sketches") -> None:
        tick = 1 / ToyFilm.RATE
        self._card = Card(
            name=name,
            family="toy",
            form="sketch",
            dim=0,
            metric="containment",
            inputs={"recording": {"rate": ToyFilm.RATE}},
            options={"tick": tick},
            fingerprint="0" * 12,
        )

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Sketch:
        if kind != "recording":
            raise UsageError(f"the card {self._card.name} takes recording, not {kind}")
        levels = np.round(payload.samples * 255).astype(np.uint64)
        pairs = levels[:-1] * np.uint64(256) + levels[1:]
        at = np.flatnonzero(levels[:-1] != levels[1:]).astype(np.int32)
        order = np.argsort(pairs[at], kind="stable")
        return Sketch(pairs[at][order], at[order])

    def encode(self, kind: Kind, batch: Sequence[Any]) -> NDArray[Any]:  # noqa: ARG002 # the protocol's
        rows = np.empty(len(batch), dtype=object)
        rows[:] = batch
        return rows


def toy_film(colours: Sequence[str], step: float = 1.0, *, start: float = 0.0) -> bytes:
    """A film for ``ToyFilm``: so many colours (names, or ``#rrggbb``), each shown for ``step`` seconds."""
    lines = [f"{start + at * step:.3f} {colour}" for at, colour in enumerate(colours)]
    return "\n".join([*lines, f"{start + len(colours) * step:.3f} end"]).encode()


class ToyFilm:
    """A modality of films as text: a line is a time in seconds and the colour from then on; the last one is ``end``.

    Options: ``every``, seconds a segment (default 1). Kind ``image``: the colour in the middle of a segment; ``audio``
    the same times, its sound the colours' brightness; ``recording``: that sound in pieces of ``PIECE`` seconds. A
    colour that is none is found out when it is decoded.
    """

    name = "film"
    kinds: tuple[Kind, ...] = ("image", "audio", "recording")
    PIECE = 10.0
    RATE = 8

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def sniff(self, head: bytes, name: str) -> float:
        return 0.9 if name.endswith(".film") and b"\x00" not in head else 0.0

    def media_type(self, head: bytes, name: str) -> str:  # noqa: ARG002 # the protocol's
        return "text/plain"

    def describe(self, blob: Blob) -> Metadata:
        times, _ = self._read(blob)
        return {"duration": times[-1]}

    def settle(self, given: Metadata) -> Metadata:
        unknown = given.keys() - {"every"}
        every = given.get("every", 1.0)
        if unknown or not isinstance(every, int | float) or not 0 < every < 3600:
            raise UsageError(f"a film has no {', '.join(unknown) or f'every {every!r}'}", hint="every is in seconds")
        return {"every": float(every)}

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        times, _ = self._read(blob)
        start, end = (0.0, times[-1]) if at == WHOLE else (max(at.start, 0.0), min(at.end, times[-1]))
        if at.unit not in {"whole", "seconds"} or start >= end:
            raise QueryError(f"{blob.name} has {times[-1]} seconds, not {at}", hint="give a part of it")
        for kind, step in (("image", options["every"]), ("audio", options["every"]), ("recording", self.PIECE)):
            for number in range(math.ceil((end - start) / step - 1e-9)):
                since = start + number * step
                yield SegmentSpec(kind, Span("seconds", since, min(since + step, end)))

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        return next(self.load_run(blob, [spec], want))

    def load_run(self, blob: Blob, specs: Sequence[SegmentSpec], want: Mapping[str, Any]) -> Iterator[Payload]:
        times, colours = self._read(blob)
        for spec in specs:
            span = Span("seconds", 0.0, times[-1]) if spec.span == WHOLE else spec.span
            if spec.kind == "image":
                shown = self._shown(blob, times, colours, (span.start + span.end) / 2)
                yield np.full((8, 8, 3), shown, dtype=np.uint8)
            else:
                rate = want.get("rate", self.RATE)
                moments = np.arange(span.start, span.end - 1e-9, 1 / rate)
                shown_at, samples = np.unique(np.searchsorted(times[1:-1], moments, side="right"), return_inverse=True)
                levels = [sum(self._shown(blob, times, colours, times[at])) / 765 for at in shown_at]
                yield Audio(np.array(levels, dtype=np.float32)[samples], rate)

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:  # noqa: ARG002 # the protocol's
        times, colours = self._read(blob)
        shown = self._shown(blob, times, colours, min(span.start, times[-1]))
        return Preview(bytes(shown), "application/octet-stream", 1, 1)

    def identity(self, blob: Blob) -> str | None:  # noqa: ARG002 # the protocol's
        return None

    def _read(self, blob: Blob) -> tuple[list[float], list[str]]:
        """When each colour begins, the end last, less the first of them; and the colours."""
        try:
            rows = [line.split() for line in blob.read().decode().splitlines()]
            times, colours = [float(time) for time, _ in rows], [colour for _, colour in rows]
        except ValueError as error:
            raise DecodeError(f"{blob.name} is no film: {error}") from error
        if len(times) < 2 or colours.pop() != "end" or times != sorted(times):
            raise DecodeError(f"{blob.name} is no whole film")
        return [time - times[0] for time in times], colours

    def _shown(self, blob: Blob, times: list[float], colours: list[str], moment: float) -> tuple[int, int, int]:
        colour = colours[min(bisect_right(times, moment), len(colours)) - 1]
        if colour in COLOURS:
            return COLOURS[colour]
        try:
            red, green, blue = bytes.fromhex(colour.removeprefix("#"))
        except ValueError as error:
            raise DecodeError(f"{blob.name} has no colour {colour!r} at {moment:.1f} s") from error
        return red, green, blue


class ToyRescorer:
    """Minus the mean difference of two pictures' mean colours, with the difference as the explanation."""

    name = "toy-colour"
    kinds: tuple[Kind, ...] = ("image",)
    unit = "colour"
    symmetric = True

    def takes(self, query: Payload) -> bool:
        return bool(query.size)

    def around(self, query: Payload) -> float:  # noqa: ARG002 # the protocol's
        return 0.0

    def score(self, query: Payload, candidate: Payload) -> float:
        return -float(np.abs(self._difference(query, candidate)).mean()) / 255.0

    def explain(self, query: Payload, candidate: Payload) -> Rescored:
        score, difference = self.score(query, candidate), self._difference(query, candidate)
        return Rescored(score, {self.unit: score}, {"difference": [round(float(d), 3) for d in difference]})

    def _difference(self, query: Payload, candidate: Payload) -> NDArray[np.float64]:
        difference: NDArray[np.float64] = candidate.mean(axis=(0, 1)) - query.mean(axis=(0, 1))
        return difference
