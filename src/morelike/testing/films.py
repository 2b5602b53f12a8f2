"""Seeded films for tests and the demo: scenes with a moving shape, a tone a scene, and each frame's number drawn on it.

A film is encoded in memory by PyAV, in any container and codec that it has; ``frame_number`` reads which frame a
decoded picture is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from morelike.testing.images import synthetic_image

__all__ = ["animation", "film", "film_frame", "frame_number", "looped", "scene_at", "scene_starts", "turned"]

SOUND_RATE = 48_000
_BITS = 12
_MATRIX_IN_TKHD = 44  # bytes from the box's name, of its version 0 (ISO/IEC 14496-12)

Picture = NDArray[np.uint8]


def film(
    seed: int = 0,
    *,
    scenes: Sequence[float] = (2.0, 2.0, 2.0),
    fps: int | Fraction = 25,
    size: tuple[int, int] = (192, 144),
    codec: str = "libx264",
    container: str = "mp4",
    sound: str = "",
    options: Mapping[str, str] | None = None,
    muxing: Mapping[str, str] | None = None,
    times: Sequence[float] | None = None,
    start: float = 0.0,
    pixels: str = "yuv420p",
) -> bytes:
    """An encoded film: ``scenes`` are the shots' lengths in seconds, ``size`` is (width, height).

    ``sound`` names an audio codec (empty: the film is silent). ``times`` are the frames' presentation times in seconds
    where the rate varies, ``start`` is added to all of them. ``options`` go to the encoder of the pictures, ``muxing``
    to the container.
    """
    import av

    buffer = io.BytesIO()
    moments = list(times) if times is not None else [float(i / Fraction(fps)) for i in range(int(sum(scenes) * fps))]
    base = Fraction(1, 1000) if times is not None else 1 / Fraction(fps)
    with av.open(buffer, "w", format=container, options=dict(muxing or {})) as output:
        stream: Any = output.add_stream(codec, rate=Fraction(fps), options=dict(options or {}))
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = base
        voice: Any = output.add_stream(sound, rate=SOUND_RATE, layout="mono") if sound else None
        for number, moment in enumerate(moments):
            drawn = film_frame(seed, number, size, scene=scene_at(scenes, moment))
            frame = av.VideoFrame.from_ndarray(drawn, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = round((moment + start) / base), base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if voice is not None:
            _speak(output, voice, film_sound(seed, scenes), start)
    return buffer.getvalue()


def scene_starts(scenes: Sequence[float]) -> list[float]:
    """When each scene begins, in seconds."""
    return [float(start) for start in np.cumsum([0.0, *scenes[:-1]])]


def scene_at(scenes: Sequence[float], moment: float) -> int:
    """The number of the scene that is shown at ``moment`` seconds."""
    return int(np.searchsorted(scene_starts(scenes), moment + 1e-9, side="right")) - 1


def film_frame(seed: int, number: int, size: tuple[int, int] = (192, 144), *, scene: int = 0) -> Picture:
    """uint8 (h, w, 3): the scene's background, a disc that moves with ``number``, and the number as bars on top."""
    width, height = size
    picture = _background(1000 * seed + scene, size).copy()
    y, x = np.mgrid[:height, :width]
    centre_x = width * (0.5 + 0.4 * np.sin(number / 9 + scene))
    centre_y = height * (0.6 + 0.25 * np.cos(number / 7 + seed))
    disc = (x - centre_x) ** 2 + (y - centre_y) ** 2 < (height / 7) ** 2
    picture[disc] = np.random.default_rng([seed, scene]).integers(0, 256, 3)
    bars = [1, *(number >> bit & 1 for bit in range(_BITS)), 0]
    edges = np.linspace(0, width, len(bars) + 1).astype(int)
    for bit, left, right in zip(bars, edges[:-1], edges[1:], strict=True):
        picture[: height // 6, left:right] = 255 * bit
    return picture


@lru_cache(maxsize=64)
def _background(seed: int, size: tuple[int, int]) -> Picture:
    return synthetic_image(seed, size)


def frame_number(picture: Picture) -> int:
    """The number that ``film_frame`` drew, at any size. Raises ValueError where no bars are to be seen."""
    height, width = picture.shape[:2]
    strip = picture[height // 24 : max(height // 8, height // 24 + 1)].mean(axis=(0, 2))
    centres = ((np.arange(_BITS + 2) + 0.5) * width / (_BITS + 2)).astype(int)
    levels = [float(strip[max(centre - 1, 0) : centre + 2].mean()) for centre in centres]
    if levels[0] - levels[-1] < 128:
        raise ValueError(f"no bars: {levels[0]:.0f} beside {levels[-1]:.0f}")
    middle = (levels[0] + levels[-1]) / 2
    return sum(1 << bit for bit, level in enumerate(levels[1:-1]) if level > middle)


def film_sound(seed: int, scenes: Sequence[float]) -> NDArray[np.float32]:
    """float32 (n,) at 48 kHz: a tone of its own a scene, pulsing, so that any second differs from any other."""
    rng = np.random.default_rng([seed, 7])
    parts = []
    for seconds in scenes:
        t = np.arange(int(seconds * SOUND_RATE)) / SOUND_RATE
        low, high = rng.uniform(200, 600), rng.uniform(900, 3000)
        chirp = np.sin(2 * np.pi * (low + (high - low) * t / (2 * max(seconds, 1e-9))) * t)
        parts.append(0.4 * chirp * (0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(1, 4) * t)))
    return np.concatenate(parts).astype(np.float32)


def _speak(output: Any, voice: Any, samples: NDArray[np.float32], start: float) -> None:
    import av

    size = 1024
    resampler = av.AudioResampler(
        format=voice.format, layout="mono", rate=SOUND_RATE, frame_size=voice.frame_size or size
    )
    for at in range(0, len(samples), size):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + size], format="flt", layout="mono")
        frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
        frame.pts = at + round(start * SOUND_RATE)
        for piece in resampler.resample(frame):
            output.mux(voice.encode(piece))
    for piece in resampler.resample(None):
        output.mux(voice.encode(piece))
    output.mux(voice.encode(None))


