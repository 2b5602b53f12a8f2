"""How all points of a map push one another apart: sums over all pairs, on a grid, in time that grows with the points.

t-SNE's repulsive forces are convolutions of the points with a smooth kernel. They are interpolated onto an even grid,
where the Fourier transform makes convolving cheap (FIt-SNE: Linderman, Rachh, Hoskins, Steinerberger & Kluger 2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Repulsion"]

SPACING = 1 / 3
"""Of the grid, where the kernel's own width is 1; doubled until the grid is no wider than ``WIDEST``."""
WIDEST = 512
STEP = 32
"""The grid's width is a multiple of it, so that its kernels are seldom made anew."""
NODES = 4
EXACT = 512
"""Of so few points every pair is added up: that is quicker."""

Points = NDArray[np.float32]


class Repulsion:
    """The kernels of the last grid are kept: the map grows slowly."""

    def __init__(self) -> None:
        self._made: tuple[float, int] = (0.0, 0)
        self._kernels: NDArray[np.complex64] = np.empty((0, 0, 0), np.complex64)
        self._near: NDArray[np.float32] = np.empty((0, 0), np.float32)

    def __call__(self, points: Points) -> tuple[Points, float]:
        """(n, 2) points to (n, 2) sums of (a - b) / (1 + |a - b|²)² over all b, and the sum of 1 / (1 + |a - b|²)
        over all pairs of different points.
        """
        if len(points) <= EXACT:
            return _pairs(points)
        low = points.min(axis=0)
        span = float((points.max(axis=0) - low).max())
        spacing = SPACING
        while span / spacing + NODES > WIDEST - STEP:
            spacing *= 2
        width = -(-int(span / spacing + NODES + 1) // STEP) * STEP
        if self._made != (spacing, width):
            self._make(spacing, width)
        nodes, weights = _nodes((points - low) / np.float32(spacing), width)
        charges = np.bincount(nodes.ravel(), weights.ravel(), width * width).astype(np.float32)
        spread = np.fft.rfft2(charges.reshape(width, width), s=(2 * width, 2 * width))
        fields = np.fft.irfft2(self._kernels * spread, s=(2 * width, 2 * width), axes=(1, 2))
        at_nodes = fields[:, :width, :width].reshape(3, -1)[:, nodes]
        sums = np.einsum("fnk,nk->fn", at_nodes, weights)
        themselves = np.einsum("nk,kj,nj->", weights, self._near, weights)  # no BLAS: its threads cost more here
        return sums[1:].T.astype(np.float32), max(float(sums[0].sum() - themselves), 1e-12)

    def _make(self, spacing: float, width: int) -> None:
        """The transforms of the three kernels on a grid twice as wide, so that nothing comes round its edge."""
        steps = np.fft.fftfreq(2 * width, 1 / (2 * width)) * spacing
        down, across = np.meshgrid(steps, steps, indexing="ij")
        closeness = 1 / (1 + down**2 + across**2)
        kernels = np.stack([closeness, across * closeness**2, down * closeness**2]).astype(np.float32)
        self._kernels = np.fft.rfft2(kernels, axes=(1, 2)).astype(np.complex64)
        place = np.stack(np.divmod(np.arange(NODES**2), NODES), axis=1)
        apart = ((place[:, None] - place[None, :]) ** 2).sum(axis=2) * spacing**2
        self._near = (1 / (1 + apart)).astype(np.float32)
        self._made = spacing, width


def _pairs(points: Points) -> tuple[Points, float]:
    apart = points[:, None] - points[None]
    closeness = 1 / (1 + np.einsum("abd,abd->ab", apart, apart))
    forces = np.einsum("abd,ab->ad", apart, closeness**2)
    return forces, max(float(closeness.sum()) - len(points), 1e-12)


def _nodes(places: Points, width: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(n, 16) numbers of the nodes around each place, and what each counts: cubic Lagrange interpolation."""
    cell = np.floor(places).astype(np.int64)
    t = places - cell
    by_axis = np.stack(
        [
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ],
        axis=2,
    )  # (n, axis, node)
    reach = np.arange(NODES)
    nodes = (cell[:, 1, None] + reach)[:, :, None] * width + (cell[:, 0, None] + reach)[:, None, :]
    weights = by_axis[:, 1, :, None] * by_axis[:, 0, None, :]
    return nodes.reshape(len(places), -1), weights.reshape(len(places), -1).astype(np.float32)
