"""``morelike storage``, and blobs that ``morelike doctor`` rescues."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Morelike = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs this may have one."""
    monkeypatch.setenv("MORELIKE_STORAGE_WARN_SHARE", "1")


def test_it_says_what_is_taken(filled: Morelike) -> None:
    """Collections, parts, disks and growth; nothing on standard error where all is well."""
    shown = filled("storage")

    assert (shown.code, shown.err) == (0, "")
    for word in ("photos", "catalog", "vectors", "blobs", "total", "free", "growth: not known"):
        assert word in shown.out


def test_programs_get_all_of_it(filled: Morelike) -> None:
    """The shape of the HTTP API, with the readings where they are asked for."""
    answer = filled("storage", "--json").json
    with_history = filled("storage", "--history", "--json").json

    assert answer["total"] == sum(answer["parts"].values())
    assert answer["collections"][0]["kept"]["items"] == 6
    assert "history" not in answer
    assert [reading["items"] for reading in with_history["history"]] == [6]


def test_history_is_a_table(filled: Morelike) -> None:
    """One line a reading."""
    lines = filled("storage", "--history").out.splitlines()

    assert lines[0].split()[:2] == ["at", "items"]
    assert len(lines) == 2


def test_a_limit_is_a_warning(filled: Morelike, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error; the figures are still an answer."""
    monkeypatch.setenv("MORELIKE_STORAGE_WARN_BYTES", "100")

    shown = filled("storage", "--json")

    assert shown.code == 0
    assert shown.err.startswith("warning: the library takes ")
    assert len(shown.json["warnings"]) == 1


def test_a_library_that_is_not_there(morelike: Morelike) -> None:
    """Nothing is made by looking."""
    shown = morelike("storage")

    assert shown.code == 2
    assert "there is no library" in shown.err


def test_rescue_after_a_restored_catalog(filled: Morelike, draw: Callable[[Path, int], Path], tmp_path: Path) -> None:
    """What was added since the backup is saved by its bytes alone."""
    file = tmp_path / "library" / "catalog.sqlite"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(tmp_path / "copy")) as copy:
        source.backup(copy)
    new = draw(tmp_path / "new.png", 99)
    assert filled("add", "photos", new, "--quiet").code == 0
    new.unlink()
    for ending in ("", "-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)
    (tmp_path / "copy").rename(file)

    alone = filled("doctor", "--rescue", "photos")
    mended = filled("doctor", "--fix", "--rescue", "photos")

    assert alone.code == 2
    assert mended.code == 0, mended.err
    assert "photos: 1 blob of no item is an item now" in mended.out
    assert filled("count", "photos").out.strip() == "7"
    assert filled("doctor").out.strip() == "the library is well"
