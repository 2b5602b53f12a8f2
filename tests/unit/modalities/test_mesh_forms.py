"""Forms of 3D files that trimesh by itself reads as something else, or not at all."""

from __future__ import annotations

import io
import warnings
import zipfile

import numpy as np
import pytest

from morelike.errors import DecodeError
from morelike.modalities.mesh import MeshModality
from morelike.settings import Settings
from morelike.testing.solids import (
    AREA,
    CORE,
    CORNERS,
    VOLUME,
    glb,
    gltf_body,
    gltf_tree,
    model_xml,
    obj,
    off,
    ply,
    text_stl,
    three_mf,
)
from morelike.types import Blob, Metadata

MODALITY = MeshModality(Settings(offline=True))
RELATION = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
    'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel" Target="/3D/other.model"/></Relationships>'
)
PRODUCTION = 'xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06"'


def described(data: bytes, name: str) -> Metadata:
    return MODALITY.describe(Blob.from_bytes(data, name))


def is_the_box(info: Metadata) -> bool:
    return (
        info["faces"] == 12
        and info["watertight"] is True
        and info["volume"] == pytest.approx(VOLUME, abs=1e-4)
        and info["area"] == pytest.approx(AREA, abs=1e-4)
    )


def package(**files: str | bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return stream.getvalue()


def triangle(move: float) -> str:
    return (
        f'<mesh><vertices><vertex x="{move}" y="0" z="0"/><vertex x="{move + 1}" y="0" z="0"/>'
        f'<vertex x="{move}" y="1" z="0"/></vertices><triangles><triangle v1="0" v2="1" v3="2"/></triangles></mesh>'
    )


def test_corners_counted_backwards_are_meant_from_their_line() -> None:
    """In an OBJ of two objects with corners counted backwards, each face has the corners of its own object."""
    one = "v {x} 0 0\nv {y} 0 0\nv {x} 1 0\nf -3 -2 -1\n"
    data = (one.format(x=0, y=1) + one.format(x=8, y=9)).encode()

    info = described(data, "two.obj")

    assert info["faces"] == 2
    assert info["extent_x"] == 9.0
    assert info["area"] == 1.0


def test_objects_of_another_file_are_told_apart() -> None:
    """In a 3MF of several files, a component is the one object that it names, once, where it is put."""
    inner = model_xml(objects="".join(f'<object id="{at}">{triangle(0)}</object>' for at in (1, 2)), build="<none/>")
    components = "".join(
        f'<component p:path="/3D/inner.model" objectid="{at}" transform="1 0 0 0 1 0 0 0 1 {5 * at} 0 0"/>'
        for at in (1, 2)
    )
    outer = model_xml(
        objects=f'<object id="1"><components {PRODUCTION}>{components}</components></object>',
        build='<item objectid="1"/>',
    )

    info = described(package(**{"3D/3dmodel.model": outer, "3D/inner.model": inner}), "plate.3mf")

    assert info["faces"] == 2
    assert info["extent_x"] == 6.0


def test_the_package_says_which_model_it_is() -> None:
    """A 3MF whose relations name another file than the usual one is that file."""
    data = package(**{"_rels/.rels": RELATION, "3D/3dmodel.model": model_xml(), "3D/other.model": model_xml()})
    other = data.replace(b"3D/3dmodel.model", b"3D/3dunused.mode")

    assert is_the_box(described(data, "a.3mf"))
    assert is_the_box(described(other, "a.3mf"))


def test_a_model_may_have_prefixes_and_two_bytes_a_letter() -> None:
    """XML with a prefix before its names, or in UTF-16, is the same model."""
    prefixed = (
        model_xml()
        .replace("<", "<m:")
        .replace("<m:/", "</m:")
        .replace("<m:?", "<?")
        .replace(CORE, "xmlns:m" + CORE[5:])
    )
    wide = model_xml().replace("UTF-8", "UTF-16").encode("utf-16")

    assert is_the_box(described(three_mf(prefixed), "a.3mf"))
    assert is_the_box(described(package(**{"3D/3dmodel.model": wide}), "a.3mf"))


def test_a_camera_hides_nothing() -> None:
    """A node that is a camera and has a mesh, and nodes below it, count as others do."""
    tree = gltf_tree(cameras=[{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}])
    for node in tree["nodes"]:
        node["camera"] = 0

    assert is_the_box(described(glb(tree), "a.glb"))


def test_numbers_that_stand_for_larger_ones_are_stretched() -> None:
    """Corners kept as shares of 65 535 are between nought and one, times what the nodes say."""
    tree = gltf_tree(nodes=[{"mesh": 0, "scale": [4, 4, 4]}], scenes=[{"nodes": [0]}])
    tree["accessors"][0].update(componentType=5123, normalized=True)
    tree["bufferViews"][0]["byteStride"] = 8
    places = np.zeros((8, 4), dtype="<u2")
    places[:, :3] = np.round(CORNERS / 4 * 65535)
    body = places.tobytes().ljust(96, b"\0") + gltf_body()[96:]

    info = described(glb(tree, body), "a.glb")

    assert info["watertight"] is True
    assert info["volume"] == pytest.approx(VOLUME, abs=1e-2)


def test_meshes_without_nodes_are_shown() -> None:
    """A glTF of meshes alone is all of them."""
    tree = gltf_tree()
    del tree["nodes"], tree["scenes"], tree["scene"]

    assert described(glb(tree), "a.glb")["volume"] == pytest.approx(VOLUME / 8, abs=1e-4)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (obj().replace(b"v 2.0 1.0 0.0", b"v 2.0 1.0 0.0x"), "a.obj"),
        (text_stl().replace(b"3.000000e+00", b"3.0d+00", 1), "a.stl"),
        (ply().replace(b"1 4 0 3 2 1", b"1 4 0 3 2 1x"), "a.ply"),
        (off().replace(b"2.0 1.0 0.0", b"2.0 1.0 0.0x", 1), "a.off"),
        (three_mf(model_xml().replace('x="1.0"', 'x="1.0 "', 1).replace('x="1.0"', 'x="1,0"', 1)), "a.3mf"),
        (three_mf(model_xml().replace('v1="0"', 'v1="0.5"', 1)), "a.3mf"),
    ],
)
def test_a_number_that_is_none_is_no_end(data: bytes, name: str) -> None:
    """A text is never read up to its first number that is none: it is refused, whether or not warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DecodeError):
            described(data, name)
