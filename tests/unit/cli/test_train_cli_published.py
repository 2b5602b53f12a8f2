"""``morelike train composed`` on the two published data sets of photographs, small ones in their layouts."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")
pytest.importorskip("tensorboardX", reason="the extra `train` is not installed (tensorboardX)")

COLOURS = {"black": (10, 10, 10), "red": (200, 30, 30), "blue": (30, 30, 200)}
SMALL = (
    *("--dim", 8, "--batch-size", 4, "--num-iters", 2, "--threads", 1, "--device", "cpu"),
    *("--height", 16, "--width", 16, "--train-queries", 20),
)


def picture(path: Path, colour: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 20), COLOURS[colour]).save(path)


def fashion200k(folder: Path) -> None:
    for split, pieces in (("train", ("dress", "coat")), ("test", ("skirt", "hat"))):
        lines = []
        for colour, piece in product(COLOURS, pieces):
            name = f"women/{split}/{colour}_{piece}.jpeg"
            picture(folder / name, colour)
            lines.append(f"{name}\t0.9\t{colour} {piece}\n")
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"all_{split}_detect_all.txt").write_text("".join(lines))
    (folder / "test_queries.txt").write_text("women/test/black_skirt.jpeg women/test/red_skirt.jpeg\n")


def mitstates(folder: Path) -> None:
    for noun, colour in product(("cat", "tower", "clock", "tea"), COLOURS):
        picture(folder / "images" / f"{colour} {noun}" / "0.jpg", colour)


@pytest.mark.parametrize("make", [fashion200k, mitstates], ids=lambda make: make.__name__)
def test_a_published_data_set_is_trained_on(morelike: Any, make: Any) -> None:
    """A run on the data set in its own layout ends with recalls of both splits, and names what was asked."""
    folder = Path("data")
    folder.mkdir()
    make(folder)

    data = ("--dataset", make.__name__, "--dataset-path", folder)
    trained = morelike("train", "composed", *data, *SMALL, "--json")
    assert trained.code == 0, trained.err
    assert trained.json["iteration"] == 2
    assert {split: len(shares) for split, shares in trained.json["recalls"].items()} == {"train": 5, "test": 5}
    assert trained.json["recalls"]["test"]["r_at_100"] == 1.0
