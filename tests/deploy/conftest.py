"""Programs that check what is deployed: each test that needs one is skipped by name where it cannot be had."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml
from deploying import CHART, Render, Values, program_of


@pytest.fixture(scope="session")
def real_home() -> str:
    """Before a test sets another."""
    return os.environ["HOME"]


@pytest.fixture(scope="session")
def promtool(real_home: str) -> str:
    return program_of("promtool", real_home)


@pytest.fixture(scope="session")
def render(real_home: str, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """The chart with these values over its own, as `helm template` prints it: each template's text."""
    program = program_of("helm-render", real_home)
    folder = tmp_path_factory.mktemp("values")
    known: dict[str, dict[str, str]] = {}

    def rendered(values: Values, release: str = "demo") -> dict[str, str]:
        text = yaml.safe_dump(dict(values))
        if (key := release + text) not in known:
            file = folder / f"{len(known)}.yaml"
            file.write_text(text, encoding="utf-8")
            done = subprocess.run(
                [program, str(CHART), release, "here", str(file)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise ValueError(done.stderr)
            known[key] = json.loads(done.stdout)
        return known[key]

    return rendered
