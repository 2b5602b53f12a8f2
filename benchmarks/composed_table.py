"""Runs of composed retrieval as a table: recall on the test split by model, over seeds, beside the published figures.

``python -m benchmarks.composed_table RUNS… [--page PAGE]`` reads the folders that ``morelike train composed --runs
RUNS`` made, and prints Markdown; with PAGE, docs/composed.md say, it writes what is between the page's marks anew. Runs
that differ in more than model and seed have tables of their own. A run that has not come to its end is left out, and
named.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev

from morelike.errors import ModelError, MorelikeError, UsageError
from morelike.training.composed.curve import read_curve
from morelike.training.composed.runs import Settings, read_settings

KS = (1, 5, 10)
MODELS = ("image_only", "text_only", "concat", "relationship", "film", "tirg_lastconv", "tirg")
"""From the plainest on."""
PUBLISHED: Mapping[tuple[str, str, str], Mapping[str, float]] = {
    ("css", "3d", "3d"): {
        "image_only": 6.3,
        "text_only": 0.1,
        "concat": 60.6,
        "relationship": 62.1,
        "film": 65.6,
        "tirg_lastconv": 73.7,
        "tirg": 73.7,
    },
    ("css", "2d", "3d"): {"concat": 27.3, "tirg_lastconv": 46.6, "tirg": 46.6},
}
"""R@1 in percent (Vo et al. 2019), by data set and pictures of queries and targets; TIRG has one for both its forms."""
_FREE = ("model", "seed", "comment", "log_every", "evaluate_every", "checkpoint_every", "train_queries")
"""Settings in which the runs of one table may differ: what is compared, and what changes no figure."""
MARKS = "<!-- table: {name} -->\n{body}\n<!-- end of table: {name} -->"


@dataclass(frozen=True)
class Run:
    """A finished one. ``recalls``: k to the share of the test split's queries."""

    name: str
    settings: Settings
    recalls: Mapping[int, float]

    def budget(self) -> str:
        """What it shares with the other runs of its table."""
        return json.dumps({name: value for name, value in asdict(self.settings).items() if name not in _FREE})


def finished(*folders: Path) -> tuple[list[Run], list[str]]:
    """The runs in ``folders`` by name, and a sentence for each one that is left out.

    Of two runs with the same settings, model and seed the later name holds. Raises MorelikeError on a damaged run.
    """
    found: dict[tuple[str, str, int], Run] = {}
    left_out = []
    paths = (path for folder in folders for path in folder.glob("*/settings.json"))
    for path in sorted(paths, key=lambda path: (path.parent.name, path)):
        settings = read_settings(path.parent)
        recalls = _recalls(path.parent, settings.num_iters)
        if recalls is None:
            left_out.append(f"{path.parent.name} is not at its end, and is left out")
            continue
        run = Run(path.parent.name, settings, recalls)
        key = (run.budget(), settings.model, settings.seed)
        if key in found:
            left_out.append(f"{found[key].name} was run again as {run.name}, and is left out")
        found[key] = run
    return list(found.values()), left_out


def _recalls(run: Path, end: int) -> dict[int, float] | None:
    """Of the evaluation after the last iteration; None before it."""
    for values in read_curve(run):
        if values["iteration"] == end and "test" in values:
            try:
                shares = {k: float(values["test"][str(k)]) for k in KS}
            except (KeyError, TypeError, ValueError) as error:
                raise ModelError(f"{run} has an evaluation without the recalls at {KS}: {error!r}") from error
            if not all(0 <= share <= 1 for share in shares.values()):
                raise ModelError(f"{run} has recalls that are no shares: {shares}")
            return shares
    return None


def tables(runs: Iterable[Run]) -> list[str]:
    """Markdown lines: for each budget what it was, and a row for each model."""
    by_budget: dict[str, list[Run]] = {}
    for run in runs:
        by_budget.setdefault(run.budget(), []).append(run)
    lines: list[str] = []
    for _, own in sorted(by_budget.items(), key=lambda pair: (pair[1][0].settings.num_iters, pair[0])):
        settings = own[0].settings
        published = PUBLISHED.get((settings.dataset, settings.query_pictures, settings.target_pictures), {})
        head = ["model", "seeds", *(f"R@{k}" for k in KS), "published R@1"]
        lines += [_sentence(settings), "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        lines += [
            _row(model, [run for run in own if run.settings.model == model], published) for model in _ordered(own)
        ]
        lines.append("")
    return lines


def _ordered(runs: Sequence[Run]) -> list[str]:
    return sorted({run.settings.model for run in runs}, key=MODELS.index)


def _row(model: str, runs: Sequence[Run], published: Mapping[str, float]) -> str:
    cells = [_spread([100 * run.recalls[k] for run in runs]) for k in KS]
    beside = f"{published[model]:.1f}" if model in published else "–"
    return f"| `{model}` | {len(runs)} | {' | '.join(cells)} | {beside} |"


def _spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation, of the sample; the value alone where there is one."""
    return f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def _sentence(settings: Settings) -> str:
    triplets = f"{settings.num_iters * settings.batch:,}".replace(",", " ")
    pictures = f"{settings.query_pictures.upper()} → {settings.target_pictures.upper()}"
    rate = f"{settings.learning_rate:g} {settings.schedule}, weight decay {settings.weight_decay:g}"
    return (
        f"{settings.dataset}, {pictures}: {settings.num_iters} iterations of {settings.batch} ({triplets} triplets), "
        f"`{settings.loss}`, trunk `{settings.trunk}`, {settings.dim} numbers, `{settings.optimiser}` at {rate}, "
        f"precision {settings.precision}, pictures of {settings.width} × {settings.height}:"
    )


def write_between(page: Path, name: str, lines: Sequence[str]) -> None:
    """Put ``lines`` between the marks of ``name`` in ``page``. Raises UsageError where it has not both of them once."""
    text = page.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(MARKS).replace(r"\{name\}", name).replace(r"\{body\}", ".*?"), re.DOTALL)
    filled, found = pattern.subn(lambda _: MARKS.format(name=name, body="\n".join(["", *lines]).rstrip() + "\n"), text)
    if found != 1:
        raise UsageError(f"{page} has the marks of {name!r} {found} times", hint=MARKS.format(name=name, body="…"))
    page.write_text(filled, encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.composed_table")
    parser.add_argument("runs", type=Path, nargs="+", help="a folder of runs")
    parser.add_argument("--page", type=Path, help="the page whose table is written anew: docs/composed.md")
    chosen = parser.parse_args(arguments)
    try:
        runs, left_out = finished(*chosen.runs)
        for sentence in left_out:
            print(sentence, file=sys.stderr)
        if not runs:
            sys.exit(f"no run in {', '.join(map(str, chosen.runs))} came to its end")
        lines = tables(runs)
        if chosen.page is not None:
            write_between(chosen.page, "results", lines)
    except MorelikeError as error:
        sys.exit(str(error))
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
