"""BERT (Devlin et al. 2019) as an ONNX graph, from its published tensors. Neither torch nor transformers is needed.

The file has the inputs and the output that exporters give such networks: ``input_ids``, ``attention_mask`` and
``token_type_ids``, int64 (n, tokens) each; ``last_hidden_state`` (n, tokens, hidden) float32. Both axes are free.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from morelike.errors import MissingExtra, ModelError

__all__ = ["INPUTS", "OUTPUT", "Shape", "build"]

Tensors = Mapping[str, NDArray[Any]]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUT = "last_hidden_state"
_OPSET = 17
_IR_VERSION = 8
"""That of the first onnx with this opset, so that another release of the package writes the same bytes."""
_UNSEEN = -10_000.0
"""Added to the score of a token that the mask hides: its share is exp(-10 000), nothing in float32."""
_LARGEST = 2_000_000_000
"""Bytes of all tensors: one protobuf message holds no more than 2 GiB."""
_BOUNDS = {
    "hidden_size": 8192,
    "num_hidden_layers": 64,
    "num_attention_heads": 128,
    "intermediate_size": 65_536,
    "vocab_size": 2_000_000,
    "max_position_embeddings": 65_536,
    "type_vocab_size": 1024,
}
_PREFIXES = ("", "bert.", "0.auto_model.")
"""What a checkpoint's names begin with, as the program that wrote it has it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a network's ``config.json`` that its graph depends on."""

    hidden: int
    layers: int
    heads: int
    inner: int
    words: int
    positions: int
    types: int
    epsilon: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        """Raises ModelError over a network of another family, or with numbers that cannot be."""
        kinds = {"model_type": ("bert",), "hidden_act": ("gelu",), "position_embedding_type": ("absolute",)}
        for key, known in kinds.items():
            if config.get(key, known[0]) not in known:
                raise ModelError(
                    f"the network's config.json says {key} = {config[key]!r}, which cannot be converted",
                    hint=f"it has to be {known[0]}; an ONNX file of the network can be imported",
                )
        if faults := [key for key, most in _BOUNDS.items() if not _is_count(config.get(key), most)]:
            raise ModelError(f"the network's config.json says {_said(config, faults)}")
        epsilon = config.get("layer_norm_eps", 1e-12)
        if not isinstance(epsilon, float) or not 0 < epsilon < 1:
            raise ModelError(f"the network's config.json says layer_norm_eps = {epsilon!r}")
        shape = cls(
            hidden=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            inner=config["intermediate_size"],
            words=config["vocab_size"],
            positions=config["max_position_embeddings"],
            types=config["type_vocab_size"],
            epsilon=epsilon,
        )
        if shape.hidden % shape.heads:
            raise ModelError(
                f"{shape.hidden} numbers a token cannot be shared by {shape.heads} heads", hint="see its config.json"
            )
        return shape


def _is_count(value: object, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


def _said(config: Mapping[str, Any], keys: list[str]) -> str:
    return ", ".join(f"{key} = {str(config.get(key))[:40]}" for key in keys)


def build(tensors: Tensors, shape: Shape) -> bytes:
    """The serialised graph; the same bytes for the same tensors. What lies beyond the network (a pooler) is left out.

    Raises ModelError over tensors that are missing or of another shape, MissingExtra.
    """
    try:
        from onnx import TensorProto, helper
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"converting needs the package {error.name!r}", hint="pip install 'morelike[convert]'"
        ) from error
    graph = _Graph(_Taken(tensors), shape)
    graph.embed()
    for layer in range(shape.layers):
        graph.encode(layer)
    graph.node("Identity", [graph.last], OUTPUT)
    if sum(array.nbytes for array in graph.constants.values()) > _LARGEST:
        raise ModelError("the network is too large for one ONNX file", hint="import a published ONNX file instead")
    proto = helper.make_graph(
        graph.nodes,
        "bert",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "tokens"]) for name in INPUTS],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", "tokens", shape.hidden])],
        graph.initialisers(),
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="morelike")
    model.ir_version = _IR_VERSION
    return cast("bytes", model.SerializeToString(deterministic=True))


class _Taken:
    """A checkpoint's tensors by the names of the network alone, each of the shape that it must have."""

    def __init__(self, tensors: Tensors) -> None:
        first = "embeddings.word_embeddings.weight"
        prefix = next((prefix for prefix in _PREFIXES if prefix + first in tensors), None)
        if prefix is None:
            raise ModelError(f"the checkpoint has no tensor {first}", hint="it has to be that of a BERT")
        self._tensors, self._prefix = tensors, prefix

    def take(self, name: str, *shape: int) -> NDArray[np.float32]:
        name = self._prefix + name
        if name not in self._tensors:
            raise ModelError(f"the checkpoint has no tensor {name}", hint="it has to be that of its config.json")
        found = self._tensors[name]
        if found.shape != shape:
            raise ModelError(f"the checkpoint's {name} is {found.shape}, its config.json makes it {shape}")
        array = found.astype(np.float32)
        if not np.isfinite(array).all():
            raise ModelError(f"the checkpoint's {name} has numbers that are not finite")
        return array


