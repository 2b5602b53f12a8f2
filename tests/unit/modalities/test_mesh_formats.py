"""What is read of each 3D format, held against trimesh where there is one."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from morelike.errors import DecodeError
from morelike.modalities._mesh_formats import recognise
from morelike.modalities.mesh import MeshModality
from morelike.settings import Settings
from morelike.testing.solids import AREA, VOLUME, all_formats, binary_stl, glb, gltf, gltf_tree, obj, off, ply, text_stl
from morelike.types import WHOLE, Blob, Mesh, SegmentSpec

MODALITY = MeshModality(Settings(offline=True))
FORMATS = all_formats()
NAMES = [name for _, name in FORMATS]


def loaded(data: bytes, name: str) -> Mesh:
    payload = MODALITY.load(Blob.from_bytes(data, name), SegmentSpec("mesh", WHOLE), {})
    assert isinstance(payload, Mesh)
    return payload


@pytest.mark.parametrize(("data", "name"), FORMATS, ids=NAMES)
def test_every_format_is_the_same_box(data: bytes, name: str) -> None:
    """The same box in any format has the same facts, whatever its file says of colours and places."""
    info = dict(MODALITY.describe(Blob.from_bytes(data, name)))

    assert info.pop("format") == recognise(data[:4096], name).name  # type: ignore[union-attr]
    assert info.pop("area") == pytest.approx(AREA, abs=1e-4)
    assert info.pop("volume") == pytest.approx(VOLUME, abs=1e-4)
    assert info == {
        "vertices": 8,
        "faces": 12,
        "extent_x": 2.0,
        "extent_y": 1.0,
        "extent_z": 3.5,
        "watertight": True,
    }


@pytest.mark.parametrize(("data", "name"), FORMATS, ids=NAMES)
def test_every_format_is_the_same_payload(data: bytes, name: str) -> None:
    """The payload does not depend on the format, nor on the order in which it has its faces."""
    expected, found = loaded(*FORMATS[0]), loaded(data, name)

    np.testing.assert_allclose(found.vertices, expected.vertices, atol=1e-6)
    np.testing.assert_array_equal(found.faces, expected.faces)


@pytest.mark.parametrize(("data", "name"), FORMATS, ids=NAMES)
def test_the_content_alone_says_the_format(data: bytes, name: str) -> None:
    """Without a name that helps, every format is known by its bytes; a name that lies changes nothing."""
    known = recognise(data[:4096], "")
    lying = recognise(data[:4096], "thing.csv")

    assert known is not None
    assert lying is not None
    assert known.name == lying.name == name.rpartition(".")[2]


@pytest.mark.parametrize(
    "data", [b"solid state drives are fast\n", b"OFF the record: 12\n", b"# a shopping list\nv for vendetta\n", b"{}"]
)
def test_texts_are_no_models(data: bytes) -> None:
    """Words that begin as a format does are not taken for it."""
    assert recognise(data, "notes.txt") is None


def test_a_scene_is_flattened() -> None:
    """Two nodes with one mesh are two boxes where their nodes put them."""
    nodes = [{"children": [1, 2]}, {"mesh": 0, "scale": [2, 2, 2]}, {"mesh": 0, "translation": [9, 0, 0]}]

    info = MODALITY.describe(Blob.from_bytes(glb(gltf_tree(nodes=nodes)), "two.glb"))

    assert info["faces"] == 24
    assert info["extent_x"] == 10.0
    assert info["volume"] == pytest.approx(VOLUME * (1 + 1 / 8), abs=1e-4)


def test_a_scene_that_is_not_shown_is_left_out() -> None:
    """Only what the default scene names counts."""
    nodes = [{"mesh": 0}, {"mesh": 0, "translation": [9, 0, 0]}]

    info = MODALITY.describe(Blob.from_bytes(glb(gltf_tree(nodes=nodes)), "one.glb"))

    assert info["faces"] == 12


@pytest.mark.parametrize(("mode", "order"), [(5, [0, 1, 3, 2]), (6, [0, 1, 2, 3])])
def test_strips_and_fans_are_triangles(mode: int, order: list[int]) -> None:
    """A strip and a fan of four corners are the two triangles of a quad, looking the same way."""
    tree = gltf_tree(
        meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "mode": mode}]}],
        nodes=[{"mesh": 0}],
        accessors=[
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5121, "count": 4, "type": "SCALAR"},
        ],
        bufferViews=[{"buffer": 0, "byteLength": 48}, {"buffer": 0, "byteOffset": 48, "byteLength": 4}],
    )
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype="<f4").tobytes()

    mesh = loaded(glb(tree, square + bytes(order)), "strip.glb")

    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert len(mesh.faces) == 2
    assert (normals[:, 2] > 0).all()


PLY_HEAD = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
POINTS = PLY_HEAD + b"end_header\n1 2 3\n"
WRONG: dict[str, tuple[bytes, str, str]] = {
    "external data": (gltf(buffers=[{"byteLength": 168, "uri": "box.bin"}]), "a.gltf", r"another file \(box.bin\)"),
    "data elsewhere": (gltf(buffers=[{"byteLength": 168, "uri": "http://127.0.0.1/x"}]), "a.gltf", "another file"),
    "draco": (glb(gltf_tree(extensionsRequired=["KHR_draco_mesh_compression"])), "a.glb", "compressed"),
    "glTF 1": (gltf(asset={"version": "1.0"}), "a.gltf", "no glTF 2.0"),
    "a node within itself": (glb(gltf_tree(nodes=[{"children": [0]}])), "a.glb", "several places"),
    "points": (POINTS, "a.ply", "cloud of points"),
    "a face beyond the end": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", "a.obj", "the corner 3, and there are 3"),
    "a face backwards beyond the beginning": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 -4\n", "a.obj", "the corner -1"),
    "a face from nought": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n", "a.obj", "corner 0 in line 4"),
    "no numbers": (b"v 0 0 0\nv 1 0 zero\nv 0 1 0\nf 1 2 3\n", "a.obj", "no numbers"),
    "no area": (b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "a.obj", "lines or points"),
    "corners that are nowhere": (b"v 0 0 0\nv 1 0 nan\nv 0 inf 0\nf 1 2 3\n", "a.obj", "corners are numbers"),
    "cut off": (binary_stl()[:-1], "a.stl", "ends before its 12 facets"),
    "text cut off": (text_stl()[:330], "a.stl", "endsolid"),
    "OFF cut off": (off()[:100], "a.off", "ends before its"),
    "OFF without counts": (b"OFF\n8 6\n", "a.off", "too short"),
    "PLY cut off": (ply("binary_little_endian")[:-3], "a.ply", "ends before its"),
    "PLY of two dimensions": (ply().replace(b"property float z\n", b""), "a.ply", "without x, y and z"),
    "PLY with real lengths": (ply().replace(b"list uchar int", b"list float int"), "a.ply", "no whole number"),
    "no asset": (json.dumps({"buffers": [], "meshes": []}).encode(), "a.gltf", "no glTF 2.0"),
    "FBX": (b"Kaydara FBX Binary", "a.fbx", "is named as FBX"),
    "empty": (b"", "a.stl", "is empty"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(what: str) -> None:
    """A file that cannot be read is refused in a sentence that begins with its name."""
    data, name, sentence = WRONG[what]

    with pytest.raises(DecodeError, match=sentence) as caught:
        MODALITY.describe(Blob.from_bytes(data, name))

    assert caught.value.message.startswith(name)


def test_faces_without_area_or_twice_are_left_out() -> None:
    """A face without area, one there twice, one turned over and one with a corner nowhere go; the rest stay."""
    extra = b"\nv nan 0 0\nf 1 1 2\nf 1 2 3\nf 3 2 1\nf 9 1 2\n"

    info = MODALITY.describe(Blob.from_bytes(obj() + extra, "box.obj"))

    # the box has the triangles 1 4 3 and 1 3 2: 1 2 3 is one of them, turned over
    assert info["faces"] == 12
    assert info["vertices"] == 8


MESHES = st.integers(3, 12).flatmap(
    lambda count: st.tuples(
        arrays(np.float32, (count, 3), elements=st.floats(-100, 100, width=16)),
        arrays(np.int64, st.tuples(st.integers(1, 20), st.just(3)), elements=st.integers(0, count - 1)),
    )
)


@given(MESHES, st.sampled_from(["stl", "stl_ascii", "obj", "ply", "off", "glb", "3mf"]))
@settings(max_examples=150)
def test_it_reads_what_trimesh_writes(mesh: tuple[np.ndarray, np.ndarray], form: str) -> None:
    """Of any mesh that trimesh writes, in any format, the same surface comes back as from arrays."""
    trimesh = pytest.importorskip("trimesh")
    vertices, faces = mesh
    made = trimesh.Trimesh(vertices, faces, process=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, on meshes without area
        written: Any = made.export(file_type=form)
    data = written.encode() if isinstance(written, str) else written
    direct = _facts(binary_stl(vertices.astype(np.float64), faces), "a.stl")

    assert _facts(data, f"a.{form.removesuffix('_ascii')}") == direct


def _facts(data: bytes, name: str) -> Any:
    """What is known of a model, to four digits; the sentence where there is none."""
    try:
        info = MODALITY.describe(Blob.from_bytes(data, name))
    except DecodeError as error:
        return "refused" if "ends" not in error.message else error.message
    return {
        key: pytest.approx(value, rel=1e-3, abs=1e-3) if isinstance(value, float) else value
        for key, value in info.items()
        if key != "format"
    }


def test_nothing_beside_a_file_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Materials and pictures that a model names are never looked for."""

    def refuse(*_: object, **__: object) -> io.BytesIO:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("io.open", refuse)

    for data, name in FORMATS:
        MODALITY.describe(Blob.from_bytes(data, name))
