"""Sound: `add` against its floor and against plain loops, decoding and encoding by themselves, and memory.

The older audio server made its network anew for each recording: `anew` is that loop (load, decode, encode one, insert
one), over a few recordings and scaled; `once` is the same loop with the network loaded before. The floor is the larger
of the encoder's own time on sounds that are already decoded, and (decode CPU + encode CPU) / cores. Each round measures
all of them one after the other; ratios are medians over rounds.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np

import morelike
from morelike.dryrun import peak_memory
from morelike.modalities.audio import AudioModality
from morelike.models import cards
from morelike.settings import Settings
from morelike.types import Audio, Blob
from morelike.wiring import load_encoder, resolve_card

ROUNDS = 3
RECORDINGS = {"yamnet": 240, "panns-cnn14": 48}
ANEW = 8  # recordings of the loop that loads the network for each
RATIOS = ("add_over_floor", "cpu_over_floor", "once_over_add", "anew_over_add")
CONTAINERS = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "opus": "libopus"}
LENGTHS = (600, 10_800)  # seconds
RATE = 32_000  # Hz, what decoding by itself is measured at


def convert(folder: Path) -> None:
    """A Cnn14 of arbitrary weights, through the project's own conversion, as ``folder``/panns-cnn14."""
    import torch

    from morelike.training.convert import convert as convert_checkpoint
    from morelike.training.networks import named

    torch.manual_seed(0)
    checkpoint = folder / "made.pth"
    torch.save({"model": named("panns").build().state_dict()}, checkpoint)
    convert_checkpoint("panns", checkpoint, folder / "panns-cnn14", Settings(models_cache=folder, offline=True))
    checkpoint.unlink()


def measure(settings: Settings, folder: Path) -> dict[str, Any]:
    """All of it; ``folder`` holds recordings. Without the extra `train`, without panns-cnn14."""
    with tempfile.TemporaryDirectory() as scratch:
        models = Path(scratch) / "models"
        models.mkdir()
        made = subprocess.run([sys.executable, "-m", "benchmarks.audio", "convert", str(models)], check=False)
        own = settings.model_copy(update={"models": (*settings.models, models)})
        names = [name for name in RECORDINGS if name != "panns-cnn14" or made.returncode == 0]
        return {
            "adding": [adding(own, name, folder) for name in names],
            "encoding": [encoding(own, name, folder) for name in names],
            "decoding": decoding(own, Path(scratch)),
            "memory": memory(own, Path(scratch)),
        }


def adding(settings: Settings, name: str, folder: Path) -> dict[str, Any]:
    """Seconds a recording: the floor, `add --in-place`, both loops."""
    card = resolve_card(name, settings)
    encoder = load_encoder(card, settings)
    encoder.encode("audio", [_silence(encoder)])
    rounds = []
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / "recordings"
        paths = _copied(folder, local, RECORDINGS[name])
        for _ in range(ROUNDS):
            one = {f"{key}_s": seconds / len(paths) for key, seconds in _floor(settings, encoder, paths).items()}
            one["add_s"], one["add_cpu_s"] = (value / len(paths) for value in _add(settings, name, local))
            one["once_s"] = _loop(settings, card, paths, encoder) / len(paths)
            one["anew_s"] = _loop(settings, card, paths[:ANEW], None) / len(paths[:ANEW])
            one["add_over_floor"] = one["add_s"] / one["floor_s"]
            one["cpu_over_floor"] = one["add_cpu_s"] / (one["decode_cpu_s"] + one["encode_cpu_s"])
            one["once_over_add"] = one["once_s"] / one["add_s"]
            one["anew_over_add"] = one["anew_s"] / one["add_s"]
            rounds.append(one)
    return {"encoder": name, "recordings": len(paths), **_medians(rounds)}


def _medians(rounds: list[dict[str, float]]) -> dict[str, Any]:
    medians = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
    ranges = {f"{key}_range": [min(one[key] for one in rounds), max(one[key] for one in rounds)] for key in RATIOS}
    return {**medians, **ranges}


