"""The notebooks in examples/, run from top to bottom over a bucket of a real S3 server and a real Milvus server."""

from __future__ import annotations

import base64
import io
import os
import re
import runpy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from milvus_process import MilvusProcess, have_milvus_lite
from PIL import Image
from radosgw_process import Gateway
from selectolax.lexbor import LexborHTMLParser, LexborNode

pytestmark = pytest.mark.xdist_group("notebooks")

SCRIPT: dict[str, Any] = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts" / "notebooks.py"))
FOLDER: Path = SCRIPT["FOLDER"]
NAMES = ("audio-search", "molecule-search", "reverse-image-search")


class Run:
    """A notebook after a run; its cells go by their ids."""

    def __init__(self, notebook: Any) -> None:
        self.cells: dict[str, Any] = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}

    def data(self, cell: str) -> Mapping[str, Any]:
        """What the cell shows in the end."""
        found: Mapping[str, Any] = self.cells[cell].outputs[-1]["data"]
        return found

    def said(self, cell: str) -> str:
        return "".join(one.get("text", "") for one in self.cells[cell].outputs)

    def figures(self, cell: str) -> list[LexborNode]:
        return LexborHTMLParser(self.data(cell)["text/html"]).css("figure")

    def captions(self, cell: str) -> list[str]:
        return [figure.css_first("figcaption").text() for figure in self.figures(cell)]

    def kinds(self) -> dict[str, list[list[str]]]:
        """What each cell shows, by media type, whatever it says."""
        return {
            name: [sorted(one.get("data", {one.output_type: ""})) for one in cell.outputs]
            for name, cell in self.cells.items()
        }


def inside(node: LexborNode, tag: str) -> bytes:
    """The bytes of a figure's picture or player."""
    found = node.css_first(tag)
    assert found is not None
    return base64.b64decode((found.attributes["src"] or "").partition("base64,")[2])


def likeness(shown: bytes, photograph: Any) -> float:
    """How far a picture in a cell and an array correlate, 32 by 32 and grey."""
    pictures = (Image.open(io.BytesIO(shown)), Image.fromarray(photograph))
    pixels = [np.asarray(one.convert("L").resize((32, 32)), float).ravel() for one in pictures]
    return float(np.corrcoef(*pixels)[0, 1])


class Place:
    """A bucket and a Milvus, for a run at a time; without a server Milvus Lite."""

    def __init__(self, gateway: Gateway, milvus: MilvusProcess | None = None) -> None:
        self._gateway, self._milvus = gateway, milvus
        self.bucket = gateway.bucket()

    def run(self, name: str, **more: str) -> Run:
        """Raises CellExecutionError where a cell fails; nothing of it is left afterwards."""
        told = self._gateway.variables("")
        del told["MORELIKE_BLOBS"]  # the library's own folder
        if self._milvus is not None:
            told["MORELIKE_VECTORS"] = self._milvus.address
        before = self.left()
        variables = {**os.environ, **told, "EXAMPLES_BUCKET": self.bucket, **more}
        done = Run(SCRIPT["executed"](FOLDER / f"{name}.ipynb", variables))
        assert self.left() == before
        return done

    def left(self) -> tuple[list[str], list[str]]:
        """(keys in the bucket, collections in Milvus)."""
        from pymilvus import MilvusClient

        keys = re.findall("<Key>([^<]*)</Key>", self._gateway.ask("GET", self.bucket).text)
        if self._milvus is None:
            return keys, []
        client = MilvusClient(self._milvus.address)
        try:
            return keys, sorted(client.list_collections())
        finally:
            client.close()


@pytest.fixture(scope="module", autouse=True)
def _extras() -> None:
    for package in ("skimage", "av", "soxr", "rdkit"):
        pytest.importorskip(package, reason="the notebooks need the extras audio, molecules, notebook, s3 and milvus")


@pytest.fixture(scope="module")
def laptop(gateway: Gateway) -> Place:
    have_milvus_lite()
    return Place(gateway)


@pytest.fixture(scope="module")
def place(gateway: Gateway, milvus_server: MilvusProcess) -> Place:
    return Place(gateway, milvus_server)


def committed(name: str) -> Run:
    return Run(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4))


def test_pictures_and_weights_of_ones_own_over_s3_and_milvus_lite(
    laptop: Place, test_data: Path, tmp_path: Path
) -> None:
    """Real photographs beside the notebook's own, under an encoder with weights: another boot finds shoes first."""
    own = tmp_path / "own"
    kinds = ("dress", "hat", "shoes", "t-shirt")
    for kind in kinds:
        for path in sorted((test_data / "data" / "clothing" / kind).iterdir())[:6]:
            (own / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, own / kind)
    example = sorted((test_data / "data" / "clothing" / "shoes").iterdir())[6]
    run = laptop.run(
        "reverse-image-search",
        EXAMPLES_FOLDER=str(own),
        EXAMPLES_EXAMPLE=str(example),
        MORELIKE_MODELS=str(test_data / "models"),
    )

    assert f"{48 + 6 * len(kinds)} added, 0 rejected" in run.said("add")
    assert "mobilenet-v2" in run.said("open")
    assert all("shoes/" in caption for caption in run.captions("search"))