class _Graph:
    """Nodes and constants of the network, in order; ``last`` names the value that the next part takes."""

    def __init__(self, taken: _Taken, shape: Shape) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.last = ""
        self._take = taken.take
        self._shape = shape
        self.constant("half", np.float32(0.5))
        self.constant("one", np.float32(1))
        self.constant("root", np.float32(math.sqrt(2)))
        self.constant("parted", np.array([0, 0, shape.heads, -1]))
        self.constant("joined", np.array([0, 0, shape.hidden]))

    def initialisers(self) -> list[Any]:
        from onnx import numpy_helper

        return [numpy_helper.from_array(array, name) for name, array in self.constants.items()]

    def constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.ascontiguousarray(value).reshape(np.shape(value))
        return name

    def node(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, list(outputs), name=outputs[0], **attributes))
        return outputs[0]

    def embed(self) -> None:
        """Words, places and types, summed and normalised; and what the mask adds to every score."""
        shape, names = self._shape, ("word", "position", "token_type")
        rows = dict(zip(names, (shape.words, shape.positions, shape.types), strict=True))
        for name in names:
            table = self._take(f"embeddings.{name}_embeddings.weight", rows[name], shape.hidden)
            self.constant(f"{name}s", table)
        self.node("Gather", ["words", "input_ids"], "word")
        self.node("Gather", ["token_types", "token_type_ids"], "type")
        self.node("Shape", ["input_ids"], "length", start=1, end=2)
        self.constant("start", np.array([0]))
        self.node("Slice", ["positions", "start", "length"], "place")  # beyond the last place, the sum fails
        self.node("Add", ["word", "type"], "typed")
        self.node("Add", ["typed", "place"], "embedded")
        self.last = self.normalised("embedded", "embeddings.LayerNorm")
        self.constant("heads and rows", np.array([1, 2]))
        self.constant("unseen", np.float32(_UNSEEN))
        self.node("Cast", ["attention_mask"], "seen", to=1)  # TensorProto.FLOAT
        self.node("Unsqueeze", ["seen", "heads and rows"], "seen by all")
        self.node("Sub", ["one", "seen by all"], "hidden")
        self.node("Mul", ["hidden", "unseen"], "bias")

    def encode(self, layer: int) -> None:
        """One layer: attention over all tokens, then two dense layers; each added to what came in, and normalised."""
        at = f"encoder.layer.{layer}."
        attended = self.attended(at, self.last)
        dense = self.dense(at + "attention.output.dense", attended, self._shape.hidden, self._shape.hidden)
        middle = self.normalised(self.node("Add", [dense, self.last], at + "after"), at + "attention.output.LayerNorm")
        inner = self.dense(at + "intermediate.dense", middle, self._shape.hidden, self._shape.inner)
        dense = self.dense(at + "output.dense", self.gelu(at, inner), self._shape.inner, self._shape.hidden)
        self.last = self.normalised(self.node("Add", [dense, middle], at + "out"), at + "output.LayerNorm")

    def attended(self, at: str, x: str) -> str:
        """softmax(q k / √d + mask) v, a head beside the other."""
        hidden, heads = self._shape.hidden, self._shape.heads
        parts = []
        for name, axes in (("query", (0, 2, 1, 3)), ("key", (0, 2, 3, 1)), ("value", (0, 2, 1, 3))):
            scale = math.sqrt(heads / hidden) if name == "query" else 1.0  # the graph need not divide each score
            dense = self.dense(f"{at}attention.self.{name}", x, hidden, hidden, scale=scale)
            apart = self.node("Reshape", [dense, "parted"], f"{at}{name} apart")
            parts.append(self.node("Transpose", [apart], f"{at}{name}", perm=axes))
        query, key, value = parts
        scores = self.node("MatMul", [query, key], at + "scores")
        shares = self.node("Softmax", [self.node("Add", [scores, "bias"], at + "masked")], at + "shares", axis=-1)
        heard = self.node("MatMul", [shares, value], at + "heard")
        beside = self.node("Transpose", [heard], at + "beside", perm=(0, 2, 1, 3))
        return self.node("Reshape", [beside, "joined"], at + "attended")

    def dense(self, name: str, x: str, inputs: int, outputs: int, *, scale: float = 1.0) -> str:
        weight = self._take(f"{name}.weight", outputs, inputs).T * np.float32(scale)
        bias = self._take(f"{name}.bias", outputs) * np.float32(scale)
        product = self.node("MatMul", [x, self.constant(f"{name}.weight", weight)], f"{name} product")
        return self.node("Add", [product, self.constant(f"{name}.bias", bias)], name)

    def gelu(self, at: str, x: str) -> str:
        """x (1 + erf(x / √2)) / 2, in the order in which onnxruntime knows it as one operator."""
        self.node("Div", [x, "root"], at + "scaled")
        self.node("Erf", [at + "scaled"], at + "erf")
        self.node("Add", [at + "erf", "one"], at + "raised")
        self.node("Mul", [x, at + "raised"], at + "twice")
        return self.node("Mul", [at + "twice", "half"], at + "gelu")

    def normalised(self, x: str, name: str) -> str:
        names = [f"{name}.{part}" for part in ("weight", "bias")]
        scale = [self.constant(own, self._take(own, self._shape.hidden)) for own in names]
        return self.node("LayerNormalization", [x, *scale], name, axis=-1, epsilon=self._shape.epsilon)
