"""The results as a page of the documentation."""

from __future__ import annotations

from typing import Any

from benchmarks import audio, milvus, molecules, text_search, vectors, words


def written(results: dict[str, Any]) -> str:
    """Markdown for docs/benchmarks.md."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines = [
        "# Benchmarks",
        "",
        (
            "Written by `make bench` from `benchmarks/results.json`. The machine was shared and noisy: read the ratios, "
            "which come from one run, rather than the seconds."
        ),
        "",
        (
            f"Measured {results['date']} on {machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; {versions}."
        ),
        "",
        (
            "A picture and words have their figures on [their own page](composed.md#results): `benchmarks.composed`, "
            "`benchmarks.composed_table` and `benchmarks.composed_training` write them."
        ),
        "",
    ]
    sections = {
        "quality": _quality,
        "ingest": _ingest,
        "memory": _memory,
        "http": _http,
        "batching": _batching,
        "audio": audio.section,
        "words": words.section,
        "startup": _startup,
        "vectors": vectors.section,
        "molecules": molecules.section,
        "milvus": milvus.section,
        "text": text_search.section,
    }
    for part, section in sections.items():
        if part in results:
            lines += section(results[part])
    return "\n".join(lines).rstrip() + "\n"


def _quality(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Does it find its own kind?",
        "",
        (
            "1 000 photographs of clothes in ten folders; each is a query, left out of its own answer; 95 % bootstrap "
            "intervals over queries in brackets (`morelike eval COLLECTION --labels parent-folder`)."
        ),
        "",
        "| encoder | numbers | P@1 | P@5 | mAP |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [_interval(row, key) for key in ("p_at_1", "p_at_5", "map")]
        lines.append(f"| `{row['encoder']}` | {row['dim']} | {' | '.join(cells)} |")
    return [*lines, ""]


def _interval(row: dict[str, Any], key: str) -> str:
    low, high = row["intervals"][key]
    return f"{row[key]:.3f} ({low:.3f}-{high:.3f})"


def _ingest(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Adding",
        "",
        (
            "The floor is the larger of the encoder's own time on pictures that are already decoded, and (decode CPU + "
            "encode CPU) / cores, decoding timed with every core at it. The plain loop decodes, encodes one, inserts one into "
            "SQLite and faiss. Medians of five rounds, each of which measures all of them; the range of the ratios in brackets."
        ),
        "",
        (
            "| encoder | pictures | encoder alone | floor | `add --in-place` | × floor | `add`, blobs stored | × floor "
            "| plain loop | plain / in place |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        seconds = (f"{row[key]:.2f} s" for key in ("encoder_alone_s", "floor_s", "add_in_place_s"))
        cells = [f"`{row['encoder']}`", str(row["pictures"]), *seconds, _ratio(row, "in_place_over_floor")]
        cells += [f"{row['add_stored_s']:.2f} s", _ratio(row, "stored_over_floor"), f"{row['plain_loop_s']:.2f} s"]
        lines.append(f"| {' | '.join([*cells, _ratio(row, 'plain_over_in_place')])} |")
    return [*lines, ""]


def _ratio(row: dict[str, Any], key: str) -> str:
    low, high = row[f"{key}_range"]
    return f"{row[key]:.2f} ({low:.2f}-{high:.2f})"


def _memory(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Memory",
        "",
        (
            "Peak resident memory of adding synthetic pictures, each size in a process of its own. Memory follows the "
            "window of items in flight; what grows with the collection is the index, which `add` loads once it writes a "
            "snapshot (from 10 000 items on)."
        ),
        "",
        "| encoder | peak at 1 k | peak at 10 k | the index's own bytes at 10 k | beyond the index |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        small, large = (run["peak_bytes"] / 1e6 for run in row["runs"])
        lines.append(
            f"| `{row['encoder']}` | {small:.0f} MB | {large:.0f} MB | {row['index_bytes'] / 1e6:.1f} MB "
            f"| {row['beyond_index_mb']:.1f} MB |"
        )
    return [*lines, ""]


def _http(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Searching over HTTP",
        "",
        (
            "One client on one connection asks `morelike serve` for the ten items most like an item, at random; made-up "
            "items of 512 numbers in clusters. No encoder is at work: this is all that a query costs beyond decoding and "
            "encoding its example. Median and 99th percentile in ms, the client's own work included; filters leave as "
            "much as their name says, and were evaluated once before (`first`: with that)."
        ),
        "",
        "| items | unfiltered | 1 % | 10 % | 50 % | 1 %, a cluster | first, 50 % | memory | listens after |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [_latency(row["unfiltered"]), *(_latency(each) for each in row["filtered"].values())]
        first = f"{row['filtered']['50 %']['first_ms']:.0f}"
        rest = [first, f"{row['resident_mb']:.0f} MB", f"{row['listens_after_s']:.1f} s"]
        lines.append(f"| {row['items']:,} | {' | '.join([*cells, *rest])} |")
    lines += ["", "| items | connections | requests a second | median ms | 99 % ms |", "|---|---|---|---|---|"]
    for row in rows:
        for load in row["wrk"] if isinstance(row["wrk"], list) else []:
            figures = f"{load['per_second']:.0f} | {load['p50_ms']:.1f} | {load['p99_ms']:.1f}"
            lines.append(f"| {row['items']:,} | {load['connections']} | {figures} |")
    return [*lines, "", "The second table is by `wrk`.", ""]


def _latency(figures: dict[str, float]) -> str:
    return f"{figures['p50_ms']:.1f} / {figures['p99_ms']:.1f}"


def _batching(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Queries that share the encoder",
        "",
        (
            "Pictures as queries, from several clients at once; what waits when the encoder is free goes into one batch. "
            "*Gain* is what the encoder alone makes of batches of eight, in payloads a second over one by one. In each "
            "cell: answers a second (median ms). Decoding shares the same cores."
        ),
        "",
        "| encoder | gain | 1 client | 2 | 4 | 8 | 8 over 1 | payloads a batch at 8 | 1 client, no sharing | 8, no sharing |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        shared = [_rate(row["clients"][f"shared_{clients}"]) for clients in (1, 2, 4, 8)]
        low, high = row["eight_over_one_range"]
        ratio = f"{row['eight_over_one']:.2f} ({low:.2f}-{high:.2f})"
        alone = [_rate(row["clients"][f"alone_{clients}"]) for clients in (1, 8)]
        mean = f"{row['mean_batch_of_eight']:.1f}"
        cells = [f"`{row['encoder']}`", f"{row['encoder_gain']:.2f}", *shared, ratio, mean, *alone]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _rate(figures: dict[str, float]) -> str:
    return f"{figures['per_second']:.0f} ({figures['p50_ms']:.0f})"


def _startup(row: dict[str, float]) -> list[str]:
    return [
        "## Starting",
        "",
        (
            f"Medians of whole processes: `import morelike` {1000 * row['import_morelike_s']:.0f} ms beyond an empty "
            f"process ({1000 * row['empty_process_s']:.0f} ms); `morelike --help` {1000 * row['morelike_help_s']:.0f} ms."
        ),
        "",
    ]
