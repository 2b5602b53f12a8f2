"""Capacity: measure what things cost, plan with it, simulate what cannot be run here, write the tables of the docs.

``python -m benchmarks.capacity measure [PART…]`` writes ``benchmarks/capacity.json``; parts that are not named keep
their figures: ``encoders``, ``ingest``, ``catalogs``, ``buckets``, ``redis``, ``embedded``, ``partitions``,
``real_shards``, ``recorded``, and ``milvus:KIND`` for each kind of index. Each takes up to some minutes.
``python -m benchmarks.capacity plan --items 1e8 …`` prints a plan, ``simulate`` a cluster's `add`, and ``docs`` writes
the tables of ``docs/scaling.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.capacity_costs import PATH, read_figures
from benchmarks.capacity_plan import Plan, Prices, Wanted, limits_by_size, plan, read_prices

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
SERVERS = {"catalog_items_per_s": {"sqlite": 4367.0, "mysql": 1747.0, "postgresql": 1223.0}, "s3_put_per_s": 312.0}
"""From docs/servers.md: `python -m benchmarks.catalogs` and `python -m benchmarks.objects`, one run each."""
CODES = {"rows": 100_000, "p50_ms": 14.0, "p99_ms": 94.0}
"""IVF_SQ8 alone on the machine, by the note in ``results.json``."""


PARTS = (
    "encoders", "ingest", "catalogs", "buckets", "redis", "embedded", "partitions", "real_shards", "recorded",
)  # fmt: skip
KINDS = ("embedded", "FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW", "BIN_FLAT", "BIN_IVF_FLAT", "DISKANN")
"""What vectors may be searched with; all but the first are Milvus'."""


def recorded(results: dict[str, Any]) -> dict[str, Any]:
    """What other benchmarks have measured, and this one goes by."""
    adding = {row["encoder"]: row for row in results["ingest"]}
    milvus = [row for row in results["milvus"] if "hnsw" in row]
    return {
        "date": results["date"],
        **SERVERS,
        "milvus_codes": CODES,
        "add_over_floor": adding["mobilenet-v2"]["in_place_over_floor"],
        "adding": {
            name: {key: row[key] for key in ("pictures", "decode_cpu_s", "encode_cpu_s", "add_in_place_s")}
            for name, row in adding.items()
        },
        "embedded": [
            {
                "rows": row["rows"],
                "upsert_rows_per_s": row["fill"]["upsert_rows_per_s"],
                "disk_bytes_per_row": row["fill"]["disk_mb"] * 1e6 / row["rows"],
                "memory_bytes_per_row": (row["fresh"]["resident_mb"] - row["fresh"]["before_opening_mb"])
                * 1e6
                / row["rows"],
                **{key: row["fresh"]["answers"]["none"][key] for key in ("p50_ms", "p99_ms", "cpu_ms")},
            }
            for row in results["vectors"]
        ],
        "milvus": [
            {
                "rows": row["rows"],
                "dim": row["dim"],
                "memory_bytes_per_row": (row["hnsw"]["resident_mb"] - row["idle_mb"]) * 1e6 / row["rows"],
                **{key: row["hnsw"][key] for key in ("upsert_rows_per_s", "indexed_s")},
                **{key: row["hnsw"]["answers"]["none"][key] for key in ("p50_ms", "p99_ms")},
            }
            for row in milvus
        ],
        "first_filter": [{"items": row["items"], "ms": row["filtered"]["50 %"]["first_ms"]} for row in results["http"]],
    }


def parts() -> dict[str, Callable[[], Any]]:
    """Those of ``PARTS`` that are measured by one call each."""
    from benchmarks import capacity_stores, capacity_vectors, capacity_work
    from morelike.settings import Settings

    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    settings = Settings(models=(data / "models",), offline=True)
    return {
        "encoders": lambda: capacity_work.encoders(settings, data / "data"),
        "ingest": lambda: capacity_work.ingests(settings, data / "data"),
        "catalogs": capacity_stores.catalogs,
        "buckets": capacity_stores.buckets,
        "redis": capacity_stores.redis,
        "embedded": capacity_vectors.embedded,
        "partitions": capacity_vectors.partitions,
        "real_shards": lambda: capacity_vectors.real_shards(data / "data"),
        "recorded": lambda: recorded(json.loads(RESULTS.read_text(encoding="utf-8"))),
    }


def measure(names: Sequence[str]) -> None:
    every = [*PARTS, *(f"milvus:{kind}" for kind in KINDS if kind not in {"embedded", "DISKANN"})]
    if unknown := [name for name in names if name not in every]:
        sys.exit(f"there is no part {unknown[0]!r}: {', '.join(every)}")
    from benchmarks import capacity_vectors
    from benchmarks.capacity_work import load_now
    from benchmarks.machine import machine

    known = parts()
    for name in names or every:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        load = load_now()
        kind = name.partition(":")[2]
        figures = capacity_vectors.milvus(kind) if kind else known[name]()
        found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8")) if PATH.is_file() else {}
        found.setdefault("ray_actor_overhead", None)
        if kind:
            found.setdefault("milvus", {})[kind] = figures
        else:
            found[name] = figures
        found.setdefault("load_before", {})[name] = load
        found |= {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}
        PATH.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _asked(given: argparse.Namespace) -> tuple[Wanted, Prices]:
    names = {field.name for field in fields(Wanted)}
    chosen = {name: value for name, value in vars(given).items() if name in names and value is not None}
    return Wanted(**chosen), read_prices(given.prices) if given.prices else Prices()


