"""The CSS task on disk: what is written is read again, what others published is read, and what is damaged is named."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from morelike.errors import ItemError, SourceError, UsageError
from morelike.training.css import CssSplit, Split, make_css
from morelike.training.css_files import TABLE, CssData, picture_path, read_css, write_css
from morelike.training.css_flat import draw_flat
from morelike.training.css_solid import draw_solid
from morelike.training.plain_pickle import read_plain, write_plain
from morelike.training.triplets import Triplet

SCENES = 3
ALL = SCENES * 9
"""With the eight changes of each."""
SPLITS: tuple[Split, ...] = ("train", "test")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The task of seed 3, both kinds of pictures."""
    folder = tmp_path_factory.mktemp("css") / "made"
    write_css(folder, seed=3, scenes=SCENES, pictures=("3d", "2d"))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def split_of(split: Split) -> CssSplit:
    css = make_css(3, SCENES)
    return css.train if split == "train" else css.test


# written


def test_equal_arguments_write_equal_bytes(made: Path, tmp_path: Path) -> None:
    """Every file, whatever order Python's sets have in the process; another seed writes others."""
    write = "import sys; from pathlib import Path; from morelike.training.css_files import write_css; "
    write += "write_css(Path(sys.argv[1]), seed=3, scenes=3, pictures=('3d', '2d'))"
    subprocess.run(
        [sys.executable, "-c", write, tmp_path / "again"], env={**os.environ, "PYTHONHASHSEED": "7"}, check=True
    )
    write_css(tmp_path / "other", seed=4, scenes=SCENES, pictures=("2d",))

    assert content(tmp_path / "again") == content(made)
    assert content(tmp_path / "other")[TABLE] != content(made)[TABLE]


def test_the_layout_is_the_published_one(made: Path) -> None:
    """A table, and for each scene of each split a PNG that is named by its number."""
    names = {f"css_{split}_{index:06d}.png" for split in SPLITS for index in range(ALL)}

    assert {path.name for path in made.iterdir()} == {TABLE, "images", "images_2d"}
    assert {path.name for path in (made / "images").iterdir()} == names
    assert {path.name for path in (made / "images_2d").iterdir()} == names


def test_numpy_reads_the_table_as_the_published_code_does(made: Path) -> None:
    """``numpy.load(...).item()`` has scenes of things, labels, and texts with their sources and targets."""
    table = np.load(made / TABLE, allow_pickle=True).item()

    assert set(table) == set(SPLITS)
    train = split_of("train")
    values = table["train"]
    assert set(values) == {"objects_img", "labels", "mods"}
    first = train.scenes[0][0]
    assert values["objects_img"][0][0]["pos"] == (first.y, first.x)
    assert set(values["objects_img"][0][0]) == {"shape", "color", "size", "pos", "pos_str"}
    found = {(f, mod["to_str"], t) for mod in values["mods"] for f, t in zip(mod["from"], mod["to"], strict=True)}
    assert found == set(train.changes)


def test_who_waits_is_told(tmp_path: Path) -> None:
    """Pictures done and pictures in all; the number written is the last of them."""
    told: list[tuple[int, int]] = []
    written = write_css(tmp_path, scenes=6, pictures=("2d",), progress=lambda *numbers: told.append(numbers))

    assert told == [(100, 108), (108, 108)]
    assert written == 108


def test_what_is_not_finished_has_no_table(folder: Path) -> None:
    """A folder that is written anew and left halfway is not read as what it was: its pictures may be others."""

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_css(folder, seed=4, scenes=SCENES, pictures=("2d",), progress=stop)
    with pytest.raises(SourceError, match=f"holds no {TABLE}"):
        read_css(folder, "train")


@pytest.mark.parametrize("scenes", [0, -1, 100_001])
def test_a_number_of_scenes_that_cannot_be_made(scenes: int, tmp_path: Path) -> None:
    """None, or far too many; nothing is written."""
    with pytest.raises(UsageError, match=f"{scenes} first scenes cannot be made"):
        write_css(tmp_path / "out", scenes=scenes)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """It is a file, say."""
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(SourceError, match="out cannot be written") as error:
        write_css(tmp_path / "out", scenes=1)
    assert "--out" in error.value.hint


# read


