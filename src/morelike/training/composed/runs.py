"""A run's folder: its settings and its checkpoint."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from morelike import faults
from morelike.errors import ModelError, UsageError
from morelike.models import files

__all__ = [
    "CHOICES",
    "Checkpoint",
    "Settings",
    "load_checkpoint",
    "locked",
    "new_run",
    "read_settings",
    "save_checkpoint",
    "write_settings",
]

CHOICES: Mapping[str, tuple[str, ...]] = {
    "dataset": ("css", "fashion200k", "mitstates"),
    "model": ("tirg", "tirg_lastconv", "concat", "film", "relationship", "image_only", "text_only"),
    "loss": ("soft_triplet", "batch_based_classification"),
    "trunk": ("small", "resnet18"),
    "schedule": ("one-cycle", "published"),
    "optimiser": ("sgd", "adamw"),
    "precision": ("auto", "float32", "bfloat16"),
    "device": ("auto", "cpu", "cuda"),
    "resize": ("squash", "shorter"),
    "query_pictures": ("2d", "3d"),
    "target_pictures": ("2d", "3d"),
}
_RANGES: Mapping[str, tuple[float, float]] = {
    "dim": (2, 4096),
    "batch": (2, 8192),
    "num_iters": (1, 100_000_000),
    "learning_rate": (1e-9, 100),
    "weight_decay": (0, 1),
    "decay_every": (0, 100_000_000),
    "seed": (0, 2**32 - 1),
    "threads": (0, 1024),
    "height": (4, 1024),
    "width": (4, 1024),
    "log_every": (1, 1_000_000),
    "evaluate_every": (0, 100_000_000),
    "checkpoint_every": (1, 100_000_000),
    "train_queries": (0, 1_000_000),
}
_COMMENT = re.compile(r"[A-Za-z0-9._-]{0,80}")
_LARGEST_TEXT = 1024**2  # bytes; settings are a page
_LARGEST_CHECKPOINT = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run's numbers depend on, besides the data and the machine."""

    dataset: str
    dataset_path: str
    model: str = "tirg"
    loss: str = "soft_triplet"
    trunk: str = "small"
    dim: int = 512
    batch: int = 32
    num_iters: int = 160_000
    learning_rate: float = 0.01
    schedule: str = "one-cycle"
    """``one-cycle``: up to the learning rate and down to nothing (Smith & Topin 2018); ``published``: constant."""
    decay_every: int = 0
    """With ``published``: a tenth of the learning rate after so many iterations, again and again; 0 never."""
    optimiser: str = "sgd"
    weight_decay: float = 1e-6
    seed: int = 0
    threads: int = 0
    """0: all cores. Another number of threads adds in another order, and gives slightly other numbers."""
    device: str = "auto"
    precision: str = "auto"
    height: int = 60
    width: int = 90
    resize: str = "squash"
    query_pictures: str = "3d"
    target_pictures: str = "3d"
    comment: str = ""
    log_every: int = 100
    evaluate_every: int = 0
    """0: at the end only."""
    checkpoint_every: int = 1000
    train_queries: int = 10_000
    """Triplets that the training split is asked with; 0: it is not evaluated."""

    def checked(self) -> Settings:
        """Itself. Raises UsageError naming the setting that cannot be."""
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not _types()[field.name] and not (field.type == "float" and type(value) is int):
                raise UsageError(f"the setting {field.name} of a run cannot be {value!r}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise UsageError(f"{_option(name)} cannot be {getattr(self, name)!r}", hint=_or(choices))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise UsageError(f"{_option(name)} cannot be {value!r}", hint=f"from {low:g} to {high:g}")
        if not _COMMENT.fullmatch(self.comment):
            raise UsageError(
                f"--comment cannot be {self.comment!r}: it is part of a folder's name",
                hint="letters, digits, '.', '_' and '-'; at most 80",
            )
        if self.resize == "shorter" and self.height != self.width:
            raise UsageError("pictures that are cut out of the middle are square", hint="--height as --width")
        if self.dataset != "css" and "2d" in (self.query_pictures, self.target_pictures):
            raise UsageError(f"{self.dataset} has no pictures in 2D and 3D", hint="only css has")
        return self

    def pixels(self) -> dict[str, Any]:
        """The numbers of a card's ``inputs.image`` (mean and std of ImageNet, as published)."""
        numbers: dict[str, Any] = {"side": self.height, "resize": self.resize}
        if self.width != self.height:
            numbers["width"] = self.width
        return {**numbers, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def _types() -> dict[str, type]:
    return {field.name: {"str": str, "int": int, "float": float}[str(field.type)] for field in fields(Settings)}


def _option(name: str) -> str:
    return f"--{'batch-size' if name == 'batch' else name.replace('_', '-')}"


def _or(choices: tuple[str, ...]) -> str:
    return f"one of {', '.join(choices)}"


def new_run(folder: Path, settings: Settings) -> Path:
    """A new folder ``<time>-<comment>`` in ``folder``, with settings.json. Raises UsageError, ModelError."""
    settings.checked()
    now = datetime.now(tz=UTC).astimezone().strftime("%Y%m%d-%H%M%S")
    name = "-".join(filter(None, (now, settings.comment)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            run = folder / (name if number == 1 else f"{name}-{number}")
            with suppress(FileExistsError):
                run.mkdir()
                break
        else:
            raise ModelError(f"{folder / name} is there already, a thousand times")
    except OSError as error:
        raise ModelError(f"{folder} cannot be written: {error.strerror}", hint="--runs names another") from error
    write_settings(run, settings)
    return run


def write_settings(run: Path, settings: Settings) -> None:
    """Write settings.json, all of it or nothing. Raises ModelError."""
    path = run / "settings.json"
    try:
        files.write_atomically(path, (json.dumps(asdict(settings), indent=1) + "\n").encode())
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error.strerror}") from error


def read_settings(run: Path) -> Settings:
    """What the run was started with. Raises UsageError where ``run`` is none."""
    path = run / "settings.json"
    try:
        text = _bounded(path)
        values = json.loads(text)
        settings = Settings(**values)
    except OSError as error:
        hint = "a run is a folder below runs/, made by `morelike train composed`"
        raise UsageError(f"{run} is no run: {path.name} cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is not a run's settings: {error}") from error
    return settings.checked()


def _bounded(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(_LARGEST_TEXT + 1)
    if len(data) > _LARGEST_TEXT:
        raise ValueError(f"it has more than {_LARGEST_TEXT} bytes")
    return data


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Nobody else trains this run meanwhile. Raises UsageError where somebody does."""
    from filelock import FileLock, Timeout

    lock = FileLock(run / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UsageError(f"{run} is being trained by another process") from error
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run after ``iteration`` steps. ``model``, ``optimiser`` and ``scaler`` are state dictionaries."""

    iteration: int
    words: tuple[str, ...]
    settings: Settings
    model: dict[str, Any]
    optimiser: dict[str, Any]
    scaler: dict[str, Any]
    losses: tuple[float, ...]
    """Since the last line of the curve."""


def save_checkpoint(run: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint.pt``, all of it or nothing. Raises ModelError."""
    import torch

    values = {field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}
    plain = {**values, "words": list(checkpoint.words), "losses": list(checkpoint.losses)}
    buffer = io.BytesIO()
    torch.save({**plain, "settings": asdict(checkpoint.settings)}, buffer)
    path = run / "checkpoint.pt"
    faults.reached("checkpoint.writing")
    try:
        files.write_atomically(path, buffer.getvalue())
    except OSError as error:
        hint = "the one before is as it was; make room, then `morelike train composed --resume`"
        raise ModelError(f"{path} cannot be written: {error.strerror}", hint=hint) from error
    faults.reached("checkpoint.written")


def load_checkpoint(run: Path) -> Checkpoint | None:
    """The run's last checkpoint, on the CPU; None where it has none yet. Raises ModelError."""
    import torch

    path = run / "checkpoint.pt"
    try:
        if not 0 < path.stat().st_size <= _LARGEST_CHECKPOINT:
            raise ModelError(f"{path} has {path.stat().st_size} bytes: no checkpoint has")
        values = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except ModelError:
        raise
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # torch raises many kinds on a damaged or forbidden file
        reason = str(error).strip().splitlines()[0].split(". ")[0][:300] if str(error).strip() else repr(error)
        raise ModelError(f"{path} is not a checkpoint that can be read safely: {reason}") from error
    return _as_checkpoint(values, path)


def _as_checkpoint(values: Any, path: Path) -> Checkpoint:
    wanted = {"iteration": int, "words": list, "settings": dict, "losses": list}
    wanted |= dict.fromkeys(("model", "optimiser", "scaler"), dict)
    if not isinstance(values, dict) or set(values) != set(wanted):
        raise ModelError(f"{path} is not a checkpoint of such a run: it holds other things")
    wrong = [name for name, kind in wanted.items() if not isinstance(values[name], kind)]
    words = values["words"]
    if wrong or not all(isinstance(word, str) for word in words):
        raise ModelError(f"{path} is not a checkpoint of such a run: {', '.join(wrong) or 'its words'} cannot be")
    try:
        settings = Settings(**values["settings"]).checked()
        losses = tuple(float(loss) for loss in values["losses"])
    except (TypeError, ValueError, UsageError) as error:
        raise ModelError(f"{path} is not a checkpoint of such a run: {error}") from error
    return Checkpoint(**{**values, "words": tuple(words), "settings": settings, "losses": losses})
