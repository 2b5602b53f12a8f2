"""Sound by the second: how long it is, and any stretch of it as mono samples at any rate, in bounded memory.

A stretch comes out the same whether it is read alone or in a pass over many. Decoders without long memory (PCM, FLAC,
MP3, Vorbis …) are started a second early; the others (AAC's and AC-3's random noise, Opus, coarse time stamps) are
started afresh at each half minute of the recording's own clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError
from morelike.modalities._media import label, opened
from morelike.modalities._once import decoded_once
from morelike.modalities._samples import Samples, resampled, usable
from morelike.types import Audio, Blob

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

__all__ = [
    "LONGEST_WHOLE",
    "Samples",
    "Sound",
    "What",
    "heard",
    "opened_sound",
    "read_sound",
    "read_sounds",
    "read_whole",
    "sound_length",
]

What = Literal["audio", "video"]

LONGEST_WHOLE = 1800.0
"""Seconds that are read in one piece at most."""
_EARLY = (1.0, 15.0)  # seconds before the wanted moment where decoding starts, then where the file's index is wrong
_BLOCK = 30.0
_FAR = 30.0  # seconds between two stretches from which on seeking beats decoding through
_CONTEXT = 1024  # samples at the lower rate that soxr gets on either side: beyond them its filters see nothing …
_CONTEXT_LONGEST = 0.5  # … and in seconds
_BEFORE = 1.5  # seconds kept before a stretch: the context, and up to one until both rates have a sample at once
_JITTER = 0.04  # seconds by which time stamps may be off before they are believed
_TAIL = 2.0  # seconds before the stated end whose packets are looked at
_SLACK = 0.25  # seconds by which packets may disagree with the header: encoders fill up their last frame
_MOST_FAULTS = 100  # in a row
_BYTES_A_SECOND = 8  # no codec holds sound in less
_HOURS_FREE = 3600.0
_HIGHEST_RATE = 768_000
_MOST_SAMPLES = 1 << 27  # that are read in one piece: 46 minutes of 48 kHz

_FORGETFUL = frozenset(
    {"alac", "flac", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "tta", "vorbis", "wavpack"}
)
"""Codecs whose output a second later does not depend on where decoding began; PCM besides."""
_SAY_THEIR_LENGTH = frozenset({"aiff", "ape", "asf", "au", "caf", "flac", "matroska", "mov", "tta", "w64", "wav", "wv"})
"""Formats whose header has the length: where less is there, the file was cut."""
_GUESSED = frozenset({"aac", "ac3", "amr", "dts", "dtshd", "eac3"})
"""Formats whose length FFmpeg can only guess from the bit rate."""


@dataclass(slots=True)
class Sound:
    """The sound track of an open container. ``origin``: the container's first moment in its own clock, in seconds."""

    name: str
    container: InputContainer
    stream: AudioStream
    origin: float
    size: int | None = None
    patience: float = math.inf
    """Packets that may yet be read, and thousands of samples decoded; then the sound ends."""
    _tick: float = field(init=False)

    def __post_init__(self) -> None:
        self._tick = float(self.stream.time_base or 0)

    @property
    def forgetful(self) -> bool:
        """Whether any stretch decodes to the same samples wherever decoding begins, a second's start left out."""
        codec = self.stream.codec_context.name
        fine = self._tick * max(self.stream.codec_context.sample_rate, 1) <= 1.001
        return fine and (codec in _FORGETFUL or codec.startswith("pcm_"))

    @property
    def _guesses_time(self) -> bool:
        """Whether time stamps after a seek are no more than the share of the bytes."""
        return self.stream.codec_context.name.startswith("adpcm_")

    def stated(self) -> float | None:
        """Seconds from the container's first moment to the sound's end, as the header has or FFmpeg guesses it."""
        if self.stream.duration is not None and self.stream.duration > 0:
            start = self.stream.start_time or 0
            return max((start + self.stream.duration) * self._tick - self.origin, 0.0)
        return self.container.duration / 1e6 if self.container.duration else None

    def end(self, start: float | None) -> float:
        """The end of the last packet in seconds, packets before ``start`` not looked at; 0 where there is none."""
        if start is not None and not self._guesses_time:
            self._seek(start)
        latest = 0.0
        for packet in self._packets():
            if packet.pts is not None and packet.size:
                latest = max(latest, (packet.pts + (packet.duration or 0)) * self._tick - self.origin)
        return latest

    def decoded(self, start: float) -> Iterator[tuple[int, int, Samples]]:
        """(position, rate, samples) from ``start`` or a little earlier to the end: mono, gapless unless time stamps say
        otherwise. ``position`` counts samples from the container's first moment; a damaged packet is left out.
        """
        if self._guesses_time:
            yield from self._placed(sought=False, decode_from=start - _EARLY[0])
            return
        tries = [early for early in _EARLY if start - early > 0.5]
        for early in tries:
            if not self._seek(start - early):
                continue
            pieces = self._placed(sought=True)
            first = next(pieces, None)
            if first is not None and first[0] <= start * first[1]:
                yield first
                yield from pieces
                return
        if tries:
            self._seek(-math.inf)
        yield from self._placed(sought=False)

    def _seek(self, second: float) -> bool:
        start = self.stream.start_time or 0
        stamp = start if second == -math.inf else max(int((second + self.origin) / self._tick), start)
        from av.error import FFmpegError

        try:
            self.container.seek(stamp, stream=self.stream, backward=True)
        except FFmpegError:
            return False
        return True

    def _packets(self) -> Iterator[Any]:
        """The stream's packets, then an empty one; unreadable ones are passed over."""
        from av.error import EOFError as EndOfFile
        from av.error import FFmpegError

        faults = 0
        while faults < _MOST_FAULTS:
            try:
                for packet in self.container.demux(self.stream):
                    faults = 0
                    self.patience -= 1
                    if self.patience < 0:
                        return
                    yield packet
            except EndOfFile:
                return
            except FFmpegError:
                faults += 1
            else:
                return

    def _placed(self, *, sought: bool, decode_from: float = -math.inf) -> Iterator[tuple[int, int, Samples]]:
        """Decoded frames with their places; after a seek, those before the first time stamp are left out."""
        sought = sought or decode_from > 0
        place = None if sought else 0
        rate = 0
        for frame in self._frames(decode_from):
            if not frame.samples or not 0 < frame.sample_rate <= _HIGHEST_RATE:
                continue
            if rate and frame.sample_rate != rate:
                raise DecodeError(f"{self.name} changes its sample rate from {rate} to {frame.sample_rate} Hz")
            rate = frame.sample_rate
            if frame.pts is not None:
                tick = float(frame.time_base or 0) or self._tick
                stamped = round((frame.pts * tick - self.origin) * rate)
                if place is None or stamped - place > _JITTER * rate:  # time does not run backwards
                    place = stamped
            if place is not None:
                samples = _mono(frame)
                self.patience -= len(samples) / 1000
                yield place, rate, samples
                place += len(samples)

    def _frames(self, decode_from: float) -> Iterator[AudioFrame]:
        from av.error import FFmpegError

        decoder = self.stream.codec_context
        for packet in self._packets():
            if packet.pts is not None and packet.pts * self._tick - self.origin < decode_from:
                continue
            with suppress(FFmpegError):  # a damaged packet is a gap, as in players
                yield from decoder.decode(packet)


