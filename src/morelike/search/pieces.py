"""What is to be seen in a picture or a film, piece by piece: each is a question of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from PIL import Image

from morelike.errors import QueryError
from morelike.prepare import decoding, load_segments
from morelike.protocols import LoadsRuns, Modality
from morelike.search.embed import Embedder
from morelike.search.reading import readers
from morelike.types import WHOLE, Blob, Payload, SegmentSpec, Space, Span, Vectors

__all__ = ["Piece", "pieces"]

KIND = "image"
FRAMES_AT_ONCE = 16
"""How many frames of a film are decoded in one pass, and are in memory at most."""
MOST_FRAMES = 3600
FRAME_SIDE = 540
"""Frames of films larger than full HD are made smaller: their shorter side stays twice this at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of an example, to be searched with on its own: ``collection.search(piece.vector)``."""

    at: Span
    """When it is to be seen in a film; of a picture the whole."""
    span: Span
    """Where in the picture."""
    vector: Vectors
    """(dim,) in the collection's space."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A picture at the encoder."""

    at: Span
    specs: list[SegmentSpec]
    vectors: Future[Vectors]

    def pieces(self) -> list[Piece]:
        rows = self.vectors.result()
        return [Piece(self.at, spec.span, row) for spec, row in zip(self.specs, rows, strict=True)]


def pieces(
    embedder: Embedder,
    spaces: Sequence[Space],
    blob: Blob,
    *,
    options: Mapping[str, Any],
    every: float,
    most: int = MOST_FRAMES,
) -> Iterator[list[Piece]]:
    """The pieces of a picture, or of one frame of a film after the other, each cut as ``options`` say.

    While one frame's are with the encoder the next one is decoded. Raises DecodeError, UnknownMedia, ModelError,
    TooBusy, QueryError where a film has more than ``most`` such frames.
    """
    modality = embedder.modality
    space = next((space for space in spaces if space.active and space.has_vectors and space.kind == KIND), None)
    if space is None or modality.kinds != (KIND,):
        raise QueryError(
            f"{embedder.collection.name} holds no pictures: its examples have no pieces", hint="search with the whole"
        )
    reader = readers(modality, embedder.stores.settings, blob, frozenset({KIND}))[0]
    lane = embedder.lane(space)
    waiting: _Asked | None = None
    for at, picture in _pictures(reader, modality, blob, every, most):
        with decoding(picture):
            specs = list(modality.split(picture, options))
        asked = _Asked(at, specs, lane.ask(KIND, load_segments(modality, lane.encoder, picture, specs)))
        if waiting is not None:
            yield waiting.pieces()
        waiting = asked
    if waiting is not None:
        yield waiting.pieces()


def _pictures(reader: Modality, modality: Modality, blob: Blob, every: float, most: int) -> Iterator[tuple[Span, Blob]]:
    """The picture itself; of a film, one in each ``every`` seconds and when that is."""
    if reader.name == modality.name or not isinstance(reader, LoadsRuns):
        yield WHOLE, blob
        return
    with decoding(blob):
        found = list(reader.split(blob, reader.settle({"every": every})))
    specs = [spec for spec in found if spec.kind == KIND]
    if len(specs) > most:
        raise QueryError(
            f"{blob.name or blob.uri} has {len(specs)} frames at one in {every:g} s, and {most} are looked at at most",
            hint="cut it, or take fewer frames",
        )
    for start in range(0, len(specs), FRAMES_AT_ONCE):
        some = specs[start : start + FRAMES_AT_ONCE]
        with decoding(blob):
            frames = list(reader.load_run(blob, some, {"side": FRAME_SIDE}))
        for spec, frame in zip(some, frames, strict=True):
            yield spec.span, _as_file(frame, f"{blob.name or blob.uri} at {spec.span.start:g} s")


def _as_file(picture: Payload, name: str) -> Blob:
    """A frame the way that a picture comes in: a BMP costs next to nothing."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "BMP")
    return Blob.from_bytes(stream.getvalue(), name)
