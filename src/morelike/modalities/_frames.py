"""A film's frames by their time: exactly the one that a player shows at a moment, forwards in one pass or after a seek.

Times are seconds from the film's start: the earlier of its first frame and its first sound, as players count.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from morelike.errors import DecodeError
from morelike.modalities._effort import Effort
from morelike.modalities._exif import printable
from morelike.modalities._film_pixels import Painter, Picture, Thumb, Turn, turn_of
from morelike.modalities._media import label, opened
from morelike.types import Blob, Metadata

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["FRAME_EPSILON", "FilmFrames", "opened_film"]

FRAME_EPSILON = 1e-4
"""Seconds by which a moment may fall short of a frame's time and still show it: times are rounded on their way."""

_MOST_PIXELS = 40_000_000  # of a frame: a decoder keeps up to 17 of them; 8K has 33 million
_IDLE_PACKETS = 5_000  # without a frame among them
_SEEK_GAP = 4.0  # seconds: a shorter way is decoded, a longer one is a seek where there is a key frame on it
_SEEK_GAP_BLIND = 10.0  # likewise where the container has no index to ask
_BACK_OFF = (0.0, 2.0, 10.0)  # seconds before the wanted moment at which a clean key frame is looked for
_READ_WHOLE = 8 << 20  # bytes: below, the length is counted; above, looked for at the film's end
_TAIL = 20.0  # seconds before the stated end, from where the true one is looked for
_LEAST = 1e-3  # seconds that a film lasts
_HIGHEST_RATE = 1000.0  # frames a second that a header is believed
_NO_CLOCK = frozenset({"avi"})  # its pictures' times are those of decoding: late by what is reordered
_UNSURE_CLOCK = frozenset({"mpeg", "mpegts"})  # after a seek, the first frames may get their neighbours' times
_ENCRYPTED = frozenset({"encv", "drmi"})


class _Reader:
    """One opened container and its picture stream, with the first frame decoded."""

    def __init__(self, container: InputContainer, name: str, max_pixels: int, effort: Effort) -> None:
        self.container = container
        self._name = name
        self._effort = effort
        self.stream = _picture_stream(container, name)
        context: Any = self.stream.codec_context
        context.options = {**context.options, "max_pixels": str(max_pixels)}
        base = self.stream.time_base
        if base is None or base <= 0:
            raise DecodeError(f"{name} is damaged: its frames have no unit of time")
        self._tick = float(base)
        self._step = 1 / float(self.stream.average_rate) if self.stream.average_rate else 0.04
        self._frames = self._decoded(self._packets())
        first = next(self._frames, None)
        if first is None:
            raise DecodeError(f"nothing of {name} can be decoded", hint="it may be damaged, encrypted or a recording")
        self.first = first
        self._clock = (container.start_time or 0) / 1_000_000 - self._step
        self.begins = self._read_clock(first)
        self.zero = self.begins
        if container.start_time is not None and container.format.name not in _NO_CLOCK:
            self.zero = min(self.begins, container.start_time / 1_000_000)
        self._fresh = True

    def skip_needless(self, skip: bool) -> None:
        """Whether to leave out, from here on, the frames that no other frame is made from."""
        context: Any = self.stream.codec_context
        context.skip_frame = "NONREF" if skip else "DEFAULT"

    def forwards(self) -> Iterator[tuple[float, VideoFrame]]:
        """(time, frame) from where the reader stands: the film's start, or the key frame that was sought."""
        if self._fresh:
            self._fresh = False
            yield self.begins - self.zero, self.first
        for frame in self._frames:
            yield self._read_clock(frame) - self.zero, frame

    def seek(self, moment: float) -> bool:
        """Go to the key frame before ``moment``; False where the container cannot."""
        from av.error import FFmpegError

        self._fresh = False
        try:
            self.container.seek(round((moment + self.zero) / self._tick), stream=self.stream)
        except (FFmpegError, OverflowError, ValueError):
            return False
        self._frames = self._decoded(self._packets())
        return True

    def close(self) -> None:
        """Let go of the decoder and its frames now, rather than when garbage is collected: they may be gigabytes."""
        self._frames.close()

    def _read_clock(self, frame: VideoFrame) -> float:
        """The frame's own time; a frame without one follows its predecessor at the film's rate."""
        self._clock = frame.pts * self._tick if frame.pts is not None else self._clock + self._step
        return self._clock

    def _packets(self) -> Iterator[Packet[Any] | None]:
        """The picture's packets, and None at the end: what cannot be read on ends there."""
        from av.error import FFmpegError

        try:
            for packet in self.container.demux(self.stream):
                if packet.size:
                    yield packet
        except FFmpegError:
            pass
        yield None

    def _decoded(self, packets: Iterator[Packet[Any] | None]) -> Generator[VideoFrame, None, None]:
        """Every frame in order of time; a packet that cannot be decoded is passed over, as players do."""
        from av.error import FFmpegError

        context: Any = self.stream.codec_context
        idle = 0
        for packet in packets:
            self._effort.spend(context.width, context.height)  # a packet that holds no frame costs time too
            try:
                frames = context.decode(packet)
            except FFmpegError:
                frames = []
            idle = 0 if frames else idle + 1
            if idle > _IDLE_PACKETS:
                raise DecodeError(f"{self._name} is damaged: {_IDLE_PACKETS:,} packets in a row hold no frame")
            yield from frames


