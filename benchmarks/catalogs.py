"""The catalog alone, on each database: ``python -m benchmarks.catalogs [ITEMS] [mysql://… postgresql://…]``.

Each address is a database that may be filled; SQLite is measured first, and the others in proportion to it. What a
database answers depends on its settings most of all: whether a commit is synced, and how much memory it has.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from morelike.expressions import Compare
from morelike.protocols import Catalog
from morelike.registry import CATALOGS
from morelike.settings import Settings
from morelike.testing.kits.catalog_samples import finished, some_claim
from morelike.types import segment_id

ITEMS = 10_000
GROUP = 128
PAGE = 20
TIMES = 200
WANTED = Compare("width", ">=", 500)


def measure(setting: str, items: int) -> dict[str, float]:
    """Milliseconds; of adding, items a second."""
    scheme = setting.partition("://")[0]
    with tempfile.TemporaryDirectory() as folder:
        opened: Catalog = CATALOGS.load({"mariadb": "mysql"}.get(scheme, scheme))(
            Path(folder), Settings(library=Path(folder), catalog=setting)
        )
        try:
            return _measured(opened, items)
        finally:
            opened.close()


def _measured(catalog: Catalog, items: int) -> dict[str, float]:
    name = "benchmark"
    for found in catalog.collections():
        if found.name == name:
            catalog.drop_collection(found)
    photos = catalog.create_collection(name, "image", {})
    names = [f"item-{number:07d}" for number in range(items)]
    began = time.perf_counter()
    for start in range(0, items, GROUP):
        group = names[start : start + GROUP]
        catalog.claim(photos, [some_claim(each, metadata={"by": "Ann"}, tags=["t"]) for each in group])
        catalog.finish(photos, [finished(each, {"width": hash(each) % 1000}) for each in group])
    figures = {"items added a second": items / (time.perf_counter() - began)}
    chance = np.random.default_rng(1)

    def page() -> None:
        some = [names[number] for number in chance.integers(0, items, PAGE)]
        catalog.segments(photos, np.array([segment_id(each, 0) for each in some]))
        catalog.shown(photos, some)

    figures["page of hits, ms"] = _median(page, TIMES)
    figures["first filter, ms"] = _median(lambda: catalog.segment_ids(photos, "image", filter=WANTED), 1)
    figures["repeated filter, ms"] = _median(lambda: catalog.segment_ids(photos, "image", filter=WANTED), TIMES)
    catalog.tag(photos, names[:1], ["new"], [])
    figures["mended filter, ms"] = _median(lambda: catalog.segment_ids(photos, "image", filter=WANTED), 1)
    catalog.drop_collection(photos)
    return figures


def _median(do: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        do()
        took.append(time.perf_counter() - began)
    return 1000 * statistics.median(took)


def main() -> None:
    words = sys.argv[1:]
    items = int(words.pop(0)) if words and words[0].isdigit() else ITEMS
    base: dict[str, float] = {}
    for setting in ("sqlite", *words):
        figures = measure(setting, items)
        base = base or figures
        print(setting.partition("://")[0])
        for what, value in figures.items():
            print(f"  {what:24} {value:10.3f}  × {value / base[what]:.2f}")


if __name__ == "__main__":
    main()
