"""Sources that may read below some folders only: nothing else of the machine comes into a library."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources import open_source
from morelike.testing.images import write_images


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A folder that may be read, with two pictures."""
    write_images(tmp_path / "allowed", 2)
    return tmp_path / "allowed"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture beside it, which may not."""
    return write_images(tmp_path / "private", 1)[0]


@pytest.fixture
def confined(settings: Settings, allowed: Path) -> Settings:
    return settings.model_copy(update={"allow_roots": (allowed,), "offline": False})


def readable(argument: str, settings: Settings) -> tuple[list[str], list[str]]:
    """(the paths whose bytes came, the reasons of those that did not)."""
    came, reasons = [], []
    _, blobs = open_source(argument, settings)
    for blob in blobs:
        try:
            blob.open().close()
            came.append(blob.uri)
        except SourceError as error:
            reasons.append(error.message)
    return came, reasons


def test_what_lies_below_is_read(confined: Settings, allowed: Path) -> None:
    """The folder itself, a file in it and a glob over it are read as ever."""
    assert len(readable(str(allowed), confined)[0]) == 2
    assert len(readable(str(allowed / "00000.jpg"), confined)[0]) == 1
    assert len(readable(f"{allowed}/*.jpg", confined)[0]) == 2


def test_other_places_are_refused(confined: Settings, allowed: Path, secret: Path) -> None:
    """However the path is written, what lies elsewhere is refused before it is looked at."""
    places = [
        str(secret),
        str(secret.parent),
        f"{allowed}/../private/00000.jpg",
        f"{allowed}/*/../../private/*.jpg",
        f"{allowed}/../private/*.jpg",
        f"file://{secret}",
        f"FILE:{secret}",
        f"urls:{secret}",
        f"{allowed}-private",
        str(allowed.parent),
        "/",
        "",
        "~",
        f" http://x/../../../../../../../../../..{secret}",
        f"ftp://x/../../../../../../../../../..{secret}",
        f"\0{secret}",
    ]
    for place in places:
        with pytest.raises(SourceError):
            readable(place, confined)


def test_links_that_lead_out_are_not_followed(confined: Settings, allowed: Path, secret: Path) -> None:
    """A link to a file, a folder or an archive outside is a row of the ledger; one that stays inside is followed."""
    (allowed / "file.jpg").symlink_to(secret)
    (allowed / "folder").symlink_to(secret.parent)
    (allowed / "inside.jpg").symlink_to(allowed / "00001.jpg")

    came, reasons = readable(str(allowed), confined)

    assert sorted(Path(uri).name for uri in came) == ["00000.jpg", "00001.jpg", "inside.jpg"]
    assert len(reasons) == 2
    assert all("does not lie below" in reason for reason in reasons)


def test_a_link_as_the_argument_counts_by_its_end(confined: Settings, allowed: Path, secret: Path) -> None:
    """The argument may not be a link that leads out, nor lie behind one."""
    (allowed / "out").symlink_to(secret.parent)

    for place in (allowed / "out", allowed / "out" / secret.name, f"{allowed}/out/*.jpg"):
        with pytest.raises(SourceError, match="does not lie below"):
            readable(str(place), confined)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_a_table_names_nothing_outside(confined: Settings, allowed: Path, secret: Path, name: str) -> None:
    """A row that names a file elsewhere is rejected; it does not even say whether that file exists."""
    cells = [str(secret), "../private/00000.jpg", "/no/such/file", "00000.jpg"]
    rows = [{"path": cell, "n": number} for number, cell in enumerate(cells)]
    text = {
        "rows.csv": "path,n\n" + "".join(f"{row['path']},{row['n']}\n" for row in rows),
        "rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "rows.json": json.dumps(rows),
    }[name]
    (allowed / name).write_text(text)

    came, reasons = readable(str(allowed / name), confined)

    assert came == [str(allowed / "00000.jpg")]
    assert len(reasons) == 3
    assert all("does not lie below" in reason for reason in reasons)


def test_no_folder_allows_nothing(settings: Settings, allowed: Path) -> None:
    """An empty list of folders leaves only URLs."""
    with pytest.raises(SourceError):
        readable(str(allowed), settings.model_copy(update={"allow_roots": ()}))


def test_an_allowed_folder_may_be_a_link(settings: Settings, allowed: Path, tmp_path: Path) -> None:
    """The folder that is allowed counts by where it really lies."""
    (tmp_path / "link").symlink_to(allowed)
    confined = settings.model_copy(update={"allow_roots": (tmp_path / "link",)})

    assert len(readable(str(tmp_path / "link"), confined)[0]) == 2
    assert len(readable(str(allowed), confined)[0]) == 2


def test_the_setting_is_written_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several folders in the variable are parted like those of PATH; unset means everywhere."""
    assert Settings().allow_roots is None
    monkeypatch.setenv("MORELIKE_ALLOW_ROOTS", os.pathsep.join(("/a", "/b")))

    assert Settings().allow_roots == (Path("/a"), Path("/b"))
