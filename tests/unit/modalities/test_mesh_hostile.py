"""3D files that lie about themselves: refused in a sentence, within bounds of time and memory."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from morelike.errors import DecodeError
from morelike.modalities import _mesh_soup
from morelike.modalities.mesh import MeshModality
from morelike.settings import Settings
from morelike.testing.solids import (
    CORE,
    all_formats,
    binary_stl,
    glb,
    gltf,
    gltf_tree,
    model_xml,
    obj,
    off,
    ply,
    text_stl,
    three_mf,
)
from morelike.types import Blob

MODALITY = MeshModality(Settings(offline=True))
FORMATS = all_formats()
MANY = 4_000_000_000
LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    '<!ENTITY d SYSTEM "file:///etc/passwd">]>'
)


def nested(depth: int, width: int = 2) -> str:
    """Objects that hold the one before them several times: more parts than could be counted."""
    first = (
        '<object id="0"><mesh><vertices><vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/>'
        '<vertex x="0" y="1" z="0"/></vertices><triangles><triangle v1="0" v2="1" v3="2"/></triangles></mesh></object>'
    )
    inside = "".join(
        f'<object id="{at}"><components>{f"""<component objectid="{at - 1}"/>""" * width}</components></object>'
        for at in range(1, depth)
    )
    return model_xml(objects=first + inside, build=f'<item objectid="{depth - 1}"/>')


def bomb() -> bytes:
    """A 3MF of half a megabyte whose model has more than 256 of them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package, package.open("3D/3dmodel.model", "w") as part:
        part.write(f"<model {CORE}>".encode())
        for _ in range(260):
            part.write(b" " * 1024**2)
        part.write(b"</model>")
    return stream.getvalue()


def accessor(**changes: object) -> bytes:
    tree = gltf_tree()
    tree["accessors"][0].update(changes)
    return glb(tree)


PLY = ply("binary_little_endian")
NO_CORNERS = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 0\nproperty float x\nproperty float y\n"
    b"property float z\nelement face 1\nproperty list "
)
ODD = b"element odd 1\nproperty list uchar short inside\n"
NO_VIEW = {"componentType": 5126, "count": 9, "type": "VEC3"}
ITSELF = '<object id="1"><components><component objectid="1"/></components></object>'

