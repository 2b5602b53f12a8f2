"""Recordings and films that were made to do harm: each is refused or used, soon, in bounded memory, and quietly."""

from __future__ import annotations

import errno
import gc
import io
import os
import struct
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morelike.encoders import _peaks
from morelike.errors import DecodeError, ItemError, SourceError
from morelike.modalities import _effort, _frames, _waveform, video
from morelike.modalities._mp4_index import check_index
from morelike.modalities._windows import windows
from morelike.modalities.audio import AudioModality
from morelike.modalities.video import VideoModality
from morelike.settings import Settings
from morelike.testing.films import animation, film
from morelike.testing.sounds import encoded, synthetic_sound
from morelike.types import WHOLE, Blob, SegmentSpec, Span

pytest.importorskip("av")

Boxes = Callable[..., bytes]


@pytest.fixture
def films(settings: Settings) -> VideoModality:
    return VideoModality(settings)


@pytest.fixture
def sounds(settings: Settings) -> AudioModality:
    return AudioModality(settings)


@cache
def plain() -> bytes:
    """Four seconds at 10 frames a second with a key frame each second."""
    return film(3, scenes=(2.0, 2.0), fps=10, size=(96, 64), sound="aac", options={"g": "10"})


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def table(kind: bytes, *numbers: int) -> bytes:
    return box(kind, struct.pack(f">{1 + len(numbers)}I", 0, *numbers))


def track(samples: int, *edits: bytes, handler: bytes = b"vide", step: int = 512) -> bytes:
    """The boxes of a track that are looked at, claiming so many samples of one byte."""
    tables = box(b"stbl", table(b"stts", 1, samples, step), table(b"stsz", 1, samples))
    media = box(b"mdia", box(b"hdlr", bytes(8) + handler), box(b"minf", tables))
    return box(b"trak", *edits, media)


def mp4(*boxes: bytes) -> bytes:
    return box(b"ftyp", b"isom", bytes(4)) + b"".join(boxes)


CLAIMS = {
    "samples without bytes": mp4(box(b"moov", track(50_000_000))),
    "a fragment of millions": mp4(box(b"moof", box(b"traf", table(b"trun", 80_000_000)))),
    "an edit list that repeats": mp4(
        box(b"moov", track(100_000, box(b"edts", box(b"elst", struct.pack(">II", 0, 1000), bytes(12_000)))))
    ),
    "a box without an end": mp4(struct.pack(">I4s", 0, b"moov") + track(50_000_000)),
    "a box of 64 bits": mp4(struct.pack(">I4sQ", 1, b"moov", 1 << 40) + track(50_000_000)),
    "more sound than bytes": mp4(box(b"moov", track(50_000_000, handler=b"soun", step=1))),
}


@pytest.mark.parametrize("data", CLAIMS.values(), ids=CLAIMS)
def test_an_index_larger_than_the_file_is_refused(data: bytes) -> None:
    """A header that makes FFmpeg allocate gigabytes is refused before FFmpeg sees it."""
    with pytest.raises(DecodeError, match="claims"):
        check_index(io.BytesIO(data), "bomb.mp4")


def test_a_compressed_header_is_refused(films: VideoModality) -> None:
    """What it claims cannot be seen, and nobody makes them any more."""
    with pytest.raises(DecodeError, match="compressed header"):
        films.describe(Blob.from_bytes(mp4(box(b"moov", box(b"cmov", bytes(64)))), "old.mov"))


def test_hours_of_plain_samples_are_no_bomb() -> None:
    """A MOV with PCM states each sample, and its index stays small."""
    check_index(io.BytesIO(mp4(box(b"moov", track(20_000_000, handler=b"soun", step=1))) + bytes(400_000)), "long.mov")


def test_boxes_in_boxes_end_somewhere(films: VideoModality) -> None:
    """A thousand boxes inside each other are a DecodeError."""
    deep = b""
    for _ in range(1000):
        deep = box(b"moov", deep)

    with pytest.raises(DecodeError):
        films.describe(Blob.from_bytes(mp4(deep), "deep.mp4"))


def test_sparse_frames_make_no_millions_of_segments(films: VideoModality) -> None:
    """Two frames that are years apart are refused, by shots and at steps."""
    data = film(1, times=[0.0, 2_000_000.0], size=(64, 48), codec="mjpeg", pixels="yuvj420p", container="matroska")

    for options in ({}, {"every": 1.0}):
        with pytest.raises(DecodeError, match="lasts"):
            list(films.split(Blob.from_bytes(data, "years.mkv"), options))


def test_a_sound_of_years_is_refused() -> None:
    """More than 100 000 windows are an error that says which hop would do."""
    with pytest.raises(DecodeError, match="windows") as caught:
        next(windows(10_000_000.0, {"window": 10.0, "hop": 5.0}))

    assert "hop" in caught.value.hint


