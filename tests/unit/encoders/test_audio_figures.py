"""Real recordings through the cards for sounds: what was published, and what the cards promise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morelike.models import cards, weights
from morelike.protocols import Encoder
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.types import Audio, Card

pytest.importorskip("av", reason="the extra `audio` is not installed")
pytest.importorskip("soxr", reason="the extra `audio` is not installed")


def recording(path: Path) -> Audio:
    """A file's sound, mono."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout="mono")
        frames = [part for frame in container.decode(stream) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
        return Audio(np.concatenate([frame.to_ndarray()[0] for frame in frames]), stream.rate)


def made(card: Card, settings: Settings) -> Encoder:
    encoder: Encoder = ENCODERS.load(card.family)(card, weights.files(card, settings), settings)
    return encoder


def test_yamnet_is_the_published_one(test_data: Path) -> None:
    """With no patch left out, the vectors of the original, raw samples in, to a cosine of .98 (it was quantised)."""
    settings = Settings(models=(test_data / "models",))
    card = cards.find("yamnet", settings)
    encoder = made(replace(card, inputs={"audio": {**card.inputs["audio"], "quiet": 0}}), settings)
    with np.load(test_data / "reference" / "yamnet.npz") as reference:
        clips, expected = json.loads(str(reference["clips"])), reference["embedding"]
    got = encoder.encode("audio", [encoder.prepare("audio", recording(test_data / clip)) for clip in clips])
    assert (np.einsum("nd,nd->n", got, expected) >= 0.98).all()


@pytest.fixture(scope="module")
def figures(test_data: Path) -> dict[str, tuple[float, float, float]]:
    """A card's (P@1, P@5, mAP) of same-class retrieval on ESC-10, the query's own fold left out."""
    settings = Settings(models=(test_data / "models",))
    paths = sorted((test_data / "data" / "esc10").rglob("*.ogg"))
    labels = np.array([path.parent.name for path in paths])
    folds = np.array([path.name[0] for path in paths])
    encoders = {name: made(cards.find(name, settings), settings) for name in ("classic-audio", "yamnet")}
    prepared: dict[str, list[Any]] = {name: [] for name in encoders}
    for path in paths:
        payload = recording(path)
        for name, encoder in encoders.items():
            prepared[name].append(encoder.prepare("audio", payload))
    return {
        name: _figures(encoder.encode("audio", prepared[name]), labels, folds) for name, encoder in encoders.items()
    }


def _figures(vectors: Any, labels: Any, folds: Any) -> tuple[float, float, float]:
    rows = []
    for query, scores in enumerate(vectors @ vectors.T):
        others = np.flatnonzero(folds != folds[query])
        hits = labels[others[np.argsort(-scores[others], kind="stable")]] == labels[query]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        rows.append((hits[0], hits[:5].mean(), precision[hits].mean()))
    first, five, average = np.mean(rows, axis=0)
    return float(first), float(five), float(average)


@pytest.mark.xdist_group("figures of sounds")
@pytest.mark.parametrize(
    ("name", "expected"), [("classic-audio", (0.767, 0.670, 0.562)), ("yamnet", (0.971, 0.934, 0.874))]
)
def test_real_recordings_give_the_promised_figures(
    name: str, expected: tuple[float, float, float], figures: dict[str, tuple[float, float, float]]
) -> None:
    """Each card reaches what its ``run_here`` says (± .005)."""
    assert figures[name] == pytest.approx(expected, abs=0.005)
