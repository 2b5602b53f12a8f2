"""Trunks: from prepared pictures to their last map, residual block by block, and from a map to the embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from morelike.errors import UsageError
from morelike.training.resnet import BasicBlock, stages

__all__ = ["Head", "ResNet18Trunk", "SmallTrunk", "Trunk"]

Head = Literal["average", "flat"]
_SMALL_WIDTHS = (64, 128)
_FLAT_CHANNELS = 32
"""A flat head's weights grow with places × channels; a 1 × 1 convolution makes them these few first."""


class Trunk(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """What every trunk has. ``size`` is the (height, width) of its pictures, ``map_size`` that of its last map,
    ``widths`` the channels after each of ``stages``.
    """

    size: tuple[int, int]
    map_size: tuple[int, int]
    widths: tuple[int, ...]
    dim: int

    def stem(self, pixels: Tensor) -> Tensor:
        """(n, 3, height, width) float32 to the first stage's input."""
        raise NotImplementedError

    @property
    def stages(self) -> Sequence[nn.Module]:
        """Residual blocks, in their order: what lies between the stem and the last map."""
        raise NotImplementedError

    def features(self, pixels: Tensor) -> Tensor:
        """(n, 3, height, width) to the last map, (n, widths[-1], \\*map_size)."""
        y = self.stem(pixels)
        for stage in self.stages:
            y = stage(y)
        return y

    def embed(self, last: Tensor, norm: nn.Module | None = None) -> Tensor:
        """A last map to (n, dim), not normalised. ``norm``: what ``own_norm`` gave, for maps that words changed."""
        raise NotImplementedError

    def own_norm(self) -> nn.Module | None:
        """For maps that words changed: their numbers are spread otherwise than a picture's, and batch statistics of
        both together fit neither. None where the head normalises nothing.
        """
        return None

    def forward(self, pixels: Tensor) -> Tensor:
        return self.embed(self.features(pixels))


class ResNet18Trunk(Trunk):
    """ResNet-18 (He et al. 2016) with a linear layer on the average of its last map; named as in TIRG's checkpoints.

    ``size`` is only to be right where ``map_size`` is used: the network takes pictures of any.
    """

    def __init__(self, dim: int, size: tuple[int, int] = (224, 224)) -> None:
        super().__init__()
        self.dim, self.size = dim, size
        self.map_size = _halved(size, times=5)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages(BasicBlock, (2, 2, 2, 2))
        self.widths = (64, 64, 128, 128, 256, 256, 512, 512)
        self.fc = nn.Sequential(nn.Linear(512, dim))
        _he(self)

    def stem(self, pixels: Tensor) -> Tensor:
        return self.maxpool(self.relu(self.bn1(self.conv1(pixels))))

    @property
    def stages(self) -> Sequence[nn.Module]:
        return [*self.layer1, *self.layer2, *self.layer3, *self.layer4]

    def embed(self, last: Tensor, norm: nn.Module | None = None) -> Tensor:  # noqa: ARG002 - it normalises nothing
        return self.fc(last.mean(dim=(2, 3)))


class SmallTrunk(Trunk):
    """Patches of 4 × 4, then ``blocks`` residual blocks of 64 channels and as many of 128 at half the resolution.

    ``head``: "average" over the places of the last map, or "flat": a linear layer that sees every place on its own,
    for pictures in which it matters where things lie. Raises UsageError on a ``size`` smaller than a patch.
    """

    def __init__(self, dim: int, size: tuple[int, int] = (60, 90), *, head: Head = "flat", blocks: int = 1) -> None:
        super().__init__()
        if min(size) < 4:
            raise UsageError(
                f"pictures of {size[0]} × {size[1]} are too small for the small trunk", hint="4 × 4 or more"
            )
        self.dim, self.size, self.head = dim, size, head
        self.map_size = _halved((size[0] // 4, size[1] // 4), times=1)
        self.patches = nn.Sequential(nn.Conv2d(3, 64, 4, 4, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True))
        first, last = _SMALL_WIDTHS
        self.layer1 = nn.Sequential(*(BasicBlock(first, first, 1) for _ in range(blocks)))
        self.layer2 = nn.Sequential(BasicBlock(first, last, 2), *(BasicBlock(last, last, 1) for _ in range(blocks - 1)))
        self.widths = (first,) * blocks + (last,) * blocks
        if head == "flat":
            few = (
                nn.Conv2d(last, _FLAT_CHANNELS, 1, bias=False),
                nn.BatchNorm2d(_FLAT_CHANNELS),
                nn.ReLU(inplace=True),
            )
            self.fc = nn.Sequential(*few, nn.Flatten(), nn.Linear(_FLAT_CHANNELS * math.prod(self.map_size), dim))
        else:
            self.fc = nn.Sequential(_Average(), nn.Linear(last, dim))
        _he(self)

    def stem(self, pixels: Tensor) -> Tensor:
        return self.patches(pixels)

    @property
    def stages(self) -> Sequence[nn.Module]:
        return [*self.layer1, *self.layer2]

    def embed(self, last: Tensor, norm: nn.Module | None = None) -> Tensor:
        y = last
        for layer in self.fc:
            y = norm(y) if norm is not None and isinstance(layer, nn.BatchNorm2d) else layer(y)
        return y

    def own_norm(self) -> nn.Module | None:
        return nn.BatchNorm2d(_FLAT_CHANNELS) if self.head == "flat" else None


class _Average(nn.Module):  # type: ignore[misc]  # as above
    """(n, c, h, w) to (n, c)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


def _halved(size: tuple[int, int], *, times: int) -> tuple[int, int]:
    """After that many convolutions of stride 2, each of which rounds up."""
    height, width = (math.ceil(side / 2**times) for side in size)
    return height, width


def _he(network: nn.Module) -> None:
    """He et al. 2015's first weights for convolutions that ReLUs follow: they start from noise, not from ImageNet."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