_ZERO_AND_SCALE = {"u8": (128, 2**-7), "s16": (0, 2**-15), "s32": (0, 2**-31), "s64": (0, 2**-63)}
_ZERO_AND_SCALE |= {"flt": (0, 1.0), "dbl": (0, 1.0)}


def _mono(frame: AudioFrame) -> Samples:
    """float32 (n,): the mean of the channels, full scale at 1."""
    form: Any = frame.format
    if form.name == "s64":  # which PyAV does not turn into an array
        plane = np.frombuffer(memoryview(frame.planes[0]), np.int64)
        array: NDArray[Any] = plane[: frame.samples * len(frame.layout.channels)]
    else:
        array = frame.to_ndarray()
    if not form.is_planar:
        array = array.reshape(-1, len(frame.layout.channels)).T
    zero, scale = _ZERO_AND_SCALE[form.name.removesuffix("p")]
    with np.errstate(over="ignore", invalid="ignore"):  # doubles beyond float32: infinite, and seen to later
        mono: Samples = array[0].astype(np.float32) if len(array) == 1 else array.mean(axis=0, dtype=np.float32)
    if zero:
        mono -= np.float32(zero)
    mono *= np.float32(scale)
    return mono


@contextmanager
def opened_sound(blob: Blob, what: What = "audio", formats: Sequence[str] = ()) -> Iterator[Sound]:
    """The first sound track that can be decoded. Raises DecodeError where there is none, SourceError."""
    with opened(blob, what=what, formats=formats) as container:
        name = label(blob, what)
        tracks = list(container.streams.audio)
        usable = next((one for one in tracks if one.codec_context is not None and one.codec_context.name), None)
        if usable is None:
            why = "has sound in a codec that is not read: it may be encrypted" if tracks else "has no sound"
            raise DecodeError(f"{name} {why}")
        begin = container.start_time
        origin = begin / 1e6 if begin is not None else float((usable.start_time or 0) * (usable.time_base or 0))
        yield Sound(name, container, usable, origin, blob.size)


