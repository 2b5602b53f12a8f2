"""What others wrote and we ship: it is exactly what its manifest names."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = (
    ROOT / "src/morelike/server/static/vendor/manifest.toml",
    ROOT / "tests/browser/vendor/manifest.toml",
    ROOT / "tests/deploy/vendor/manifest.toml",
)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=["page", "tests", "deploy"])
def test_every_vendored_file_is_what_its_manifest_names(manifest: Path) -> None:
    """Each file has its sha256, version, licence and source; no file lies there unnamed."""
    entries = tomllib.loads(manifest.read_text(encoding="utf-8"))["file"]
    named = {manifest.parent / entry["path"]: entry for entry in entries}
    there = {path for path in manifest.parent.rglob("*") if path.is_file()} - {manifest}

    assert set(named) == there
    for path, entry in named.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"], path
        assert entry["source"] == f"npm:{entry['package']}@{entry['version']}"
        assert entry["licence"]


def test_every_package_comes_with_its_licence() -> None:
    """The licence of each package lies beside its files."""
    for manifest in MANIFESTS:
        entries = tomllib.loads(manifest.read_text(encoding="utf-8"))["file"]
        licensed = {entry["package"] for entry in entries if "LICENSE" in entry["path"]}

        assert {entry["package"] for entry in entries} == licensed
