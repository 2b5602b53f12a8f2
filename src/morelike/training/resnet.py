"""Residual networks (He et al. 2016) in plain torch. Parameters are named as in the published checkpoints.

v1.5: a bottleneck's stride lies in its 3 × 3 convolution, not in the first 1 × 1.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["BasicBlock", "GeM", "ResNet50", "ResNet50Gem512", "stages"]

_CHANNELS = (64, 128, 256, 512)
"""Inside the blocks of a stage. Every stage but the first halves height and width."""
_BOTTLENECKS = (3, 4, 6, 3)


class BasicBlock(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """Two 3 × 3 convolutions around a shortcut: (n, inputs, h, w) to (n, channels, h/s, w/s)."""

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


class Bottleneck(nn.Module):  # type: ignore[misc]  # as above
    """1 × 1, 3 × 3, 1 × 1 convolutions around a shortcut: (n, inputs, h, w) to (n, 4 · channels, h/s, w/s)."""

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        outputs = self.expansion * channels
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + shortcut)


class CutBottleneck(nn.Module):  # type: ignore[misc]  # as above
    """A bottleneck's first two convolutions, without a shortcut: (n, 2048, h, w) to (n, 512, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2048, 512, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(512)
        self.conv2 = nn.Conv2d(512, 512, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(512)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)))


class GeM(nn.Module):  # type: ignore[misc]  # as above
    """Generalised mean over the places of a map (Radenović, Tolias & Chum 2018): (n, c, h, w) to (n, c)."""

    def __init__(self, p: float = 3.0) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), p))

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=1e-6).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)


def stages(block: type[BasicBlock] | type[Bottleneck], counts: tuple[int, int, int, int]) -> list[nn.Sequential]:
    """The four stages of a residual network that has ``counts`` blocks in them: (n, 64, h, w) to (n, c, h/8, w/8)."""
    outputs = [block.expansion * channels for channels in _CHANNELS]
    made = []
    for stage, (inputs, own) in enumerate(pairwise([64, *outputs])):
        blocks = [block(inputs, _CHANNELS[stage], 1 if stage == 0 else 2)]
        blocks += [block(own, _CHANNELS[stage], 1) for _ in range(counts[stage] - 1)]
        made.append(nn.Sequential(*blocks))
    return made


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """None where the block's input can be added as it is."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet50(nn.Module):  # type: ignore[misc]  # as above
    """(n, 3, h, w) to (n, 2048): the average of the last map, not normalised. ``fc`` is loaded and not used."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages(Bottleneck, _BOTTLENECKS)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        y = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
        return y.mean(dim=(2, 3))


class ResNet50Gem512(nn.Module):  # type: ignore[misc]  # as above
    """(n, 3, h, w) to (n, 512) of length one: the last bottleneck cut after its second convolution, then GeM."""

    def __init__(self) -> None:
        super().__init__()
        parts = stages(Bottleneck, _BOTTLENECKS)
        parts[3][2] = CutBottleneck()
        stem = (nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.features = nn.Sequential(*stem, *parts)
        self.pool = GeM()

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.pool(self.features(x)), dim=1)
