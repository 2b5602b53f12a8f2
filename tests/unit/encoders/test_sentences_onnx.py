"""Texts through the ONNX family: masks, lengths and pooling; and all-minilm-l6-v2 against the original."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from minilm import write_tiny
from numpy.typing import NDArray

from morelike.encoders import onnx as family
from morelike.encoders.onnx import OnnxEncoder
from morelike.errors import ModelError
from morelike.models import cards
from morelike.protocols import Encoder
from morelike.settings import Settings
from morelike.types import Card, WeightsFile
from morelike.wiring import load_encoder

pytest.importorskip("tokenizers", reason="the extra `text` is not installed (tokenizers)")

TEXT = {
    "name": "input_ids",
    "mask": "attention_mask",
    "types": "token_type_ids",
    "output": "last_hidden_state",
    "pool": "mean",
    "length": 16,
    "prefix": [2],
    "suffix": [3],
    "padded": "batch",
}
TEXTS = ["red fox", "", "blue", "red " * 30, "東京", "a red fox a red fox", "foxes \ud800 blue"]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    pytest.importorskip("onnx", reason="the extra `convert` is not installed (onnx)")
    from safetensors.numpy import load_file

    from morelike.models.bert import Shape, build

    source = write_tiny(tmp_path)
    config = json.loads((source / "config.json").read_text())
    (source / "model.onnx").write_bytes(build(load_file(source / "model.safetensors"), Shape.of(config)))
    return {name: source / name for name in ("model.onnx", "tokenizer.json")}


def made(files: dict[str, Path], **text: Any) -> OnnxEncoder:
    weights = tuple(WeightsFile(name) for name in files)
    values = {key: value for key, value in {**TEXT, **text}.items() if value is not None}
    return OnnxEncoder(Card("tiny", "onnx", "dense", 8, "cosine", {"text": values}, weights=weights), files, Settings())


def vectors(encoder: Encoder, texts: list[str]) -> NDArray[np.float32]:
    return encoder.encode("text", [encoder.prepare("text", text) for text in texts])


@pytest.mark.parametrize("pool", ["mean", "cls", "gem"])
def test_padding_counts_for_nothing(pool: str, files: dict[str, Path]) -> None:
    """In a batch, padded to a fixed length, or alone without any padding: a text has one vector."""
    alone = np.concatenate([vectors(made(files, pool=pool), [text]) for text in TEXTS])
    for padded in ("batch", True, False):
        np.testing.assert_allclose(vectors(made(files, pool=pool, padded=padded), TEXTS), alone, atol=1e-5)


def test_long_batches_are_run_in_parts(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has a bounded number of tokens; vectors come in the order of the texts all the same."""
    expected = vectors(made(files), TEXTS * 3)
    monkeypatch.setattr(family, "_TOKENS", 20)
    encoder, shapes = made(files), []
    run = encoder._towers["text"].run
    monkeypatch.setattr(
        encoder._towers["text"], "run", lambda feeds: shapes.append(feeds["input_ids"].shape) or run(feeds)
    )

    np.testing.assert_allclose(vectors(encoder, TEXTS * 3), expected, atol=1e-5)
    assert max(count * length for count, length in shapes) <= 20
    assert sum(count for count, _ in shapes) == 3 * len(TEXTS)


def test_words_before_each_text(files: dict[str, Path]) -> None:
    """``before`` stands before every text, as some networks were trained to have it."""
    np.testing.assert_array_equal(
        made(files, before="red ").prepare("text", "fox"), made(files).prepare("text", "red fox")
    )


def test_types_are_fed_where_the_network_has_them(files: dict[str, Path]) -> None:
    """An input for types that the network lacks is passed over; one that it has and the card does not name is said."""
    np.testing.assert_array_equal(vectors(made(files, types="token_type_ids"), ["red"]), vectors(made(files), ["red"]))
    with pytest.raises(ModelError, match="also wants token_type_ids"):
        vectors(made(files, types=None), ["red"])
    with pytest.raises(ModelError, match="also wants token_type_ids"):
        vectors(made(files, types="segment_ids"), ["red"])


@pytest.mark.parametrize(
    ("text", "said"), [({"padded": "longest"}, "padded = 'longest'"), ({"mask": None}, "without a mask")]
)
def test_padding_that_cannot_be(text: dict[str, Any], said: str, files: dict[str, Path]) -> None:
    """A word for padding that there is not, and padding that nothing would hide, are refused."""
    with pytest.raises(ModelError, match=said):
        made(files, **text)


@pytest.fixture(scope="module")
def minilm(minilm_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    settings = Settings(models=(minilm_models,), models_cache=tmp_path_factory.mktemp("models"), offline=True)
    return load_encoder(cards.find("all-minilm-l6-v2", settings), settings)


def test_minilm_gives_what_the_original_gave(minilm: Encoder, test_data: Path) -> None:
    """The project's own conversion reproduces sentence-transformers to 1e-4: an empty text, a long one, any script."""
    reference = np.load(test_data / "reference" / "minilm.npz")
    sentences = json.loads(str(reference["sentences"]))
    assert "" in sentences
    np.testing.assert_allclose(vectors(minilm, sentences), reference["embedding"], atol=1e-4)
    alone = np.concatenate([vectors(minilm, [text]) for text in sentences])
    np.testing.assert_allclose(alone, reference["embedding"], atol=1e-4)


def test_minilm_on_any_thread(minilm: Encoder) -> None:
    """Prepared by several threads at once, texts are the same tokens."""
    texts = [f"sentence number {number} about foxes" for number in range(64)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: minilm.prepare("text", text), texts))
    for text, prepared in zip(texts, together, strict=True):
        np.testing.assert_array_equal(prepared, minilm.prepare("text", text))
