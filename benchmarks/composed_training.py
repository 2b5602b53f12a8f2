"""Triplets a second of training: the loop of ``morelike train composed`` and an iteration in the published form.

``python -m benchmarks.composed_training [--css FOLDER] [--page PAGE]``: FOLDER is what ``morelike train data css``
made; without it the task is made for the occasion. The published form is written out below as its authors' code works:
each query's two pictures are decoded from their PNG files, one after another, sources and targets pass the trunk
apart, every triplet of labels is listed by three nested loops, and three of each anchor are kept. Both train the same
network on the same task with the same loss and number of threads; the loop is measured from outside, by what it tells.
Each round measures all of them, and ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.composed_table import write_between
from benchmarks.machine import machine
from morelike.encoders._pixels import Pixels
from morelike.errors import UsageError
from morelike.training.composed.data import numbered
from morelike.training.composed.loop import Moment, train
from morelike.training.composed.runs import Settings, new_run
from morelike.training.css_files import CssData, read_css, write_css
from morelike.training.triplets import Triplet
from morelike.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

TRUNKS = ("small", "resnet18")
FORMS = ((32, "float32"), (32, "bfloat16"), (256, "float32"), (256, "bfloat16"))
"""Triplets of an iteration, and precision."""
PUBLISHED_BATCH = 32
MOST_TRIPLETS = 3
"""Of an anchor."""
WARM_UP = 3
"""Iterations that are not measured."""


@dataclass
class Published:
    """Training in the published form, float32. ``seconds``: of reading pictures, listing triplets, everything else."""

    data: CssData
    settings: Settings
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("reading", "listing", "network"), 0.0))

    def __post_init__(self) -> None:
        import torch

        from morelike.training.composed.network import build_network

        self.vocabulary = Vocabulary(self.data.texts)
        self.model = build_network(self.settings, len(self.vocabulary.words)).train()
        self.optimiser = torch.optim.SGD(
            self.model.parameters(),
            lr=self.settings.learning_rate,
            momentum=0.9,
            weight_decay=self.settings.weight_decay,
        )
        self.pixels = Pixels.from_card("the run's settings", self.settings.pixels())
        self.random = random.Random(self.settings.seed)
        self.generator = np.random.default_rng(self.settings.seed)

    def iteration(self) -> None:
        import torch
        from torch.nn.functional import softplus

        drawn = self.data.draw(self.generator, PUBLISHED_BATCH)
        started = perf_counter()
        sources = self._read([triplet.source for triplet in drawn])
        targets = self._read([triplet.target for triplet in drawn])
        read = perf_counter()
        composed = self.model.normalization_layer(self.model.compose(sources, *self._words(drawn)))
        points = torch.cat((composed, self.model.normalization_layer(self.model.image(targets))))
        forward = perf_counter()
        chosen = torch.tensor(listed(len(drawn), self.random))
        known = perf_counter()
        anchors, positives, negatives = (points[column] for column in chosen.T)
        near, far = ((anchors - other).square().sum(dim=1) for other in (positives, negatives))
        loss = softplus(near - far).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        loss.item()
        self.seconds["reading"] += read - started
        self.seconds["listing"] += known - forward
        self.seconds["network"] += perf_counter() - known + forward - read

    def _read(self, pictures: Sequence[int]) -> torch.Tensor:
        """(n, 3, h, w) float32: one picture after another, from its file."""
        import torch

        scale, shift = (np.array(numbers, dtype=np.float32) for numbers in (self.pixels.scale, self.pixels.shift))
        rows = [self.pixels.cut(self.data.picture(index)) * scale + shift for index in pictures]
        return torch.from_numpy(np.stack([row.transpose(2, 0, 1) for row in rows]))

    def _words(self, drawn: Sequence[Triplet]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        ids, lengths = numbered(self.vocabulary, [triplet.text for triplet in drawn])
        return torch.from_numpy(ids), torch.from_numpy(lengths)


def listed(rows: int, shuffler: random.Random) -> list[tuple[int, int, int]]:
    """Anchor, positive, negative among ``rows`` queries and then their targets: at most three of each anchor."""
    labels = [*range(rows), *range(rows)]
    found: list[tuple[int, int, int]] = []
    for anchor in range(len(labels)):
        own: list[tuple[int, int, int]] = []
        for positive in range(len(labels)):
            if labels[anchor] == labels[positive] and anchor != positive:
                for negative in range(len(labels)):
                    if labels[anchor] != labels[negative]:
                        own.append((anchor, positive, negative))  # noqa: PERF401 - the published form is measured
        shuffler.shuffle(own)
        found += own[:MOST_TRIPLETS]
    return found


def published(data: CssData, settings: Settings, iterations: int) -> dict[str, float]:
    """``rate``: triplets a second; ``reading``, ``listing``: shares of the time."""
    with _plain_torch(settings):
        training = Published(data, settings)
        for _ in range(WARM_UP):
            training.iteration()
        training.seconds = dict.fromkeys(training.seconds, 0.0)
        started = perf_counter()
        for _ in range(iterations):
            training.iteration()
        passed = perf_counter() - started
    shares = {name: training.seconds[name] / passed for name in ("reading", "listing")}
    return {"rate": iterations * PUBLISHED_BATCH / passed, **shares}


@contextmanager
def _plain_torch(settings: Settings) -> Any:
    """As a script finds torch, with the run's number of threads; as it was, afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def loop(settings: Settings, runs: Path, iterations: int) -> float:
    """Triplets a second of ``morelike train composed``: from one iteration that it tells of to a later one."""
    told: list[tuple[float, int]] = []

    def tell(moment: Moment) -> None:
        if moment.iteration > WARM_UP and not moment.note:
            told.append((perf_counter(), moment.iteration))

    def stop() -> bool:
        return len(told) > 1 and told[-1][1] - told[0][1] >= iterations

    train(new_run(runs, settings), tell=tell, stop=stop)
    (since, first), (until, last) = told[0], told[-1]
    return (last - first) * settings.batch / (until - since)


