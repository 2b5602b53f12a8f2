"""The sentence encoder all-minilm-l6-v2 for tests, made by scripts/minilm; and BERTs of a few numbers."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "minilm"
_OUTSIDE = dict(os.environ)
"""As the person who runs the tests has it: a test has another home folder."""

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "vocab_size": 20,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "fox", "##es", "東", "京", "a"]


@pytest.fixture(scope="session")
def minilm_models() -> Path:
    """A folder of models that has it. Skips by name where it cannot be had; in CI that is a failure."""
    pytest.importorskip("tokenizers", reason="the package tokenizers is not installed (the extra text)")
    found = subprocess.run([str(SCRIPT), "--find"], check=False, capture_output=True, text=True, env=_OUTSIDE)
    if found.returncode:
        with (Path(tempfile.gettempdir()) / f"minilm-making-{os.getuid()}").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            found = subprocess.run([str(SCRIPT)], check=False, capture_output=True, text=True, env=_OUTSIDE)
    folder = found.stdout.strip()
    return Path(folder) if folder else _missing("no all-minilm-l6-v2 on this machine: scripts/minilm makes it")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def tiny_tensors(config: dict[str, Any], seed: int = 0, *, prefix: str = "") -> dict[str, NDArray[np.float32]]:
    """Random weights of a BERT, named and shaped as published; a pooler, which is not used, among them."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
        "pooler.dense.weight": (hidden, hidden),
    }
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}."
        dense = {f"attention.self.{part}": (hidden, hidden) for part in ("query", "key", "value")}
        dense |= {"attention.output.dense": (hidden, hidden), "intermediate.dense": (inner, hidden)}
        dense |= {"output.dense": (hidden, inner)}
        for name, shape in dense.items():
            shapes |= {f"{at}{name}.weight": shape, f"{at}{name}.bias": shape[:1]}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{at}{name}.weight": (hidden,), f"{at}{name}.bias": (hidden,)}
    generator = np.random.default_rng(seed)
    return {prefix + name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def write_tiny(folder: Path, config: dict[str, Any] = CONFIG, seed: int = 0) -> Path:
    """A checkpoint of such a network with its config.json and a tokenizer of ``WORDS``, side by side."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordPiece({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tiny_tensors(config, seed), folder / "model.safetensors")
    return folder
