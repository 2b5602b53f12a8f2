"""Recordings: recognised by their bytes, cut into windows, decoded to mono at the encoder's rate."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from morelike.errors import DecodeError, UsageError
from morelike.modalities._exif import printable
from morelike.modalities._media import label, translated
from morelike.modalities._playable import excerpt
from morelike.modalities._sound import (
    Sound,
    opened_sound,
    read_sounds,
    read_whole,
    sound_length,
)
from morelike.modalities._sound_formats import SoundFormat, named_like_a_sound, recognise, refusal, stated_size
from morelike.modalities._waveform import peaks_of, picture_of
from morelike.modalities._windows import part_of, settled_windows, windows
from morelike.settings import Settings
from morelike.types import WHOLE, Audio, Blob, Kind, Metadata, Payload, Preview, SegmentSpec, Span

__all__ = ["AudioModality"]

_HEAD = 4096
_NAMED_ONLY = 0.05
"""Confidence where only the name speaks for a recording: enough to say what is wrong."""
_SHORTEST = 0.05
_TAGS = {
    "album": ("album",),
    "artist": ("artist", "album_artist", "author", "performer"),
    "date": ("date", "year"),
    "genre": ("genre",),
    "title": ("title",),
}


class AudioModality:
    """WAV, AIFF, FLAC, MP3, AAC, M4A, Ogg (Vorbis, Opus, FLAC, Speex), WebM, AC-3, WMA and others that FFmpeg reads.

    The first sound track counts, its channels averaged. A short recording is one segment of kind ``audio``, a long one
    has overlapping windows; besides, it has pieces of a minute of kind ``recording``, for finding the very same
    recording again. One that was cut off is used as far as it goes, if half of what its header states is there. Safe
    from any thread.
    """

    name = "audio"
    kinds: tuple[Kind, ...] = ("audio", "recording")

    def __init__(self, settings: Settings) -> None:
        """Nothing is kept: the limits of ``settings`` are the sources'."""

    def sniff(self, head: bytes, name: str) -> float:
        """1 for the first bytes of a sound format, less where films look the same; the name alone counts for little."""
        known = recognise(head)
        if known is not None:
            return known.sure
        return _NAMED_ONLY if named_like_a_sound(name) else 0.0

    def media_type(self, head: bytes, name: str) -> str:  # noqa: ARG002  # the seam's signature
        """By the bytes; ``application/octet-stream`` where ``sniff`` did not recognise them."""
        known = recognise(head)
        return known.media_type if known else "application/octet-stream"

    def describe(self, blob: Blob) -> Metadata:
        """``duration`` (seconds), ``rate`` (Hz), ``channels``, ``codec``, ``format``, ``bit_rate`` (bits a second), and
        what of these is known: ``title``, ``artist``, ``album``, ``date``, ``genre``. Raises DecodeError.
        """
        known = _known(blob)
        length = _length(blob, known)
        with opened_sound(blob, formats=known.demuxers) as sound:
            return {"duration": round(length, 3), "format": known.name, **_facts(sound, blob, length), **_tags(sound)}

    def settle(self, given: Metadata) -> Metadata:
        """``window`` and ``hop`` in seconds; by default 10 and 5. Raises UsageError."""
        if unknown := sorted(set(given) - {"window", "hop"}):
            raise UsageError(f"recordings have no {', '.join(unknown)}", hint="window and hop can be set")
        return settled_windows(given)

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """Kind ``audio``: the whole, or windows where it is longer than window and hop. Kind ``recording``: pieces of
        60 s. Raises DecodeError, QueryError where it has no such part.
        """
        yield from windows(_length(blob, _known(blob)), options, at, self.kinds)

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        """Audio at ``want["rate"]``, or at the recording's own. Raises DecodeError, also over a silent short one."""
        with closing(self.load_run(blob, [spec], want)) as payloads:
            return next(payloads)

    def load_run(
        self, blob: Blob, specs: Sequence[SegmentSpec], want: Mapping[str, Any]
    ) -> Generator[Payload, None, None]:
        """What ``load`` gives for each; those that follow one another are decoded in one pass. Raises DecodeError."""
        rate = want.get("rate")
        rate = rate if isinstance(rate, int) and rate > 0 else None
        for spec in specs:
            if spec.kind not in self.kinds:
                raise DecodeError(f"{label(blob)}: a recording has no segment of kind {spec.kind!r}")
        _known(blob)
        with translated(blob):
            if all(spec.span.unit == "seconds" for spec in specs):
                yield from read_sounds(blob, ((spec.span.start, spec.span.end) for spec in specs), rate)
                return
            for spec in specs:
                yield _whole(blob, spec.kind, rate)

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """The waveform above its spectrogram on a mel scale, of the span: a JPEG twice as wide as high."""
        start, end = part_of(_length(blob, _known(blob)), span)
        with translated(blob):
            return picture_of(blob, start, end, side)

    def peaks(self, blob: Blob, n: int = 800, span: Span = WHOLE) -> tuple[float, ...]:
        """The loudest sample of each of ``n`` parts of the span, 0 to 1, for a player to draw. Raises DecodeError."""
        start, end = part_of(_length(blob, _known(blob)), span)
        with translated(blob):
            return peaks_of(blob, start, end, max(n, 1))

    def playable(self, blob: Blob, span: Span, most: int) -> Preview:
        """An MP3 of the span, or of its first fifteen seconds. Raises DecodeError."""
        start, end = part_of(_length(blob, _known(blob)), span)
        with translated(blob):
            return excerpt(blob, start, end, most)

    def identity(self, blob: Blob) -> str | None:  # noqa: ARG002  # likewise
        """None: a recording is its bytes."""
        return None