def _copied(folder: Path, local: Path, count: int) -> list[Path]:
    """``count`` recordings, spread over the folder's kinds."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in {".ogg", ".wav", ".flac", ".mp3"})
    local.mkdir()
    chosen = [found[at] for at in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]
    return [Path(shutil.copy(path, local / path.name)) for path in chosen]


def _silence(encoder: Any) -> Any:
    rate = int(encoder.card.inputs["audio"]["rate"])
    return encoder.prepare("audio", Audio(np.zeros(rate, dtype=np.float32), rate))


def _prepared(settings: Settings, encoder: Any, path: Path) -> list[Any]:
    modality = AudioModality(settings)
    blob = Blob.from_path(path)
    specs = [spec for spec in modality.split(blob, modality.settle({})) if spec.kind == "audio"]
    payloads = modality.load_run(blob, specs, encoder.card.inputs["audio"])
    return [encoder.prepare("audio", payload) for payload in payloads]


def _floor(settings: Settings, encoder: Any, paths: list[Path]) -> dict[str, float]:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    began_cpu = time.process_time()
    with ThreadPoolExecutor(cores) as pool:
        prepared = [
            piece for pieces in pool.map(lambda path: _prepared(settings, encoder, path), paths) for piece in pieces
        ]
    decode_cpu = time.process_time() - began_cpu
    began, began_cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(prepared), 32):
        encoder.encode("audio", prepared[start : start + 32])
    alone, encode_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    return {
        "alone": alone,
        "decode_cpu": decode_cpu,
        "encode_cpu": encode_cpu,
        "floor": max(alone, (decode_cpu + encode_cpu) / cores),
    }


def _add(settings: Settings, name: str, folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one `add` into a fresh library, fingerprints and all; the model is loaded before."""
    with tempfile.TemporaryDirectory() as scratch:
        own = settings.model_copy(update={"library": Path(scratch) / "library"})
        with morelike.open(own) as library:
            collection = library.collection("bench", modality="audio", encoder=name)
            space = next(space for space in collection.spaces if space.kind == "audio")
            lane = library._lanes.lane(space)
            lane.submit("audio", [_silence(lane.encoder)]).result()
            began, began_cpu = time.perf_counter(), time.process_time()
            report = collection.add(folder, in_place=True)
            seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    assert report.rejected == 0, report
    return seconds, cpu


def _loop(settings: Settings, card: Any, paths: list[Path], encoder: Any) -> float:
    """Decode, encode one, insert one into SQLite and faiss; wall seconds. No encoder given: one is loaded each time."""
    with tempfile.TemporaryDirectory() as scratch:
        rows = sqlite3.connect(Path(scratch) / "rows.sqlite")
        rows.execute("create table rows (id integer primary key, path text, vector blob)")
        index = faiss.IndexFlatIP(card.dim)
        began = time.perf_counter()
        for at, path in enumerate(paths):
            own = encoder or load_encoder(card, settings)
            rate = int(card.inputs["audio"]["rate"])
            sound = Audio(np.concatenate(list(_bare(path, rate))), rate)
            vector = own.encode("audio", [own.prepare("audio", sound)])
            index.add(vector)
            rows.execute("insert into rows values (?, ?, ?)", (at, str(path), vector.tobytes()))
            rows.commit()
        seconds = time.perf_counter() - began
        rows.close()
    return seconds


def _bare(path: Path, rate: int) -> Iterator[Any]:
    """FFmpeg's decoder and soxr, and nothing else: mono samples."""
    import av
    import soxr

    with av.open(str(path)) as container:
        resampler = None
        for frame in container.decode(container.streams.audio[0]):
            samples = frame.to_ndarray()
            if not frame.format.is_planar:
                samples = samples.reshape(-1, len(frame.layout.channels)).T
            samples = samples.mean(axis=0, dtype=np.float32)
            if frame.format.name.startswith("s16"):
                samples /= np.float32(32768)
            resampler = resampler or soxr.ResampleStream(frame.sample_rate, rate, 1, dtype="float32")
            yield resampler.resample_chunk(samples)
        if resampler is not None:
            yield resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def encoding(settings: Settings, name: str, folder: Path) -> dict[str, Any]:
    """Seconds of sound a CPU second: what prepares, what encodes; and onnxruntime alone on what is prepared already."""
    encoder = load_encoder(resolve_card(name, settings), settings)
    rate = int(encoder.card.inputs["audio"]["rate"])
    with tempfile.TemporaryDirectory() as scratch:
        paths = _copied(folder, Path(scratch) / "recordings", 16)
        sounds = [Audio(np.concatenate(list(_bare(path, rate))), rate) for path in paths]
    length = sum(len(sound.samples) for sound in sounds) / rate
    prepared = [encoder.prepare("audio", sound) for sound in sounds]
    pieces = np.concatenate([own for own in prepared if own.shape[1:] == prepared[0].shape[1:]])
    share = len(pieces) / sum(len(own) for own in prepared)
    factors: dict[str, list[float]] = {"prepare": [], "encode": [], "network": []}
    encoder.encode("audio", prepared[:1])
    for _ in range(ROUNDS):
        factors["prepare"].append(length / _cpu(lambda: [encoder.prepare("audio", sound) for sound in sounds]))
        factors["encode"].append(length / _cpu(lambda: encoder.encode("audio", prepared)))
        factors["network"].append(length * share / _cpu(lambda: _network_alone(encoder, pieces)))
    return {"encoder": name, **{key: statistics.median(values) for key, values in factors.items()}}


def _network_alone(encoder: Any, pieces: Any) -> None:
    laid_out = encoder._sound.laid_out(pieces)
    name = str(encoder.card.inputs["audio"].get("name", ""))
    for start in range(0, len(laid_out), 16):
        encoder._towers["audio"].run({name: laid_out[start : start + 16]})


