"""What a run reads: the splits of its data set, and the batch of each iteration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from morelike.errors import UsageError
from morelike.training.composed.pictures import Pictures, digest_of, prepared
from morelike.training.composed.runs import Settings
from morelike.training.triplets import Triplets
from morelike.vocabulary import Vocabulary

__all__ = ["Batch", "Split", "batch_of", "numbered", "read_split", "read_triplets"]

LONGEST = 256
"""Words of a text that a network reads; the published texts have fewer than twenty."""


@dataclass(frozen=True, slots=True)
class Split:
    """One split with its pictures as queries' sources and as what is found; from 2D to 3D these are two kinds."""

    triplets: Triplets
    sources: Pictures
    targets: Pictures


@dataclass(frozen=True, slots=True)
class Batch:
    """The triplets of one iteration; each picture is in it once.

    ``targets`` (m, h, w, 3) uint8; ``sources`` likewise, None where ``targets`` holds them too. ``source_of`` and
    ``target_of`` (b,) int64: rows of these. ``ids`` (b, length) and ``lengths`` (b,) int64.
    """

    targets: NDArray[np.uint8]
    sources: NDArray[np.uint8] | None
    source_of: NDArray[np.int64]
    target_of: NDArray[np.int64]
    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def pictures(self) -> int:
        """How many are encoded."""
        return len(self.targets) + (0 if self.sources is None else len(self.sources))


def read_triplets(settings: Settings, split: str) -> tuple[Triplets, Triplets]:
    """The split as the queries' sources and as the targets: one object, but from 2D to 3D. Raises MorelikeError."""
    folder = Path(settings.dataset_path)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="--dataset-path names the data set's folder")
    if settings.dataset == "css":
        from morelike.training.css_files import read_css

        name = cast("Any", split)
        targets = read_css(folder, name, cast("Any", settings.target_pictures))
        if settings.query_pictures == settings.target_pictures:
            return targets, targets
        return read_css(folder, name, cast("Any", settings.query_pictures)), targets
    triplets = _other(settings.dataset, folder, split)
    return triplets, triplets


def _other(dataset: str, folder: Path, split: str) -> Triplets:
    if dataset == "fashion200k":
        from morelike.training.fashion200k import read_fashion200k

        return cast("Triplets", read_fashion200k(folder, cast("Any", split)))
    from morelike.training.mit_states import read_mit_states

    return cast("Triplets", read_mit_states(folder, cast("Any", split)))


def read_split(
    settings: Settings,
    split: str,
    cache: Path,
    between: Callable[[int, int], None] | None = None,
    threads: int = 1,
) -> Split:
    """The split with its pictures, prepared in ``cache``. Raises MorelikeError."""
    sources, targets = read_triplets(settings, split)

    def of(triplets: Triplets, form: str) -> Pictures:
        numbers = settings.pixels()
        about = {"dataset": settings.dataset, "split": split, "form": form, "numbers": numbers}
        kept = cache / f"{digest_of(Path(settings.dataset_path), about)}.npy"
        return prepared(triplets, numbers, kept, threads=threads, between=between)

    found = of(targets, settings.target_pictures)
    return Split(targets, found if sources is targets else of(sources, settings.query_pictures), found)


def numbered(vocabulary: Vocabulary, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Texts to ids (n, length), padded with 0, and lengths (n,)."""
    rows = [vocabulary.ids(text)[:LONGEST] for text in texts]
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    ids = np.zeros((len(rows), int(lengths.max(initial=1))), dtype=np.int64)
    for row, words in zip(ids, rows, strict=True):
        row[: len(words)] = words
    return ids, lengths


def batch_of(split: Split, vocabulary: Vocabulary, size: int, seed: int, iteration: int) -> Batch:
    """The batch of an iteration: of the data, the seed and the iteration's number alone."""
    drawn = split.triplets.draw(np.random.default_rng([seed, iteration]), size)
    count = len(drawn)
    sources = np.array([triplet.source for triplet in drawn], dtype=np.int64)
    targets = np.array([triplet.target for triplet in drawn], dtype=np.int64)
    ids, lengths = numbered(vocabulary, [triplet.text for triplet in drawn])
    if split.sources is split.targets:
        rows, where = np.unique(np.concatenate([sources, targets]), return_inverse=True)
        return Batch(split.targets.rows[rows], None, where[:count], where[count:], ids, lengths)
    sources, source_of = np.unique(sources, return_inverse=True)
    targets, target_of = np.unique(targets, return_inverse=True)
    return Batch(split.targets.rows[targets], split.sources.rows[sources], source_of, target_of, ids, lengths)