def animation(
    seed: int, format: str, *, frames: int = 10, milliseconds: int = 80, size: tuple[int, int] = (96, 72)
) -> bytes:
    """An animated GIF or WebP (``format`` as Pillow names it), each frame shown for as long."""
    pictures = [Image.fromarray(film_frame(seed, number, size)) for number in range(frames)]
    buffer = io.BytesIO()
    quality = {"lossless": True} if format == "WEBP" else {}
    pictures[0].save(
        buffer, format, save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0, **quality
    )
    return buffer.getvalue()


def turned(data: bytes, degrees: int, *, mirrored: bool = False) -> bytes:
    """The MP4 or MOV with its picture track turned clockwise by 0, 90, 180 or 270 degrees when shown.

    ``mirrored``: left and right are swapped first. Only the matrix in the first track's header is changed.
    """
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    flip = -1 if mirrored else 1
    unit = 1 << 16
    matrix = (flip * cosine * unit, flip * sine * unit, 0, -sine * unit, cosine * unit, 0, 0, 0, 1 << 30)
    start = data.index(b"tkhd") + _MATRIX_IN_TKHD
    packed = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    return data[:start] + packed + data[start + len(packed) :]


def looped(data: bytes, seconds: float, path: Path, *, container: str = "mp4") -> None:
    """Write the film again and again until it lasts ``seconds``, without encoding anything, in little memory."""
    import av

    with av.open(str(path), "w", format=container) as output:
        with av.open(io.BytesIO(data)) as source:
            streams = {stream.index: output.add_stream_from_template(stream) for stream in source.streams}
            first = min(packet.dts * packet.time_base for packet in _packets(source))
        with av.open(io.BytesIO(data)) as source:
            last = max((packet.dts + (packet.duration or 0)) * packet.time_base for packet in _packets(source))
        shift = Fraction(0)
        while shift < seconds:
            with av.open(io.BytesIO(data)) as source:
                for packet in _packets(source):
                    moved = round(shift / packet.time_base)
                    packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
                    packet.stream = streams[packet.stream.index]
                    output.mux(packet)
            shift += last - first


def _packets(source: Any) -> Iterator[Any]:
    return (packet for packet in source.demux() if packet.dts is not None and packet.pts is not None)
