"""A small library of synthetic pictures, and a way to call the command line inside this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from morelike.cli.run import run


@dataclass(frozen=True)
class Ran:
    """What one call did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Morelike = Callable[..., Ran]


def draw_picture(path: Path, seed: int) -> Path:
    """A picture of 6 × 6 coloured squares that only ``seed`` decides."""
    squares = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(squares).resize((60, 60), Image.Resampling.NEAREST).save(path)
    return path


@pytest.fixture
def draw() -> Callable[[Path, int], Path]:
    """Draws a picture into a file."""
    return draw_picture


@pytest.fixture
def morelike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Morelike:
    """``morelike("ls", "--json")`` on a library of the test's own, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MORELIKE_LIBRARY", str(tmp_path / "library"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two folders of three pictures each, ``a/0.png`` … ``b/5.png``."""
    folder = tmp_path / "pictures"
    for seed in range(6):
        place = folder / ("a" if seed < 3 else "b")
        place.mkdir(parents=True, exist_ok=True)
        draw_picture(place / f"{seed}.png", seed)
    return folder


@pytest.fixture
def filled(morelike: Morelike, pictures: Path) -> Morelike:
    """The same, with the six pictures in the collection ``photos``."""
    added = morelike("add", "photos", pictures, "--encoder", "classic", "--quiet")
    assert added.code == 0, added.err
    return morelike
