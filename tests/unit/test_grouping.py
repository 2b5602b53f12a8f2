"""Tests of one group, and those of one file, run in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GROUPED = """
import os
import pytest

@pytest.mark.parametrize("number", range(3))
@pytest.mark.xdist_group("shared")
def test_grouped(number: int) -> None:
    open("shared", "a").write(f"{os.getpid()}\\n")

@pytest.mark.parametrize("number", range(3))
def test_alone(number: int) -> None:
    open(__file__ + ".alone", "a").write(f"{os.getpid()}\\n")
"""


def test_a_group_and_a_file_stay_together(tmp_path: Path) -> None:
    """Whatever the versions of pytest and xdist: a mark puts tests of several files into one process."""
    pytest.importorskip("xdist", reason="several processes need pytest-xdist")
    for name in ("test_one.py", "test_two.py", "test_three.py"):
        (tmp_path / name).write_text(GROUPED)
    words = ["-m", "pytest", "-q", "-p", "grouping", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup"]
    path = str(Path(__file__).resolve().parents[1])
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**outside, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, *words, "-p", "xdist", "--rootdir", str(tmp_path), "--basetemp", str(tmp_path / "temporary")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    ran = {file.name: file.read_text().split() for file in (tmp_path / "shared", *tmp_path.glob("*.alone"))}
    assert {name: (len(by), len(set(by))) for name, by in ran.items()} == {
        "shared": (9, 1),
        "test_one.py.alone": (3, 1),
        "test_two.py.alone": (3, 1),
        "test_three.py.alone": (3, 1),
    }
