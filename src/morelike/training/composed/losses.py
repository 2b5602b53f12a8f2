"""Losses of composed retrieval (Vo et al. 2019): a batch's queries against the targets that its rows want.

Both take (n, dim) vectors as the model's ``normalization_layer`` gives them, count in float32 under autocast too, and
give a scalar. A row's target is right for its own query only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from morelike.errors import UsageError

__all__ = ["LOSSES", "batch_based_classification", "draw_triplets", "soft_triplet", "triplet_loss"]

MOST_TRIPLETS = 3
"""Of one anchor."""

Indices = tuple[Tensor, Tensor, Tensor]


def soft_triplet(queries: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
    """The mean of log(1 + exp(d(a, p) - d(a, n))), squared distances d, over triplets drawn with ``generator``.

    Raises UsageError on a single row: nothing is a negative there.
    """
    anchors, positives, negatives = draw_triplets(len(queries), generator)
    return triplet_loss(torch.cat((queries, targets)), (anchors, positives, negatives))


def draw_triplets(rows: int, generator: torch.Generator) -> Indices:
    """(t,) int64 each, on the generator's device: anchors, positives, negatives among ``rows`` queries and then their
    ``rows`` targets. Each of the 2 · rows is an anchor, its positive the other of its row, its negatives at most
    three of another row, drawn evenly and without repeats. Raises UsageError on fewer than two rows.
    """
    if rows < 2:
        raise UsageError("a batch of one has no negatives", hint="a batch has two rows or more")
    device = generator.device
    others = 2 * rows - 2
    picks: list[Tensor] = []  # by number among those of another row; each draws from what the ones before have left
    for taken in range(min(MOST_TRIPLETS, others)):
        pick = torch.randint(others - taken, (2 * rows,), generator=generator, device=device)
        for earlier in torch.stack(picks).sort(dim=0).values if picks else ():
            pick = pick + (pick >= earlier)
        picks.append(pick)
    anchors = torch.arange(2 * rows, device=device)
    row = anchors % rows
    negatives = torch.stack(picks, dim=1)
    negatives = negatives + (negatives >= row[:, None])  # past the row's query
    negatives = negatives + (negatives >= row[:, None] + rows)  # and past its target
    positives = (anchors + rows) % (2 * rows)
    count = negatives.shape[1]
    return anchors.repeat_interleave(count), positives.repeat_interleave(count), negatives.flatten()


def triplet_loss(points: Tensor, triplets: Indices) -> Tensor:
    """The soft triplet loss of (n, dim) points over these triplets of their indices."""
    anchors, positives, negatives = (indices.to(points.device, non_blocking=True) for indices in triplets)
    with torch.autocast(points.device.type, enabled=False):
        points = points.float()
        # By differences: an anchor asks for four distances at most, and the matrix of all costs more than they do.
        at = points[anchors]
        near = (at - points[positives]).square().sum(dim=1)
        far = (at - points[negatives]).square().sum(dim=1)
        return softplus(near - far).mean()


def batch_based_classification(queries: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each query among the batch's targets, by their products with it."""
    with torch.autocast(queries.device.type, enabled=False):
        wanted = torch.arange(len(queries), device=queries.device)
        return cross_entropy(queries.float() @ targets.float().T, wanted)


LOSSES: Mapping[str, Callable[[Tensor, Tensor, torch.Generator], Tensor]] = {
    "batch_based_classification": lambda queries, targets, _: batch_based_classification(queries, targets),
    "soft_triplet": soft_triplet,
}
