"""The locks: complete, hashed, and without an address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {name: (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8") for name in ("base-demo", "dev")}
PYTHONS = ("3.11", "3.12", "3.13")
INSTALLED_APART = {"torch"}  # scripts/install says why


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked(name: str, python: str) -> dict[str, Version]:
    """Package to version on one Python, on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    found = {}
    for line in re.findall(r"^[A-Za-z0-9].*?(?= \\$)", LOCKS[name], re.MULTILINE):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (specifier,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = Version(specifier.version)
    return found


def wanted(name: str) -> list[str]:
    about = project()
    extras = about["project"]["optional-dependencies"]
    demo = [one for one in extras["demo"] if not one.startswith("morelike[")]
    base = [*about["project"]["dependencies"], *demo, *extras["server"], *about["build-system"]["requires"]]
    if name == "base-demo":
        return base
    return [*base, *extras["clip"], *extras["parquet"], *extras["train"], *about["dependency-groups"]["dev"]]


@pytest.mark.parametrize("name", LOCKS)
def test_no_addresses(name: str) -> None:
    """A lock names no index, no link and no folder: it works behind any mirror."""
    assert re.findall(r"https?:|file:|--index|--extra-index|--find-links|--trusted| @ ", LOCKS[name]) == []


@pytest.mark.parametrize("name", LOCKS)
def test_everything_is_hashed(name: str) -> None:
    """Every package has at least one sha256."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCKS[name], flags=re.MULTILINE)[1:]

    assert len(blocks) > 40
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", LOCKS)
def test_locks_cover_the_project(name: str, python: str) -> None:
    """What pyproject.toml asks for is in the lock, in a version that it allows, on every Python."""
    found = locked(name, python)
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    missing = []
    for line in wanted(name):
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        version = found.get(canonicalize_name(requirement.name))
        if requirement.name not in INSTALLED_APART and (version is None or version not in requirement.specifier):
            missing.append(line)

    assert missing == []


@pytest.mark.parametrize("python", PYTHONS)
def test_locks_agree(python: str) -> None:
    """Both locks have the same versions, so that one .venv serves both."""
    base, dev = locked("base-demo", python), locked("dev", python)

    assert {name: version for name, version in base.items() if dev.get(name) != version} == {}


def test_torch_is_the_version_that_the_extra_allows() -> None:
    """The version that scripts/install names fits the extra ``train``."""
    version = re.search(r"^torch=([\d.]+)$", (ROOT / "scripts" / "install").read_text(encoding="utf-8"), re.MULTILINE)
    (asked,) = (Requirement(one) for one in project()["project"]["optional-dependencies"]["train"] if "torch" in one)

    assert version is not None
    assert Version(version[1]) in asked.specifier


def test_make_help_names_every_target() -> None:
    """Every target that people type explains itself."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)

    assert targets is not None
    assert [one for one in targets[1].split() if not re.search(rf"^{one}:.* ## \S", text, re.MULTILINE)] == []