def _known(blob: Blob) -> SoundFormat:
    """Raises DecodeError over bytes of no format that is read, SourceError."""
    with translated(blob), blob.open() as stream:
        head = stream.read(_HEAD)
        known = recognise(head)
        if known is not None and head[:3] == b"ID3" and len(head) > 10 and stream.seekable():
            stream.seek(10 + sum((size & 127) << shift for size, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)))
            known = recognise(stream.read(_HEAD)) or known
    if known is None:
        what, hint = refusal(head)
        raise DecodeError(f"{label(blob)} is {what}", hint=hint)
    stated = stated_size(head)  # FFmpeg takes the rest of the file for the whole without a word
    if blob.size is not None and blob.size < stated / 2:
        what = f"{blob.size:,} of {stated:,} bytes are there"
        raise DecodeError(f"{label(blob)} ends before its sound does: {what}", hint="copy or download it again")
    return known


def _length(blob: Blob, known: SoundFormat) -> float:
    length = sound_length(blob, formats=known.demuxers)
    if length < _SHORTEST:
        raise DecodeError(f"{label(blob)} has no sound: it is {length:.3f} s long")
    return length


def _whole(blob: Blob, kind: Kind, rate: int | None) -> Audio:
    audio = read_whole(blob, rate)
    if kind == "audio" and not audio.samples.any():
        raise DecodeError(f"{label(blob)} is silent: every sample is 0")
    return audio


def _facts(sound: Sound, blob: Blob, length: float) -> dict[str, Any]:
    context: Any = sound.stream.codec_context
    bits = context.bit_rate or (8 * blob.size / length if blob.size else 0)
    facts = {
        "rate": int(context.sample_rate),
        "channels": len(context.layout.channels),
        "codec": printable(str(getattr(context.codec, "canonical_name", context.name))),
        "bit_rate": round(bits),
    }
    return {name: value for name, value in facts.items() if value}


def _tags(sound: Sound) -> dict[str, str]:
    """Ogg keeps them at the stream, the others at the container; letters of either case."""
    given = {**sound.stream.metadata, **sound.container.metadata}
    lower = {name.lower(): value for name, value in given.items()}
    found = {field: next((lower[name] for name in names if lower.get(name)), "") for field, names in _TAGS.items()}
    return {field: text for field, value in found.items() if (text := printable(value))}
