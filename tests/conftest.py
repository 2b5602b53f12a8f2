"""Fixtures that every test folder shares."""

from __future__ import annotations

import gc
import os
import re
import secrets
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import certifi
import hypothesis
import pytest
from databases import mysql_server, postgresql_server  # noqa: F401  fixtures: one server a run, whoever needs it
from milvus_process import milvus_server  # noqa: F401  likewise
from minilm import minilm_models  # noqa: F401  likewise
from radosgw_process import gateway  # noqa: F401  likewise

from morelike import guess
from morelike.doctor.probes import Probes
from morelike.settings import Settings

pytest_plugins = ["grouping"]
pytest.register_assert_rewrite("morelike.testing.kits")
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""Ray listens on all addresses. It reads both once in a process, as soon as anything of it is used."""
hypothesis.settings.register_profile(
    "patient",
    parent=hypothesis.settings(),
    deadline=None,
    suppress_health_check=[*hypothesis.settings().suppress_health_check, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")

MILVUS = re.compile(r"[Mm]ilvus|test_compat_moved|test_journey|test_older_data")
LATE = ("milvus", "notebooks", "gateway", "journey")
"""The longest groups of those, the longest first."""
SHARED = {
    "gateway": "gateway",
    "mortal": "gateway that dies",
    "milvus_server": "milvus",
    "mysql_server": "databases",
    "postgresql_server": "databases",
    "browser": "browser",
}
"""Servers that a process starts once, and what else takes long: by the fixture, the group of the tests that have it."""
ROOT = Path(__file__).resolve().parents[1]
END_OF_CERTIFICATE = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients trust one authority: each reads the list when it is made, all hundred and more of it take 20 ms."""
    first, end, _ = Path(certifi.where()).read_text(encoding="ascii").partition(END_OF_CERTIFICATE)
    file = tmp_path_factory.mktemp("authority") / "one.pem"
    file.write_text(first + end, encoding="ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Empty folders: pytest's own numbering reads all that there are before each, the more the longer it takes."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, _homes: Iterator[Path]) -> None:
    """A test sees no setting of the person who runs it, no configuration file, and no network hub."""
    for name in [name for name in os.environ if name.startswith("MORELIKE_") and name != "MORELIKE_TEST_DATA"]:
        monkeypatch.delenv(name)
    home = next(_homes)
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MORELIKE_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers here answers, however long the machine stands still; tests of such a bound set their own."""
    assert Probes.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Probes.__init__.__kwdefaults__, "wait", 120.0)
    monkeypatch.setattr(guess, "MOST_SECONDS", 120.0)


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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Ten thousand tests are kept to the end: looking for garbage among them, then and ever after, finds none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """One process runs the tests of a server that takes seconds to start, and another one need not start it too."""
    if item.get_closest_marker("xdist_group") is None:
        groups = [group for fixture, group in SHARED.items() if fixture in getattr(item, "fixturenames", ())]
        for group in groups[:1]:
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks a Milvus server goes last: an idle one takes a fifth of a core from all tests after it.

    A group is run together where its first test stands, so all of it goes last. The longest come first of these: none
    of them is to be begun when the other processes have nothing left to do.
    """
    late = {_group(item) for item in items if MILVUS.search(item.nodeid)}

    def place(item: pytest.Item) -> tuple[bool, int]:
        group = _group(item)
        first = LATE.index(group) if group in LATE else len(LATE) + ("kill" not in group)
        return group in late, first if group in late else 0

    items.sort(key=place)


def _group(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else item.nodeid


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured (``record_property``), whichever process ran them."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
