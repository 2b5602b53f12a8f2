"""What a browser plays of a recording: a stretch of it as an MP3, which all of them know."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from morelike.errors import DecodeError
from morelike.modalities._media import label
from morelike.modalities._sound import What, read_sound
from morelike.types import Blob, Preview

__all__ = ["excerpt"]

_RATE = 32_000
_BIT_RATE = 48_000
_LONGEST = 15.0  # seconds
_SHORTEST = 0.1
_FRAME = 1152  # samples that the encoder takes at a time
_EXTRA = 2048  # bytes of headers and of the frames at both ends, at the most


def excerpt(blob: Blob, start: float, end: float, most: int, what: What = "audio") -> Preview:
    """An MP3 of ``most`` bytes at most, mono: the part from ``start`` on, up to fifteen seconds, not beyond ``end``.

    Raises DecodeError, also where so few bytes hold nothing.
    """
    seconds = min(end - start, _LONGEST, (most - _EXTRA) * 8 / _BIT_RATE)
    if seconds < _SHORTEST:
        raise DecodeError(f"{label(blob, what)}: {most:,} bytes are too few for its sound")
    samples = read_sound(blob, start, start + seconds, _RATE, what).samples
    return Preview(_mp3(samples, label(blob, what)), "audio/mpeg")


def _mp3(samples: np.ndarray[Any, np.dtype[np.float32]], name: str) -> bytes:
    import av
    from av.error import FFmpegError

    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="mp3") as output:
            stream: Any = output.add_stream("libmp3lame", rate=_RATE, layout="mono")
            stream.bit_rate = _BIT_RATE
            for place in range(0, len(samples), _FRAME):
                piece = np.ascontiguousarray(samples[None, place : place + _FRAME])
                frame: Any = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = _RATE, place
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    except (FFmpegError, ValueError) as error:  # an FFmpeg that was built without LAME raises the latter
        raise DecodeError(f"{name} cannot be written as MP3: {error}") from error
    return buffer.getvalue()
