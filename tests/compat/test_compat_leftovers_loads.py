"""Loads that bring nothing, and loads that a server's end cuts off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from compat_http import refused
from compat_pictures import LOADED, Pictures, picture_server

from morelike.testing.images import write_images


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    with picture_server(tmp_path_factory.mktemp("nothing")) as running:
        yield running


def sentence(pictures: Pictures, folder: Path, table: str) -> str:
    return refused(pictures.client.post("/img/load", json={"Table": table, "File": str(folder)}), 422)


def test_a_load_without_a_good_file_fails(pictures: Pictures) -> None:
    """It says how many there were and why the first is bad; progress reaches its end, and the ledger has them all."""
    folder = pictures.root / "bad"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_text(f"no picture {number}")

    said = sentence(pictures, folder, "bad")

    assert "none of the 3 files" in said
    assert "0.jpg" in said or "1.jpg" in said or "2.jpg" in said
    assert "`morelike ls bad --rejected`" in said
    assert pictures.progress() == (3, 3)
    assert pictures.library.collection("bad").rejected_count() == 3
    assert pictures.count("bad") == 0


def test_once_more_it_fails_as_well(pictures: Pictures) -> None:
    """Files that were rejected before are passed over, which is no success either."""
    folder = pictures.root / "still bad"
    folder.mkdir()
    (folder / "a.jpg").write_text("no picture")
    sentence(pictures, folder, "still_bad")

    assert "none of the 1 file of" in sentence(pictures, folder, "still_bad")


def test_a_folder_without_pictures_fails(pictures: Pictures) -> None:
    """Empty, or with other files only: the sentence says which are taken, and nothing is rejected."""
    for name in ("empty", "other"):
        (pictures.root / name).mkdir()
    (pictures.root / "other" / "notes.txt").write_text("no picture")

    for name in ("empty", "other"):
        assert "holds nothing to load: files that end in .jpg" in sentence(pictures, pictures.root / name, name)
        assert pictures.library.collection(name).rejected_count() == 0


def test_what_was_there_before_is_a_success(pictures: Pictures) -> None:
    """A second load of the same folder brings nothing new, and bad files beside good ones do not fail it."""
    folder = pictures.root / "again"
    write_images(folder, 2, seed=300)
    (folder / "bad.jpg").write_text("no picture")
    for _ in range(2):
        answer = pictures.client.post("/img/load", json={"Table": "again", "File": str(folder)})
        assert (answer.status_code, answer.json()) == (200, LOADED)
    assert pictures.count("again") == 2
