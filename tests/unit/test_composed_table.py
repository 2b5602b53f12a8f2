"""``python -m benchmarks.composed_table``: the table of runs that the docs show."""

from __future__ import annotations

import json
import runpy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import stdev

import pytest

from morelike.training.composed.runs import CHOICES, Settings, write_settings

SCRIPT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "composed_table.py"))
SETTINGS = Settings(dataset="css", dataset_path="css", num_iters=200, batch=256)
PAGE = "before\n<!-- table: results -->\nold\n<!-- end of table: results -->\nafter\n"


def make_run(runs: Path, name: str, settings: Settings, *shares: float, at: int = 200) -> Path:
    """A run as the training leaves it; ``shares``: R@1, R@5 and R@10 of the test split after iteration ``at``."""
    run = runs / name
    run.mkdir(parents=True)
    write_settings(run, settings)
    lines = [{"iteration": 100, "loss": 0.5}, {"iteration": 100, "test": {"1": 0.0, "5": 0.0, "10": 0.0}}]
    if shares:
        lines.append({"iteration": at, "test": dict(zip(("1", "5", "10"), shares, strict=True))})
    (run / "curve.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return run


def rows_of(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.startswith("| `")]


def test_means_and_spreads_over_seeds(tmp_path: Path) -> None:
    """A model's row has the mean and the sample's standard deviation over its seeds, and the published figure."""
    for seed, share in enumerate((0.80, 0.84, 0.82)):
        settings = replace(SETTINGS, model="tirg", seed=seed, comment=f"tirg-{seed}")
        make_run(tmp_path, f"{seed}", settings, share, 0.99, 1.0)

    runs, left_out = SCRIPT["finished"](tmp_path)

    assert left_out == []
    spread = f"{stdev((80, 84, 82)):.1f}"
    assert rows_of(SCRIPT["tables"](runs)) == [f"| `tirg` | 3 | 82.0 ± {spread} | 99.0 ± 0.0 | 100.0 ± 0.0 | 73.7 |"]


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    """Nothing is said about a spread that was not measured."""
    make_run(tmp_path, "only", replace(SETTINGS, model="concat"), 0.5, 0.75, 0.875)

    runs, _ = SCRIPT["finished"](tmp_path)

    assert rows_of(SCRIPT["tables"](runs)) == ["| `concat` | 1 | 50.0 | 75.0 | 87.5 | 60.6 |"]


def test_models_from_the_plainest_on(tmp_path: Path) -> None:
    """Every model that can be trained has its place, whatever the order of the runs."""
    for model in CHOICES["model"]:
        make_run(tmp_path, f"run-{model}", replace(SETTINGS, model=model), 0.5, 0.5, 0.5)

    runs, _ = SCRIPT["finished"](tmp_path)

    assert [row.split("`")[1] for row in rows_of(SCRIPT["tables"](runs))] == list(SCRIPT["MODELS"])


def test_other_budgets_have_other_tables(tmp_path: Path) -> None:
    """Runs are averaged and compared only where they differ in model and seed alone."""
    make_run(tmp_path, "short", replace(SETTINGS, log_every=25), 0.5, 0.5, 0.5)
    make_run(tmp_path, "short-too", replace(SETTINGS, model="film", log_every=50), 0.5, 0.5, 0.5)
    make_run(tmp_path, "long", replace(SETTINGS, num_iters=400), 0.6, 0.6, 0.6, at=400)

    runs, _ = SCRIPT["finished"](tmp_path)
    lines = SCRIPT["tables"](runs)

    heads = [line for line in lines if line.endswith(":")]
    assert [head.split(" iterations")[0] for head in heads] == ["css, 3D → 3D: 200", "css, 3D → 3D: 400"]
    assert [len(rows_of(lines[: lines.index(heads[1])])), len(rows_of(lines))] == [2, 3]


def test_published_figures_are_of_the_same_pictures(tmp_path: Path) -> None:
    """Queries drawn flat stand beside what was published of these; other data sets beside nothing."""
    flat = replace(SETTINGS, model="concat", query_pictures="2d")
    make_run(tmp_path, "flat", flat, 0.5, 0.5, 0.5)
    make_run(tmp_path, "other", replace(SETTINGS, dataset="mitstates", model="concat"), 0.5, 0.5, 0.5)

    runs, _ = SCRIPT["finished"](tmp_path)

    published = sorted(row.split(" | ")[-1] for row in rows_of(SCRIPT["tables"](runs)))
    assert published == ["27.3 |", "– |"]


def test_unfinished_runs_are_named(tmp_path: Path) -> None:
    """An evaluation on the way is no result: a run that is not at its end is left out, and said to be."""
    make_run(tmp_path, "stopped", SETTINGS)
    make_run(tmp_path, "done", SETTINGS, 0.5, 0.5, 0.5)

    runs, left_out = SCRIPT["finished"](tmp_path)

    assert [run.name for run in runs] == ["done"]
    assert left_out == ["stopped is not at its end, and is left out"]


def test_a_seed_counts_once(tmp_path: Path) -> None:
    """The same model with the same seed again is no further seed; the later run holds."""
    make_run(tmp_path, "20261122-060000", SETTINGS, 0.5, 0.5, 0.5)
    make_run(tmp_path, "20261122-070000", SETTINGS, 0.6, 0.6, 0.6)

    runs, left_out = SCRIPT["finished"](tmp_path)

    assert rows_of(SCRIPT["tables"](runs)) == ["| `tirg` | 1 | 60.0 | 60.0 | 60.0 | 73.7 |"]
    assert left_out == ["20261122-060000 was run again as 20261122-070000, and is left out"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"iteration": 200, "test": {"1": 0.5}}, "without the recalls"),
        ({"iteration": 200, "test": {"1": 50, "5": 60, "10": 70}}, "no shares"),
    ],
)
def test_damaged_recalls_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: dict[str, object], said: str
) -> None:
    """What is no share of the queries gets into no table: the run is named, and nothing is printed."""
    run = make_run(tmp_path, "damaged", SETTINGS)
    (run / "curve.jsonl").write_text(f"{json.dumps(line)}\n")

    with pytest.raises(SystemExit, match=said):
        SCRIPT["main"]([str(tmp_path)])

    assert capsys.readouterr().out == ""


