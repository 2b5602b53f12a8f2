"""Libraries that have some of everything, for tests that move them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from morelike.library import Library
from morelike.records import Aside
from morelike.registry import MODALITIES, Row
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder, ToySketches, ToyWords, toy_film
from morelike.types import Blob, Card

TOYS = {"film": Row("morelike.testing.toys:ToyFilm"), "lines": Row("morelike.testing.toys:ToyLines")}
TERMS = Card("bm25", "terms", "terms", 0, "bm25", {"text": {}}, fingerprint="1")
INACTIVE = Card("old", "toy", "dense", 3, "ip", {"image": {}}, fingerprint="2")
ENCODERS = {"photos": ToyEncoder(), "films": [ToyEncoder(), ToySketches()], "poems": ToyWords()}
POEM = "\n".join(["the fox", "a dog", "東京都庁", "Café"])


def register_toys(monkeypatch) -> None:
    for name, row in TOYS.items():
        monkeypatch.setitem(MODALITIES._all, name, row)


def fill(library: Library, folder: Path, pictures: int = 30) -> None:
    """Pictures kept and in place, with copies, tags, metadata, a ledger, duplicates and an old space; films; words."""
    kept, placed = folder / "kept", folder / "placed"
    write_images(kept, pictures, seed=1)
    write_images(placed, 5, seed=2000)
    first = sorted(kept.iterdir())[0]
    (kept / "again.png").write_bytes(first.read_bytes())
    (kept / "broken.png").write_bytes(first.read_bytes()[:60])
    (kept / "odd\udcff.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    photos = library.collection("photos", modality="image", encoder=ENCODERS["photos"])
    photos.add(kept, tags=["kept", "␛"], metadata={"by": "me", "deep": {"a": [1, None, 2.5]}, "odd\udcff": "x\0"})
    photos.add(kept, retry=True)
    photos.add(placed, in_place=True)
    items = photos.items(limit=10)
    stores, record = photos._stores, photos._record
    stores.catalog.set_aside(record, [Aside(items[3].id, items[2].id, "a run", 0.75)])
    stores.catalog.mark_distinct(record, [(items[5].id, items[4].id)])
    old = stores.catalog.add_space(record, "image", INACTIVE, active=False)
    ids = np.array([photos.segments(item.id)[0].id for item in items[5:]])
    stores.vectors.upsert(old, ids, np.arange(3 * len(ids), dtype=np.float32).reshape(-1, 3))
    _others(library)


def _others(library: Library) -> None:
    rng = np.random.default_rng(3)
    films = library.collection("films", modality="film", encoder=ENCODERS["films"])
    for seed, length in enumerate((25, 60)):
        colours = [f"#{rng.bytes(3).hex()}" for _ in range(length)]
        films.add(Blob.from_bytes(toy_film(colours), f"{seed}.film"))
    poems = library.collection("poems", modality="lines", encoder=ENCODERS["poems"])
    poems._stores.catalog.add_space(poems._record, "terms", TERMS, active=True)
    poems.add(Blob.from_bytes(POEM.encode(), "one.lines"), Blob.from_bytes(b"fox and cat", "two.lines"))


def answers(library: Library) -> list[list[tuple[str, float]]]:
    """What searches of every kind find."""
    photos = library.collection("photos", encoder=ENCODERS["photos"])
    films = library.collection("films", encoder=ENCODERS["films"])
    poems = library.collection("poems", encoder=ENCODERS["poems"])
    found = [photos.search(item.id, k=20) for item in photos.items(limit=5)]
    found.append(photos.search(photos.items(limit=1)[0].id, filter='tag = "kept" and by = "me"'))
    found.append(films.search(films.items(limit=1)[0].id))
    found += [poems.search(text=text, mode="keyword") for text in ("fox", "東京", "cafe")]
    return [[(hit.item, hit.score) for hit in hits] for hits in found]
