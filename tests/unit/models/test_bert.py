"""The project's own BERT graph, held against the network written out in numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minilm import CONFIG, tiny_tensors
from numpy.typing import NDArray

from morelike.errors import ModelError

pytest.importorskip("onnx", reason="the extra `convert` is not installed (onnx)")

from morelike.models.bert import INPUTS, OUTPUT, Shape, build

Floats = NDArray[np.float64]
ERF = np.vectorize(math.erf, otypes=[float])


def forward(tensors: dict[str, Any], config: dict[str, Any], ids: Any, mask: Any, types: Any) -> Floats:
    """(n, tokens, hidden): BERT as the paper has it, in double precision."""

    def dense(x: Floats, name: str) -> Floats:
        return x @ tensors[f"{name}.weight"].T.astype(float) + tensors[f"{name}.bias"]

    def norm(x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + config["layer_norm_eps"])
        return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    def parted(x: Floats) -> Floats:
        return x.reshape(*x.shape[:2], config["num_attention_heads"], -1).transpose(0, 2, 1, 3)

    x = tensors["embeddings.word_embeddings.weight"].astype(float)[ids]
    x = x + tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = norm(x + tensors["embeddings.token_type_embeddings.weight"][types], "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}."
        query, key, value = (parted(dense(x, f"{at}attention.self.{part}")) for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(query.shape[-1])
        scores = np.where(mask[:, None, None, :] == 1, scores, -np.inf)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        heard = shares / shares.sum(axis=-1, keepdims=True) @ value
        beside = heard.transpose(0, 2, 1, 3).reshape(x.shape)
        x = norm(dense(beside, f"{at}attention.output.dense") + x, f"{at}attention.output.LayerNorm")
        inner = dense(x, f"{at}intermediate.dense")
        inner = inner * (1 + ERF(inner / math.sqrt(2))) / 2
        x = norm(dense(inner, f"{at}output.dense") + x, f"{at}output.LayerNorm")
    return x


def run(model: bytes, *inputs: Any) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == list(INPUTS)
    found: NDArray[np.float32] = session.run([OUTPUT], dict(zip(INPUTS, inputs, strict=True)))[0]
    return found


@settings(max_examples=15)
@given(
    heads=st.integers(1, 3),
    each=st.integers(1, 4),
    layers=st.integers(1, 3),
    inner=st.integers(1, 9),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_the_graph_is_the_network(  # noqa: PLR0917 - what is drawn
    heads: int, each: int, layers: int, inner: int, lengths: list[int], seed: int
) -> None:
    """Of any width, heads and layers, for texts of any lengths in a batch: what the network gives, to 1e-4."""
    config = {**CONFIG, "hidden_size": 2 * heads * each, "num_attention_heads": heads}
    config |= {"num_hidden_layers": layers, "intermediate_size": inner}
    tensors = tiny_tensors(config, seed)
    generator = np.random.default_rng(seed)
    ids = generator.integers(0, config["vocab_size"], (len(lengths), max(lengths)))
    types = generator.integers(0, 2, ids.shape)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)

    got = run(build(tensors, Shape.of(config)), ids, mask, types)

    expected = forward(tensors, config, ids, mask, types)
    seen = mask.astype(bool)
    np.testing.assert_allclose(got[seen], expected[seen], rtol=1e-3, atol=1e-4)


def test_the_same_tensors_give_the_same_bytes() -> None:
    """A file's digest is that of its weights: not of when, or from which wrapper, it was made; nor of its precision."""
    shape = Shape.of(CONFIG)
    made = build(tiny_tensors(CONFIG), shape)
    assert build(tiny_tensors(CONFIG), shape) == made
    assert build(tiny_tensors(CONFIG, prefix="bert."), shape) == made
    assert build({name: array.astype(np.float64) for name, array in tiny_tensors(CONFIG).items()}, shape) == made
    assert build(tiny_tensors(CONFIG, seed=1), shape) != made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "t5"}, "model_type = 't5'"),
        ({"hidden_act": "relu"}, "hidden_act"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"hidden_size": 10**12}, "hidden_size = 1000000000000"),
        ({"num_hidden_layers": 0}, "num_hidden_layers = 0"),
        ({"vocab_size": "many"}, "vocab_size = many"),
        ({"vocab_size": True}, "vocab_size = True"),
        ({"num_attention_heads": 3}, "cannot be shared by 3 heads"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps"),
    ],
)
def test_what_is_no_bert_is_refused(change: dict[str, Any], said: str) -> None:
    """A network of another family, and numbers that cannot be, are named before anything is built."""
    with pytest.raises(ModelError, match=said):
        Shape.of({**CONFIG, **change})


def test_tensors_have_to_fit() -> None:
    """A tensor that is missing, of another shape, or not finite is named."""
    shape, name = Shape.of(CONFIG), "encoder.layer.1.output.dense.weight"
    tensors = tiny_tensors(CONFIG)
    with pytest.raises(ModelError, match=rf"has no tensor {name}"):
        build({key: array for key, array in tensors.items() if key != name}, shape)
    with pytest.raises(ModelError, match=rf"{name} is \(3,\), its config.json makes it \(8, 12\)"):
        build({**tensors, name: np.zeros(3)}, shape)
    with pytest.raises(ModelError, match=rf"{name} has numbers that are not finite"):
        build({**tensors, name: np.full((8, 12), np.nan)}, shape)
    with pytest.raises(ModelError, match="has no tensor embeddings"):
        build({}, shape)
