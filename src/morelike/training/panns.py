"""PANNs' Cnn14 (Kong et al. 2020) in plain torch, its log-mel front end included.

Parameters are named as in the published checkpoints. Dropout and SpecAugment are left out: they do nothing after
training.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from morelike.encoders._mel import mel_filters

__all__ = ["RATE", "SHORTEST", "Cnn14", "LogMel", "front_end"]

RATE = 32_000
"""Hz."""
_WINDOW = 1024  # samples
_HOP = 320
_MELS = 64
_LOWEST, _HIGHEST = 50.0, 14_000.0  # Hz
_FAINTEST = 1e-10  # power; -100 dB
_BLOCKS = 6
_CLASSES = 527

SHORTEST = (2 ** (_BLOCKS - 1) - 1) * _HOP
"""Samples (0.31 s): fewer leave no frame after halving the time five times."""


class LogMel(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """(n, samples) at 32 kHz to decibels (n, 64, 1 + samples // 320): Hann 1024, hop 320, 64 Slaney mels, 50-14 000 Hz.

    The Fourier transform is one convolution, so that the file needs no operator that runtimes lack or run slowly.
    """

    def __init__(self) -> None:
        super().__init__()
        parts = front_end()
        mels = parts["logmel_extractor.melW"]
        heard = mels.any(axis=1)  # a seventh of the frequencies count for no mel
        kernels = [parts[f"spectrogram_extractor.stft.conv_{part}.weight"][heard] for part in ("real", "imag")]
        self.register_buffer("kernels", torch.from_numpy(np.concatenate(kernels)), persistent=False)
        self.register_buffer("mels", torch.from_numpy(mels[heard].T.copy()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.pad(x.unsqueeze(1), (_WINDOW // 2, _WINDOW // 2), mode="reflect")
        y = nn.functional.conv1d(y, self.kernels, stride=_HOP)
        real, imaginary = y[:, : self.mels.shape[1]], y[:, self.mels.shape[1] :]
        power = real * real + imaginary * imaginary
        return 10 * torch.log10(torch.matmul(self.mels, power).clamp(min=_FAINTEST))


class ConvBlock(nn.Module):  # type: ignore[misc]  # as above
    """Two 3 × 3 convolutions, then the mean of 2 × 2 (or nothing): (n, inputs, t, f) to (n, outputs, t/2, f/2)."""

    def __init__(self, inputs: int, outputs: int, *, halve: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.halve = halve

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return nn.functional.avg_pool2d(y, 2) if self.halve else y


class Cnn14(nn.Module):  # type: ignore[misc]  # as above
    """(n, samples) at 32 kHz to the embedding (n, 2048), not normalised, and 527 AudioSet scores in 0-1 (n, 527).

    ``samples`` is at least ``SHORTEST``. ``width`` is the first block's channels, a 32nd of the embedding's numbers.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.log_mel = LogMel()
        self.bn0 = nn.BatchNorm1d(_MELS)
        inputs = 1
        for number in range(1, _BLOCKS + 1):
            outputs = width << (number - 1)
            setattr(self, f"conv_block{number}", ConvBlock(inputs, outputs, halve=number < _BLOCKS))
            inputs = outputs
        self.fc1 = nn.Linear(inputs, inputs)
        self.fc_audioset = nn.Linear(inputs, _CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.bn0(self.log_mel(x)).transpose(1, 2).unsqueeze(1)
        for number in range(1, _BLOCKS + 1):
            y = getattr(self, f"conv_block{number}")(y)
        y = y.mean(dim=3)
        y = y.amax(dim=2) + y.mean(dim=2)
        embedding = torch.relu(self.fc1(y))
        return embedding, torch.sigmoid(self.fc_audioset(embedding))


def front_end() -> Mapping[str, NDArray[np.float32]]:
    """The fixed numbers of the front end, named and shaped as published checkpoints carry them.

    ``conv_real`` and ``conv_imag`` (513, 1, 1024): the Fourier transform times the periodic Hann window; ``melW``
    (513, 64).
    """
    ticks = np.arange(_WINDOW)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * ticks / _WINDOW)
    turns = np.outer(np.arange(_WINDOW // 2 + 1), ticks) % _WINDOW  # exact, whatever the angle
    kernels = np.exp(-2j * np.pi * turns / _WINDOW) * hann
    return {
        "spectrogram_extractor.stft.conv_real.weight": kernels.real[:, None].astype(np.float32),
        "spectrogram_extractor.stft.conv_imag.weight": kernels.imag[:, None].astype(np.float32),
        "logmel_extractor.melW": mel_filters(RATE, _WINDOW, _MELS, _LOWEST, _HIGHEST, scale="slaney", norm="slaney"),
    }
