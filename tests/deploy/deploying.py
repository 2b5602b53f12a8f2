"""What the tests of deployment share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/morelike"
Values = Mapping[str, Any]
Render = Callable[..., dict[str, str]]


def missing(sentence: str) -> NoReturn:
    """Skips by name; in CI it fails."""
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def program_of(script: str, home: str) -> str:
    """What ``scripts/…`` prints, with the cache folder of whoever runs the tests."""
    words = [str(ROOT / "scripts" / script)]
    done = subprocess.run(words, env={**os.environ, "HOME": home}, capture_output=True, text=True, check=False)
    lines = done.stdout.split()
    return lines[-1] if lines else missing(f"{done.stderr.strip()} (scripts/{script})")


def documents(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every object that a rendered chart makes."""
    found = []
    for name, text in texts.items():
        if name.endswith(".yaml"):
            found += [one for one in yaml.safe_load_all(text) if one]
    return found


def of_kind(objects: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in objects if one["kind"] == kind]
