"""How much a collection of any size takes, how long, what it costs, and which limit is met first. Pure arithmetic.

It follows from ``Figures`` (measured), ``Wanted`` and ``Prices`` (given). Bytes, seconds, the prices' currency.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.capacity_costs import Figures
from benchmarks.capacity_query import Latency, Paths, fan_out, most_queries
from benchmarks.capacity_sim import ceiling

__all__ = ["SIZES", "Limit", "Plan", "Prices", "Wanted", "limits_by_size", "plan", "read_prices"]

SIZES: Final = (10**4, 10**5, 10**6, 10**7, 10**8, 10**9)
MONTH: Final = 730.0
"""Hours."""
DAY: Final = 86400.0
_ROOM: Final = 0.7
"""The share of a machine's memory that an index may take; the rest is for the system, queries and the next build."""
_ANSWERS: Final = 400
"""Simulated queries for a throughput."""
_MAY_BE_NOTHING: Final = frozenset({"dim", "item_bytes", "put", "network", "cached", "per_second"})
_MERGE: Final = 2e-6
"""Seconds that one more partition's ten answers take to merge."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be held, how, and what is asked of it. ``index``: ``embedded`` or a kind of Milvus'."""

    items: float
    encoder: str = "mobilenet-v2"
    dim: int = 0
    segments: float = 1.0
    sources: float = 1.0
    item_bytes: float = 0.0
    index: str = "embedded"
    catalog: str = "sqlite"
    blobs: str = "folder"
    """``folder``, ``s3``, or ``in-place``: nothing is copied, sources are objects of a bucket."""
    nodes: int = 1
    """Machines that add, of ``cores`` each; ``searchers`` hold the vectors, each part on ``replicas`` of them."""
    cores: int = 2
    searchers: int = 1
    replicas: int = 1
    memory: float = 16e9
    disk: float = 500e9
    """Of one machine."""
    claimed: int = 64
    finished: int = 128
    keys: int = 64
    put: float = 0.0
    days: float = 7.0
    """In which all of it is to be added, and indexed."""
    latency: float = 0.1
    per_second: float = 10.0
    """Queries; 99 of 100 within ``latency`` seconds."""
    filter_seconds: float = 10.0
    network: float = 0.0005
    cached: float = 100_000.0
    """Embeddings in Redis."""

    @property
    def milvus(self) -> bool:
        return self.index != "embedded"


@dataclass(frozen=True, slots=True)
class Prices:
    """What is paid. All are inputs; 0: not counted."""

    currency: str = ""
    adding_machine_hour: float = 0.0
    searching_machine_month: float = 0.0
    database_machine_month: float = 0.0
    cache_gb_month: float = 0.0
    disk_gb_month: float = 0.0
    object_gb_month: float = 0.0
    put_per_1000: float = 0.0
    get_per_1000: float = 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """``needed`` of what is ``allowed``, in ``unit``. ``turn``: what helps, in settings and options that there are."""

    name: str
    needed: float
    allowed: float
    unit: str
    turn: str

    @property
    def share(self) -> float:
        return self.needed / self.allowed if self.allowed else math.inf


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes on disks by part, in memory, seconds of adding by what they are for, a query's, money, and the limits."""

    wanted: Wanted
    storage: Mapping[str, float]
    memory: Mapping[str, float]
    adding: Mapping[str, float]
    items_per_second: float
    requests: Mapping[str, float]
    query: Mapping[str, float | None]
    monthly: Mapping[str, float]
    once: Mapping[str, float]
    limits: tuple[Limit, ...]
    """The nearest first."""

    def as_dict(self) -> dict[str, Any]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        limits = [{**asdict(limit), "share": limit.share} for limit in self.limits]
        return {**found, "wanted": asdict(self.wanted), "limits": limits}