@pytest.mark.parametrize("split", SPLITS)
def test_what_was_written_is_read(made: Path, split: Split) -> None:
    """Scenes, labels, texts, and every change as a query for its target's label."""
    expected, data = split_of(split), read_css(made, split)

    assert list(data.scenes) == list(expected.scenes)
    assert list(data.labels) == [str(label) for label in expected.labels]
    assert len(data) == ALL
    assert data.texts == list(dict.fromkeys(text for _, text, _ in expected.changes))
    queries = [(query.source, query.text, query.label) for query in data.queries()]
    assert sorted(queries) == sorted((s, text, str(expected.labels[t])) for s, text, t in expected.changes)
    assert len(queries) == SCENES * 8


@pytest.mark.parametrize("split", SPLITS)
def test_pictures_are_those_of_their_scenes(made: Path, split: Split) -> None:
    """The solid ones are read, the flat ones drawn; the PNGs of both lose nothing."""
    solid, flat = read_css(made, split), read_css(made, split, "2d")
    for index in (0, 1, ALL - 1):
        np.testing.assert_array_equal(solid.picture(index), draw_solid(solid.scenes[index]))
        np.testing.assert_array_equal(flat.picture(index), draw_flat(solid.scenes[index]))
        with Image.open(picture_path(made, split, index, "2d")) as written:
            np.testing.assert_array_equal(flat.picture(index), np.asarray(written))


def test_a_published_table_is_read(tmp_path: Path) -> None:
    """With numpy's own numbers, only what the published things have, and no labels: then each scene is its own."""
    things = [
        {"shape": "circle", "color": "gray", "size": "large", "pos": (np.float64(0.2), np.float64(0.5))},
        {"shape": "triangle", "color": "cyan", "size": "small", "pos": np.array([0.9, 0.1])},
    ]
    mods = [{"from": np.array([0, 2]), "to": [np.int64(1), 0], "to_str": np.str_("make sphere gray")}]
    split = {"objects_img": [things, things[:1], []], "mods": mods}
    array = np.empty((), dtype=object)
    array[()] = {"train": split, "test": split}
    np.save(tmp_path / TABLE, array, allow_pickle=True)

    data = read_css(tmp_path, "train", "2d")

    assert [len(scene) for scene in data.scenes] == [2, 1, 0]
    assert [thing.cell for thing in data.scenes[0]] == [1, 6]
    assert data.labels == ["0", "1", "2"]
    assert [(query.source, query.text, query.label) for query in data.queries()] == [
        (0, "make sphere gray", "1"),
        (2, "make sphere gray", "0"),
    ]


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    """The hint says how to make one."""
    with pytest.raises(SourceError, match=f"holds no {TABLE}") as error:
        read_css(tmp_path, "train")
    assert "morelike train data css" in error.value.hint


def test_missing_pictures_are_named(folder: Path) -> None:
    """Before anything is trained with; the flat ones are drawn and need no files."""
    shutil.rmtree(folder / "images")
    with pytest.raises(SourceError, match=r"css_test_000026\.png is not there"):
        read_css(folder, "test")
    assert read_css(folder, "test", "2d").picture(0).shape == (64, 64, 3)


def of_side(png: bytes, side: int) -> bytes:
    """The same, whose header says that it has ``side`` pixels a side."""
    header = b"IHDR" + struct.pack(">II", side, side) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


