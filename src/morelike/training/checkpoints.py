"""Checkpoints: read without running any code of theirs, and told whether they are a network's."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from morelike.errors import MissingExtra, ModelError
from morelike.training.networks import Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

__all__ = ["fill", "read_state"]

_LARGEST = 4 * 1024**3  # bytes
_UNUSED = ("num_batches_tracked",)  # counters of training, in every checkpoint
_CLOSE = 1e-4  # of the largest number: what libraries' versions differ by is a thousandth of it


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The tensors of a torch file or a .safetensors, by name; wrappers (``state_dict``, ``module.``) taken off.

    Raises ModelError, MissingExtra.
    """
    import torch

    try:
        if not 0 < checkpoint.stat().st_size <= _LARGEST:
            raise ModelError(f"{checkpoint} has {checkpoint.stat().st_size} bytes: no such checkpoint has")
        if checkpoint.suffix == ".safetensors":
            loaded = _safetensors(checkpoint)
        else:
            with _numpy_allowed():
                loaded = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (ModelError, MissingExtra):
        raise
    except OSError as error:
        raise ModelError(f"{checkpoint} cannot be read: {error.strerror}") from error
    except Exception as error:  # torch raises many kinds on a damaged or forbidden file
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else repr(error)
        raise ModelError(f"{checkpoint} is not a checkpoint that can be read safely: {reason}") from error
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping):
        raise ModelError(f"{checkpoint} holds no table of tensors", hint="save network.state_dict()")
    tensors = {str(name): value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
    if tensors and all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


@contextmanager
def _numpy_allowed() -> Iterator[None]:
    """Checkpoints carry plain numpy arrays beside the weights (a sampler's order, means); nothing else is let in."""
    import torch
    from numpy._core.multiarray import _reconstruct, scalar

    kinds = ("bool", "uint8", "int32", "int64", "float32", "float64")
    dtypes = [type(np.dtype(kind)) for kind in kinds]
    # numpy had its inner modules under another name until 2.0; files keep the name of their time.
    former = [(function, f"numpy.core.multiarray.{function.__name__}") for function in (_reconstruct, scalar)]
    with torch.serialization.safe_globals([_reconstruct, scalar, *former, np.ndarray, np.dtype, *dtypes]):
        yield


def _safetensors(checkpoint: Path) -> dict[str, Any]:
    try:
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "a .safetensors file needs the package 'safetensors'", hint="pip install safetensors"
        ) from error
    result: dict[str, Any] = load_file(str(checkpoint))
    return result


def fill(module: nn.Module, state: Mapping[str, Any], network: Network, checkpoint: Path) -> None:
    """Put a checkpoint's tensors into ``module``, a fresh ``network``. Raises ModelError where they are another's."""
    own = module.state_dict()
    known = {name: value for name, value in state.items() if name in own}
    wanted = {name for name in own if not name.endswith(_UNUSED)}
    constants = network.constants()
    missing = sorted(wanted - set(known) - set(network.may_lack))
    unknown = sorted(name for name in set(state) - set(known) - set(constants) if not name.startswith(network.beyond))
    if missing or unknown:
        words = [f"it lacks {_few(missing)}"] if missing else []
        words += [f"it also has {_few(unknown)}"] if unknown else []
        raise _another(checkpoint, network, "; ".join(words))
    for name, expected in constants.items():
        if name in state and not _alike(state[name], expected):
            raise _another(checkpoint, network, f"its {name} holds other numbers: it was trained on other input")
    try:
        module.load_state_dict(known, strict=False)
    except RuntimeError as error:  # shapes
        raise _another(checkpoint, network, str(error).strip().splitlines()[-1].strip()) from error


def _alike(tensor: Any, expected: Any) -> bool:
    value = tensor.detach().float().numpy()
    return value.shape == expected.shape and bool(np.abs(value - expected).max() <= _CLOSE * np.abs(expected).max())


def _another(checkpoint: Path, network: Network, why: str) -> ModelError:
    return ModelError(f"{checkpoint} is not a checkpoint of {network.card}: {why}", hint=network.hint)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
