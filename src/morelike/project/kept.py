"""Maps as they are kept: one file a space in the library's folder, whole or not there, believed by its checksum.

``maps/COLLECTION/SPACE.map`` is a header (JSON) and three arrays, see ``write_checked``: the ids as bytes padded with
zeros, (n, 2) float32 points and (n,) int32 clusters, little-endian. Nothing depends on it: it can be made again.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from morelike.project.found import Cluster, Map
from morelike.stores.disk import make_folder, remove, translated
from morelike.stores.vectors.files import Checked, Unusable, opened, write_checked
from morelike.types import Collection, Space
from morelike.wiring import Stores

__all__ = ["discard", "forget", "keep", "kept", "place", "strays"]

_log = logging.getLogger(__name__)
MAGIC: Final = b"mlmap\x01\x00\x00"
LONGEST_ID: Final = 128
HALF_WRITTEN: Final = 3600.0
"""Seconds after which a file without its name yet is nobody's any more."""
_NAME: Final = re.compile(r"(\d+)\.map(\.[0-9a-f]+\.part)?")
_OPENED: Final = 2
"""How many maps a process keeps in memory: each page of one is asked for apart."""


def place(stores: Stores, collection: Collection, space: Space) -> Path:
    """Where the space's map is kept on this machine."""
    return stores.folder / "maps" / str(collection.id) / f"{space.id}.map"


def keep(stores: Stores, collection: Collection, space: Space, made: Map) -> None:
    """Replace the map that was kept. Raises StoreFull, StoreReadOnly, StoreError."""
    ids = np.array([item_id.encode() for item_id in made.items], dtype=np.bytes_)
    header = {
        "library": stores.catalog.library_id(),
        "collection": [collection.name, collection.created_at],
        "encoder": made.encoder,
        "kind": made.kind,
        "made_at": made.made_at,
        "revision": made.revision,
        "segments": made.segments,
        "clusters": [[one.name, one.size] for one in made.clusters],
        "items": len(made.items),
        "id_bytes": ids.dtype.itemsize,
    }
    path = place(stores, collection, space)
    arrays = [ids, made.points.astype("<f4"), made.cluster_of.astype("<i4")]
    with translated(path):
        make_folder(path.parent)
        write_checked(path, "map", MAGIC, header, arrays)


def kept(stores: Stores, collection: Collection, space: Space) -> Map | None:
    """The map that was made last in this space on this machine; None where there is none that can be used."""
    path = place(stores, collection, space)
    try:
        stat = path.stat()
        found, header = _read(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except FileNotFoundError:
        return None
    except (OSError, Unusable) as reason:
        _log.warning("the map of %s is made anew when it is asked for: %s: %s", collection.name, path, reason)
        return None
    return found if _is_of(header, stores, collection, space) else None


def _is_of(header: Mapping[str, Any], stores: Stores, collection: Collection, space: Space) -> bool:
    """Whether it is a map of this space, and not of one that had the same number."""
    whose = {
        "library": stores.catalog.library_id(),
        "collection": [collection.name, collection.created_at],
        "encoder": space.card.id,
    }
    return all(header.get(name) == value for name, value in whose.items())


def forget(stores: Stores, collection: Collection, space: Space) -> None:
    """Remove the map of a space that goes; its folder too, once that is empty."""
    discard(place(stores, collection, space))


def discard(path: Path) -> None:
    """Remove a map's file; its folder too, once that is empty."""
    remove(path)
    with suppress(OSError):
        path.parent.rmdir()


def strays(stores: Stores) -> Iterator[Path]:
    """Files of maps whose collection or space is gone, also where another one has its number now; and what was left of
    writing one. Whoever writes holds no lock, so what is young is let be.
    """
    whose = {
        (str(collection.id), str(space.id)): (collection, space)
        for collection in stores.catalog.collections()
        for space in stores.catalog.spaces(collection)
    }
    for path in sorted((stores.folder / "maps").glob("*/*")):
        found = _NAME.fullmatch(path.name)
        if found is not None and path.is_file():
            owner = whose.get((path.parent.name, found[1]))
            half = found[2] is not None
            if _age(path) > HALF_WRITTEN if half else owner is None or _of_another(path, stores, *owner):
                yield path


def _age(path: Path) -> float:
    """Seconds since it was written; 0 where it is gone meanwhile."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _of_another(path: Path, stores: Stores, collection: Collection, space: Space) -> bool:
    """A damaged one may be anybody's: it is made anew in its place."""
    try:
        with opened(path, MAGIC) as file:
            return not _is_of(file.header, stores, collection, space)
    except (OSError, Unusable):
        return False


@lru_cache(maxsize=_OPENED)
def _read(path: Path, *_version: int) -> tuple[Map, Mapping[str, Any]]:
    """Raises FileNotFoundError, Unusable."""
    with opened(path, MAGIC) as file:
        count, width = file.number("items"), file.number("id_bytes")
        if not 1 <= width <= LONGEST_ID:
            raise Unusable("its ids are too long")
        file.holds(count * (width + 12))
        ids = file.array((count,), f"S{width}")
        points = file.array((count, 2), "<f4")
        cluster_of = file.array((count,), "<i4")
        file.finish()
        for array in (points, cluster_of):
            array.flags.writeable = False  # many callers share it
        try:
            return _map(file, ids.tolist(), points, cluster_of), file.header
        except (KeyError, TypeError, ValueError) as error:
            raise Unusable("its header is of another version") from error


def _map(file: Checked, ids: list[bytes], points: Any, cluster_of: Any) -> Map:
    header = file.header
    clusters = tuple(Cluster(at, str(name), int(size)) for at, (name, size) in enumerate(header["clusters"]))
    return Map(
        made_at=str(header["made_at"]),
        revision=file.number("revision"),
        stale=False,
        kind=str(header["kind"]),
        encoder=str(header["encoder"]),
        clusters=clusters,
        items=tuple(one.decode() for one in ids),
        points=points,
        cluster_of=cluster_of,
        segments=str(header.get("segments", "")),  # of an earlier version there is none
    )