@pytest.mark.parametrize(
    "damaged",
    [
        lambda png: png[: len(png) // 2],
        lambda png: png[:20],
        lambda png: b"",
        lambda png: b"GIF89a" + png[6:],
        lambda png: png[:50] + bytes(255 - value for value in png[50:90]) + png[90:],
        lambda png: of_side(png, 10_000),
        lambda png: of_side(png, 100_000),
        lambda png: of_side(png, 0),
    ],
    ids=["half", "header", "empty", "no-png", "bits", "larger", "huge", "without-pixels"],
)
def test_a_damaged_picture_is_named(folder: Path, damaged: Callable[[bytes], bytes]) -> None:
    """Whatever is wrong with it: an error of this picture, by its name."""
    path = picture_path(folder, "train", 4)
    path.write_bytes(damaged(path.read_bytes()))
    data = read_css(folder, "train")

    with pytest.raises(ItemError, match=r"css_train_000004\.png"):
        data.picture(4)
    assert data.picture(5).shape == (120, 180, 3)


def test_a_picture_that_is_gone_is_named(folder: Path) -> None:
    """One among many is found missing when it is read."""
    data = read_css(folder, "train")
    picture_path(folder, "train", 4).unlink()
    with pytest.raises(ItemError, match=r"css_train_000004\.png cannot be read"):
        data.picture(4)


Values = dict[str, Any]


def thing(values: Values) -> Values:
    found: Values = values["objects_img"][2][0]
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: thing(v).update(color="pink"), "pink"),
        (lambda v: thing(v).update(shape="cube"), "cube"),
        (lambda v: thing(v).update(size="huge"), "huge"),
        (lambda v: thing(v).update(pos=(0.5, 1.5)), "outside its picture"),
        (lambda v: thing(v).update(pos=(0.5, float("nan"))), "outside its picture"),
        (lambda v: thing(v).update(pos=(0.5,)), "ValueError"),
        (lambda v: thing(v).update(pos=None), "TypeError"),
        (lambda v: thing(v).pop("pos"), "KeyError"),
        (lambda v: v["objects_img"].append(["red"]), "TypeError"),
        (lambda v: v.pop("objects_img"), "KeyError"),
        (lambda v: v.pop("mods"), "KeyError"),
        (lambda v: v.update(mods=[]), "0 texts"),
        (lambda v: v["labels"].pop(), "27 scenes, 26 labels"),
        (lambda v: v["mods"][0]["to"].append(1), "sources and"),
        (lambda v: v["mods"][0].update({"from": [], "to": []}), "has 0 sources"),
        (lambda v: v["mods"][0].update({"from": [27], "to": [0]}), "scenes that are not there"),
        (lambda v: v["mods"][0].update({"from": [0], "to": [-1]}), "scenes that are not there"),
        (lambda v: v["mods"][0].update({"from": [float("inf")], "to": [0]}), "OverflowError"),
        (lambda v: v["mods"][0].update({"from": ["one"], "to": [0]}), "ValueError"),
    ],
)
def test_a_table_of_something_else_is_named(folder: Path, change: Callable[[Values], Any], said: str) -> None:
    """What is wrong in the table is in the sentence."""
    table = read_plain(folder / TABLE)
    change(table["train"])
    write_plain(folder / TABLE, table)

    with pytest.raises(SourceError, match="is no table of the CSS task") as error:
        read_css(folder, "train")
    assert said in str(error.value)
    assert len(read_css(folder, "test")) == ALL


@pytest.mark.parametrize("value", [None, [], {}, "train", {"train": [1]}, {"train": None}])
def test_a_table_without_splits_is_refused(tmp_path: Path, value: Any) -> None:
    """Any other plain data."""
    write_plain(tmp_path / TABLE, value)
    with pytest.raises(SourceError, match="is no table of the CSS task"):
        read_css(tmp_path, "train")


# drawn


def changes_of(data: CssData) -> set[Triplet]:
    return {
        Triplet(source, mod.text, target)
        for mod in data.mods
        for source, target in zip(mod.sources, mod.targets, strict=True)
    }


def test_two_in_a_row_share_their_source(made: Path) -> None:
    """Pairs of changes of one scene with two texts; sooner or later each change is drawn."""
    data = read_css(made, "train")
    drawn = data.draw(np.random.default_rng(0), 600)

    assert len(drawn) == 600
    for one, other in zip(drawn[::2], drawn[1::2], strict=True):
        assert one.source == other.source
        assert one.text != other.text
    assert set(drawn) == changes_of(data)


def test_the_generator_decides_what_is_drawn(made: Path) -> None:
    """The same state draws the same, and goes on from there with others."""
    data = read_css(made, "train")
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    first = data.draw(one, 32)

    assert first == data.draw(other, 32)
    assert data.draw(one, 32) == data.draw(other, 32) != first


def test_an_odd_count_ends_with_one(made: Path) -> None:
    """As many as were asked for; the last then has no other half."""
    data = read_css(made, "train")

    assert data.draw(np.random.default_rng(5), 7) == data.draw(np.random.default_rng(5), 8)[:7]
    assert data.draw(np.random.default_rng(5), 0) == []


def test_a_scene_of_one_change_stays_alone(tmp_path: Path) -> None:
    """It has no second text; the next is drawn anew."""
    mods = [{"to_str": "remove object", "from": [0], "to": [1]}]
    write_plain(tmp_path / TABLE, {"train": {"objects_img": [[], []], "mods": mods}})

    assert read_css(tmp_path, "train", "2d").draw(np.random.default_rng(0), 3) == [Triplet(0, "remove object", 1)] * 3
