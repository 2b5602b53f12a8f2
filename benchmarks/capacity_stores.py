"""What capacity is reckoned from, measured here: bytes in the catalogs, requests to a bucket, bytes in Redis.

MariaDB, PostgreSQL, the gateway and Redis are processes of the tests' own on this machine, without a network between.
"""

from __future__ import annotations

import http.client
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

import morelike
from benchmarks.capacity_work import quantiles
from morelike.library import Library
from morelike.settings import Settings
from morelike.stores.redis_cache import RedisCache
from morelike.testing.images import synthetic_image
from morelike.types import Claim, ContentDigest, Finished, Segment, Source, Span, segment_id

ITEMS = 6_400
CLAIMED, FINISHED = 64, 128
"""Items that `add` writes at a time (look_ahead, commit_items)."""
OTHER_SOURCES, SEGMENTS = 2, 4
OBJECTS = 96
ENTRIES = 2_000
_TABLES = ("items", "sources", "segments")
_SQLITE = "SELECT sum(pgsize) FROM dbstat WHERE name = ? OR name LIKE ? OR name LIKE ?"
_MYSQL = (
    "SELECT data_length + index_length FROM information_schema.tables WHERE table_schema = '{}' AND table_name = '{}'"
)


def tests_modules() -> None:
    """Make the modules of the tests importable that start servers."""
    folder = str(Path(__file__).resolve().parents[1] / "tests" / "services")
    if folder not in sys.path:
        sys.path.insert(0, folder)


def catalogs() -> dict[str, Any]:
    """Bytes a row of each table with its indexes, and wall seconds of a group under the write lock, by database.

    Names of items are 64 hexadecimal digits, addresses of sources as in a bucket: ``address_bytes`` long.
    """
    tests_modules()
    import databases  # a module of the tests

    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        found["sqlite"] = _catalog(Path(scratch) / "library", "sqlite", _sqlite_bytes(Path(scratch) / "library"))
    databases._fast_folder = lambda: None  # on the disk: commits are synced
    for kind, options in (("mysql", ["--innodb-flush-log-at-trx-commit=1"]), ("postgresql", ["-c", "fsync=on"])):
        with databases.own_server(kind, *options) as server, tempfile.TemporaryDirectory() as scratch:
            url = server.create()
            found[kind] = _catalog(Path(scratch) / "library", url, _server_bytes(server, kind, url))
    return found


def _sqlite_bytes(folder: Path) -> Callable[[str], int]:
    def used(table: str) -> int:
        with sqlite3.connect(folder / "catalog.sqlite") as opened:
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            own = f"ix_{table}_%", f"sqlite_autoindex_{table}_%"
            return int(opened.execute(_SQLITE, (table, *own)).fetchone()[0])

    return used


def _server_bytes(server: Any, kind: str, url: str) -> Callable[[str], int]:
    name = url.rpartition("/")[2]

    def used(table: str) -> int:
        if kind == "mysql":
            server.say(f"ANALYZE TABLE {table}", database=name)
            return int(server.say(_MYSQL.format(name, table), database=name)[0][0])
        return int(server.say(f"SELECT pg_total_relation_size('{table}')", database=name)[0][0])

    return used


