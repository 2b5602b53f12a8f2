"""The ONNX family on sounds: pieces, patches, padding, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morelike.encoders._mel import LogMel
from morelike.encoders._session import Session
from morelike.encoders._sound import Sound, sound_at
from morelike.encoders.onnx import OnnxEncoder
from morelike.errors import EncodeError, MissingExtra, ModelError
from morelike.models import cards, weights
from morelike.settings import Settings
from morelike.testing.tiny_onnx import mel_tower, mel_weights, text_tower, waveform_tower
from morelike.types import Audio, Card, WeightsFile

RATE = 8000
MEL: dict[str, Any] = {"rate": RATE, "window": 200, "hop": 80, "mels": 6, "offset": 0.01}
WAVE: dict[str, Any] = {"rate": RATE, "frontend": "waveform"}


def sound(seconds: float, seed: int = 0, *, rate: int = RATE) -> Audio:
    samples = np.random.default_rng(seed).standard_normal(round(seconds * rate)).astype(np.float32)
    return Audio(samples / 8, rate)


def encoder(folder: Path, inputs: dict[str, Any], model: bytes, dim: int) -> OnnxEncoder:
    (folder / "tiny.onnx").write_bytes(model)
    card = Card("tiny", "onnx", "dense", dim, "ip", {"audio": inputs}, weights=(WeightsFile("tiny.onnx"),))
    return OnnxEncoder(card, {"tiny.onnx": folder / "tiny.onnx"}, Settings())


def patched(folder: Path, **more: Any) -> OnnxEncoder:
    """Patches of 10 frames every 5; the vector is the mean frame times known weights."""
    inputs = {**MEL, "patch": 10, "patch_hop": 5, "shortest": 0.2, **more}
    return encoder(folder, inputs, mel_tower(4, mels=6, frames=10), 4)


def waves(folder: Path, **more: Any) -> OnnxEncoder:
    """The vector is the mean sample and the mean size."""
    return encoder(folder, {**WAVE, **more}, waveform_tower(), 2)


def vectors(made: OnnxEncoder, *sounds: Audio) -> Any:
    return made.encode("audio", [made.prepare("audio", one) for one in sounds])


def test_a_vector_is_the_mean_over_patches(tmp_path: Path) -> None:
    """Each patch of frames goes through the network; the sound's vector is their mean."""
    given = sound(0.5)
    gram = LogMel.from_card("x", MEL).of(given.samples)
    starts = range(0, len(gram) - 9, 5)
    expected = np.mean([gram[start : start + 10].mean(axis=0) for start in starts], axis=0) @ mel_weights(6, 4)
    np.testing.assert_allclose(vectors(patched(tmp_path), given)[0], expected, atol=1e-5)


def test_sounds_of_any_length_share_a_batch(tmp_path: Path) -> None:
    """In one batch a short and a long sound each get the vector that they get alone, in their order."""
    made = patched(tmp_path, batch=3)
    sounds = [sound(0.2, 1), sound(1.7, 2), sound(0.3, 3)]
    together = vectors(made, *sounds)
    np.testing.assert_allclose(together, np.concatenate([vectors(made, one) for one in sounds]), atol=1e-5)


def test_waveforms_of_several_lengths_share_a_batch(tmp_path: Path) -> None:
    """A network that takes the samples themselves sees every sound at its own length, nothing padded to the longest."""
    sounds = [sound(0.5, 1), sound(0.25, 2), sound(0.5, 3)]
    expected = [(one.samples.mean(), np.abs(one.samples).mean()) for one in sounds]
    np.testing.assert_allclose(vectors(waves(tmp_path), *sounds), expected, atol=1e-5)


def test_a_run_is_bounded_however_long_the_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run of the network gets more pieces than the card's ``batch``."""
    made, runs = patched(tmp_path, batch=7), []
    run = Session.run
    monkeypatch.setattr(
        Session, "run", lambda self, feeds: runs.append(len(next(iter(feeds.values())))) or run(self, feeds)
    )
    vectors(made, sound(30), sound(1))
    assert max(runs) == 7
    assert sum(runs) > 600


def test_a_long_waveform_is_cut(tmp_path: Path) -> None:
    """Where a card fixes no length, a network of waveforms gets a minute at the most at once."""
    prepared = waves(tmp_path).prepare("audio", sound(150))
    assert prepared.shape == (3, 60 * RATE)