def _cpu(work: Any) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def decoding(settings: Settings, scratch: Path) -> list[dict[str, Any]]:
    """Seconds of sound a CPU second, for each container: as the modality reads windows, and FFmpeg with soxr alone."""
    modality = AudioModality(settings)
    rows = []
    for suffix, codec in CONTAINERS.items():
        path = scratch / f"sound.{suffix}"
        write_sound(path, codec, seconds=120, rate=48_000 if suffix == "opus" else 44_100)
        blob = Blob.from_path(path)
        specs = [spec for spec in modality.split(blob, modality.settle({"hop": 10.0})) if spec.kind == "audio"]
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(_cpu(lambda: list(modality.load_run(blob, specs, {"rate": RATE}))))  # noqa: B023 - runs here
            bare.append(_cpu(lambda: list(_bare(path, RATE))))  # noqa: B023 - likewise
        rows.append({"container": suffix, "ours": 120 / min(ours), "bare": 120 / min(bare)})
    return rows


def write_sound(path: Path, codec: str, *, seconds: int, rate: int) -> None:
    """Stereo: ten seconds of noise and a rising tone, over and over."""
    import av

    generator = np.random.default_rng(0)
    moments = np.arange(10 * rate) / rate
    tone = np.sin(2 * np.pi * (200 + 100 * moments) * moments)
    sound = np.stack([0.5 * tone + 0.02 * generator.standard_normal(len(tone)) for _ in range(2)])
    samples = (20_000 * sound.T).clip(-32_768, 32_767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        for at in range(seconds):
            part = samples[at % 10 * rate : (at % 10 + 1) * rate]
            frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="s16", layout="stereo")
            frame.sample_rate, frame.pts = rate, at * rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def memory(settings: Settings, scratch: Path) -> list[dict[str, Any]]:
    """Peak resident memory of adding one recording, each length in a process of its own."""
    rows = []
    models = json.dumps([str(folder) for folder in settings.models])
    for seconds in LENGTHS:
        folder = scratch / f"long-{seconds}"
        folder.mkdir()
        write_sound(folder / "long.flac", "flac", seconds=seconds, rate=16_000)
        command = [sys.executable, "-m", "benchmarks.audio", "add", str(folder), f"{folder}-library", models]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows.append({"seconds": seconds, **json.loads(out.splitlines()[-1])})
    return rows


def _add_one(folder: str, library_folder: str, models: str) -> None:
    settings = Settings(library=Path(library_folder), models=tuple(map(Path, json.loads(models))), offline=True)
    name = "yamnet" if any(card.name == "yamnet" for card in cards.all_cards(settings)) else "classic-audio"
    with morelike.open(settings) as library:
        report = library.collection("bench", modality="audio", encoder=name).add(folder)
    assert report.added == 1, report
    print(json.dumps({"encoder": name, "add_s": report.seconds, "peak_bytes": peak_memory()}))


def section(results: dict[str, Any]) -> list[str]:
    """Markdown lines."""
    lines = [
        "## Sound",
        "",
        (
            "Recordings of 5 s. The floor as above. *Anew* loads the network for each recording, as the older server "
            "does, *once* loads it before; both decode, encode one, insert one. `add` makes the exact fingerprint of "
            "each recording besides, the loops do not. Cnn14's weights are arbitrary: only its speed is meant. Seconds "
            f"a recording; medians of {ROUNDS} rounds, the range of the ratios in brackets."
        ),
        "",
        (
            "| encoder | recordings | floor | `add --in-place` | × floor | × its CPU "
            "| once | once / add | anew | anew / add |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results["adding"]:
        ratios = [f"{row[key]:.2f} ({row[f'{key}_range'][0]:.2f}-{row[f'{key}_range'][1]:.2f})" for key in RATIOS]
        cells = [f"`{row['encoder']}`", str(row["recordings"]), f"{row['floor_s']:.3f} s", f"{row['add_s']:.3f} s"]
        cells += [*ratios[:2], f"{row['once_s']:.3f} s", ratios[2], f"{row['anew_s']:.3f} s", ratios[3]]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Seconds of sound a CPU second; beside each what the library under it does alone on the same input.",
        "",
        "| encoder | prepare | encode | onnxruntime alone |",
        "|---|---|---|---|",
    ]
    for row in results["encoding"]:
        figures = " | ".join(f"{row[key]:.0f}" for key in ("prepare", "encode", "network"))
        lines.append(f"| `{row['encoder']}` | {figures} |")
    lines += ["", "| to 32 kHz mono, from stereo | windows of 10 s | FFmpeg and soxr alone |", "|---|---|---|"]
    lines += [f"| {row['container']} | {row['ours']:.0f} | {row['bare']:.0f} |" for row in results["decoding"]]
    lines += ["", "| one recording of | encoder | peak memory | added in |", "|---|---|---|---|"]
    for row in results["memory"]:
        cells = [f"{row['seconds'] / 60:.0f} min", f"`{row['encoder']}`", f"{row['peak_bytes'] / 1e6:.0f} MB"]
        cells.append(f"{row['add_s']:.0f} s")
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


if __name__ == "__main__":
    if sys.argv[1] == "convert":
        convert(Path(sys.argv[2]))
    else:
        _add_one(*sys.argv[2:5])