def _catalog(folder: Path, setting: str, used: Callable[[str], int]) -> dict[str, Any]:
    """Items with a source and a segment each, and as many rows again of sources and of segments alone."""
    with morelike.open(Settings(library=folder, offline=True, catalog=setting)) as library:
        catalog = library._stores.catalog
        photos = catalog.create_collection("photos", "image", {})
        took = _filled(library, photos)
        for number in range(0, ITEMS, CLAIMED):
            again = [_claim(at, copy) for at in range(number, number + CLAIMED) for copy in range(1, 1 + OTHER_SOURCES)]
            catalog.claim(photos, again)
        more = range(ITEMS, ITEMS + ITEMS // SEGMENTS)
        for start in range(0, len(more), FINISHED):
            some = more[start : start + FINISHED]
            catalog.claim(photos, [_claim(at, 0) for at in some])
            catalog.finish(photos, [_finished(at, SEGMENTS) for at in some])
        items = ITEMS + len(more)
        rows = {"items": items, "sources": items + ITEMS * OTHER_SOURCES, "segments": ITEMS + len(more) * SEGMENTS}
        sizes = {f"{table[:-1]}_bytes": round(used(table) / rows[table]) for table in _TABLES}
    return {
        "rows": rows,
        "address_bytes": len(_claim(0, 0).source.uri),
        **sizes,
        **{f"{what}_s": quantiles(seconds) for what, seconds in took.items()},
    }


def _filled(library: Library, photos: Any) -> dict[str, list[float]]:
    """Wall seconds of each hold of the lock with nothing in it, of each claim and each finish."""
    took: dict[str, list[float]] = {"lock": [], "claim": [], "finish": []}
    stores = library._stores
    catalog = stores.catalog

    def timed(what: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        with stores.lock.hold("add to photos"):
            work()
        took[what].append(time.perf_counter() - began)

    for start in range(0, ITEMS, FINISHED):
        for first in range(start, start + FINISHED, CLAIMED):
            claims = [_claim(at, 0) for at in range(first, first + CLAIMED)]
            timed("claim", lambda claims=claims: catalog.claim(photos, claims))  # type: ignore[misc]
        finished = [_finished(at, 1) for at in range(start, start + FINISHED)]
        timed("finish", lambda finished=finished: catalog.finish(photos, finished))  # type: ignore[misc]
        timed("lock", lambda: None)
    return took


def _claim(number: int, copy: int) -> Claim:
    identity = _identity(number)
    key = f"pictures/2024/part-{copy:02d}/{number:09d}-{identity[:12]}.jpg"
    source = Source(f"s3://collection/{key}", key.rpartition("/")[2], 28_700, number, {}, "s3://collection/pictures/")
    return Claim(identity, ContentDigest(identity, identity[:32], 28_700), "image/jpeg", source, in_place=False)


def _finished(number: int, segments: int) -> Finished:
    identity = _identity(number)
    parts = tuple(Segment(segment_id(identity, at), at, "image", Span("whole"), identity) for at in range(segments))
    return Finished(identity, {"width": 640, "height": 480, "format": "JPEG"}, parts)


def _identity(number: int) -> str:
    return blake2b(str(number).encode(), digest_size=32).hexdigest()


def buckets() -> dict[str, Any]:
    """Requests an object of `add s3://…`, with the blobs in another bucket and in place; seconds of a PUT and a GET."""
    tests_modules()
    from radosgw_process import running_gateway  # modules of the tests
    from s3_traffic import put, watched

    with running_gateway() as gateway:
        source, kept = gateway.bucket(), gateway.bucket()
        for number in range(OBJECTS):
            put(gateway, source, f"pictures/{number:04d}.jpg", _photograph(number))
        found: dict[str, Any] = {"objects": OBJECTS, "requests": {}}
        for way in ("copied", "in_place", "again"):
            with watched(gateway) as proxy, tempfile.TemporaryDirectory() as scratch:
                settings = gateway.settings(
                    f"s3://{kept}/{way}", library=Path(scratch) / "library", s3_endpoint=proxy.endpoint
                )
                with morelike.open(settings) as library:
                    photos = library.collection("photos", modality="image", encoder="classic")
                    report = photos.add(f"s3://{source}/pictures/", in_place=way == "in_place")
                    if way == "again":
                        proxy.asked.clear()
                        photos.add(f"s3://{source}/pictures/")
            assert report.added == OBJECTS, report
            found["requests"][way] = _requests(proxy.asked, source, kept)
        found |= _latencies(gateway, kept)
    return found


def _requests(asked: list[str], source: str, kept: str) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for line in asked:
        method, _, path = line.partition(" ")
        parts = urlsplit(path)
        bucket = parts.path.split("/")[1]
        place = {source: "source", kept: "blobs"}.get(bucket, bucket)
        listing = "list-type" in parts.query or "uploads" in parts.query
        counted[f"{place} {'LIST' if listing else method}"] += 1
    return dict(sorted(counted.items()))


def _latencies(gateway: Any, bucket: str) -> dict[str, Any]:
    """One after another on one line, objects of 100 KB."""
    from morelike.objects import find_keys, find_place
    from morelike.signing import Ask, signed_url

    settings = gateway.settings(f"s3://{bucket}")
    keys = find_keys(settings)
    assert keys is not None
    line = http.client.HTTPConnection(urlsplit(gateway.endpoint).netloc, timeout=60)
    took: dict[str, list[float]] = {"PUT": [], "GET": []}
    data = np.random.default_rng(1).bytes(100_000)
    for method, number in [(method, number) for method in took for number in range(200)]:
        url = signed_url(find_place(settings, bucket), keys, Ask(method, f"timed/{number}", {}), 600)
        began = time.perf_counter()
        line.request(method, url.removeprefix(gateway.endpoint), data if method == "PUT" else None)
        answer = line.getresponse()
        answer.read()
        took[method].append(time.perf_counter() - began)
        assert answer.status == 200, answer.status
    line.close()
    return {f"{method.lower()}_s": quantiles(seconds) for method, seconds in took.items()}


def _photograph(number: int) -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(synthetic_image(number)).save(stream, "JPEG")
    return stream.getvalue()


def redis() -> dict[str, Any]:
    """Bytes an entry, by the length of its value: an embedding of so many numbers."""
    tests_modules()
    from redis_process import running_redis  # a module of the tests

    found: dict[str, Any] = {"entries": ENTRIES, "bytes_per_entry": {}}
    with running_redis() as process:
        cache = RedisCache(Settings(library=Path("library"), offline=True, cache=process.address))
        for dim in (256, 512, 1280):
            before = _redis_memory(process)
            for number in range(ENTRIES):
                key = f"embedding:{dim}:{_identity(number)}"
                cache.put(key, np.zeros(dim, dtype=np.float32).tobytes() + b"-")
            found["bytes_per_entry"][str(dim)] = round((_redis_memory(process) - before) / ENTRIES)
        cache.close()
    return found


def _redis_memory(process: Any) -> int:
    said = process.say("INFO", "memory").decode()
    return int(next(line.partition(":")[2] for line in said.splitlines() if line.startswith("used_memory:")))


__all__ = ["buckets", "catalogs", "redis", "tests_modules"]
