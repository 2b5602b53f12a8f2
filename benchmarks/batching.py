"""Concurrent queries that share the encoder's batches: rate and latency at 1 to 8 clients.

Each client asks again as soon as it has its answer, with pictures that nobody asked with before, so that nothing is
remembered. ``alone``: the same through lanes that put one query into a batch, which tells what sharing brings. The
encoder's own gain is measured beside it, on payloads that are prepared: where it has none, no sharing can help.
``wide`` is made here, of seeded noise: two layers of 8192 whose weights a batch reads once, as large networks on words
and pictures do, run by ONNX Runtime as every encoder with weights is. Rounds of all of them alternate, and the figures
are medians over rounds.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import morelike
from morelike.collection import OpenCollection
from morelike.modalities.image import ImageModality
from morelike.settings import Settings
from morelike.types import Blob, Card, Kind, SegmentSpec
from morelike.vecmath import normalise

CLIENTS = (1, 2, 4, 8)
ENCODERS = ("mobilenet-v2", "mobilenet-v1-025", "wide")
ROUNDS = 3
SECONDS = 2.0
ITEMS = 100
SHARED = 16
WIDTHS = (3072, 8192, 8192, 512)


class WideEncoder:
    """A picture's 32 × 32 grid of colours through two wide layers: (512,), too much weight for too little work."""

    def __init__(self) -> None:
        self._card = Card(
            name="wide",
            family="wide",
            form="dense",
            dim=512,
            metric="cosine",
            inputs={"image": {"side": 32}},
            fingerprint="0" * 12,
        )
        options = ort.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(_wide_network(), options, providers=["CPUExecutionProvider"])

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Any) -> NDArray[np.float32]:  # noqa: ARG002 # the protocol's
        height, width = payload.shape[:2]
        grid = payload[np.ix_(np.arange(32) * height // 32, np.arange(32) * width // 32)]
        return (grid.astype(np.float32).ravel() / 127.5 - 1.0).astype(np.float32)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> NDArray[np.float32]:  # noqa: ARG002 # the protocol's
        values: NDArray[np.float32] = self._session.run(None, {"grid": np.stack(batch)})[0]
        return normalise(values)


def _wide_network() -> bytes:
    """Three matrices with a tanh after each, 3072 → 8192 → 8192 → 512."""
    random = np.random.default_rng(0)
    nodes, weights, last = [], [], "grid"
    for number, (rows, columns) in enumerate(pairwise(WIDTHS)):
        layer = random.standard_normal((rows, columns), dtype=np.float32) / np.float32(np.sqrt(rows))
        weights.append(numpy_helper.from_array(layer, f"layer{number}"))
        nodes.append(helper.make_node("MatMul", [last, f"layer{number}"], [f"sum{number}"]))
        nodes.append(helper.make_node("Tanh", [f"sum{number}"], [f"out{number}"]))
        last = f"out{number}"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name, width in (("grid", WIDTHS[0]), (last, WIDTHS[-1]))
    ]
    graph = helper.make_graph(nodes, "wide", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    network: bytes = model.SerializeToString()
    return network


def measure(settings: Settings, name: str, folder: Path) -> dict[str, Any]:
    """Rate and median latency by how many clients there are, shared and alone, and the encoder's own gain."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    queries = [Blob.from_bytes(path.read_bytes(), path.name) for path in paths]
    encoder = WideEncoder() if name == "wide" else name
    rounds: dict[tuple[str, int], list[tuple[float, float]]] = {}
    gains: list[float] = []
    shared: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        own = settings.model_copy(update={"library": Path(scratch) / "library", "cache_bytes": 0})
        with morelike.open(own) as library:
            library.collection("bench", modality="image", encoder=encoder).add(*paths[:ITEMS], in_place=True)
        numbers = count()
        for _ in range(ROUNDS):
            for way, batch in (("shared", SHARED), ("alone", 1)):
                with morelike.open(own.model_copy(update={"query_batch": batch})) as library:
                    collection = library.collection("bench", modality="image", encoder=encoder)
                    collection.search(queries[next(numbers) % len(queries)])  # loads the weights and the index
                    lane = collection._lanes.lane(collection.spaces[0])
                    for clients in CLIENTS:
                        before = lane.stats()
                        measured = _clients(collection, clients, lambda: queries[next(numbers) % len(queries)])
                        rounds.setdefault((way, clients), []).append(measured)
                    if way == "shared":
                        after = lane.stats()
                        batches = after.query_batches - before.query_batches
                        shared.append((after.query_payloads - before.query_payloads) / batches)
                        gains.append(_own_gain(collection, own, queries[:SHARED]))
    medians = {
        f"{way}_{clients}": {
            "per_second": statistics.median(rate for rate, _ in measured),
            "p50_ms": statistics.median(latency for _, latency in measured) * 1000,
        }
        for (way, clients), measured in rounds.items()
    }
    one, eight = rounds["shared", 1], rounds["shared", 8]
    ratios = [after[0] / before[0] for before, after in zip(one, eight, strict=True)]
    return {
        "encoder": name,
        "clients": medians,
        "eight_over_one": statistics.median(ratios),
        "eight_over_one_range": [min(ratios), max(ratios)],
        "encoder_gain": statistics.median(gains),
        "mean_batch_of_eight": statistics.median(shared),
    }


def _clients(collection: OpenCollection, clients: int, query: Callable[[], Blob]) -> tuple[float, float]:
    """Answers a second and the median latency in seconds."""
    latencies: list[float] = []
    lock = Lock()
    until = perf_counter() + SECONDS

    def client() -> None:
        own = []
        while (began := perf_counter()) < until:
            with lock:
                example = query()
            collection.search(example, k=10)
            own.append(perf_counter() - began)
        with lock:
            latencies.extend(own)

    began = perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client) for _ in range(clients)]:
            done.result()
    return len(latencies) / (perf_counter() - began), statistics.median(latencies)


def _own_gain(collection: OpenCollection, settings: Settings, blobs: list[Blob]) -> float:
    """The encoder's payloads a second in batches of eight over those one by one."""
    encoder = collection._lanes.lane(collection.spaces[0]).encoder
    modality = ImageModality(settings)
    want = encoder.card.inputs["image"]
    prepared = [encoder.prepare("image", modality.load(blob, SegmentSpec("image"), want)) for blob in blobs]
    seconds = {}
    for size in (1, 8):
        began = perf_counter()
        for _ in range(4):
            for start in range(0, len(prepared), size):
                encoder.encode("image", prepared[start : start + size])
        seconds[size] = perf_counter() - began
    return seconds[1] / seconds[8]
