"""Films: cut into shots or at equal steps, each segment standing for one frame, and their sound in windows."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from PIL import Image

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities._animated import opened_animation
from morelike.modalities._effort import AT_A_GLANCE, Effort, TooMuchEffort
from morelike.modalities._film_pixels import Picture, Thumb
from morelike.modalities._formats import recognise
from morelike.modalities._frames import FilmFrames, opened_film
from morelike.modalities._media import label, translated
from morelike.modalities._playable import excerpt
from morelike.modalities._shots import THUMB_EVERY, Shots, key_spans
from morelike.modalities._sound import read_sounds, read_whole, sound_length
from morelike.modalities._video_formats import film_format, named_like_a_film
from morelike.modalities._waveform import peaks_of
from morelike.modalities._windows import part_of, settled_windows, windows
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Metadata, Payload, Preview, SegmentSpec, Span

__all__ = ["VideoModality"]

_HEAD = 4096
_NAMED_ONLY = 0.05
"""Confidence where only the name speaks for a film."""
_MOST_SEGMENTS = 100_000
_LONGEST = 864_000.0  # seconds of a film that is cut in shots; three segments each 30 seconds make 86 400
_CLOSEST, _FURTHEST = 0.02, 3600.0  # seconds of ``every``
_PREVIEW_QUALITY = 85
_GLANCES = (0.1, 0.3, 0.5)  # of a film's length: the first frame is often black
_PLAYED = frozenset({"video/mp4", "video/webm"})
_LEFT_OUT = 1.0  # seconds at the end that hold no frame that can be decoded, beyond which the film ends before them


class Film(Protocol):
    """An opened film, whoever decodes it."""

    def facts(self) -> Metadata: ...

    def length(self) -> float: ...

    def pictures(self, moments: Sequence[float], side: int = 0) -> Iterator[Picture]: ...

    def thumbs(self, start: float, end: float, every: float) -> Iterator[tuple[float, Thumb]]: ...

    def afford(self, segments: int) -> None: ...

    def glimpse(self, side: int) -> Picture: ...


class VideoModality:
    """MP4, MOV, Matroska, WebM, AVI, Ogg, MPEG-TS and -PS, FLV, WMV and more, animated GIF and WebP.

    Times are those of a player: second 0 is the film's start, and a frame is shown until the next one is. A segment
    of kind ``image`` is the frame shown at its span's middle; a segment of kind ``audio`` a stretch of the first sound
    track. Frames are upright, with square pixels, and coloured as the film says. A film that is damaged, or ends too
    early, is used as far as it can be decoded; one without a single frame is rejected. Safe from any thread.
    """

    name = "video"
    kinds: tuple[Kind, ...] = ("image", "audio")

    def __init__(self, settings: Settings) -> None:
        self._max_pixels = settings.max_pixels

    def sniff(self, head: bytes, name: str) -> float:
        """By the bytes, less where a recording or a still picture may begin like that; the name counts for little."""
        known = film_format(head)
        if known is not None:
            return known.confidence
        return _NAMED_ONLY if named_like_a_film(name) and recognise(head) is None else 0.0

    def media_type(self, head: bytes, name: str) -> str:  # noqa: ARG002  # the seam's signature
        """By the bytes; ``application/octet-stream`` where ``sniff`` did not recognise them."""
        known = film_format(head)
        return known.media_type if known else "application/octet-stream"

    def describe(self, blob: Blob) -> Metadata:
        """``duration`` (seconds), ``width`` and ``height`` (as shown), ``codec``, ``format``, ``has_sound``, and what
        of these is known: ``fps`` (the average), ``frames``, ``rotation`` (degrees clockwise), ``mirrored``,
        ``sound_codec``, ``bit_rate``, ``title``. One frame is decoded. Raises DecodeError.
        """
        with self._opened(blob) as film:
            known = film_format(blob.read(_HEAD))
            return {**film.facts(), **({"format": known.name} if known else {})}

    def settle(self, given: Metadata) -> Metadata:
        """``window`` and ``hop`` of the sound; ``every`` where frames are taken at equal steps rather than by shot.

        Raises UsageError on anything else, and on what is no number of seconds within reason.
        """
        unknown = sorted(set(given) - {"every", "window", "hop"})
        if unknown:
            raise UsageError(f"films have no {', '.join(unknown)}", hint="they have every, window and hop, in seconds")
        settled: dict[str, float] = settled_windows({key: given[key] for key in ("window", "hop") if key in given})
        every = given.get("every")
        if every is None:
            return settled
        if isinstance(every, bool) or not isinstance(every, int | float) or not _CLOSEST <= every <= _FURTHEST:
            raise UsageError(f"every is {every!r}", hint=f"give seconds, {_CLOSEST:g} to {_FURTHEST:g}: every=1")
        return {"every": float(every), **settled}

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """The pictures' segments in time, then the sound's windows where there is sound that can be read.

        With ``every``: stretches of that many seconds; else shots, each of one to three segments. All frames are
        decoded once for shots, none for ``every``. Raises DecodeError, QueryError where there is no such part.
        """
        with self._opened(blob) as film:
            start, end = part_of(film.length(), at)
            spans = list(_spans(film, start, end, options.get("every"), label(blob, "video")))
            film.afford(len(spans))
        yield from (SegmentSpec("image", Span("seconds", first, last)) for first, last in spans)
        yield from _sounds(blob, options, at, _MOST_SEGMENTS - len(spans))

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        """``image``: uint8 (h, w, 3) RGB, the shorter side about twice ``want["side"]`` where that is less than the
        film's; ``audio``: mono at ``want["rate"]``, or at the film's own rate. Raises DecodeError.
        """
        return next(self.load_run(blob, [spec], want))

    def load_run(self, blob: Blob, specs: Sequence[SegmentSpec], want: Mapping[str, Any]) -> Iterator[Payload]:
        """The payloads of segments of one kind, in one pass over the film where they lie close to one another."""
        kind = specs[0].kind if specs else "image"
        if kind not in self.kinds or any(spec.kind != kind for spec in specs):
            raise DecodeError(f"{label(blob, 'video')}: a film has no run of segments of kind {kind!r}")
        if kind == "audio":
            yield from _heard(blob, specs, want.get("rate"))
            return
        side = want.get("side")
        with self._opened(blob) as film:
            whole = film.length() if any(spec.span == WHOLE for spec in specs) else 0.0
            yield from film.pictures(
                [_middle(spec.span, whole) for spec in specs], side if isinstance(side, int) else 0
            )

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """The frame at the span's middle as a JPEG of at most ``side`` pixels a side; of the whole film the most
        varied of three. Raises DecodeError.
        """
        side = max(side, 1)
        with self._opened(blob, AT_A_GLANCE) as film:
            whole = film.length() if span == WHOLE else 0.0
            moments = [glance * whole for glance in _GLANCES] if span == WHOLE else [_middle(span, whole)]
            picture = _most_varied(film, moments, side)
        image = Image.fromarray(picture)
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=_PREVIEW_QUALITY)
        return Preview(buffer.getvalue(), "image/jpeg", *image.size)

    def peaks(self, blob: Blob, n: int = 800, span: Span = WHOLE) -> tuple[float, ...]:
        """The loudest sample of each of ``n`` parts of the span, 0 to 1. Raises DecodeError where it has no sound."""
        with self._opened(blob) as film:
            start, end = part_of(film.length(), span)
        with translated(blob, "video"):
            return peaks_of(blob, start, end, max(n, 1), "video")

    def playable(self, blob: Blob, span: Span, most: int) -> Preview:
        """The film itself where it is so small, and an MP4 or a WebM; else the span's sound as an MP3, or its first
        fifteen seconds. Raises DecodeError where it has none.
        """
        known = film_format(blob.read(_HEAD))
        if known is not None and known.media_type in _PLAYED and (blob.size is None or blob.size <= most):
            data = blob.read(most + 1)
            if len(data) <= most:
                return Preview(data, known.media_type)
        with self._opened(blob) as film:
            start, end = part_of(film.length(), span)
        with translated(blob, "video"):
            return excerpt(blob, start, end, most, "video")

    def identity(self, blob: Blob) -> str | None:  # noqa: ARG002  # likewise
        """None: a film is its bytes."""
        return None

    @contextmanager
    def _opened(self, blob: Blob, most: int = 0) -> Iterator[Film]:
        """Raises DecodeError on a picture, and on a GIF or WebP that does not move; later where more than ``most``
        pixels are decoded (0: as many as a film of its size may have).
        """
        effort = Effort(label(blob, "video"), blob.size, most)
        head = blob.read(_HEAD)
        picture = recognise(head)
        if picture is not None and picture.name == "WEBP":
            with opened_animation(blob, self._max_pixels, effort) as animation:
                yield animation
            return
        if picture is not None and picture.name != "GIF":
            raise DecodeError(f"{label(blob, 'video')} is a picture ({picture.name}), no film")
        with opened_film(blob, self._max_pixels, effort) as film:
            if picture is not None and not _moves(film):
                raise DecodeError(f"{film.name} has one frame: it is a picture, no film")
            yield film


def _most_varied(film: Film, moments: Sequence[float], side: int) -> Picture:
    """Of the frames that can be reached soon; the first one where none can be."""
    reached: list[Picture] = []
    with suppress(TooMuchEffort):
        reached.extend(film.pictures(moments, side))
    return max(reached or [film.glimpse(side)], key=lambda pixels: float(np.var(pixels)))


def _moves(film: FilmFrames) -> bool:
    film.length()
    return film.counted != 1


def _spans(film: Film, start: float, end: float, every: object, name: str) -> Iterator[tuple[float, float]]:
    """Consecutive (start, end) in seconds that cover the stretch. Raises DecodeError where there are too many."""
    if isinstance(every, int | float):
        count = max(math.ceil((end - start) / every - 1e-6), 1)
        if count > _MOST_SEGMENTS:
            hint = f"with every={math.ceil((end - start) / _MOST_SEGMENTS)} it can be used"
            raise DecodeError(f"{name} lasts {end - start:.0f} s: that is {count:,} segments", hint=hint)
        edges = [round(start + step * every, 4) for step in range(count)]
        yield from pairwise([*edges, round(end, 4)])
        return
    shots = Shots()
    shots.watch(film.thumbs(start, end, THUMB_EVERY))
    seen = shots.times[-1] if shots.times else start
    if end - seen > _LEFT_OUT + 2 * shots.longest_step():
        end = seen
    if end - start > _LONGEST:
        raise DecodeError(f"{name} lasts {end - start:.0f} s", hint=f"{_LONGEST / 86400:.0f} days are possible")
    for number, (first, last) in enumerate(key_spans(start, end, shots.cuts())):
        if number >= _MOST_SEGMENTS:
            raise DecodeError(f"{name} has more than {_MOST_SEGMENTS:,} segments", hint="with every=60 it can be used")
        yield round(first, 4), round(last, 4)


def _sounds(blob: Blob, options: Metadata, at: Span, most: int) -> Iterator[SegmentSpec]:
    """The sound's windows; none of a silent film, nor of one whose sound cannot be read or ends before ``at``."""
    try:
        specs = windows(sound_length(blob, "video"), options, at, kinds=("audio",))
        for _, spec in zip(range(most), specs, strict=False):
            yield spec
    except (DecodeError, QueryError):
        return


def _heard(blob: Blob, specs: Sequence[SegmentSpec], rate: object) -> Iterator[Payload]:
    hertz = rate if isinstance(rate, int) else None
    if [spec.span for spec in specs] == [WHOLE]:
        yield read_whole(blob, hertz, "video")
        return
    yield from read_sounds(blob, [(spec.span.start, spec.span.end) for spec in specs], hertz, "video")


def _middle(span: Span, whole: float) -> float:
    if span == WHOLE:
        return whole / 2
    if span.unit != "seconds":
        raise QueryError(f"a film has no {span.unit}", hint="give a range of seconds")
    return (span.start + span.end) / 2
