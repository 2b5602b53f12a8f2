"""3D models from the command line, and from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import morelike as package
from morelike.errors import QueryError, UnknownMedia
from morelike.settings import Settings
from morelike.testing.solids import CORNERS, FACES, binary_stl, glb, obj, ply, three_mf

SHAPES = {"box": (1, 1, 1), "needle": (0.1, 0.1, 2), "sheet": (2, 2, 0.05)}


def write_shapes(folder: Path) -> Path:
    """Three of each shape, one with a sibling in another format, and what is broken."""
    folder.mkdir()
    for name, shape in SHAPES.items():
        for number in range(3):
            corners = CORNERS * np.array(shape) * [1, 1 + number / 10, 1]
            (folder / f"{name}_{number}.stl").write_bytes(binary_stl(corners, FACES))
    (folder / "empty.stl").write_bytes(b"")
    (folder / "points.ply").write_bytes(ply().replace(b"element face 6", b"element face 0"))
    (folder / "huge.stl").write_bytes(b"\1" * 80 + b"\xff\xff\xff\x7f" + b"\0" * 5000)
    (folder / "liar.3mf").write_bytes(three_mf("<!DOCTYPE a [<!ENTITY b 'c'>]><model/>"))
    return folder


@pytest.fixture
def things(morelike: Any, tmp_path: Path) -> Any:
    """Nine models and four files that are none, in the collection ``things``, which was guessed."""
    write_shapes(tmp_path / "models")
    ran = morelike("add", "things", "models")
    assert ran.code == 3, ran.err
    assert "a collection of mesh" in ran.err
    for reason in ("empty.stl is empty", "cloud of points", "huge.stl ends before", "document type"):
        assert reason in " ".join(ran.out.split()), ran.out
    return morelike


def test_it_finds_its_own_kind(things: Any) -> None:
    """The first word of the names is the label: all find their like first; the encoder needs no weights."""
    ran = things("eval", "things", "--labels", "name:^[a-z]+", "--json")

    assert ran.code == 0, ran.err
    assert ran.json["p_at_1"] == 1.0
    assert ran.json["labels"] == 3
    assert things("count", "things").out.strip() == "9"


def test_another_format_is_an_example(things: Any, tmp_path: Path) -> None:
    """A needle as OBJ finds the needles, with more asked for than there are."""
    lines = [f"v {x / 10} {y / 10} {2 * z}" for x, y, z in CORNERS] + [
        f"f {a + 1} {b + 1} {c + 1}" for a, b, c in FACES
    ]
    (tmp_path / "query.obj").write_text("\n".join(lines))

    ran = things("search", "things", "query.obj", "-k", "500", "--json")

    assert ran.code == 0, ran.err
    assert len(ran.json["hits"]) == 9
    assert {Path(hit["source"]).name[:6] for hit in ran.json["hits"][:3]} == {"needle"}
    assert ran.json["hits"][0]["unit"]["cosine"] > 0.999


def test_figures_filter(things: Any) -> None:
    """Faces, extents and volume of models are fields of filters."""
    ran = things("ls", "things", "--filter", "extent_z > 6 and watertight = true", "--json")

    assert ran.code == 0, ran.err
    assert {Path(item["source"]).name[:6] for item in ran.json["items"]} == {"needle"}


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "a.stl", "is empty"),
        (obj()[:60], "a.obj", "without three numbers in line 5"),
        (glb()[:99], "a.glb", "ends before"),
    ],
)
def test_a_broken_example_is_said_so(things: Any, tmp_path: Path, data: bytes, name: str, said: str) -> None:
    """An example that cannot be read is one sentence, without a traceback."""
    (tmp_path / name).write_bytes(data)

    ran = things("search", "things", name)

    assert ran.code == 1
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_the_same_from_python(settings: Settings, tmp_path: Path) -> None:
    """Added, searched by bytes and by array's file, shown, told what it is; a part of a model is refused."""
    folder = write_shapes(tmp_path / "models")
    with package.open(settings) as library:
        opened = library.collection("things", modality="mesh")
        report = opened.add(folder)
        hits = opened.search((folder / "sheet_1.stl").read_bytes(), k=100)
        item = hits[0].item

        assert (report.added, report.rejected) == (9, 4)
        assert Path(hits[0].source).name == "sheet_1.stl"
        assert len(hits) == 9
        assert opened.model(item).data[:4] == b"glTF"
        assert opened.preview(item, 320).media_type == "image/webp"
        with pytest.raises(UnknownMedia):
            opened.search(b"no model at all")
        with pytest.raises(QueryError, match="has no seconds"):
            opened.search(folder / "sheet_1.stl", at=(1, 2))
