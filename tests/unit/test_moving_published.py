"""``img.npy`` and a folder of numbered pictures, read as a demo server's table and its vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from morelike.cli.run import run
from morelike.errors import SourceError, UsageError
from morelike.moving.places import demo_places
from morelike.moving.published import Published, pictures_of
from morelike.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "img.npy", np.arange(12, dtype=np.float64).reshape(3, 4))
    return tmp_path


def test_a_row_is_of_the_picture_with_its_number(folder: Path, settings: Settings) -> None:
    """In the file's order, six digits each, with the number as its ``milvus_id``."""
    with Published(folder, folder / "images") as table:
        places = list(demo_places(table, settings, {}))

        assert (table.count(), table.dim) == (3, 4)
    assert [place.uri for place in places] == [str(folder / "images" / f"css_test_00000{n}.png") for n in range(3)]
    assert [(place.ids, dict(place.metadata)) for place in places] == [((n,), {"milvus_id": str(n)}) for n in range(3)]


def test_vectors_have_the_length_one(folder: Path) -> None:
    """As directions, float32, whatever the file's floats are; zeros stay zeros, what float32 cannot hold is not finite,
    and no other row is made up.
    """
    rows = np.array([[3, 0, 4], [0, 0, 0], [1e300, 0, 1e300]])
    np.save(folder / "img.npy", rows)

    found = Published(folder / "img.npy", folder / "images").fetch([0, 1, 2, 3, -1])

    assert sorted(found) == [0, 1, 2]
    assert {one.dtype for one in found.values()} == {np.dtype(np.float32)}
    assert found[0].tolist() == pytest.approx([0.6, 0, 0.8])
    assert found[1].tolist() == [0, 0, 0]
    assert not np.isfinite(found[2]).all()
    assert Published(folder, folder / "images").fetch_by_hash(["0" * 32]) == {}


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros(8, np.float32), "not one vector of floats a row"),
        (np.zeros((2, 3), np.int64), "not one vector of floats a row"),
        (np.array([["a", "b"]]), "not one vector of floats a row"),
        (np.zeros((2, 0), np.float32), "which nobody's table is"),
        (np.zeros((1, 70_000), np.float32), "which nobody's table is"),
    ],
)
def test_a_file_of_something_else_is_refused(folder: Path, array: np.ndarray, told: str) -> None:
    """In a sentence that says what it holds."""
    np.save(folder / "img.npy", array)

    with pytest.raises(SourceError, match=told):
        Published(folder, folder / "images")


def test_no_pickle_is_read(folder: Path) -> None:
    """An array of objects would run what it holds; so would what is no array at all. Neither is looked into."""
    np.save(folder / "img.npy", np.array([[folder]], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"is no \.npy file of numbers"):
        Published(folder, folder / "images")
    for data in (b"", b"these are words", b"\x93NUMPY\x01\x00\xff\xff{", b"\x80\x04."):
        (folder / "img.npy").write_bytes(data)
        with pytest.raises(SourceError, match=r"is no \.npy file of numbers"):
            Published(folder, folder / "images")


def test_a_file_that_is_cut_short_is_refused(folder: Path) -> None:
    """At once, not in the middle of a move."""
    data = (folder / "img.npy").read_bytes()
    (folder / "img.npy").write_bytes(data[:-8])

    with pytest.raises(SourceError, match=r"is no \.npy file of numbers"):
        Published(folder, folder / "images")


def test_where_the_pictures_are(folder: Path) -> None:
    """Where it is said, else ``images`` beside the vectors; a folder that is not there is named."""
    (folder / "other").mkdir()

    assert pictures_of(folder / "img.npy", "") == pictures_of(folder, "") == folder / "images"
    assert pictures_of(folder / "img.npy", str(folder / "other")) == folder / "other"
    with pytest.raises(UsageError, match="there is no folder") as refused:
        pictures_of(folder, str(folder / "none"))
    assert "--pictures" in refused.value.hint


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "bootcamp", "a", "--pictures", "images"),
        ("--from", "image-engine", "a", "--npy", "img.npy"),
        ("--from", "bootcamp", "a", "--npy", "img.npy", "--table", "t"),
        ("--from", "bootcamp", "a", "--npy", "img.npy", "--mysql", "mysql://h/n"),
        ("--from", "bootcamp", "a", "--npy", "img.npy"),
        ("--from", "bootcamp", "a", "--npy", "no-such.npy", "--encoder", "classic"),
        ("bundle", "--npy", "img.npy"),
        ("vectors", "a", "b.npy", "--pictures", "images"),
    ],
)
def test_what_does_not_go_together_is_a_mistake(
    words: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence, and no collection is made."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("OUT_PATH", raising=False)
    monkeypatch.setenv("MORELIKE_LIBRARY", str(folder / "library"))

    assert run(["import", *words]) in (1, 2)
    assert capsys.readouterr().err.startswith("error: ")
    assert run(["ls", "--json"]) in (0, 2)
    assert '"a"' not in capsys.readouterr().out
