"""Near duplicates of recordings and films, and what lies in longer ones: what is found, and what is called so wrongly.

``python -m benchmarks.dedup_in_time``: prints tables in Markdown. Thirty tunes, for each kind of distortion with a
distorted copy, in a collection of its own, and with a distorted excerpt of ten seconds, in another one; the recordings
of ESC-10 as they are. Eight films, half of them real, half made of photographs in the test data, for each alteration
with an altered copy, and with an altered clip, a third as long. "Wrongly" counts pairs of which the one was not made of
the other; seconds are those of adding and looking.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

import morelike
from benchmarks.clips import ALTERATIONS, FPS, REAL, Frames, encoded, made, real
from morelike.settings import Settings
from morelike.testing.sounds import as_wav
from morelike.testing.tunes import DISTORTIONS, RATE, distorted, tune

ROOT = Path(__file__).resolve().parents[1]
TUNES, SECONDS = 30, 30
EXCERPT = 10
FILMS, LENGTH = 4, 20
"""So many real ones, and so many made ones of so many seconds."""


def _halved(frames: Frames) -> Frames:
    return np.stack([np.asarray(Image.fromarray(frame).reduce(2)) for frame in frames])


def _trimmed(share: float) -> Callable[[Frames], Frames]:
    def crop(frames: Frames) -> Frames:
        height, width = (round(side * share / 2) for side in frames.shape[1:3])
        return frames[:, height : frames.shape[1] - height, width : frames.shape[2] - width]

    return crop


WAYS = {
    "half the size": (_halved, 23),
    "2 % cropped": (_trimmed(0.02), 23),
    "5 % cropped": (_trimmed(0.05), 23),
    **{name: (alter, crf) for name, alter, crf in ALTERATIONS},
}
"""What is done to copies and to clips, and the quality that they are encoded with."""


def measure(folder: Path, modality: str, encoder: str, name: str, of: int) -> None:
    """``folder`` has ``files/N.*``, their ``copies/N.*`` and ``clips/N@SECOND.*``: two collections with the files."""
    began = perf_counter()
    copies, wrong_copies, _ = counted(folder, modality, encoder, "copies")
    clips, wrong_clips, off = counted(folder, modality, encoder, "clips")
    seconds = perf_counter() - began
    exact = f"{np.median(off):.2f} s, {max(off):.2f} s" if off else "–"
    wrong = wrong_copies + wrong_clips
    print(f"| {name} | {copies} of {of} | {clips} of {of} | {wrong} | {exact} | {seconds:.0f} |", flush=True)


def counted(folder: Path, modality: str, encoder: str, what: str) -> tuple[int, int, list[float]]:
    """Originals whose copy or clip was found, wrong pairs, and by how many seconds clips begin elsewhere."""
    found, wrong, off = set(), 0, []
    with morelike.open(Settings(library=folder / f"{what} library", offline=True)) as library:
        opened = library.collection("all", modality=modality, encoder=encoder)
        opened.add(folder / "files", folder / what, in_place=True)
        for group in opened.duplicates():
            for member in group.members[1:]:
                keeper, other = (Path(source) for source in (group.members[0].source, member.source))
                if _number(keeper) != _number(other):
                    wrong += 1
                elif group.kind == ("near" if what == "copies" else "contains"):
                    found.add(_number(keeper))
                    off += [abs(member.why["from"] - float(other.stem.partition("@")[2]))] if "@" in other.stem else []
    return len(found), wrong, off


def _number(path: Path) -> str:
    return path.stem.partition("@")[0]


def heading(what: str) -> None:
    print(f"\n| {what} | copies found | clips found | wrongly | a clip's place is off by (median, worst) | seconds |")
    print("|---|---|---|---|---|---|")


def sounds(folder: Path) -> None:
    heading("distortion")
    tunes = [tune(seed, SECONDS) for seed in range(TUNES)]
    begins = [random.Random(seed).uniform(0, SECONDS - EXCERPT) for seed in range(TUNES)]
    for way, name in enumerate(DISTORTIONS):
        if name == "as it is":
            continue
        files, copies, clips = (folder / str(way) / what for what in ("files", "copies", "clips"))
        for made_anew in (files, copies, clips):
            made_anew.mkdir(parents=True)
        for seed, (samples, start) in enumerate(zip(tunes, begins, strict=True)):
            first = round(start * RATE)
            (files / f"{seed}.wav").write_bytes(as_wav(samples, RATE))
            (copies / f"{seed}.media").write_bytes(distorted(name, samples, seed))
            excerpt = samples[first : first + EXCERPT * RATE]
            (clips / f"{seed}@{start:.3f}.media").write_bytes(distorted(name, excerpt, seed + TUNES))
        measure(folder / str(way), "audio", "landmarks", name, TUNES)


def as_they_are(folder: Path, recordings: Path) -> None:
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        opened = library.collection("all", modality="audio", encoder="landmarks")
        report = opened.add(recordings, in_place=True)
        groups = opened.duplicates()
    print(f"\n{report.added} recordings as they are: {len(groups)} groups")
    for group in groups:
        print("  " + ", ".join("/".join(Path(member.source).parts[-2:]) for member in group.members))


def films(folder: Path, data: Path) -> None:
    heading("alteration")
    rng = random.Random(3)
    photographs = sorted((data / "clothing").rglob("*.jpg"))
    rng.shuffle(photographs)
    left = iter(photographs)
    whole = [(made(left, rng)[: LENGTH * FPS], float(FPS)) for _ in range(FILMS)]
    whole += [(film.frames, film.fps) for film in (real(data / "video" / name) for name in REAL[:FILMS])]
    for way, (name, (alter, crf)) in enumerate(WAYS.items()):
        files, copies, clips = (folder / str(way) / what for what in ("files", "copies", "clips"))
        for made_anew in (files, copies, clips):
            made_anew.mkdir(parents=True)
        for number, (frames, fps) in enumerate(whole):
            length = len(frames) // 3
            first = random.Random(number).randrange(len(frames) - length)
            (files / f"{number}.mp4").write_bytes(encoded(frames, fps, 20))
            (copies / f"{number}.mp4").write_bytes(encoded(alter(frames), fps, crf + 1))
            clip = encoded(alter(frames[first : first + length]), fps, crf)
            (clips / f"{number}@{first / round(fps):.3f}.mp4").write_bytes(clip)
        measure(folder / str(way), "video", "classic", name, len(whole))


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared")) / "data"
    with tempfile.TemporaryDirectory() as scratch:
        sounds(Path(scratch) / "sounds")
        if data.is_dir():
            as_they_are(Path(scratch) / "as they are", data / "esc10")
            films(Path(scratch) / "films", data)


if __name__ == "__main__":
    main()