def measure(css: Path, runs: Path, iterations: int, rounds: int) -> list[dict[str, Any]]:
    """A row for each trunk, form and round; ``ratio`` over the published form, ``read`` over it without reading."""
    data = read_css(css, "train")
    usual = Settings(
        dataset="css",
        dataset_path=str(css),
        schedule="published",
        threads=len(os.sched_getaffinity(0)),
        device="cpu",
        train_queries=0,
        log_every=1_000_000,
        checkpoint_every=100_000_000,
    )
    rows = []
    for trunk, _ in itertools.product(TRUNKS, range(rounds)):
        settings = replace(usual, trunk=trunk)
        plain = published(data, settings, iterations)
        rows.append({"trunk": trunk, "form": "published", **plain, "ratio": 1.0, "read": 1 - plain["reading"]})
        for batch, precision in FORMS:
            count = max(8, iterations * PUBLISHED_BATCH // batch)
            rate = loop(replace(settings, batch=batch, precision=precision), runs, count)
            ratio = rate / plain["rate"]
            row = {
                "form": f"{batch}, {precision}",
                "rate": rate,
                "ratio": ratio,
                "read": ratio * (1 - plain["reading"]),
            }
            rows.append({"trunk": trunk, **row})
            print(f"  {trunk}, {row['form']}: {rate:.0f} triplets/s, {ratio:.2f}", flush=True)
    return rows


def section(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Markdown lines: medians over the rounds, the ratios' range in brackets."""
    import torch

    about = machine()
    rounds = sum(row["trunk"] == TRUNKS[0] and row["form"] == "published" for row in rows)
    versions = f"Python {about['python']}, torch {torch.__version__}"
    lines = [
        f"{about['processor']}, {about['cores']} cores, {versions}; {rounds} rounds.",
        "",
        "| trunk | batch, precision | triplets a second | × the published form | × it, its pictures read for nothing |",
        "|---|---|---|---|---|",
    ]
    for trunk, form in dict.fromkeys((row["trunk"], row["form"]) for row in rows):
        own = [row for row in rows if (row["trunk"], row["form"]) == (trunk, form)]
        rate = median(row["rate"] for row in own)
        if form == "published":
            reading, listing = (100 * median(row[name] for row in own) for name in ("reading", "listing"))
            called = f"published form: {PUBLISHED_BATCH}, float32; reading {reading:.0f} %, listing {listing:.0f} %"
            lines.append(f"| `{trunk}` | {called} | {rate:.0f} | 1 | – |")
        else:
            lines.append(f"| `{trunk}` | {form} | {rate:.0f} | {_range(own, 'ratio')} | {_range(own, 'read')} |")
    return [*lines, ""]


def _range(rows: Sequence[dict[str, Any]], key: str) -> str:
    values = [row[key] for row in rows]
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.composed_training")
    parser.add_argument("--css", type=Path, help="a folder that `morelike train data css` made; without, it is made")
    parser.add_argument("--scenes", type=int, default=2000, help="first scenes where it is made")
    parser.add_argument(
        "--iterations", type=int, default=30, help="of the published form; of the loop as many triplets"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", type=Path, help="the page whose table is written anew: docs/composed.md")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        css = chosen.css
        if css is None:
            css = Path(scratch) / "css"
            print("making the task …", flush=True)
            write_css(css, scenes=chosen.scenes)
        lines = section(measure(css, Path(scratch) / "runs", chosen.iterations, chosen.rounds))
    print("\n".join(lines))
    if chosen.page is not None:
        try:
            write_between(chosen.page, "throughput", lines)
        except UsageError as error:
            parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