@pytest.mark.parametrize("name", ["film.mp4", "film.webp"])
def test_decoding_is_bounded(films: VideoModality, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A film of more pixels than its bytes earn is given up on, while cut and while loaded."""
    blob = Blob.from_bytes(plain() if name == "film.mp4" else animation(1, "webp", frames=40), name)
    late = SegmentSpec("image", Span("seconds", 3.0, 3.2))
    monkeypatch.setattr(_effort, "_A_PASS", 20 * _effort._LEAST)
    monkeypatch.setattr(_effort, "_PIXELS_A_BYTE", 0)
    monkeypatch.setattr(_frames, "_SEEK_GAP", 100.0)

    with pytest.raises(DecodeError, match="too long to decode"):
        list(films.split(blob, {}))
    with pytest.raises(DecodeError, match="too long to decode"):
        films.load(blob, late, {"side": 32})


@pytest.mark.parametrize("name", ["film.mp4", "film.webp"])
def test_a_preview_that_takes_too_long_shows_the_first_frame(
    films: VideoModality, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A page gets a picture soon, whatever the film."""
    blob = Blob.from_bytes(plain() if name == "film.mp4" else animation(1, "webp", frames=40), name)
    first = films.preview(blob, Span("seconds", 0.0, 0.0), 64)
    monkeypatch.setattr(video, "AT_A_GLANCE", 4 * _effort._LEAST)
    monkeypatch.setattr(_frames, "_SEEK_GAP", 100.0)

    assert films.preview(blob, Span("seconds", 3.0, 3.2), 64).data == first.data


def test_one_key_frame_for_many_runs_is_refused(films: VideoModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each run of segments begins at the film's start, the whole is bounded, not only the pass."""
    often, once = plain(), film(3, scenes=(2.0, 2.0), fps=10, size=(96, 64), options={"g": "1000", "sc_threshold": "0"})
    monkeypatch.setattr(_effort, "_ALL_RUNS", 60 * _effort._LEAST)
    monkeypatch.setattr(_effort, "_PIXELS_A_BYTE", 0)

    assert len([spec for spec in films.split(Blob.from_bytes(often), {"every": 0.1}) if spec.kind == "image"]) == 40
    with pytest.raises(DecodeError, match="key frame"):
        list(films.split(Blob.from_bytes(once), {"every": 0.1}))


DISGUISES = {
    "a playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{path}\n#EXT-X-ENDLIST\n",
    "a list of parts": "ffconcat version 1.0\nfile {path}\n",
    "a session": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "a manifest": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{path}</BaseURL></MPD>',
    "a drawing": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{path}"/></svg>',
    "subtitles": "1\n00:00:00,000 --> 00:00:05,000\n{path}\n",
}


@pytest.mark.parametrize("text", DISGUISES.values(), ids=DISGUISES)
@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "txt", "wav"])
def test_nothing_leads_to_another_file(
    films: VideoModality, sounds: AudioModality, tmp_path: Path, text: str, suffix: str
) -> None:
    """What names another file is no film and no recording, whatever it is called."""
    target = tmp_path / "target.mp4"
    target.write_bytes(plain())
    path = tmp_path / f"%03d.{suffix}"
    path.write_text(text.format(path=target))

    for modality in (films, sounds):
        with pytest.raises(DecodeError):
            modality.describe(Blob.from_path(path))


def test_abandoned_runs_leave_nothing_open(films: VideoModality, sounds: AudioModality, tmp_path: Path) -> None:
    """Runs that are given up half-way close their file at once, without the garbage collector."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("open files are counted in /proc")
    path = tmp_path / "film.mp4"
    path.write_bytes(plain())
    blob = Blob.from_path(path)
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            for modality, kind in ((films, "image"), (films, "audio")):
                specs = [SegmentSpec(kind, Span("seconds", at, at + 1.0)) for at in (0.0, 1.0, 2.0)]
                next(iter(modality.load_run(blob, specs, {"side": 32, "rate": 16_000})))
        opened = [handle for handle in Path("/proc/self/fd").iterdir() if _leads_to(handle, path)]
    finally:
        gc.enable()

    assert opened == []


def _leads_to(handle: Path, path: Path) -> bool:
    try:
        return os.readlink(handle) == str(path)
    except FileNotFoundError:  # another thread's, closed just now
        return False


def test_a_decoder_is_let_go_at_once(films: VideoModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder of huge frames holds a gigabyte: it does not wait for the garbage collector."""
    made: list[weakref.ref[Any]] = []

    class Noted(_frames._Reader):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            made.append(weakref.ref(self))

    monkeypatch.setattr(_frames, "_Reader", Noted)
    gc.disable()
    try:
        films.load(Blob.from_bytes(plain()), SegmentSpec("image", Span("seconds", 1.0, 2.0)), {"side": 32})
        left = [one for one in made if one() is not None]
    finally:
        gc.enable()

    assert made
    assert not left