def _print_plan(found: Plan, currency: str) -> None:
    wanted = found.wanted
    print(f"{wanted.items:,.0f} items, {wanted.encoder}, {wanted.dim} numbers, {wanted.index}, {wanted.catalog}")
    for name, size in found.storage.items():
        print(f"  {name:24} {size / 1e9:14,.2f} GB")
    for name, size in found.memory.items():
        print(f"  {'memory: ' + name:24} {size / 1e9:14,.2f} GB")
    for name, seconds in found.adding.items():
        print(f"  {name:24} {seconds / 3600:14,.1f} hours")
    print(f"  {'added':24} {found.items_per_second:14,.0f} items a second")
    for name, number in found.requests.items():
        print(f"  {'requests: ' + name:24} {number:14,.0f}")
    for name, value in found.query.items():
        unit = {"p50": "s", "p99": "s", "per_second": "a second at the most"}.get(name, "")
        print(f"  {'query: ' + name:24} {'not reckoned' if value is None else f'{value:14,.3g} {unit}'}")
    for title, bill in (("a month", found.monthly), ("once", found.once)):
        for name, money in bill.items():
            if money:
                print(f"  {name + ', ' + title:40} {money:14,.2f} {currency}")


def _print_limits(plans: Sequence[Plan]) -> None:
    print("items           met first                  of what is allowed   what to turn")
    for one in plans:
        first = one.limits[0]
        name = first.name if first.share > 1 else f"none ({first.name})"
        print(f"{one.wanted.items:13,.0f}   {name:34} {100 * first.share:9,.0f} %   {first.turn}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("measure").add_argument("parts", nargs="*")
    verbs.add_parser("docs")
    verbs.add_parser("simulate").add_argument("--json", action="store_true")
    asked = verbs.add_parser("plan")
    asked.add_argument("--prices", type=Path, help="a file of prices: benchmarks/prices.example.toml shows one")
    asked.add_argument("--modality", choices=["image", "audio"], help="takes an encoder of it where none is named")
    asked.add_argument("--json", action="store_true")
    choices = {
        "index": KINDS,
        "catalog": ["sqlite", "mysql", "postgresql"],
        "blobs": ["folder", "s3", "in-place"],
    }
    for field in fields(Wanted):
        kind = _index if field.name == "index" else {"int": int, "float": float}.get(str(field.type), str)
        asked.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=kind,
            choices=choices.get(field.name),
            required=field.name == "items",
            help=_HELP[field.name] if field.default is MISSING else f"{_HELP[field.name]} [{field.default}]",
        )
    return parser


_HELP = {
    "items": "how many",
    "encoder": "one that was measured",
    "dim": "numbers of a vector; 0: the encoder's own",
    "segments": "segments an item",
    "sources": "sources an item",
    "item_bytes": "bytes of an original; 0: as of those that were measured",
    "index": "what vectors are searched with",
    "catalog": "the catalog's database",
    "blobs": "where originals are kept",
    "nodes": "machines that add",
    "cores": "cores of each machine",
    "searchers": "machines that hold the vectors",
    "replicas": "how many of these hold the same part",
    "memory": "bytes of memory of each machine",
    "disk": "bytes of disk of each machine",
    "claimed": "items that are claimed at a time: look_ahead",
    "finished": "items that are made ready at a time: commit_items",
    "keys": "keys of a list: ray_list",
    "put": "seconds of storing one object, twelve at a time; 0: as was measured",
    "days": "in which all is to be added and indexed",
    "latency": "seconds that 99 of 100 queries may take",
    "per_second": "queries a second that are asked",
    "filter_seconds": "seconds that a new filter may take",
    "network": "seconds of a message to a searching machine and back",
    "cached": "embeddings that are kept in Redis",
}


def _index(word: str) -> str:
    return word if word == "embedded" else word.upper().replace("-", "_")


def main(arguments: Sequence[str]) -> None:
    given = _parser().parse_args(arguments)
    if given.verb == "measure":
        measure(given.parts)
        return
    figures = read_figures()
    if given.verb == "docs":
        from benchmarks.capacity_page import write

        write(figures)
    elif given.verb == "simulate":
        from benchmarks.capacity_page import cluster_runs, cluster_table

        runs = cluster_runs(figures)
        shown = [{"way": way, "nodes": nodes, **asdict(ran)} for (way, nodes), ran in runs.items()]
        print(json.dumps(shown, indent=2) if given.json else "\n".join(cluster_table(figures)))
    else:
        if given.modality and not given.encoder:
            given.encoder = next(
                name for name, row in figures.raw["encoders"].items() if row["modality"] == given.modality
            )
        try:
            wanted, prices = _asked(given)
            found, sizes = plan(wanted, figures, prices), limits_by_size(wanted, figures)
        except (KeyError, ValueError, OSError) as error:
            sys.exit(str(error.args[0] if error.args else error))
        if given.json:
            by_size = {f"{one.wanted.items:.0f}": one.as_dict()["limits"] for one in sizes}
            print(json.dumps({**found.as_dict(), "limits_by_size": by_size}, indent=2))
        else:
            _print_plan(found, prices.currency)
            print()
            _print_limits(sizes)


if __name__ == "__main__":
    main(sys.argv[1:])