def sound_length(blob: Blob, what: What = "audio", formats: Sequence[str] = ()) -> float:
    """Seconds from the first moment to the sound's end; nothing is decoded.

    The header's word is checked against the last packets; where they disagree, the packets count. Raises DecodeError
    where there is no sound, where less than half of what the header states is there, and where the stated length
    could not be held by so few bytes.
    """
    with opened_sound(blob, what, formats) as sound:
        stated = sound.stated()
        found = sound.end(stated - _TAIL) if stated is not None and stated > 2 * _TAIL else 0.0
        form = sound.container.format.name.split(",")[0]
    if found == 0.0:
        with opened_sound(blob, what, formats) as sound:
            found = sound.end(None)
    name = label(blob, what)
    if stated is not None and form in _SAY_THEIR_LENGTH and found < stated / 2:
        hint = "copy or download it again"
        raise DecodeError(f"{name} ends before its sound does: {found:.1f} s of {stated:.1f} s are there", hint=hint)
    length = found if stated is None or form in _GUESSED or abs(found - stated) > _SLACK else stated
    if length > _HOURS_FREE and blob.size is not None and length > blob.size / _BYTES_A_SECOND:
        raise DecodeError(f"{name} states a length of {length:.0f} s, which its {blob.size:,} bytes cannot hold")
    return length


def read_sound(blob: Blob, start: float, end: float, rate: int | None, what: What = "audio") -> Audio:
    """``round((end - start) * rate)`` samples at ``rate`` (None: its own), as ``read_sounds`` gives them."""
    with closing(read_sounds(blob, [(start, end)], rate, what)) as stretches:
        return next(stretches)


def read_sounds(
    blob: Blob, spans: Iterable[tuple[float, float]], rate: int | None, what: What = "audio"
) -> Generator[Audio, None, None]:
    """One Audio for each (start, end) in seconds, lazily; those that follow one another are read in one pass.

    Mono is the mean of the channels, clipped to [-1, 1]; resampled by soxr (HQ). Zeros stand where the recording has
    a gap, and beyond its end. In memory is one stretch and its surroundings. Raises DecodeError where nothing of a
    stretch can be decoded, or it holds no numbers.
    """
    tape: _Tape | None = None
    for start, end in spans:
        if tape is None or not tape.reaches(start):
            tape = _Tape(blob, max(start - _BEFORE, 0.0), what)
        yield tape.stretch(start, end, rate)


def read_whole(blob: Blob, rate: int | None, what: What = "audio") -> Audio:
    """All of a recording of an hour at most: as many samples as there are. Raises DecodeError."""
    samples, own = decoded_once(blob, what, lambda: _whole(blob, what))
    return Audio(samples.copy() if rate in {None, own} else resampled(samples, own, rate or own), rate or own)


