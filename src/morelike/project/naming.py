"""What a cluster is called: the tags and folders that many of its items have and few others do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from morelike.evaluate import labeller
from morelike.types import Item

__all__ = ["labels_of", "names"]

COMMON: Final = 0.3
"""The share of a cluster that has a label in its name."""
MOST: Final = 2
NEARLY: Final = 0.5
"""A second label is as telling as the first, or half as telling at the least."""
LONGEST: Final = 40
_tags, _folders = labeller("tag"), labeller("parent-folder")


def labels_of(item: Item) -> frozenset[str]:
    return frozenset(label[:LONGEST] for label in _tags(item) | _folders(item))


def names(labels: Mapping[int, Sequence[frozenset[str]]]) -> dict[int, str]:
    """Cluster to its items' labels, as cluster to name; empty where nothing is typical.

    A label counts as p · log(p / q): p of the cluster's items have it, and q of all.
    """
    everywhere = Counter(label for sets in labels.values() for own in sets for label in own)
    total = sum(map(len, labels.values()))
    return {cluster: _name(sets, everywhere, total) for cluster, sets in labels.items()}


def _name(sets: Sequence[frozenset[str]], everywhere: Counter[str], total: int) -> str:
    telling = []
    for label, times in Counter(label for own in sets for label in own).items():
        share = times / len(sets)
        worth = share * math.log(share * total / everywhere[label])
        if share >= COMMON and worth > 0:
            telling.append((-worth, label))
    chosen = sorted(telling)[:MOST]
    return ", ".join(label for worth, label in chosen if worth <= NEARLY * chosen[0][0])
