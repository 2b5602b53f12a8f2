"""The networks that this project defines, and what there is to know to convert their checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from morelike.errors import UnknownName

if TYPE_CHECKING:
    from torch import nn

__all__ = ["NETWORKS", "Network", "is_network", "named"]


def _none() -> Mapping[str, NDArray[np.float32]]:
    return {}


@dataclass(frozen=True, slots=True)
class Network:
    """One network. ``card`` names the card that its file goes with; nothing here needs torch until it is called."""

    card: str
    build: Callable[[], nn.Module]
    trials: Callable[[], list[NDArray[np.float32]]]
    """Inputs on which the file must give what the network gives; the first is traced."""
    input: str
    axes: Mapping[int, str]
    """The input's axes whose length is free, by name."""
    outputs: tuple[str, ...] = ("embedding",)
    beyond: tuple[str, ...] = ()
    """How names begin that published checkpoints hold beyond the network; they are not used."""
    may_lack: frozenset[str] = frozenset()
    constants: Callable[[], Mapping[str, NDArray[np.float32]]] = _none
    """What checkpoints may hold besides, and only with these very numbers."""
    hint: str = ""
    """What to do about a checkpoint that is not this network's."""


def _resnet50() -> nn.Module:
    from morelike.training.resnet import ResNet50

    return ResNet50()


def _resnet50_gem_512() -> nn.Module:
    from morelike.training.resnet import ResNet50Gem512

    return ResNet50Gem512()


def _cnn14() -> nn.Module:
    from morelike.training.panns import Cnn14

    return Cnn14()


def _pictures() -> list[NDArray[np.float32]]:
    return [np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)]


def _sounds() -> list[NDArray[np.float32]]:
    """Noise that falls silent, of a second, of the shortest that there is, and of odd lengths between."""
    from morelike.training.panns import RATE, SHORTEST

    generator = np.random.default_rng(0)
    shapes = ((2, RATE), (1, SHORTEST), (3, SHORTEST + 319), (1, 2 * RATE + 7))
    sounds = [(0.1 * generator.standard_normal(shape)).astype(np.float32) for shape in shapes]
    for sound in sounds:
        sound[0, sound.shape[1] // 2 :] = 0
    return sounds


def _front_end() -> Mapping[str, NDArray[np.float32]]:
    from morelike.training.panns import front_end

    return front_end()


_PICTURE_AXES: Mapping[int, str] = {0: "n"}

NETWORKS: Mapping[str, Network] = {
    "panns": Network(
        card="panns-cnn14",
        build=_cnn14,
        trials=_sounds,
        input="waveform",
        axes={0: "n", 1: "samples"},
        outputs=("embedding", "scores"),
        constants=_front_end,
        hint="the published one for 32 kHz and 64 mels is named Cnn14_mAP=0.431.pth",
    ),
    "resnet50": Network(
        card="resnet50",
        build=_resnet50,
        trials=_pictures,
        input="pixels",
        axes=_PICTURE_AXES,
        may_lack=frozenset({"fc.weight", "fc.bias"}),
    ),
    "resnet50-gem-512": Network(
        card="resnet50-gem-512",
        build=_resnet50_gem_512,
        trials=_pictures,
        input="pixels",
        axes=_PICTURE_AXES,
        beyond=("whiten.", "features.7.2.conv3.", "features.7.2.bn3.", "features.7.2.downsample."),
        may_lack=frozenset({"pool.p"}),
    ),
}
"""By the name that ``models convert`` takes."""


def is_network(name: str) -> bool:
    """Whether ``named`` knows it."""
    return any(name in (known, network.card) for known, network in NETWORKS.items())


def named(name: str) -> Network:
    """The network of that name, or of the card of that name. Raises UnknownName."""
    for known, network in NETWORKS.items():
        if name in (known, network.card):
            return network
    raise UnknownName(f"there is no network {name!r}", hint=f"there are {', '.join(NETWORKS)}")
