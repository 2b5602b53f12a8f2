"""3D models: do they find their own kind, and the model that they were made from?

``python -m benchmarks.meshes [DATA]``: prints tables in Markdown. DATA (the test data's ``data/meshes`` by default) has
archives of OBJ files. Kinds are the first words of the names, those of 4 to 40 models: ``car_taxi.obj`` is a car. What
is changed is written as a binary STL and read again; decimation needs the package ``fast-simplification``, and is left
out without it.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import morelike
from morelike.modalities.mesh import MeshModality
from morelike.protocols import Encoder
from morelike.settings import Settings
from morelike.types import Blob, Mesh, SegmentSpec
from morelike.vecmath import normalise
from morelike.wiring import load_encoder, resolve_card

ROOT = Path(__file__).resolve().parents[1]
CARDS = ("mesh-shape", "views-mobilenet-v2")
POSES = ("as-given", "principal")
LABELS = "name:^[^_.]+"
KIND = re.compile(r"[^_.]+")
SIZES = range(4, 41)
SAME = 1e-5
"""Models here share their shape with others: whoever scores as much as the best is first, too."""
Floats = NDArray[np.float32]
Change = Callable[[Mesh], bytes]


def unpacked(data: Path, folder: Path) -> list[Path]:
    """The models of kinds of 4 to 40, by name."""
    for archive in sorted(data.glob("*.tar.xz")):
        with tarfile.open(archive) as opened:
            opened.extractall(folder / archive.name, filter="data")
    paths = sorted(folder.rglob("*.obj"), key=lambda path: (path.name, str(path)))
    counts = Counter(kind_of(path) for path in paths)
    return [path for path in paths if counts[kind_of(path)] in SIZES]


def kind_of(path: Path) -> str:
    found = KIND.match(path.name)
    return found[0] if found else ""


def own_kind(paths: Sequence[Path], settings: Settings) -> None:
    """What ``morelike eval`` says of each card and pose."""
    print("| card | pose | numbers | P@1 | P@5 | mAP | seconds a model, `add` |\n|---|---|---|---|---|---|---|")
    with morelike.open(settings) as library:
        for name in CARDS:
            for pose in POSES:
                made = library.collection(f"{name}-{pose}", modality="mesh", encoder=name, options={"pose": pose})
                seconds = made.add(*paths).seconds
                found = made.evaluate(labels=LABELS)
                low, high = found.intervals["p_at_1"]
                print(
                    f"| `{name}` | {pose} | {resolve_card(name, settings).dim} | {found.p_at_1:.3f} "
                    f"({low:.3f}-{high:.3f}) | {found.p_at_5:.3f} | {found.map:.3f} | {seconds / len(paths):.3f} |"
                )


def written_stl(vertices: NDArray[Any], faces: NDArray[Any]) -> bytes:
    table = np.zeros(len(faces), dtype=[("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")])
    table["c"] = vertices[faces]
    return b"\0" * 80 + struct.pack("<I", len(faces)) + table.tobytes()


def as_text(mesh: Mesh) -> bytes:
    lines = ["solid a"]
    for corners in mesh.vertices[mesh.faces]:
        lines += ["facet normal 0 0 0", "outer loop", *(f"vertex {x:.9g} {y:.9g} {z:.9g}" for x, y, z in corners)]
        lines += ["endloop", "endfacet"]
    return "\n".join([*lines, "endsolid a", ""]).encode()


def scaled(by: float) -> Change:
    return lambda mesh: written_stl(mesh.vertices * by, mesh.faces)


def reordered(mesh: Mesh) -> bytes:
    rng = np.random.default_rng(len(mesh.faces))
    places = rng.permutation(len(mesh.vertices))
    faces = np.argsort(places)[mesh.faces][rng.permutation(len(mesh.faces))]
    return written_stl(mesh.vertices[places], np.roll(faces, 1, axis=1))


def mirrored(mesh: Mesh) -> bytes:
    return written_stl(mesh.vertices * np.array([-1, 1, 1]), mesh.faces[:, ::-1])


def turned(mesh: Mesh) -> bytes:
    rng = np.random.default_rng(len(mesh.faces))
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return written_stl(mesh.vertices @ (turn * np.sign(np.linalg.det(turn))), mesh.faces)


def quartered(mesh: Mesh) -> bytes:
    """Each triangle as four: the same surface, in other pieces."""
    a, b, c = (mesh.vertices[mesh.faces[:, at]] for at in range(3))
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    corners = np.concatenate([np.stack(part, axis=1) for part in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return written_stl(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))


def decimated(share: float) -> Change:
    def change(mesh: Mesh) -> bytes:
        import fast_simplification

        vertices, faces = fast_simplification.simplify(
            np.ascontiguousarray(mesh.vertices), np.ascontiguousarray(mesh.faces), target_reduction=1 - share
        )
        return written_stl(vertices, faces) if len(faces) else written_stl(mesh.vertices, mesh.faces)

    return change


CHANGES: dict[str, Change] = {
    "as a text STL": as_text,
    "as a binary STL, faces and corners in another order": reordered,
    "3 × as large": scaled(3),
    "0.001 × as large": scaled(0.001),
    "each triangle cut into four": quartered,
    "mirrored": mirrored,
    "turned at random": turned,
    "decimated to 50 %": decimated(0.5),
    "decimated to 25 %": decimated(0.25),
}


def found_again(paths: Sequence[Path], settings: Settings) -> None:
    """How often the model that a changed one was made from is first, and how near the two are."""
    here = {
        what: change for what, change in CHANGES.items() if "decimated" not in what or find_spec("fast_simplification")
    }
    given = MeshModality(settings)
    meshes = [given.load(Blob.from_path(path), SegmentSpec("mesh"), {}) for path in paths]
    rows: dict[str, list[str]] = {what: [] for what in here}
    heads = []
    for name in CARDS:
        encoder = load_encoder(resolve_card(name, settings), settings)
        for pose in POSES[: 1 if name == "mesh-shape" else 2]:
            heads.append(f"`{name}`" + ("" if name == "mesh-shape" else f", {pose}"))
            modality = given.configured({"pose": pose})
            originals = vectors(encoder, modality, [path.read_bytes() for path in paths], ".obj")
            for what, change in here.items():
                asked = vectors(encoder, modality, [change(mesh) for mesh in meshes], ".stl")
                scores = asked @ originals.T
                own = np.diag(scores)
                first = float((own >= scores.max(axis=1) - SAME).mean())
                rows[what].append(f"{first:.3f}, {own.mean():.4f}")
    print(f"\n| changed | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
    for what, cells in rows.items():
        print(f"| {what} | {' | '.join(cells)} |")


def vectors(encoder: Encoder, modality: MeshModality, files: Sequence[bytes], suffix: str) -> Floats:
    """(n, dim), of length one."""
    found = []
    for data in files:
        mesh = modality.load(Blob.from_bytes(data, f"model{suffix}"), SegmentSpec("mesh"), {})
        found.append(encoder.encode("mesh", [encoder.prepare("mesh", mesh)]))
    return normalise(np.concatenate(found))


def speeds(paths: Sequence[Path], settings: Settings) -> None:
    """Milliseconds a model on one thread: the median."""
    print("\n| | ms a model, median |\n|---|---|")
    blobs = [Blob.from_bytes(path.read_bytes(), path.name) for path in paths[::4]]
    meshes = [MeshModality(settings).load(blob, SegmentSpec("mesh"), {}) for blob in blobs]

    def row(what: str, work: Callable[[int], Any]) -> None:
        taken = []
        for at in range(len(blobs)):
            began = perf_counter()
            work(at)
            taken.append(perf_counter() - began)
        print(f"| {what} | {1000 * float(np.median(taken)):.1f} |")

    row("reading and mending an OBJ", lambda at: MeshModality(settings).load(blobs[at], SegmentSpec("mesh"), {}))
    for name in CARDS:
        encoder = load_encoder(resolve_card(name, settings), settings)
        prepared = [encoder.prepare("mesh", mesh) for mesh in meshes]
        row(f"`{name}`: prepare", lambda at, encoder=encoder: encoder.prepare("mesh", meshes[at]))
        row(f"`{name}`: encode", lambda at, encoder=encoder, ready=prepared: encoder.encode("mesh", [ready[at]]))
    row(
        "a turning preview of 320 pixels",
        lambda at: MeshModality(settings).preview(blobs[at], SegmentSpec("mesh").span, 320),
    )
    row(
        "a still one of 192 pixels", lambda at: MeshModality(settings).preview(blobs[at], SegmentSpec("mesh").span, 192)
    )


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else data / "data" / "meshes"
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        settings = Settings(
            library=place / "library", models=(data / "models",), models_cache=place / "models", offline=True
        )
        paths = unpacked(folder, place / "models-in-3d")
        print(f"{len(paths)} models of {len({kind_of(path) for path in paths})} kinds\n")
        own_kind(paths, settings)
        found_again(paths, settings)
        speeds(paths, settings)


if __name__ == "__main__":
    main()
