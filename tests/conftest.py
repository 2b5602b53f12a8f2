"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from databases import mysql_server, postgresql_server  # noqa: F401  fixtures: one server a run, whoever needs it
from milvus_process import milvus_server  # noqa: F401  likewise
from radosgw_process import gateway  # noqa: F401  likewise

from morelike.settings import Settings

pytest.register_assert_rewrite("morelike.testing.kits")

MILVUS = re.compile(r"[Mm]ilvus|test_compat_moved|test_filter_congruence|test_journey|test_older_data")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A test sees no setting of the person who runs it, no configuration file, and no network hub."""
    for name in [name for name in os.environ if name.startswith("MORELIKE_") and name != "MORELIKE_TEST_DATA"]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MORELIKE_OFFLINE", "1")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a library in the test's own folder, offline."""
    return Settings(library=tmp_path / "library", models_cache=tmp_path / "models", offline=True)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with real photographs, recordings and weights; skips by name where it is absent."""
    folder = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "DATA.md").is_file():
        pytest.skip(f"no test data in {folder} (MORELIKE_TEST_DATA)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks a Milvus server goes last: an idle one takes a fifth of a core from all tests after it."""
    items.sort(key=lambda item: bool(MILVUS.search(item.nodeid)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured (``record_property``), whichever process ran them."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
