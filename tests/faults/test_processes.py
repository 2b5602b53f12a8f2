"""Several processes on one embedded library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import morelike
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

DRIVER = Path(__file__).with_name("driver.py")


def _start(library: Path, pictures: Path, point: str = "none", nth: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, str(DRIVER), str(library), str(pictures), point, str(nth)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_a_search_sees_what_another_process_adds(tmp_path: Path) -> None:
    """Without reopening: while ``add`` runs elsewhere, the count grows and every new item is its own first hit."""
    write_images(tmp_path / "pictures", 150, seed=2)
    paths = sorted((tmp_path / "pictures").rglob("*.*"))
    with morelike.open(library=tmp_path / "library") as library:
        collection = library.collection("photos", modality="image", encoder=ToyEncoder())
        assert collection.count() == 0
        adding = _start(tmp_path / "library", tmp_path / "pictures", "halfway", 50)
        assert adding.stdout is not None
        assert adding.stdout.readline() == "halfway\n"
        between = collection.count()
        found = collection.search(paths[0], k=between + 1)
        _, said = adding.communicate("go on\n", timeout=300)
        assert (adding.returncode, said) == (0, "")

        assert 50 <= between < 150
        assert (len(found), found[0].source) == (between, str(paths[0]))
        assert collection.count() == 150
        assert [collection.search(path, k=1)[0].source for path in paths[::10]] == [str(path) for path in paths[::10]]


def test_two_adds_take_turns(tmp_path: Path) -> None:
    """Two processes add overlapping folders at once: both succeed, nothing is doubled, nothing is lost."""
    write_images(tmp_path / "all" / "a", 60, seed=10)
    write_images(tmp_path / "all" / "b", 60, seed=2000)
    runs = [_start(tmp_path / "library", folder) for folder in (tmp_path / "all" / "a", tmp_path / "all")]
    reports = []
    for run in runs:
        out, err = run.communicate(timeout=300)
        assert run.returncode == 0, err
        reports.append(json.loads(out))

    with morelike.open(library=tmp_path / "library") as library:
        collection = library.collection("photos", encoder=ToyEncoder())
        assert collection.count() == 120
        assert collection._stores.vectors.count(collection.spaces[0]) == 120
        assert library.doctor().findings == []
    assert sum(report["rejected"] for report in reports) == 0
    assert sum(report["added"] + report["same"] for report in reports) == 180
