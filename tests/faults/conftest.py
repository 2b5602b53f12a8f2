"""Runs of the drivers, which kill themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from forking import Run, forking

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def run_driver() -> Iterator[Run]:
    """``run_driver("driver", *arguments)``: the driver of that name in a process of its own, to its end."""
    with forking() as run:

        def run_named(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
            return run(HERE / f"{name}.py", *arguments)

        yield run_named
