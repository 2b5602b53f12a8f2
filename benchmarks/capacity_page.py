"""The tables of docs/scaling.md, from ``capacity.json`` and seeded simulations: the same each time."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.capacity_checks import every_check
from benchmarks.capacity_costs import Figures
from benchmarks.capacity_plan import SIZES, Plan, Wanted, plan
from benchmarks.capacity_query import Paths, fan_out, most_queries
from benchmarks.capacity_sim import Cluster, Machine, Ran, Writes, ceiling, simulate

__all__ = ["STEPS", "cluster_runs", "cluster_table", "write", "written"]

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"
MARKS: Final = "<!-- generated: {name} -->\n{body}\n<!-- end of generated: {name} -->"

STEPS: Final = {
    "a laptop": Wanted(0, cores=4, memory=16e9, disk=500e9),
    "one server": Wanted(0, cores=16, memory=128e9, disk=8e12),
    "servers": Wanted(
        0, cores=16, nodes=4, searchers=4, memory=128e9, disk=4e12, catalog="mysql", index="HNSW", blobs="s3", keys=128
    ),
    "a cluster": Wanted(
        0, cores=16, nodes=50, searchers=80, memory=128e9, disk=4e12, catalog="mysql", index="HNSW", blobs="in-place",
        claimed=256, finished=1024, keys=1024, days=30,
    ),
}  # fmt: skip
"""All with `mobilenet-v2`, pictures of the size of those that were measured."""
NODES: Final = (1, 2, 4, 8, 16, 32, 64, 100)
ACTORS: Final = 8
WAYS: Final = {
    "copied": "blobs copied, groups as by default",
    "in place": "`--in-place`, groups as by default",
    "groups": "`--in-place`, `commit_items` and `ray_list` 1 024",
    "trouble": "the same; each node fails once an hour, one in ten is three times as slow",
}


def write(figures: Figures) -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8")


def written(text: str, figures: Figures) -> str:
    """The page with its tables anew. Raises ValueError where it has not the marks of each of them once."""
    for name, lines in TABLES.items():
        pattern = re.compile(re.escape(MARKS).replace(r"\{name\}", name).replace(r"\{body\}", ".*?"), re.DOTALL)
        if (found := len(pattern.findall(text))) != 1:
            raise ValueError(f"the page has the marks of {name!r} {found} times")
        body = "\n".join(["", *lines(figures), ""])
        text = pattern.sub(MARKS.format(name=name, body=body).replace("\\", r"\\"), text)
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _machine(figures: Figures) -> list[str]:
    raw: Any = figures.raw
    on, load = raw["machine"], raw["load_before"].values()
    return [
        (
            f"Measured {raw['date']} on {on['processor']}, {on['cores']} cores, {on['memory_gib']} GiB, "
            f"{on['system']}, Python {on['python']}, while others worked there too: between {min(load):.0f} and "
            f"{max(load):.0f} processes wanted a core. Sizes and requests do not depend on that; CPU seconds do, since "
            "threads share parts of a core. Where the machine of [benchmarks](benchmarks.md), another one, measured "
            "the same alone, its figures are counted: those of `mobilenet-v2`, of searching, of making an index and, "
            "in sum, of groups under the lock ([servers](servers.md#measured))."
        )
    ]


def _encoders(figures: Figures) -> list[str]:
    rows = []
    for name, row in figures.raw["encoders"].items():
        here, counted = (figures.seconds(name, alone=alone) for alone in (False, True))
        spent = [f"{1000 * seconds:.1f} ms" for seconds in here]
        rate = f"{1 / sum(here):.0f}"
        alone = f"{1 / sum(counted):.0f}" if here != counted else ""
        rows.append([f"`{name}`", f"{row['items']} of {row['bytes_per_item'] / 1e3:.0f} KB", *spent, rate, alone])
    head = ["encoder", "items", "read", "decode", "encode", "items a core second", "the other machine, alone"]
    return _table(head, rows)


def _rows(figures: Figures) -> list[str]:
    catalogs = [
        [{"sqlite": "SQLite", "mysql": "MariaDB", "postgresql": "PostgreSQL"}[name]]
        + [f"{row[f'{what}_bytes']}" for what in ("item", "source", "segment")]
        + [f"{1000 * seconds:.1f} ms" for seconds in (row["lock_s"][0], *figures.groups(name))]
        for name, row in figures.raw["catalogs"].items()
    ]
    head = ["catalog", "bytes an item", "a source", "a segment", "the lock", "64 items claimed", "128 made ready"]
    vectors = []
    for dim in (128, 512, 1280):
        sizes = [f"{figures.embedded_bytes(dim, what):.0f}" for what in ("memory", "disk")]
        cpu, how = 1000 * figures.index_cpu(dim, "embedded"), "measured" if dim != 512 else "between the two"
        vectors.append(["embedded", f"{dim}", *sizes, f"{cpu:.2f} ms", how])
    for kind, row in figures.raw["milvus"].items():
        sizes = [f"{figures.milvus_bytes(kind, row['dim'], what):.0f}" for what in ("memory", "disk")]
        vectors.append([f"Milvus {kind}", f"{row['dim']}", *sizes, "", f"measured, {row['rows']:,} rows"])
    sizes = [f"{figures.milvus_bytes('DISKANN', 512, what):.0f}" for what in ("memory", "disk")]
    vectors.append(["Milvus DISKANN", "512", *sizes, "", "**not measured here**: published"])
    head_of = ["vectors", "numbers", "bytes in memory", "bytes on disk", "CPU of indexing a row", ""]
    entries = ", ".join(
        f"{size} bytes at {dim} numbers" for dim, size in figures.raw["redis"]["bytes_per_entry"].items()
    )
    return [*_table(head, catalogs), "", *_table(head_of, vectors), "", f"An embedding in Redis: {entries}."]


def _requests(figures: Figures) -> list[str]:
    row = figures.raw["buckets"]
    words = {
        "copied": "the first time, blobs copied to another bucket", "in_place": "the first time, `--in-place`",
        "again": "again, nothing new",
    }  # fmt: skip
    rows = [
        [words[way], str(row["objects"]), ", ".join(f"{name}: {count}" for name, count in counted.items())]
        for way, counted in row["requests"].items()
    ]
    return _table(["`add s3://…`", "objects", "requests"], rows)


def _sizes(figures: Figures) -> list[str]:
    lines: list[str] = []
    for step, wanted in STEPS.items():
        plans = [plan(replace(wanted, items=float(items)), figures) for items in SIZES]
        shown = plans if step in ("a laptop", "one server") else plans[2:]
        head = [
            "items",
            "on disks",
            "memory of the index",
            "added in",
            "a query, 99 %",
            "first limit",
            "of it",
            "beyond it too",
        ]
        lines += [f"**{step[0].upper()}{step[1:]}**: {_configured(plans[0].wanted)}.", ""]
        lines += [*_table(head, [_size_row(one) for one in shown]), ""]
    return lines[:-1]


def _configured(wanted: Wanted) -> str:
    search = "" if wanted.searchers == 1 else f", {wanted.searchers} that search"
    machines = "one machine" if wanted.nodes == 1 else f"{wanted.nodes} machines that add{search}"
    index = "vectors embedded" if not wanted.milvus else f"Milvus with {wanted.index}"
    blobs = {"folder": "blobs in the folder", "s3": "blobs copied into a bucket", "in-place": "`--in-place`"}
    catalog = {"sqlite": "SQLite", "mysql": "MariaDB"}[wanted.catalog]
    return (
        f"{machines}, each of {wanted.cores} cores, {size_of(wanted.memory)} of memory and {size_of(wanted.disk)} of "
        f"disk; {catalog}, {index}, {blobs[wanted.blobs]}; to be added in {wanted.days:.0f} days"
    )


def _size_row(one: Plan) -> list[str]:
    first = one.limits[0]
    seconds = max(one.adding["encoding"], one.adding["writing"], one.adding["indexing"])
    slowest = one.query["p99"]
    return [
        f"10^{round(math.log10(one.wanted.items))}",
        size_of(sum(one.storage.values())),
        size_of(one.memory["index"]),
        time_of(seconds),
        "not reckoned" if slowest is None else f"{1000 * slowest:.0f} ms",
        f"**{first.name}**" if first.share > 1 else f"none; nearest: {first.name}",
        f"{first.share:.0%}" if first.share < 10 else f"{first.share:,.0f} ×",
        ", ".join(limit.name for limit in one.limits[1:] if limit.share > 1),
    ]


def size_of(size: float) -> str:
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size / 1e3:.3g} KB"


def time_of(seconds: float) -> str:
    for unit, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.2g} s"


def _writes(figures: Figures, way: str) -> Writes:
    large = way in ("groups", "trouble")
    groups = {"claimed": 256, "finished": 1024} if large else {}
    return figures.writes("mysql", copied=way == "copied", milvus=True, **groups)


def _cluster(way: str, nodes: int, dispatch: float) -> Cluster:
    keys = 1024 if way in ("groups", "trouble") else 128
    cluster = Cluster(nodes, ACTORS, keys, get=0.03, dispatch=dispatch)
    return replace(cluster, fails_after=3600.0, repair=120.0, slow_share=0.1) if way == "trouble" else cluster


@functools.cache
def _runs(figures: _Held) -> dict[tuple[str, int], Ran]:
    costs, machine = figures.held.costs("mobilenet-v2"), Machine(cores=1, workers=1, threads=1)
    measured = figures.held.raw.get("ray_actor_overhead") or {}
    dispatch = float(measured.get("dispatch_s_per_list", 0.0))
    return {
        (way, nodes): simulate(
            costs, machine, _writes(figures.held, way), _cluster(way, nodes, dispatch), max(64, 3 * nodes * ACTORS)
        )
        for way in WAYS
        for nodes in NODES
    }


class _Held:
    """Figures as a key: the same object, the same runs."""

    def __init__(self, held: Figures) -> None:
        self.held = held

    def __hash__(self) -> int:
        return id(self.held.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.held.raw is self.held.raw


def cluster_runs(figures: Figures) -> dict[tuple[str, int], Ran]:
    """By way and nodes; simulated once for the same figures."""
    return _runs(_Held(figures))


def cluster_table(figures: Figures) -> list[str]:
    runs = cluster_runs(figures)
    head = ["nodes", *(f"{words}" for words in WAYS.values())]
    rows = [[str(nodes), *(_ran(runs[way, nodes]) for way in WAYS)] for nodes in NODES]
    most = [f"{ceiling(_writes(figures, way), 1024 if way in ('groups', 'trouble') else 128):,.0f}" for way in WAYS]
    days = [f"{1e9 / runs[way, NODES[-1]].per_second / 86400:,.0f} days" for way in WAYS]
    return _table(head, [*rows, ["the lock's most", *most], ["10^9 items at 100 nodes", *days]])


def _ran(ran: Ran) -> str:
    return f"{ran.per_second:,.0f} (actors {ran.actors_busy:.0%}, lock {ran.lock_busy:.0%})"


def _queries(figures: Figures) -> list[str]:
    rows = []
    for parts in (16, 32, 64, 128):
        latency = figures.milvus_latency("HNSW", 1e9 / parts, 16)
        assert latency is not None
        for replicas in (1, 2):
            paths = Paths(latency, parts, replicas, 1, 0.0005, 2e-6 * parts)
            alone = fan_out(paths, queries=2_000)
            most = most_queries(paths, 0.5, queries=400)
            machines = parts * replicas
            memory = 1e9 * figures.milvus_bytes("HNSW", 512, "memory") / parts
            sizes = [str(parts), str(replicas), str(machines), size_of(memory)]
            rows.append([*sizes, f"{1000 * alone.p50:.0f} ms", f"{1000 * alone.p99:.0f} ms", f"{most:,.0f}"])
    head = ["parts", "replicas", "machines of 16 cores", "memory of each", "median", "99 %", "a second, 99 % in 0.5 s"]
    return _table(head, rows)


def _checks(figures: Figures) -> list[str]:
    rows = []
    for one in every_check(figures):
        values = [
            f"{value:,.0f} {one.unit}" if value >= 100 else f"{value:.3g} {one.unit}"
            for value in (one.foretold, one.measured)
        ]
        rows.append([one.what, *values, f"{one.ratio:.2f}", f"{one.band[0]:.2f}-{one.band[1]:.2f}"])
    return _table(["what", "foretold", "measured", "foretold / measured", "must lie in"], rows)


TABLES: Final = {
    "machine": _machine,
    "encoders": _encoders,
    "rows": _rows,
    "requests": _requests,
    "sizes": _sizes,
    "cluster": cluster_table,
    "queries": _queries,
    "checks": _checks,
}
"""What makes the lines between the marks of each name."""
