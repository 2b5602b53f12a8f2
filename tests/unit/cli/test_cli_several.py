"""``morelike search`` of several collections, and ``morelike tag --auto``."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import morelike as package
from morelike.collection import OpenCollection
from morelike.lanes import Lanes
from morelike.protocols import Encoder
from morelike.settings import Settings
from morelike.testing.toys import COLOURS, ToyJointEncoder
from morelike.types import Blob, Card


def plain(colour: str, name: str) -> Blob:
    stream = io.BytesIO()
    pixels = np.full((16, 16, 3), COLOURS[colour], dtype=np.uint8)
    pixels[0, 0] = np.frombuffer(name.encode().ljust(3)[:3], dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return Blob.from_bytes(stream.getvalue(), f"{name}.png", uri=f"/far/{name}.png")


@pytest.fixture
def worded(filled, monkeypatch: pytest.MonkeyPatch):
    """Beside ``photos`` (no words): ``prints`` and ``posters``, whose encoder knows colour words."""
    from morelike import lanes

    load = lanes._load

    def with_toys(card: Card, settings: Settings) -> Encoder:
        return ToyJointEncoder() if card.name == "toy-joint" else load(card, settings)

    monkeypatch.setattr(lanes, "_load", with_toys)
    with package.open(Path(os.environ["MORELIKE_LIBRARY"])) as library:
        for name, colours in {"prints": ("red", "green", "blue"), "posters": ("red", "black")}.items():
            opened: OpenCollection = library.collection(name, modality="image", encoder=ToyJointEncoder())
            opened.add(*(plain(colour, name + colour) for colour in colours))
        assert isinstance(library._lanes, Lanes)
    return filled


def test_several_by_name(worded) -> None:
    """Hits of both stand in one table, by their kind; # is the place among all."""
    ran = worded("search", "prints,posters", "--text", "red", "-k", 3)

    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0] == "image:"
    assert "collection" in ran.out.splitlines()[1]
    assert "prints" in ran.out
    assert "posters" in ran.out
    assert "--offset 3" in ran.err


def test_everything(worded) -> None:
    """``*`` is every collection; the one that cannot answer is a note, not the end."""
    ran = worded("search", "*", "--text", "red")

    assert ran.code == 0
    assert "photos is left out: the collection photos cannot be searched with words" in ran.err


def test_the_json_has_the_list_and_the_groups(worded) -> None:
    """``fused``, ``groups``, ``silent`` and ``more``, as over HTTP."""
    found = worded("search", "p*", "--text", "red", "--json", "-k", 2).json

    assert set(found) == {"fused", "groups", "silent", "more"}
    assert {one["collection"] for one in found["fused"]} == {"posters", "prints"}
    assert [group["collections"] for group in found["groups"]] == [["posters", "prints"]]
    assert found["silent"][0]["collection"] == "photos"
    assert found["more"] is True


def test_a_picture_to_all(worded, pictures: Path) -> None:
    """A file is looked for in every collection of pictures; in its own it is the first."""
    found = worded("search", "*", pictures / "a" / "0.png", "--json").json

    assert found["silent"] == []
    assert found["fused"][0]["collection"] in {"photos", "posters", "prints"}
    own = [one for one in found["fused"] if one["collection"] == "photos"]
    assert own[0]["score"] == pytest.approx(1.0, abs=1e-4)


def test_nobody_answers(worded) -> None:
    """Where no collection can, it is a failure with every reason."""
    ran = worded("search", "photos,nowhere", "--text", "red")

    assert ran.code == 2
    assert "photos: " in ran.err
    assert "nowhere" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "z*", "--text", "red"), "no collection is meant"),
        (("search", ",", "--text", "red"), "no collection is meant"),
        (("search", "prints,posters"), "needs an example"),
        (("search", "prints,posters", "--text", "red", "-k", "20000"), "k is 20000"),
        (("search", "prints,posters", "--text", "red", "--mode", "simlar"), "simlar"),
        (("search", "prints,posters", "--text", "red", "--picture"), "one collection"),
    ],
)
def test_what_cannot_be_asked_of_several(worded, arguments: tuple[str, ...], said: str) -> None:
    """A sentence, and the code of a wrong call."""
    ran = worded(*arguments)

    assert ran.code == 2
    assert said in ran.err


def test_tag_by_labels(worded) -> None:
    """Each item gets the label that it is near; the table counts them; filters know the tags."""
    ran = worded("tag", "prints", "--auto", "red, blue,white", "--threshold", 50)

    assert ran.code == 0, ran.err
    assert "2 of 3 items have a tag, 1 stand near none of the labels" in ran.out
    assert worded("count", "prints", "--filter", "tag = 'red'").out.strip() == "1"


def test_tag_by_a_file_of_labels(worded, tmp_path: Path) -> None:
    """A label a line; --dry-run writes nothing; --json says what it found."""
    (tmp_path / "labels.txt").write_text("red\n\ngreen\r\n", "utf-8")

    found = worded(
        "tag", "prints", "--auto-file", tmp_path / "labels.txt", "--threshold", 50, "--dry-run", "--json"
    ).json

    assert found["labels"] == {"red": 1, "green": 1}
    assert (found["tagged"], found["items"], found["dry_run"]) == (2, 3, True)
    assert {one["label"] for one in found["shown"]} == {"red", "green"}
    assert worded("ls", "prints", "--json").json["items"][0]["tags"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--auto", " , "), "a label is missing"),
        (("--auto", "red", "--add", "x"), "--auto is for all items"),
        (("3efa957baa90", "--auto", "red"), "--auto is for all items"),
        (("--auto", "red", "--wording", "x"), "no place for the label"),
        (("--auto", "red", "--threshold", "nan"), "no finite number"),
        (("--auto-file", "no-such-file"), "cannot be read"),
        (("--add", "x"), "no item is named"),
    ],
)
def test_labels_that_cannot_be(worded, arguments: tuple[str, ...], said: str) -> None:
    """A sentence, and the code of a wrong call."""
    ran = worded("tag", "prints", *arguments)

    assert ran.code == 2, ran.out
    assert said in ran.err


def test_files_that_are_no_labels(worded, tmp_path: Path) -> None:
    """Bytes, and megabytes, are refused before anything is encoded."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "huge").write_bytes(b"x" * (10 * 1024**2))

    assert "not UTF-8" in worded("tag", "prints", "--auto-file", tmp_path / "bytes").err
    assert "larger than" in worded("tag", "prints", "--auto-file", tmp_path / "huge").err


def test_a_collection_without_words(worded) -> None:
    """Is named, with what to do."""
    ran = worded("tag", "photos", "--auto", "red")

    assert ran.code == 2
    assert "takes no words" in ran.err
    assert "morelike reembed photos" in ran.err