def test_recordings_and_weights_of_ones_own_over_s3_and_milvus_lite(
    laptop: Place, test_data: Path, tmp_path: Path
) -> None:
    """Real recordings beside the notebook's own, under an encoder with weights: a dog of another fold finds dogs."""
    own = tmp_path / "own"
    for kind in ("dog-bark", "rooster", "sea-waves"):
        (own / kind).mkdir(parents=True)
        for path in sorted((test_data / "data" / "esc10" / kind).glob("1-*.ogg"))[:5]:
            shutil.copy(path, own / kind)
    example = sorted((test_data / "data" / "esc10" / "dog-bark").glob("2-*.ogg"))[0]
    run = laptop.run(
        "audio-search",
        EXAMPLES_FOLDER=str(own),
        EXAMPLES_EXAMPLE=str(example),
        MORELIKE_MODELS=str(test_data / "models"),
    )

    assert "40 added, 0 rejected" in run.said("add")
    assert "yamnet" in run.said("open")
    assert "dog-bark/" in run.captions("search")[0]
    assert run.figures("search")[0].css_first("audio") is not None


def test_pictures_over_s3_and_milvus(place: Place) -> None:
    """An altered photograph finds its original and its copies, a crop the half that is meant, a filter those of its
    folder, two examples both; the cells show what the committed ones show.
    """
    from skimage import data

    run = place.run("reverse-image-search")
    shown = run.figures("search")

    assert "48 added, 0 rejected" in run.said("add")
    assert {re.sub("-.*", "", one.css_first("span").text()) for one in shown} == {"animals/cat"}
    assert likeness(inside(shown[0], "img"), data.chelsea()) > 0.8
    assert likeness(inside(shown[0], "img"), data.coffee()) < 0.5
    assert run.data("scores")["text/markdown"].count("animals/cat") == 4
    assert all("things/coffee" in caption for caption in run.captions("crop"))
    assert all("people/" in caption and "darker" not in caption for caption in run.captions("filter"))
    assert {re.sub(".*space/|-.*", "", caption) for caption in run.captions("weights")} == {"moon", "rocket"}
    assert run.kinds() == committed("reverse-image-search").kinds()


def test_sounds_over_s3_and_milvus(place: Place) -> None:
    """A siren finds sirens, and the seconds of one in a long recording, which the player has; a part of that recording
    finds bells; the cells show what the committed ones show.
    """
    from morelike.modalities._sound import read_whole
    from morelike.types import Blob

    run = place.run("audio-search")
    (where,) = run.figures("where")
    heard = read_whole(Blob.from_bytes(inside(where, "audio"), "where.mp3"), None)
    start, end = (
        60 * int(minutes) + float(seconds)
        for minutes, seconds in re.findall(r"(\d+):(\d\d\.\d)", where.css_first("figcaption").text())
    )

    assert "25 added, 0 rejected" in run.said("add")
    assert all("siren/" in caption for caption in run.captions("search"))
    assert 18 <= start < end <= 28
    assert len(heard.samples) / heard.rate == pytest.approx(end - start, abs=0.15)
    assert "bell/" in run.captions("part")[0]
    assert "rain/" in run.captions("weights")[0]
    assert all(one.css_first("audio") for cell in ("search", "part", "weights") for one in run.figures(cell))
    assert run.kinds() == committed("audio-search").kinds()


def test_molecules_over_s3_and_milvus(place: Place) -> None:
    """A molecule finds the one that it differs from by an atom, drawn with the shared part; a filter, a part and a
    weighted comparison answer as chemistry has it; the cells show what the committed ones show.
    """
    run = place.run("molecule-search")
    pixels = np.asarray(Image.open(io.BytesIO(inside(run.figures("search")[0], "img"))).convert("RGB"), int)
    marked = (pixels[..., 1] - pixels[..., 0] > 40) & (pixels[..., 1] - pixels[..., 2] > 25)

    assert "38 added, 0 there already, 0 rejected" in run.said("add")
    assert run.captions("search")[0] == "1. Tanimoto 0.717shared 100 %, of the example 95 %diazepam"
    assert marked.mean() > 0.02
    assert "| 0.717 | diazepam | sedative | C16H13ClN2O | 284.7 |" in run.data("scores")["text/markdown"]
    assert [caption.split("%")[-1] for caption in run.captions("filter")] == ["phenacetin", "paracetamol"]
    assert {re.sub(r".*%\)?", "", caption) for caption in run.captions("part")} == {
        "sulfadiazine", "sulfamethoxazole", "sulfanilamide",
    }  # fmt: skip
    assert "salicylic acid" in run.captions("weights")[0]
    assert run.kinds() == committed("molecule-search").kinds()


def test_what_is_committed_can_be_published() -> None:
    """Each notebook was run, is small, and names no place of the machine that ran it."""
    paths = sorted(FOLDER.glob("*.ipynb"))

    assert tuple(path.stem for path in paths) == NAMES
    for path in paths:
        text = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(text, as_version=4)
        counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
        assert SCRIPT["faults"](notebook, text) == []
        assert counts == list(range(1, len(counts) + 1))


def test_what_could_not_be_published_is_kept_back() -> None:
    """A large page, and one that names a folder or a server of this machine, are said to be so."""
    cell = nbformat.v4.new_code_cell("1")
    cell.outputs = [nbformat.v4.new_output("stream", text="see /home/someone/x and http://127.0.0.1:9000")]
    notebook = nbformat.v4.new_notebook(cells=[cell])

    assert len(SCRIPT["faults"](notebook, " " * 400_000)) == 2
    assert SCRIPT["faults"](nbformat.v4.new_notebook(), "") == []
