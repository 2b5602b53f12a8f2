"""What a map of a collection is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cluster", "Map"]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Items whose vectors lie together. ``name``: what is typical of their tags and folders; empty where nothing is."""

    id: int
    name: str
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A collection's items as points. ``clusters`` are numbered from 0 by their size, the largest first."""

    made_at: str
    """UTC, ISO 8601."""
    revision: int
    """Of the collection, when it was made."""
    stale: bool
    """Whether other segments of its kind are searchable since: it lacks items, or shows some that are not found."""
    kind: str
    encoder: str
    """The id of the card whose space is shown."""
    clusters: tuple[Cluster, ...]
    items: tuple[str, ...]
    """Their ids, oldest first; items without a vector are left out."""
    points: NDArray[np.float32] = field(repr=False)
    """(n, 2) from -1 to 1. Only what stands near a point means anything, not the axes."""
    cluster_of: NDArray[np.int32] = field(repr=False)
    """(n,) the cluster of each."""
    segments: str = field(default="", repr=False)
    """A digest of the ids of the segments that were searchable; empty where it is not known."""
    interrupted: bool = False
    """It was stopped before its end: it shows nothing, and what was kept before is still there."""
