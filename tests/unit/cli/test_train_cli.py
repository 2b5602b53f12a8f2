"""``morelike train``: data, a run, its resuming and its export, and what is said where that cannot be."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")
pytest.importorskip("onnx", reason="the extra `train` is not installed (onnx)")
pytest.importorskip("tensorboardX", reason="the extra `train` is not installed (tensorboardX)")

SMALL = (
    *("--dataset", "css", "--dataset-path", "css", "--dim", 8, "--batch-size", 8, "--num-iters", 4, "--threads", 1),
    *("--height", 12, "--width", 18, "--device", "cpu"),
)


@pytest.fixture
def css(morelike: Any) -> Any:
    """The command line in a folder with a small CSS task, ``css``."""
    made = morelike("train", "data", "css", "--out", "css", "--scenes", 4, "--json")
    assert made.code == 0, made.err
    assert made.json["pictures"] == len(list(Path("css/images").iterdir()))
    return morelike


def test_from_data_to_an_encoder(css: Any) -> None:
    """A run's recalls come as JSON; its folder has a curve; its export is a pack with a card."""
    trained = css("train", "composed", *SMALL, "--comment", "first", "--evaluate-every", 2, "--json")
    assert trained.code == 0, trained.err
    answer = trained.json
    assert answer["iteration"] == 4
    assert not answer["interrupted"]
    assert set(answer["recalls"]) == {"test", "train"}
    assert set(answer["recalls"]["test"]) == {"r_at_1", "r_at_5", "r_at_10", "r_at_50", "r_at_100"}
    run = Path(answer["run"])
    assert run.parent == Path("runs")
    assert run.name.endswith("-first")
    assert (run / "curve.jsonl").read_text().count("test") == 2

    exported = css("train", "export", run, "--name", "mine", "--json")
    assert exported.code == 0, exported.err
    assert exported.json["id"].startswith("mine@")
    pack = Path(exported.json["folder"])
    found = {path.name for path in pack.iterdir()}
    assert found == {"card.toml", "composer.onnx", "image.onnx", "img.npy", "vocabulary.txt"}


def test_recalls_are_a_table_for_people(css: Any) -> None:
    """In percent, the run's folder above; the old name of the data set is taken too."""
    trained = css("train", "composed", *SMALL, "--dataset", "css3d", "--train-queries", 0)

    assert trained.code == 0, trained.err
    head, columns, test = trained.out.splitlines()
    assert head.startswith("runs/")
    assert head.endswith(": 4 iterations")
    assert columns.split() == ["split", "R@1", "R@5", "R@10", "R@50", "R@100"]
    assert test.split()[0] == "test"
    assert all(0 <= float(share) <= 100 for share in test.split()[1:])


def test_from_2d_to_3d(css: Any) -> None:
    """Sources drawn flat, targets from the folder."""
    trained = css("train", "composed", *SMALL, "--query-pictures", "2d", "--json")

    assert trained.code == 0, trained.err
    assert trained.json["recalls"]["test"]


def test_ctrl_c_keeps_what_was_done(css: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130 and the way on, which leads to the end."""
    from morelike.training.composed.network import Network

    step = Network.step
    steps: list[float] = []

    def interrupted(self: Network, *arguments: Any) -> float:
        steps.append(step(self, *arguments))
        if len(steps) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return steps[-1]

    monkeypatch.setattr(Network, "step", interrupted)
    stopped = css("train", "composed", *SMALL, "--json")
    assert stopped.code == 130
    assert stopped.json["interrupted"]
    assert stopped.json["iteration"] == 2
    assert f"interrupted after iteration 2; morelike train composed --resume {stopped.json['run']}" in stopped.err

    refused = css("train", "composed", "--resume", stopped.json["run"], "--num-iters", 9)
    assert refused.code == 2
    assert "not with another num iters" in refused.err
    resumed = css("train", "composed", "--resume", stopped.json["run"], "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["iteration"] == 4
    assert len(steps) == 4


def test_data_that_has_moved_is_found_again(css: Any) -> None:
    """A run goes on with the data in another folder; of another place nobody is told."""
    trained = css("train", "composed", *SMALL, "--json").json
    Path("css").rename("elsewhere")
    assert css("train", "export", trained["run"]).code == 2
    assert css("train", "export", trained["run"], "--dataset-path", "elsewhere").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("data", "coco", "--out", "x"), "the data set 'coco' cannot be made"),
        (("data", "css", "--out", "x", "--pictures", "4d"), "--pictures cannot be '4d'"),
        (("composed",), "--dataset is missing"),
        (("composed", "--dataset", "css"), "--dataset-path is missing"),
        (("composed", "--dataset", "css", "--dataset-path", "nowhere"), "there is no folder nowhere"),
        (("composed", "--dataset", "coco", "--dataset-path", "."), "--dataset cannot be 'coco'"),
        (("composed", "--dataset", "css", "--dataset-path", ".", "--model", "x"), "--model cannot be 'x'"),
        (("composed", "--resume", "nowhere"), "nowhere is no run"),
        (("export", "nowhere"), "nowhere is no run"),
    ],
)
def test_what_cannot_be_is_a_sentence(morelike: Any, arguments: tuple[str, ...], said: str) -> None:
    """Wrong names and paths end in exit code 2, and nothing is written."""
    refused = morelike("train", *arguments)

    assert refused.code == 2
    assert said in refused.err
    assert "hint: " in refused.err
    assert not Path("runs").exists()


def test_a_folder_without_the_task_is_a_sentence(morelike: Any) -> None:
    """With how it is made."""
    refused = morelike("train", "composed", "--dataset", "css", "--dataset-path", ".")

    assert refused.code == 1
    assert "holds no css_toy_dataset_novel2_small.dup.npy" in refused.err
    assert "morelike train data css" in refused.err


@pytest.mark.parametrize("package", ["torch", "tensorboardX"])
def test_without_the_extra_it_is_named(css: Any, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Training and export say what to install."""
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    refused = css("train", "composed", *SMALL)

    assert refused.code == 2
    assert f"training needs the package '{package}" in refused.err
    assert "morelike[train]" in refused.err
    assert not Path("runs").exists()