@pytest.mark.parametrize(("pad", "heard"), [("zero", 3), ("repeat", 9)])
def test_short_sounds_are_padded(pad: str, heard: int) -> None:
    """With silence, or with whole repetitions of themselves and then silence."""
    padded = Sound.from_card("x", {**WAVE, "shortest": 10 / RATE, "pad": pad}).cut(
        Audio(np.array([1, 2, 3], dtype=np.float32), RATE)
    )
    expected = np.zeros(10)
    expected[:heard] = np.tile([1, 2, 3], 3)[:heard]
    np.testing.assert_array_equal(padded, [expected])


def test_longer_sounds_are_covered_evenly() -> None:
    """A sound longer than the network's is cut in as few pieces as cover it, the first and the last at its ends."""
    made = Sound.from_card("x", {**WAVE, "length": 10 / RATE})
    pieces = made.cut(Audio(np.arange(25, dtype=np.float32), RATE))
    assert pieces[:, 0].tolist() == [0, 8, 15]
    assert pieces.shape == (3, 10)


def test_sounds_are_resampled(tmp_path: Path) -> None:
    """A sound at another rate is brought to the card's first."""
    pytest.importorskip("soxr", reason="the extra `audio` is not installed")
    time = np.arange(22_050) / 22_050
    got = sound_at(Audio(np.sin(2 * np.pi * 300 * time).astype(np.float32), 22_050), RATE)
    assert len(got) == RATE
    expected = np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(got[400:-400], expected[400:-400], atol=1e-3)


def test_resampling_without_the_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `soxr` is not installed, the sentence names the extra; sounds at the card's own rate go on working."""
    monkeypatch.setitem(__import__("sys").modules, "soxr", None)
    assert len(sound_at(sound(1), RATE)) == RATE
    with pytest.raises(MissingExtra, match=r"morelike\[audio\]"):
        sound_at(sound(1, rate=11_025), RATE)


@pytest.mark.parametrize(("fainter", "patches"), [(0.02, 14), (0.005, 10)])
@pytest.mark.parametrize("spectrum", [{"log": "db", "power": 1, "std": 7}, {"power": 2}], ids=str)
def test_quiet_patches_are_left_out(fainter: float, patches: int, spectrum: dict[str, Any]) -> None:
    """With ``quiet = 40``, what is 34 dB below the loudest patch counts, what is 46 dB below does not."""
    loud, faint = sound(0.5, 1).samples, sound(0.25, 2).samples * fainter
    values = {**MEL, "offset": 0, "floor": 1e-12, **spectrum, "patch": 5, "shortest": 0.1, "quiet": 40}
    assert len(Sound.from_card("x", values).cut(Audio(np.concatenate([loud, faint]), RATE))) == patches


def test_silence_is_not_quiet() -> None:
    """Where no patch is louder than another, all count."""
    values = {**MEL, "patch": 5, "shortest": 0.1, "quiet": 40}
    assert len(Sound.from_card("x", values).cut(Audio(np.zeros(RATE, dtype=np.float32), RATE))) == 19


def test_silence_has_a_vector(tmp_path: Path) -> None:
    """A silent sound, even of one sample, gives finite numbers."""
    silent = Audio(np.zeros(1, dtype=np.float32), RATE)
    assert np.isfinite(vectors(patched(tmp_path), silent)).all()


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (np.zeros(9, dtype=np.float32), "ndarray"),
        (Audio(np.zeros((9, 2), dtype=np.float32), RATE), r"\(9, 2\)"),
        (Audio(np.zeros(9, dtype=np.int16), RATE), "int16"),
        (Audio(np.zeros(0, dtype=np.float32), RATE), "0 samples"),
        (Audio(np.zeros(9, dtype=np.float32), 0), "0 Hz"),
        (Audio(np.array([0, np.nan], dtype=np.float32), RATE), "finite"),
    ],
)
def test_what_is_no_sound_is_an_item_error(payload: Any, word: str, tmp_path: Path) -> None:
    """A payload that cannot be encoded is refused with what it is."""
    with pytest.raises(EncodeError, match=word):
        patched(tmp_path).prepare("audio", payload)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"patsch": 3}, "patsch"),
        ({"frontend": "cochlea"}, "frontend"),
        ({"frontend": "waveform"}, "patch"),
        ({"shortest": 0.01}, "shortest"),
        ({"shortest": 3, "length": 2}, "shortest"),
        ({"pad": "mirror"}, "pad"),
        ({"batch": 0}, "batch"),
        ({"layout": "nhwc"}, "layout"),
    ],
    ids=str,
)
def test_a_wrong_card_of_sounds_is_refused(more: dict[str, Any], word: str, tmp_path: Path) -> None:
    """A number that cannot be, and a key that this front end does not know, are named before any work."""
    with pytest.raises(ModelError, match=word):
        patched(tmp_path, **more)