HOSTILE: dict[str, tuple[bytes | Callable[[], bytes], str, str]] = {
    "STL of four thousand million": (b"\1" * 80 + struct.pack("<I", MANY) + b"\0" * 50, "a.stl", "ends before"),
    "PLY of as many corners": (PLY.replace(b"vertex 8", b"vertex 4000000000"), "a.ply", "corners, more"),
    "PLY of as many faces": (PLY.replace(b"face 6", b"face 4000000000"), "a.ply", "more than"),
    "PLY of as many empty rows": (PLY.replace(ODD, b"element odd 99999999999\n"), "a.ply", "ends before"),
    "PLY with one endless list": (
        NO_CORNERS + b"uint uchar vertex_index\nend_header\n\xff\xff\xff\xff",
        "a.ply",
        "ends before",
    ),
    "PLY with a length below nought": (
        NO_CORNERS + b"char uchar vertex_index\nend_header\n\xff",
        "a.ply",
        "ends before",
    ),
    "OFF of as many corners": (off("OFF\n4000000000 6 0"), "a.off", "too short"),
    "OFF of fewer than none": (off("OFF\n8 -6 0"), "a.off", "no 3D model"),
    "GLB whose chunk is longer": (glb()[:12] + struct.pack("<I", MANY) + glb()[16:], "a.glb", "ends before"),
    "an accessor of as many": (accessor(count=MANY), "a.glb", "more than"),
    "an accessor beyond its view": (accessor(count=9), "a.glb", "ends before"),
    "an accessor from elsewhere": (accessor(byteOffset=1 << 39), "a.glb", "ends before"),
    "an accessor without a view": (glb(gltf_tree(accessors=[NO_VIEW, NO_VIEW])), "a.glb", "changes to"),
    "an accessor of texts": (accessor(count="eight"), "a.glb", "no number"),
    "a node that is none": (glb(gltf_tree(nodes=[7, {"mesh": [1]}], scenes=[{"nodes": [1]}])), "a.glb", "no number"),
    "infinities": (glb(gltf_tree(nodes=[{"mesh": 0, "matrix": [1e308] * 16}])), "a.glb", "corners are numbers"),
    "deep JSON": (b'{"asset":' * 100_000, "a.gltf", "no JSON"),
    "huge whole numbers": (gltf().replace(b"168", b"9" * 5000), "a.gltf", "no JSON"),
    "a zip bomb": (bomb, "a.3mf", "unpacks to more than"),
    "entities": (three_mf(model_xml(doctype=LAUGHS)), "a.3mf", "document type"),
    "objects within objects": (three_mf(nested(14, 4)), "a.3mf", "without an end"),
    "an object within itself": (
        three_mf(model_xml(objects=ITSELF, build='<item objectid="1"/>')),
        "a.3mf",
        "without an end",
    ),
    "an object that is not there": (three_mf(model_xml(build='<item objectid="77"/>')), "a.3mf", "does not have"),
    "a zip without a model": (three_mf().replace(b"3dmodel.model", b"3dmodel.modem"), "a.3mf", "without a model"),
    "nothing to build": (three_mf(model_xml(build="<nothing/>")), "a.3mf", "nothing in it"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_lie_is_refused_within_bounds(what: str) -> None:
    """Whatever a file says of its size, it is refused, and no more than some of its own size is kept meanwhile."""
    content, name, sentence = HOSTILE[what]
    data = content() if callable(content) else content
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match=sentence):
            MODALITY.describe(Blob.from_bytes(data, name))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 * 1024**2 + 20 * len(data)


@pytest.mark.parametrize("write", [binary_stl, text_stl, obj, off, ply, glb, three_mf])
def test_too_much_is_refused_while_it_is_read(write: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of more triangles than are read is refused, with what to do."""
    assert callable(write)
    data, form = (
        write(),
        {"binary_stl": "stl", "text_stl": "stl", "three_mf": "3mf"}.get(write.__name__, write.__name__),
    )
    monkeypatch.setattr(_mesh_soup, "MOST_FACES", 11)
    monkeypatch.setattr(_mesh_soup, "MOST_CORNERS", 33)

    with pytest.raises(DecodeError, match="more than") as caught:
        MODALITY.describe(Blob.from_bytes(data, f"a.{form}"))

    assert "simpler" in caught.value.hint


@given(st.binary(max_size=2000), st.sampled_from([name for _, name in FORMATS]))
def test_any_bytes_are_a_model_or_a_decode_error(data: bytes, name: str) -> None:
    """Nothing but DecodeError comes out of any bytes under any name."""
    _described_or_refused(data, name)


@given(st.data())
@settings(max_examples=400)
def test_any_damage_is_a_model_or_a_decode_error(data: st.DataObject) -> None:
    """Nor out of any model of which bytes are changed, left out or cut off."""
    content, name = data.draw(st.sampled_from(FORMATS))
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        if data.draw(st.booleans()):
            damaged[at : at + 1] = data.draw(st.binary(max_size=4))
        else:
            damaged[at:] = damaged[at : at + data.draw(st.integers(0, 400))]
        if not damaged:
            break
    _described_or_refused(bytes(damaged), name)


KEYS = ("mesh", "children", "bufferView", "count", "type", "POSITION", "attributes", "primitives", "nodes")
LEAVES = st.none() | st.booleans() | st.integers(-3, 40) | st.floats() | st.text(max_size=3)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(gltf_tree())), JSON))
def test_any_description_is_a_model_or_a_decode_error(changes: dict[str, object]) -> None:
    """Nor out of a glTF that describes itself in any way that is JSON."""
    _described_or_refused(glb(gltf_tree(**changes)), "a.glb")


def _described_or_refused(data: bytes, name: str) -> None:
    try:
        info = MODALITY.describe(Blob.from_bytes(data, name))
    except DecodeError as error:
        assert name in error.message  # noqa: PT017 - either is right
    else:
        assert json.loads(json.dumps(info, allow_nan=False)) == info
        assert info["faces"] > 0