class Failing(io.BytesIO):
    """A disk that fails after some reads."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 8000:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


def test_a_failing_disk_is_no_damaged_film(films: VideoModality, capfd: pytest.CaptureFixture[str]) -> None:
    """The disk's failure is said as one, and nothing is printed."""
    data = plain()
    blob = replace(Blob.from_bytes(data, "film.mp4"), open=lambda: Failing(data))

    with pytest.raises(SourceError, match="Input/output"):
        list(films.split(blob, {}))

    assert capfd.readouterr() == ("", "")


def test_a_chunk_that_ends_beyond_all_files(
    sounds: AudioModality, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A length that leads outside the file is not the disk's fault: what is there is used, and nothing is printed;
    whether a file system would take such a place, as memory does, or not.
    """
    data = bytearray(encoded(synthetic_sound(1, 0.5), 16_000, "caf", "alac"))
    at = data.index(b"chan") + 4
    data[at : at + 8] = struct.pack(">q", 1 << 62)
    path = tmp_path / "odd.caf"
    path.write_bytes(data)

    for blob in (Blob.from_path(path), Blob.from_bytes(bytes(data), "odd.caf")):
        assert sounds.describe(blob)["duration"] == 0.5
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [0, 10, 3000, 9000])
def test_a_file_that_shrinks(films: VideoModality, sounds: AudioModality, tmp_path: Path, size: int) -> None:
    """A file that loses its end between cutting and loading gives what is left, or an error of its own."""
    path = tmp_path / "film.mp4"
    path.write_bytes(plain())
    blob = Blob.from_path(path)
    specs = [spec for spec in films.split(blob, {}) if spec.kind == "image"]
    os.truncate(path, size)

    for modality in (films, sounds):
        with suppress(ItemError):
            list(modality.load_run(blob, specs, {"side": 32, "rate": 16_000}))


def test_peaks_of_what_cannot_be_decoded_come_soon(sounds: AudioModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for sound at many moments stops after so many packets, all moments together."""
    blob = Blob.from_bytes(encoded(np.tile(synthetic_sound(0, 10.0, 4000), 70), 4000, "flac", "flac"))
    assert min(sounds.peaks(blob, 50)) > 0
    monkeypatch.setattr(_waveform, "_PATIENCE", 100)

    assert min(sounds.peaks(blob, 50)) == 0


def wav(samples: np.ndarray[Any, Any], tag: int) -> bytes:
    size = samples.itemsize
    form = struct.pack("<HHIIHH", tag, 1, 8000, 8000 * size, size, 8 * size)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", samples.nbytes)
    return b"RIFF" + struct.pack("<I", len(body) + samples.nbytes) + body + samples.tobytes()


def test_integers_of_64_bits(sounds: AudioModality) -> None:
    """They are read at full scale, as all others are."""
    wave = synthetic_sound(0, 0.5, 8000)
    blob = Blob.from_bytes(wav((wave * 2.0**63 * 0.99).astype("<i8"), 1))

    np.testing.assert_allclose(sounds.load(blob, SegmentSpec("audio"), {}).samples, wave * 0.99, atol=1e-6)


def test_doubles_beyond_all_bounds(sounds: AudioModality) -> None:
    """Numbers that float32 does not hold are taken for silence without a warning."""
    wave = synthetic_sound(0, 0.5, 8000).astype("<f8")
    wave[::100] = 1e300

    loaded = sounds.load(Blob.from_bytes(wav(wave, 3)), SegmentSpec("audio"), {})

    assert np.isfinite(loaded.samples).all()


def test_flat_spectra_are_thinned_without_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clicks, flat in every band, give the same landmarks with and without the short cut that bounds their time."""
    clicks = (np.arange(16_000) % 1000 == 500).astype(np.float32) + synthetic_sound(2, 2.0, 8000) / 8
    quick = _peaks.peaks(clicks)
    monkeypatch.setattr(_peaks, "_strongest_of_tick", lambda tick, level: np.ones(len(tick), bool))
    full = _peaks.peaks(clicks)

    assert len(quick[0])
    for found, expected in zip(quick, full, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_names_of_odd_characters(films: VideoModality) -> None:
    """Line ends, escapes and unpaired surrogates in a name reach no message."""
    with pytest.raises(DecodeError) as caught:
        films.preview(Blob.from_bytes(b"no film", "a\n\x1b[31m\udcff\u202e.mp4"), WHOLE, 64)

    caught.value.message.encode()
    assert caught.value.message.isprintable()
