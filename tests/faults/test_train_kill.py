"""A training that is killed again and again ends as if it never had been."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forking import Run

torch = pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")
pytest.importorskip("tensorboardX", reason="the extra `train` is not installed (tensorboardX)")

from morelike import faults  # noqa: E402 - after the skips
from morelike.training.composed.runs import Settings, load_checkpoint, new_run  # noqa: E402 - likewise

ITERATIONS = 24
KILLS = [("iteration.done", 7), ("curve.written", 3), ("checkpoint.writing", 2), ("checkpoint.written", 1)]


def settings_of(folder: Path) -> Settings:
    return Settings(
        "css",
        str(folder),
        dim=8,
        batch=6,
        num_iters=ITERATIONS,
        threads=1,
        device="cpu",
        height=8,
        width=8,
        log_every=2,
        evaluate_every=5,
        checkpoint_every=4,
    )


def numbers_of(run: Path) -> dict[str, Any]:
    checkpoint = load_checkpoint(run)
    assert checkpoint is not None
    assert checkpoint.iteration == ITERATIONS
    return {**checkpoint.model, **{str(key): value for key, value in checkpoint.optimiser["state"].items()}}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_killed_at_every_point_and_resumed(run_driver: Run, tmp_path: Path) -> None:
    """The curve is that of a run never interrupted, byte for byte, and so are the network and the optimiser."""
    (tmp_path / "data").mkdir()
    settings = settings_of(tmp_path / "data")
    whole, broken = (new_run(tmp_path / "runs", replace(settings, comment=name)) for name in ("whole", "broken"))
    ended = run_driver("train_driver", whole, "none", 0)
    assert (ended.returncode, ended.stdout) == (0, f"{ITERATIONS}\n"), ended.stderr
    reached = []

    for point, nth in KILLS:
        killed = run_driver("train_driver", broken, point, nth)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        found = load_checkpoint(broken)
        reached.append(found.iteration if found else 0)
    ended = run_driver("train_driver", broken, "none", 0)

    assert ended.returncode == 0, ended.stderr
    assert reached == sorted(reached)
    assert 0 < reached[-1] < ITERATIONS
    assert (broken / "curve.jsonl").read_bytes() == (whole / "curve.jsonl").read_bytes()
    lines = [json.loads(line) for line in (whole / "curve.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines if "loss" in line] == list(range(2, ITERATIONS + 1, 2))
    assert [line["iteration"] for line in lines if "test" in line] == [5, 10, 15, 20, 24]
    assert same(numbers_of(broken), numbers_of(whole))
    assert {point for point, _ in KILLS} == set(faults.TRAIN_POINTS)
