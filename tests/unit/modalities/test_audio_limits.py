"""Hostile, endless and real recordings: bounded memory, no crash, nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from morelike.errors import ItemError
from morelike.modalities.audio import AudioModality
from morelike.settings import Settings
from morelike.testing.sounds import as_wav, encoded, synthetic_sound
from morelike.types import WHOLE, Blob

pytest.importorskip("av")

_SHORT = synthetic_sound(1, 0.5, 48_000)
_FORMS = (("flac", "flac"), ("mp3", "libmp3lame"), ("ogg", "libopus"), ("ipod", "aac"), ("adts", "aac"))
_FORMS += (("matroska", "vorbis"), ("wav", "adpcm_ms"), ("aiff", "pcm_s16be"), ("caf", "pcm_s16le"), ("asf", "wmav2"))
FILES = [
    encoded(np.stack([_SHORT, _SHORT], axis=1), 48_000, *form, bit_rate=128_000 if form[1] == "wmav2" else 0)
    for form in _FORMS
]


@how(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_never_crash(settings: Settings, data: st.DataObject) -> None:
    """Whatever bits flip and wherever a file ends, it works or is an ItemError."""
    audio = AudioModality(settings)
    file = bytearray(data.draw(st.sampled_from(FILES)))
    for _ in range(data.draw(st.integers(0, 12))):
        file[data.draw(st.integers(0, min(len(file), data.draw(st.sampled_from([200, 10**6]))) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(file))))
    blob = Blob.from_bytes(bytes(file[:cut]), "fuzz")

    with suppress(ItemError):
        audio.describe(blob)
    with suppress(ItemError):
        for spec in list(audio.split(blob, {}))[:4]:
            assert np.isfinite(audio.load(blob, spec, {"rate": 16_000}).samples).all()
    with suppress(ItemError):
        audio.preview(blob, WHOLE, 32)


_STREAM = """
import json, sys
from pathlib import Path
import av, soxr, numpy, PIL.Image
from morelike.modalities.audio import AudioModality
from morelike.settings import Settings
from morelike.types import Blob

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

audio = AudioModality(Settings(library=Path(sys.argv[2])))
blob = Blob.from_path(Path(sys.argv[1]))
specs = [spec for spec in audio.split(blob, {}) if spec.kind == "audio"]
before = peak()
seconds = sum(len(payload.samples) / payload.rate for payload in audio.load_run(blob, specs, {"rate": 4000}))
print(json.dumps([len(specs), seconds, peak() - before]))
"""


def test_three_hours_in_flat_memory(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    """All windows of a recording of three hours stream by in less than 60 MB."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process's memory is read from /proc")
    rate, hours = 4000, 3
    piece = np.concatenate([synthetic_sound(0, 10.0, rate), np.zeros(50 * rate, np.float32)])
    path = tmp_path / "long.flac"
    path.write_bytes(encoded(np.tile(piece, 60 * hours), rate, "flac", "flac"))

    done = subprocess.run(
        [sys.executable, "-c", _STREAM, str(path), str(tmp_path)], check=True, capture_output=True, text=True
    )
    segments, seconds, megabytes = json.loads(done.stdout)

    record_property("three hours of sound: megabytes above import", round(megabytes, 1))
    assert segments == 2159
    assert seconds == pytest.approx(2159 * 10)
    assert megabytes < 60


def test_every_recording_of_esc10(test_data: Path, settings: Settings) -> None:
    """All 240 recordings are described and decode to as many samples as they last."""
    audio = AudioModality(settings)
    paths = sorted((test_data / "data" / "esc10").glob("*/*.ogg"))

    assert len(paths) == 240
    for path in paths:
        blob = Blob.from_path(path)
        spec = next(audio.split(blob, {}))
        payload = audio.load(blob, spec, {"rate": 32_000})
        assert len(payload.samples) == pytest.approx(32_000 * audio.describe(blob)["duration"], abs=1600), path.name


def test_an_upper_case_name_changes_nothing(settings: Settings) -> None:
    """Bytes are described alike under any name."""
    audio = AudioModality(settings)
    data = as_wav(synthetic_sound(0, 0.5))

    assert audio.describe(Blob.from_bytes(data, "A.WAV")) == audio.describe(Blob.from_bytes(data, "b.txt"))