def test_a_page_is_filled_between_its_marks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is between the marks is written, and the same runs write the same page again."""
    make_run(tmp_path / "runs", "one", SETTINGS, 0.5, 0.5, 0.5)
    page = tmp_path / "page.md"
    page.write_text(PAGE)

    SCRIPT["main"]([str(tmp_path / "runs"), "--page", str(page)])
    once = page.read_text()
    SCRIPT["main"]([str(tmp_path / "runs"), "--page", str(page)])

    assert page.read_text() == once
    assert once.startswith("before\n<!-- table: results -->\n")
    assert once.endswith("<!-- end of table: results -->\nafter\n")
    assert rows_of(once.splitlines()) == ["| `tirg` | 1 | 50.0 | 50.0 | 50.0 | 73.7 |"]
    assert rows_of(capsys.readouterr().out.splitlines()) == rows_of(once.splitlines()) * 2


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    """Where it should go cannot be guessed."""
    make_run(tmp_path / "runs", "one", SETTINGS, 0.5, 0.5, 0.5)
    page = tmp_path / "page.md"
    page.write_text("no marks\n")

    with pytest.raises(SystemExit, match="0 times"):
        SCRIPT["main"]([str(tmp_path / "runs"), "--page", str(page)])

    assert page.read_text() == "no marks\n"


def test_several_folders_make_one_table(tmp_path: Path) -> None:
    """Seeds may have been trained on several machines, each with its folder of runs."""
    make_run(tmp_path / "here", "one", SETTINGS, 0.5, 0.5, 0.5)
    make_run(tmp_path / "there", "two", replace(SETTINGS, seed=1), 0.5, 0.5, 0.5)

    runs, _ = SCRIPT["finished"](tmp_path / "here", tmp_path / "there")

    assert rows_of(SCRIPT["tables"](runs)) == ["| `tirg` | 2 | 50.0 ± 0.0 | 50.0 ± 0.0 | 50.0 ± 0.0 | 73.7 |"]


def test_no_finished_run_is_said(tmp_path: Path) -> None:
    """An empty table is an error, not a page without figures."""
    with pytest.raises(SystemExit, match="came to its end"):
        SCRIPT["main"]([str(tmp_path)])