def read_prices(path: Path) -> Prices:
    """Raises ValueError where a name is none of ``Prices``', or a value no price."""
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    known = {field.name for field in fields(Prices)}
    if unknown := sorted(given.keys() - known):
        raise ValueError(f"{path} names {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    for name, value in given.items():
        fits = isinstance(value, str) if name == "currency" else isinstance(value, int | float) and value >= 0
        if not fits or isinstance(value, bool):
            raise ValueError(f"{path}: {name} = {value!r} is no price")
    return Prices(**given)


def settled(wanted: Wanted, figures: Figures) -> Wanted:
    """With the encoder's own numbers where none were given. Raises ValueError on a number that cannot be one."""
    for field in fields(wanted):
        value = getattr(wanted, field.name)
        least = 0 if field.name in _MAY_BE_NOTHING else 1e-12
        if isinstance(value, int | float) and not (math.isfinite(value) and value >= least):
            raise ValueError(f"{field.name} = {value} cannot be")
    row = figures.encoder(wanted.encoder)
    return replace(wanted, dim=wanted.dim or row["dim"], item_bytes=wanted.item_bytes or row["bytes_per_item"])


def plan(wanted: Wanted, figures: Figures, prices: Prices | None = None) -> Plan:
    """Raises KeyError where nobody has a figure of what is wanted, ValueError on numbers that cannot be."""
    wanted = settled(wanted, figures)
    rows = wanted.items * wanted.segments
    storage, memory = _storage(wanted, figures, rows), _memory(wanted, figures, rows)
    adding, rate = _adding(wanted, figures, rows)
    requests = _requests(wanted, figures)
    query = _query(wanted, figures, rows)
    prices = prices or Prices()
    return Plan(
        wanted, storage, memory, adding, rate, requests, query,
        _monthly(wanted, prices, storage, memory), _once(wanted, prices, adding, requests),
        _limits(wanted, figures, storage=storage, memory=memory, adding=adding, query=query),
    )  # fmt: skip


def _storage(wanted: Wanted, figures: Figures, rows: float) -> dict[str, float]:
    row = (
        figures.milvus_bytes(wanted.index, wanted.dim, "disk")
        if wanted.milvus
        else figures.embedded_bytes(wanted.dim, "disk")
    )
    return {
        "catalog": figures.catalog_bytes(wanted.catalog, wanted.items, rows, wanted.sources),
        "vectors": rows * row,
        "blobs": 0.0 if wanted.blobs == "in-place" else wanted.items * wanted.item_bytes,
    }


def _memory(wanted: Wanted, figures: Figures, rows: float) -> dict[str, float]:
    row = (
        figures.milvus_bytes(wanted.index, wanted.dim, "memory")
        if wanted.milvus
        else figures.embedded_bytes(wanted.dim, "memory")
    )
    entries = figures.raw["redis"]["bytes_per_entry"]
    nearest = min(entries, key=lambda dim: abs(int(dim) - wanted.dim))
    return {
        "index": wanted.replicas * rows * row,
        "cache": wanted.cached * entries[nearest] * wanted.dim / int(nearest),
    }


def _adding(wanted: Wanted, figures: Figures, rows: float) -> tuple[dict[str, float], float]:
    """Seconds of each, were it alone; and items a second with the slowest of them."""
    cores = wanted.nodes * wanted.cores
    over = float(figures.raw["recorded"]["add_over_floor"])
    index = figures.index_cpu(wanted.dim, wanted.index)
    writes = figures.writes(
        wanted.catalog, copied=wanted.blobs == "s3", milvus=wanted.milvus, put=wanted.put,
        claimed=wanted.claimed, finished=wanted.finished,
    )  # fmt: skip
    keys = max(wanted.keys, wanted.claimed, wanted.finished)
    seconds = {
        "encoding": wanted.items * figures.item_cpu(wanted.encoder, wanted.segments) * over / cores,
        "writing": wanted.items / ceiling(writes, keys, wanted.segments),
        "indexing": rows * index / (wanted.searchers * wanted.cores),
    }
    return seconds, wanted.items / max(seconds["encoding"], seconds["writing"])


def _requests(wanted: Wanted, figures: Figures) -> dict[str, float]:
    """Of the first `add` from a bucket; of folders there are none."""
    if wanted.blobs == "folder":
        return {}
    counted = figures.raw["buckets"]["requests"]["copied" if wanted.blobs == "s3" else "in_place"]
    objects = figures.raw["buckets"]["objects"]
    each = {name: count // objects for name, count in counted.items()}
    return {
        "PUT": wanted.items * each.get("blobs PUT", 0),
        "HEAD": wanted.items * each.get("blobs HEAD", 0),
        "GET": wanted.items * each.get("source GET", 0),
        "LIST": math.ceil(wanted.items / 1000),
    }


def _query(wanted: Wanted, figures: Figures, rows: float) -> dict[str, float | None]:
    parts = max(1, wanted.searchers // wanted.replicas)
    latency: Latency | None = figures.embedded_latency(rows)
    if wanted.milvus:
        latency = figures.milvus_latency(wanted.index, rows / parts, wanted.cores)
    found: dict[str, float | None] = {"partitions": float(parts), "p50": None, "p99": None, "per_second": None}
    if latency is not None:
        network = wanted.network if wanted.milvus else 0.0
        # an embedded search used two cores when it was measured; a machine of Milvus works on one with all that it has
        servers = 1 if wanted.milvus else max(1, wanted.cores // 2)
        paths = Paths(latency, parts, wanted.replicas, servers, network, _MERGE * parts)
        alone = fan_out(paths, queries=_ANSWERS)
        found |= {"p50": alone.p50, "p99": alone.p99}
        found["per_second"] = most_queries(paths, wanted.latency, queries=_ANSWERS)
    return found


def _monthly(
    wanted: Wanted, prices: Prices, storage: Mapping[str, float], memory: Mapping[str, float]
) -> dict[str, float]:
    kept_far = wanted.blobs == "s3"
    near = storage["catalog"] + storage["vectors"] + (0.0 if kept_far else storage["blobs"])
    servers = wanted.catalog != "sqlite"
    found = {
        "searching machines": wanted.searchers * prices.searching_machine_month,
        "database": prices.database_machine_month if servers else 0.0,
        "disks": near / 1e9 * prices.disk_gb_month,
        "objects": (storage["blobs"] if kept_far else 0.0) / 1e9 * prices.object_gb_month,
        "cache": memory["cache"] / 1e9 * prices.cache_gb_month if servers else 0.0,
    }
    return {**found, "total": sum(found.values())}


def _once(
    wanted: Wanted, prices: Prices, adding: Mapping[str, float], requests: Mapping[str, float]
) -> dict[str, float]:
    hours = wanted.nodes * max(adding["encoding"], adding["writing"]) / 3600
    asked = requests.get("GET", 0.0) + requests.get("HEAD", 0.0)
    written = requests.get("PUT", 0.0) + requests.get("LIST", 0.0)
    found = {
        "adding machines": hours * prices.adding_machine_hour,
        "requests": (written * prices.put_per_1000 + asked * prices.get_per_1000) / 1000,
    }
    return {**found, "total": sum(found.values())}


def _limits(
    wanted: Wanted,
    figures: Figures,
    *,
    storage: Mapping[str, float],
    memory: Mapping[str, float],
    adding: Mapping[str, float],
    query: Mapping[str, float | None],
) -> tuple[Limit, ...]:
    rows = wanted.items * wanted.segments
    on_disk = storage["vectors"] / wanted.searchers
    if not wanted.milvus:
        on_disk = storage["vectors"] + storage["catalog"] + (storage["blobs"] if wanted.blobs == "folder" else 0.0)
    deadline, room = wanted.days * DAY, wanted.searchers * wanted.memory * _ROOM
    found = [
        Limit("memory of the index", memory["index"], room, "bytes", _TURN["memory"]),
        Limit("disk", on_disk, wanted.disk, "bytes", _TURN["disk"]),
        Limit("encoder", adding["encoding"], deadline, "seconds", _TURN["encoder"]),
        Limit("write lock", adding["writing"], deadline, "seconds", _TURN["lock"]),
        Limit("making the index", adding["indexing"], deadline, "seconds", _TURN["indexing"]),
        Limit("two segments with one id", _alike(rows), 0.01, "probability", _TURN["ids"]),
    ]
    if (slowest := query["p99"]) is not None:
        found.append(Limit("a query's latency", slowest, wanted.latency, "seconds", _TURN["latency"]))
    if most := query["per_second"]:  # none at all: each is too slow by itself, which is the limit above
        found.append(Limit("queries a second", wanted.per_second, most, "a second", _TURN["queries"]))
    if not wanted.milvus:
        first = figures.filter_seconds(wanted.items)
        found.append(Limit("a filter's first time", first, wanted.filter_seconds, "seconds", _TURN["filter"]))
    return tuple(sorted(found, key=lambda limit: -limit.share))


def _alike(rows: float) -> float:
    """How probable it is that any two of so many ids of 63 bits are the same."""
    return -math.expm1(-rows * rows / 2 / 2**63)


_TURN: Final = {
    "memory": (
        'vectors = "http://…" (Milvus) on more machines; a smaller vectors_memory_bytes moves a space to IVF_SQ8, from '
        "Milvus 2.4 on to DISKANN; an encoder of fewer numbers (reembed)"
    ),
    "disk": 'blobs = "s3://…" or another folder; add --in-place; vectors = "http://…"',
    "encoder": "add --engine ray on more machines (ray_actors, ray_cpus, ray_gpus); a quicker encoder (--encoder)",
    "lock": (
        "add --in-place: no object is written under it; larger groups (commit_items, commit_seconds, look_ahead, "
        "ray_list); a library of its own for each part of the collection"
    ),
    "indexing": "more machines that index; IVF_SQ8 instead of the graph (vectors_memory_bytes)",
    "ids": "several collections: an id belongs to one",
    "latency": "more searching machines, so that each has fewer rows",
    "queries": 'more replicas of the vectors; cache = "redis://…" for queries that come again',
    "filter": 'vectors = "http://…": Milvus evaluates the filters that it can',
}


def limits_by_size(wanted: Wanted, figures: Figures) -> list[Plan]:
    """The same configuration at every size from ten thousand to a thousand million."""
    return [plan(replace(wanted, items=float(items)), figures) for items in SIZES]
