"""Same-class retrieval on the photographs of clothes: each is a query, left out of its own answer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import morelike
from morelike.settings import Settings


def measure(settings: Settings, name: str, folder: Path) -> dict[str, Any]:
    """P@1, P@5 and mAP with 95 % intervals."""
    with tempfile.TemporaryDirectory() as scratch:
        own = settings.model_copy(update={"library": Path(scratch) / "library"})
        with morelike.open(own) as library:
            collection = library.collection("clothing", modality="image", encoder=name)
            collection.add(folder, in_place=True)
            result = collection.evaluate()
            dim = collection.spaces[0].card.dim
    return {
        "encoder": name,
        "dim": dim,
        "p_at_1": result.p_at_1,
        "p_at_5": result.p_at_5,
        "map": result.map,
        "intervals": {key: list(pair) for key, pair in result.intervals.items()},
        "queries": result.queries,
    }
