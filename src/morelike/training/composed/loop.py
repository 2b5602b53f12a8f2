"""The training of a run: iterations, figures, checkpoints. What is killed goes on as if it never had been.

Everything by chance in iteration i (its triplets, the loss's picks, dropout) comes from generators seeded with the
run's seed and i, so no generator's state has to be kept. On one machine, with one number of threads, a run that was
stopped and resumed writes the same curve, bit for bit.
"""

from __future__ import annotations

import importlib
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from morelike import faults
from morelike.errors import MissingExtra, ModelError, UsageError
from morelike.training.composed.curve import Curve, Events, read_curve
from morelike.training.composed.data import Batch, Split, batch_of, read_split
from morelike.training.composed.retrieval import Asked, asked, recalls, vectors_of
from morelike.training.composed.runs import (
    Checkpoint,
    Settings,
    load_checkpoint,
    locked,
    read_settings,
    save_checkpoint,
)
from morelike.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

__all__ = ["Moment", "Outcome", "learning_rate", "require", "train"]

_TICK = 0.1  # seconds between two moments told
_WINDOW = 10.0  # seconds that a rate is measured over
_MINUTE = 60.0
_WARM_UP = 0.15  # of a one-cycle run
_LOWEST = 1e-3  # of its learning rate, at both ends


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run is. ``rate``: pictures a second, lately; ``left``: seconds, None where that cannot be told yet."""

    iteration: int
    of: int
    loss: float | None
    rate: float
    left: float | None
    note: str = ""
    """What is done besides: pictures prepared, an evaluation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. ``recalls``: split to k to recall, of the last evaluation; empty before the first."""

    run: Path
    iteration: int
    interrupted: bool
    recalls: Mapping[str, Mapping[int, float]]


class _Stop(Exception):
    """Not an error: the caller asked to stop."""


def learning_rate(settings: Settings, iteration: int) -> float:
    """Of the iteration, counted from 1.

    ``one-cycle``: a line up to the settings' learning rate, half a cosine down (Smith & Topin 2018). ``published``:
    constant, or a tenth of it after every ``decay_every``.
    """
    if settings.schedule == "published":
        decays = (iteration - 1) // settings.decay_every if settings.decay_every else 0
        return float(settings.learning_rate * 0.1**decays)
    up = max(1.0, _WARM_UP * settings.num_iters)
    if iteration <= up:
        return settings.learning_rate * (_LOWEST + (1 - _LOWEST) * iteration / up)
    through = (iteration - up) / max(1.0, settings.num_iters - up)
    return settings.learning_rate * (_LOWEST + (1 - _LOWEST) * (1 + math.cos(math.pi * through)) / 2)


def require() -> None:
    """Raises MissingExtra where a package that training needs is not here."""
    for package in ("torch", "tensorboardX"):
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            hint = "pip install 'morelike[train]'"
            raise MissingExtra(f"training needs the package {package!r}", hint=hint) from error


def train(
    run: Path, *, tell: Callable[[Moment], None] | None = None, stop: Callable[[], bool] = lambda: False
) -> Outcome:
    """Train ``run``, made by ``new_run``, from its last checkpoint to its end, or until ``stop()``.

    What was done when it is stopped is kept. Raises UsageError, MissingExtra, ItemError on a picture that cannot be
    read, ModelError on a full disk, a damaged checkpoint, or a loss that is no number.
    """
    require()
    settings = read_settings(run)
    with locked(run):
        checkpoint = load_checkpoint(run)
        if checkpoint is not None:  # its settings are those it was trained with; the data may lie elsewhere by now
            settings = replace(checkpoint.settings, dataset_path=settings.dataset_path)
            if checkpoint.iteration >= settings.num_iters and _evaluated(run, settings.num_iters):
                return Outcome(run, checkpoint.iteration, interrupted=False, recalls=_last_recalls(run))
        with _reproducible(settings) as device:
            return _Training(run, settings, device, tell, stop).through(checkpoint)


@contextmanager
def _reproducible(settings: Settings) -> Iterator[torch.device]:
    """Deterministic algorithms, the run's threads, and the global generator as it was before, after."""
    import torch

    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("this machine has no CUDA device that torch can use", hint="--device cpu")
    on_cuda = settings.device != "cpu" and torch.cuda.is_available()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.get_num_threads(),
    )
    try:
        torch.use_deterministic_algorithms(mode=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # it would write every buffer twice
        torch.set_num_threads(settings.threads or _cores())
        devices = [torch.cuda.current_device()] if on_cuda else []
        with torch.random.fork_rng(devices=devices):
            yield torch.device("cuda" if on_cuda else "cpu")
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = before[2]
        torch.set_num_threads(before[3])


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _last_recalls(run: Path) -> dict[str, dict[int, float]]:
    for values in reversed(read_curve(run)):
        if "test" in values:
            splits = (split for split in ("test", "train") if split in values)
            return {split: {int(k): float(share) for k, share in values[split].items()} for split in splits}
    return {}


def _evaluated(run: Path, iteration: int) -> bool:
    return any(values["iteration"] == iteration and "test" in values for values in read_curve(run))


class _Training:
    """One call of ``train``."""

    def __init__(
        self,
        run: Path,
        settings: Settings,
        device: torch.device,
        tell: Callable[[Moment], None] | None,
        stop: Callable[[], bool],
    ) -> None:
        self._run, self._settings, self._device = run, settings, device
        self._tell, self._stop = tell, stop
        self._iteration, self._losses = 0, list[float]()
        self._told = -math.inf
        self._recent: deque[tuple[float, int, int]] = deque()
        self._encoded = 0
        self._saved = monotonic()

    def through(self, checkpoint: Checkpoint | None) -> Outcome:
        from morelike.training.composed.network import Network

        start = checkpoint.iteration if checkpoint else 0
        self._iteration = start
        try:
            self._splits = {name: self._read(name) for name in ("train", "test")}
            self._asked = self._questions()
            words = checkpoint.words if checkpoint else tuple(Vocabulary(self._splits["train"].triplets.texts).words)
            self._network = Network(self._settings, words, self._device, self._splits["train"])
            if checkpoint:
                self._network.load(checkpoint)
                self._losses = list(checkpoint.losses)
            with closing(Curve(self._run, after=start)) as curve, closing(Events(self._run, after=start)) as events:
                self._curve, self._events = curve, events
                self._steps()
        except _Stop:
            return Outcome(self._run, self._iteration, interrupted=True, recalls=_last_recalls(self._run))
        return Outcome(self._run, self._iteration, interrupted=False, recalls=_last_recalls(self._run))

    def _read(self, name: str) -> Split:
        def between(done: int, total: int) -> None:
            self._show(f"preparing pictures of {name}: {done} of {total}")
            self._end_if_asked()

        cache = self._run.parent / ".pictures"
        return read_split(self._settings, name, cache, between, self._settings.threads or _cores())

    def _questions(self) -> dict[str, Asked]:
        questions = {"test": asked(self._splits["test"].triplets, self._settings.seed)}
        if self._settings.train_queries:
            triplets = self._splits["train"].triplets
            questions["train"] = asked(triplets, self._settings.seed, self._settings.train_queries)
        return questions

    def _steps(self) -> None:
        settings = self._settings
        try:
            # A stop may have come between a step and its evaluation.
            if self._evaluation_due() and not _evaluated(self._run, self._iteration):
                self._evaluate()
            with ThreadPoolExecutor(1) as pool:
                coming = self._coming(pool)
                while self._iteration < settings.num_iters:
                    self._end_if_asked()
                    batch = coming.result()
                    self._iteration += 1
                    coming = self._coming(pool)
                    self._step(batch)
                    if self._evaluation_due():
                        self._evaluate()
                    if self._iteration % settings.checkpoint_every == 0 or monotonic() - self._saved > _MINUTE:
                        self._save()
            self._save()
        except _Stop:
            self._save()
            raise

    def _coming(self, pool: ThreadPoolExecutor) -> Future[Batch]:
        """The next iteration's batch, drawn and gathered while this one is trained on."""
        split, vocabulary = self._splits["train"], self._network.vocabulary
        settings = self._settings
        return pool.submit(batch_of, split, vocabulary, settings.batch, settings.seed, self._iteration + 1)

    def _step(self, batch: Batch) -> None:
        settings, iteration = self._settings, self._iteration
        rate = learning_rate(settings, iteration)
        loss = self._network.step(batch, rate, seeds(settings.seed, iteration))
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss is {loss} at iteration {iteration}: the training has come apart",
                hint="a new run with a smaller --learning-rate; the last checkpoint is from before",
            )
        self._losses.append(loss)
        self._encoded += batch.pictures
        due = iteration % settings.log_every == 0 or iteration == settings.num_iters
        self._show(force=due)
        faults.reached("iteration.done")
        if due:
            mean = math.fsum(self._losses) / len(self._losses)
            self._losses.clear()
            learnt = self._network.learnt()
            self._curve.add({"iteration": iteration, "loss": mean, "learning_rate": rate, **learnt})
            scalars = {"loss": mean, "learning_rate": rate, "pictures_per_second": self._rate()[0]}
            self._events.add(iteration, {**scalars, **_flat(learnt)})

    def _evaluation_due(self) -> bool:
        every = self._settings.evaluate_every
        done = self._iteration
        return done > 0 and (done == self._settings.num_iters or (every > 0 and done % every == 0))

    def _evaluate(self) -> None:
        found = {}
        for name, question in self._asked.items():
            self._show(f"evaluating on {name}", force=True)
            with self._network.evaluating(self._splits[name]) as encodes:
                queries, gallery = vectors_of(encodes, question, self._end_if_asked)
            found[name] = recalls(queries, question.own, question.wanted, gallery, question.labels)
        self._recent.clear()  # the time that it took is no part of the pictures' rate
        lines = {name: {str(k): share for k, share in shares.items()} for name, shares in found.items()}
        self._curve.add({"iteration": self._iteration, **lines})
        scalars = {f"{name}/recall_at_{k}": share for name, shares in found.items() for k, share in shares.items()}
        self._events.add(self._iteration, scalars)

    def _save(self) -> None:
        self._curve.sync()
        states = self._network.states()
        words = tuple(self._network.vocabulary.words)
        save_checkpoint(
            self._run, Checkpoint(self._iteration, words, self._settings, losses=tuple(self._losses), **states)
        )
        self._saved = monotonic()

    def _end_if_asked(self) -> None:
        if self._stop():
            raise _Stop

    def _show(self, note: str = "", *, force: bool = False) -> None:
        now = monotonic()
        if not note:
            self._recent.append((now, self._encoded, self._iteration))
            while len(self._recent) > 2 and now - self._recent[0][0] > _WINDOW:
                self._recent.popleft()
        if self._tell is None or (now - self._told < _TICK and not force):
            return
        self._told = now
        rate, left = self._rate()
        loss = self._losses[-1] if self._losses else None
        self._tell(Moment(self._iteration, self._settings.num_iters, loss, rate, left, note))

    def _rate(self) -> tuple[float, float | None]:
        """Pictures a second lately, and seconds left without evaluations."""
        if len(self._recent) < 2:
            return 0.0, None
        (since, before, first), (now, encoded, last) = self._recent[0], self._recent[-1]
        seconds = max(now - since, 1e-6)
        return (encoded - before) / seconds, (self._settings.num_iters - last) * seconds / (last - first)


def seeds(seed: int, iteration: int) -> tuple[int, int]:
    """For the loss's picks and for dropout in this iteration: two numbers below 2**63."""
    state = np.random.SeedSequence([seed, iteration, 1]).generate_state(2, np.uint64)
    return int(state[0] >> np.uint64(1)), int(state[1] >> np.uint64(1))


def _flat(values: Mapping[str, Any]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, list):
            flat |= {f"{name}/{number}": float(entry) for number, entry in enumerate(value)}
        else:
            flat[name] = float(value)
    return flat