@pytest.mark.parametrize(
    ("layout", "shape"), [("1tm", (2, 1, 5, 3)), ("1mt", (2, 1, 3, 5)), ("tm", (2, 5, 3)), ("mt", (2, 3, 5))]
)
def test_layouts(layout: str, shape: tuple[int, ...]) -> None:
    """Time and bands lie as the card says, with or without an axis for the channel."""
    made = Sound.from_card("x", {**MEL, "shortest": 1, "layout": layout})
    laid = made.laid_out(np.arange(30, dtype=np.float32).reshape(2, 5, 3))
    assert laid.shape == shape
    assert laid.reshape(2, -1)[0, 1] == (1 if layout.endswith("tm") else 3)


@pytest.mark.parametrize("dim", [4, 5])
def test_an_imported_model_of_sounds_is_tried_out(dim: int, tmp_path: Path, settings: Settings) -> None:
    """`models import` runs a random sound through the network: a card that says another width is refused."""
    inputs = {**MEL, "patch": 10, "shortest": 0.2}
    (tmp_path / "tiny.onnx").write_bytes(mel_tower(4, mels=6, frames=10))
    card = Card("tiny", "onnx", "dense", dim, "ip", {"audio": inputs}, weights=(WeightsFile("tiny.onnx"),), licence="x")
    cards.write(card, tmp_path / "tiny.toml")
    if dim == 4:
        assert weights.import_file(tmp_path / "tiny.onnx", tmp_path / "tiny.toml", settings).dim == 4
    else:
        with pytest.raises(ModelError, match="dim = 5"):
            weights.import_file(tmp_path / "tiny.onnx", tmp_path / "tiny.toml", settings)


WORDS = {"<s>": 0, "<pad>": 1, "</s>": 2, "rain": 3, "dog": 4, "a": 5}


@pytest.fixture
def clap(tmp_path: Path) -> OnnxEncoder:
    """The card ``clap-htsat`` as shipped, on tiny files with the inputs' and outputs' names and shapes of its own."""
    pytest.importorskip("tokenizers", reason="the extra `clip` is not installed")
    card = replace(cards.find("clap-htsat", Settings()), dim=8)
    tower = mel_tower(8, mels=64, frames=1001, name="input_features", output="audio_embeds")
    table = np.random.default_rng(1).standard_normal((6, 8)).astype(np.float32)
    (tmp_path / "audio_model.onnx").write_bytes(tower)
    (tmp_path / "text_model.onnx").write_bytes(text_tower(table, name="input_ids", output="text_embeds"))
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "a"},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    return OnnxEncoder(card, {file.name: tmp_path / file.name for file in card.weights}, Settings())


def test_clap_sees_ten_seconds(clap: OnnxEncoder) -> None:
    """1001 frames of 64 bands in decibels: a shorter sound is repeated as often as it fits, a longer one cut."""
    assert clap.prepare("audio", sound(10, rate=48_000)).shape == (1, 1001, 64)
    assert clap.prepare("audio", sound(15, rate=48_000)).shape == (2, 1001, 64)
    short = clap.prepare("audio", sound(3, rate=48_000))[0]
    np.testing.assert_allclose(short[20:280], short[320:580], atol=1e-2)  # three times, then a second of silence
    np.testing.assert_allclose(short[905:], -100, atol=1e-3)


def test_claps_words_have_no_padding(clap: OnnxEncoder) -> None:
    """Texts of any length in one batch get the vectors that they get alone: that export has no mask for padding."""
    texts = ["rain", "a dog a dog", "dog"]
    prepared = [clap.prepare("text", text) for text in texts]
    table = np.random.default_rng(1).standard_normal((6, 8)).astype(np.float32)
    expected = np.stack([table[[0, *(WORDS[word] for word in text.split()), 2]].mean(axis=0) for text in texts])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(clap.encode("text", prepared), expected, atol=1e-5)