class FilmFrames:
    """An opened film; ``first`` frame, ``zero`` (the container's time that is second 0) and its streams are known."""

    def __init__(self, blob: Blob, reader: _Reader, stack: ExitStack, max_pixels: int, effort: Effort) -> None:
        self._blob = blob
        self._reader = reader
        self._stack = stack
        self._max_pixels = max_pixels
        self._effort = effort
        self._moved = False
        self._length = 0.0
        self._group = 0
        """Frames from one key frame to the next, at most, where all were counted."""
        self.counted = 0
        """Frames, where ``length`` counted them all."""
        self.name = label(blob, "video")
        self.first = reader.first
        self.turn: Turn = turn_of(reader.first)
        shape = reader.stream.sample_aspect_ratio or reader.stream.codec_context.sample_aspect_ratio
        self.painter = Painter(self.turn, float(shape) if shape else 1.0, max_pixels)

    @property
    def container(self) -> InputContainer:
        return self._reader.container

    @property
    def stream(self) -> VideoStream:
        return self._reader.stream

    def frames(self, start: float = 0.0, *, skip: bool = False) -> Iterator[tuple[float, VideoFrame]]:
        """(time, frame) with growing times, from the one that is shown at ``start`` or an earlier one.

        ``skip``: without those that no other frame needs, about half of them in most films.
        """
        last = -math.inf
        for time, frame in self._from(start, skip=skip):
            if time > last:
                last = time
                yield time, frame

    def shown_at(self, moments: Sequence[float]) -> Iterator[VideoFrame]:
        """The frame that is on the screen at each of the moments, which ascend."""
        coming: Iterator[tuple[float, VideoFrame]] = iter(())
        here: tuple[float, VideoFrame] | None = None
        after: tuple[float, VideoFrame] | None = None
        for moment in moments:
            if here is None or moment < here[0] or (after is not None and self._worth_seeking(here[0], moment)):
                coming = self.frames(moment)
                here, after = next(coming), next(coming, None)
            while after is not None and after[0] <= moment + FRAME_EPSILON:
                here, after = after, next(coming, None)
            yield here[1]

    def close(self) -> None:
        self._reader.close()

    def afford(self, segments: int) -> None:
        """Raises DecodeError where loading so many segments, run by run, would decode too much over and over."""
        if segments and not self._group:
            with opened(self._blob, what="video") as container:
                self._last_packet(container, None)
        self._effort.spend_on_runs(segments, self.first.width, self.first.height, self._group)

    def glimpse(self, side: int) -> Picture:
        """The first frame, which is decoded already."""
        return self.painter.picture(self.first, side)

    def pictures(self, moments: Sequence[float], side: int = 0) -> Iterator[Picture]:
        """uint8 (h, w, 3) RGB of each of the moments, which ascend; the shorter side is about ``2 * side``."""
        for frame in self.shown_at(moments):
            yield self.painter.picture(frame, side)

    def thumbs(self, start: float, end: float, every: float) -> Iterator[tuple[float, Thumb]]:
        """(time, thumbnail) of frames from about ``start`` to ``end`` that lie at least ``every`` seconds apart."""
        due = -math.inf
        for time, frame in self.frames(start, skip=True):
            if time > end:
                return
            if time >= due:
                due = time + every
                yield time, self.painter.thumb(frame)

    def length(self) -> float:
        """Seconds from the start to the end of the last frame, by the packets: what a header states may be wrong.

        Nothing is decoded. A film of less than 8 MiB is read to its end; of a longer one the last 20 seconds are,
        or all of it where there is nothing.
        """
        if self._length:
            return self._length
        stated = (self.container.duration or 0) / 1_000_000
        ends = None
        if stated and (self._blob.size or 0) >= _READ_WHOLE:
            with opened(self._blob, what="video") as container:
                ends, _ = self._last_packet(container, stated - _TAIL)
        if ends is None:
            with opened(self._blob, what="video") as container:
                ends, self.counted = self._last_packet(container, None)
        last = self._reader.begins if ends is None else max(ends, self._reader.begins)
        self._length = round(max(last - self._reader.zero, _LEAST), 4)
        return self._length

    def facts(self) -> Metadata:
        """What ``VideoModality.describe`` promises, without the format."""
        stream, length = self.stream, self.length()
        width, height = self.painter.stands(self.first)
        frames = self.counted or stream.frames
        rate = float(stream.average_rate or 0)
        sound = next((one.codec_context for one in self.container.streams.audio if one.codec_context is not None), None)
        bits = self.container.bit_rate or 8 * (self._blob.size or 0) / length
        title = printable(self.container.metadata.get("title", ""))
        known: dict[str, str | int | float | None] = {
            "duration": round(length, 3),
            "width": width,
            "height": height,
            "fps": round(self.counted / length if self.counted or not 0 < rate <= _HIGHEST_RATE else rate, 3) or None,
            "frames": frames or None,
            "codec": stream.codec_context.codec.canonical_name,
            "rotation": self.turn.degrees or None,
            "mirrored": self.turn.mirrored or None,
            "sound_codec": sound.codec.canonical_name if sound is not None else None,
            "bit_rate": round(bits) or None,
            "title": title or None,
        }
        return {"has_sound": sound is not None, **{key: value for key, value in known.items() if value is not None}}

    def _last_packet(self, container: InputContainer, start: float | None) -> tuple[float | None, int]:
        """(when the last frame behind ``start`` ends, by the container's clock, or None; how many frames there are)."""
        from av.error import FFmpegError

        stream: Any = container.streams[self.stream.index]
        ends: float | None = None
        count = last_key = 0
        step = 1 / float(stream.average_rate) if stream.average_rate else 0.0
        try:
            if start is not None:
                container.seek(round((start + self._reader.zero) / float(stream.time_base)), stream=stream)
            for packet in container.demux(stream):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if packet.size and stamp is not None and not packet.is_discard:
                    last_key = count if packet.is_keyframe else last_key
                    count += 1
                    self._group = max(self._group, count - last_key)
                    lasts = packet.duration * float(stream.time_base) if packet.duration else step
                    ends = max(ends if ends is not None else -math.inf, stamp * float(stream.time_base) + lasts)
        except (FFmpegError, OverflowError, ValueError):
            pass
        return ends, count

    def _worth_seeking(self, here: float, moment: float) -> bool:
        gap = moment - here
        if gap <= _SEEK_GAP:
            return False
        index: Any = self.stream.index_entries
        if not len(index):
            return gap > _SEEK_GAP_BLIND
        tick = float(self.stream.time_base or 1)
        found = index.search_timestamp(round((moment + self._reader.zero) / tick))
        return bool(found >= 0 and index[found].timestamp * tick - self._reader.zero > here + _SEEK_GAP / 2)

    def _from(self, start: float, *, skip: bool) -> Iterator[tuple[float, VideoFrame]]:
        """Frames from a clean key frame at or before ``start``: what precedes it may lack what it refers to."""
        for back in _BACK_OFF:
            if start - back <= _SEEK_GAP:
                break
            self._moved = True
            if not self._reader.seek(start - back):
                break
            self._reader.skip_needless(skip)
            keys, clean = (2 if self.container.format.name in _UNSURE_CLOCK else 1), False
            for time, frame in self._reader.forwards():
                if not clean:
                    if time > start + FRAME_EPSILON:
                        break
                    keys -= frame.key_frame and frame.pts is not None and not frame.is_corrupt
                    clean = keys == 0
                if clean:
                    yield time, frame
            if clean:
                return
        self._rewind()
        self._reader.skip_needless(skip)
        yield from self._reader.forwards()

    def _rewind(self) -> None:
        """Begin anew, by opening the film again: not every container can seek to its start."""
        if self._moved:
            self.close()
            self._stack.close()
            container = self._stack.enter_context(opened(self._blob, what="video"))
            self._reader = _Reader(container, self.name, self._max_pixels, self._effort)
        self._moved = True


@contextmanager
def opened_film(blob: Blob, max_pixels: int, effort: Effort) -> Iterator[FilmFrames]:
    """The film with its first frame decoded. Raises DecodeError; SourceError where the bytes cannot be had."""
    limit = min(max_pixels, _MOST_PIXELS)
    with ExitStack() as stack:
        container = stack.enter_context(opened(blob, what="video"))
        film = FilmFrames(blob, _Reader(container, label(blob, "video"), limit, effort), stack, limit, effort)
        try:
            yield film
        finally:
            film.close()


def _picture_stream(container: InputContainer, name: str) -> VideoStream:
    """The first stream of pictures that is no cover. Raises DecodeError where there is none that can be decoded."""
    from av.stream import Disposition

    covers = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    moving = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not moving:
        hint = "as a recording it can be added to a collection of sounds" if container.streams.audio else ""
        what = "no pictures but a cover" if container.streams.video else "no pictures"
        raise DecodeError(f"{name} is no film: it has {what}", hint=hint)
    for stream in moving:
        if stream.codec_context is not None and stream.codec_tag not in _ENCRYPTED:
            return stream
    raise DecodeError(f"the pictures of {name} are encrypted, or in a codec that is not read")