def _whole(blob: Blob, what: What) -> tuple[Samples, int]:
    tape = _Tape(blob, 0.0, what)
    while tape.pull():
        if tape.end > min(LONGEST_WHOLE * tape.rate, _MOST_SAMPLES):
            raise DecodeError(f"{label(blob, what)} is too long to be read as a whole")
    if tape.end <= 0:
        raise DecodeError(f"{label(blob, what)} has no sound that can be decoded")
    return usable(tape.samples(0, tape.end), label(blob, what)), tape.rate


def heard(blob: Blob, start: float, what: What = "audio") -> Generator[tuple[int, int, Samples], None, None]:
    """(position, rate, samples) from ``start`` seconds on, piece by piece, never one that begins before it."""
    while True:
        with opened_sound(blob, what) as sound:
            block = math.floor(start / _BLOCK + 1e-9)
            low, high = (start, math.inf) if sound.forgetful else (block * _BLOCK, (block + 1) * _BLOCK)
            for place, rate, samples in sound.decoded(low):
                first, last = math.ceil(low * rate), high if high == math.inf else math.ceil(high * rate)
                skip = max(first - place, 0)
                kept = samples[skip : None if last == math.inf else max(int(last) - place, 0)]
                if len(kept):
                    yield place + skip, rate, kept
                if place >= last:
                    break
            else:
                return
            start = high


class _Tape:
    """What was decoded of a pass and is still needed."""

    def __init__(self, blob: Blob, start: float, what: What) -> None:
        self._name = label(blob, what)
        self._pieces = heard(blob, start, what)
        self._kept: deque[tuple[int, Samples]] = deque()
        self._from = start
        self.rate = 0
        self.end = 0
        """The position after the last sample that was decoded."""

    def reaches(self, start: float) -> bool:
        """Whether a stretch from ``start`` on is best read by going on from here."""
        return self._from <= max(start - _BEFORE, 0.0) and start * self.rate <= self.end + _FAR * self.rate

    def pull(self) -> bool:
        """Decode one piece more; False at the end."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        place, self.rate, samples = piece
        self._kept.append((place, samples))
        self.end = place + len(samples)
        return True

    def samples(self, low: int, high: int) -> Samples:
        """float32 (high - low,): zeros where nothing was decoded."""
        found = np.zeros(high - low, np.float32)
        for place, samples in self._kept:
            first, last = max(place, low), min(place + len(samples), high)
            if first < last:
                found[first - low : last - low] = samples[first - place : last - place]
        return found

    def stretch(self, start: float, end: float, rate: int | None) -> Audio:
        """See ``read_sounds``. The samples around it that are resampled with it depend on the stretch alone."""
        if not 0 < end - start <= LONGEST_WHOLE:
            raise DecodeError(f"{self._name}: {end - start:.1f} s cannot be read in one piece")
        if not self.rate and not self.pull():
            raise DecodeError(f"{self._name} has no sound that can be decoded at {start:.1f} s")
        own, out = self.rate, rate or self.rate
        first, count = round(start * out), max(round((end - start) * out), 1)
        around = min(_CONTEXT * own / min(own, out), _CONTEXT_LONGEST * own) if own != out else 0.0
        period = own // math.gcd(own, out)  # samples after which both rates have a sample at once
        low = max(math.floor((first * own / out - around) / period) * period, 0)
        high = math.ceil((first + count) * own / out + around)
        while self.end < high and self.pull():
            self._forget(math.floor((start - _BEFORE) * own))
        if self.end <= first * own / out:
            raise DecodeError(f"{self._name} has no sound that can be decoded at {start:.1f} s")
        samples = resampled(usable(self.samples(low, high), self._name), own, out)
        skip = first - low * out // own
        found = samples[skip : skip + count]
        return Audio(np.pad(found, (0, count - len(found))), out)

    def _forget(self, low: int) -> None:
        while self._kept and self._kept[0][0] + len(self._kept[0][1]) <= low:
            place, samples = self._kept.popleft()
            self._from = (place + len(samples)) / self.rate
