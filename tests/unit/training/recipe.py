"""Parameters by the recipe of the reference files, so that no large file is needed."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np


def by_recipe(name: str, shape: list[int]) -> Any:
    """A parameter's value, a float32 tensor: decided by its name and shape."""
    import torch

    n = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("running_var"):
        n = 1 + 0.1 * np.abs(n)
    elif len(shape) <= 1:
        n = 1 + 0.1 * n if name.endswith("weight") else 0.1 * n
    else:
        n = n * np.sqrt(2 / np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(n, dtype=np.float32))
