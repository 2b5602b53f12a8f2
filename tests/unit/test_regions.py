"""Collections of pictures that are searched by their parts too."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import morelike
from morelike.cli.run import run
from morelike.collection import OpenCollection
from morelike.errors import DigestMismatch, ModelNotHere, QueryError, UsageError
from morelike.library import Library
from morelike.settings import Settings
from morelike.shapes import hit_shape
from morelike.testing.images import synthetic_image
from morelike.testing.tiny_onnx import colour_detector
from morelike.testing.toys import ToyJointEncoder
from morelike.types import WHOLE, Blob, Example, Query, Span

SIZE = (360, 270)


def picture(seed: int) -> NDArray[np.uint8]:
    return synthetic_image(seed, SIZE)


def street() -> NDArray[np.uint8]:
    """A picture in whose lower right corner, in a box of the grid, another one is to be seen small."""
    pixels = picture(100)
    pixels[135:, 180:] = np.asarray(Image.fromarray(picture(3)).resize((180, 135), Image.Resampling.LANCZOS))
    return pixels


def save(pixels: NDArray[np.uint8], path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@dataclass(frozen=True)
class Streets:
    """Six pictures cut by a grid, ``street.png`` among them, and the folder that they lie in."""

    library: Library
    opened: OpenCollection
    folder: Path

    @property
    def street(self) -> Path:
        return self.folder / "street.png"

    @property
    def item(self) -> str:
        """The id of the street."""
        return self.opened.found_at([str(self.street)])[str(self.street)][0]


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streets]:
    """Made once: no test changes it."""
    folder = tmp_path_factory.mktemp("streets")
    (folder / "pictures").mkdir()
    for seed in range(20, 25):
        save(picture(seed), folder / "pictures" / f"{seed}.png")
    save(street(), folder / "pictures" / "street.png")
    with morelike.open(Settings(library=folder / "library", models_cache=folder / "models", offline=True)) as library:
        opened = library.collection("streets", modality="image", encoder="classic", options={"regions": "grid"})
        assert opened.add(folder / "pictures").added == 6
        yield Streets(library, opened, folder / "pictures")


def test_a_picture_is_found_by_a_part_of_it(streets: Streets, tmp_path: Path) -> None:
    """What is small in one picture finds it, and the hit says where: in the box of the grid that shows it."""
    hits = streets.opened.search(save(picture(3), tmp_path / "query.png"), k=6)
    assert Path(hits[0].source).name == "street.png"
    assert hits[0].span.box == (180, 135, 360, 270)
    assert hits[0].unit["cosine"] > 0.9
    assert len({hit.item for hit in hits}) == len(hits) == 6
    shape = hit_shape(hits[0])["span"]
    assert shape == {
        "unit": "pixels",
        "start": 135 * 65536 + 180,
        "end": 270 * 65536 + 360,
        "box": [180, 135, 360, 270],
    }
    assert "(180, 135)–(360, 270)" in repr(hits)


def test_without_regions_it_is_not(library: Library, tmp_path: Path) -> None:
    """A collection of whole pictures compares wholes: the same query is much less like the same picture."""
    opened = library.collection("wholes", modality="image", encoder="classic")
    opened.add(save(street(), tmp_path / "street.png"))
    hit = opened.search(save(picture(3), tmp_path / "query.png"))[0]
    assert hit.span == WHOLE
    assert hit.unit["cosine"] < 0.9


def test_a_picture_is_asked_with_as_a_whole(streets: Streets) -> None:
    """A file, and the same picture by its item's id, are one vector: the regions of the example do not ask."""
    by_file = [hit for hit in streets.opened.search(streets.street, k=6) if hit.item != streets.item]
    by_item = list(streets.opened.search(streets.item, k=6))
    assert [hit.item for hit in by_file] == [hit.item for hit in by_item]
    assert np.allclose([hit.score for hit in by_file], [hit.score for hit in by_item], atol=1e-5)
    assert streets.opened.search(streets.street)[0].span == WHOLE


@pytest.mark.parametrize("by_id", [False, True])
def test_a_region_of_the_example_can_ask(streets: Streets, by_id: bool) -> None:
    """``at`` a region is that region, of a file or of an item; so is a crop that names it in fractions."""
    example: Any = streets.item if by_id else streets.street
    at = streets.opened.search(example, at=Span.region(180, 135, 360, 270), k=3)
    crop = streets.opened.search(example, crop=(0.5, 0.5, 1.0, 1.0), k=3)
    whole = streets.opened.search(example, k=3)
    assert [hit.item for hit in at] == [hit.item for hit in crop]
    assert [hit.score for hit in at] == pytest.approx([hit.score for hit in crop], abs=1e-4)
    assert [hit.score for hit in at] != pytest.approx([hit.score for hit in whole], abs=1e-4)


def test_each_piece_can_be_searched_with(streets: Streets) -> None:
    """``pieces`` gives what ``add`` would index: each finds its own item, at its own place."""
    (pieces,) = streets.opened.pieces(streets.street)
    assert [piece.span for piece in pieces] == [segment.span for segment in streets.opened.segments(streets.item)]
    assert all(piece.at == WHOLE for piece in pieces)
    found = streets.opened.search_many([Query((Example("payload", piece.vector),), k=1) for piece in pieces])
    assert [(hits[0].item, hits[0].span) for hits in found] == [(streets.item, piece.span) for piece in pieces]


def test_pieces_of_a_collection_of_wholes(library: Library, streets: Streets) -> None:
    """What is asked with may be cut though the collection is not, and not cut where nobody asks for it."""
    wholes = library.collection("wholes", modality="image", encoder="classic")
    assert [len(pieces) for pieces in wholes.pieces(streets.street)] == [1]
    assert [len(pieces) for pieces in wholes.pieces(streets.street, regions="grid")] == [14]


def test_pieces_of_a_film_are_those_of_its_frames(library: Library) -> None:
    """One frame a second, each with the second that it stands for, cut like a picture."""
    pytest.importorskip("av", reason="the extra `video` is not installed")
    from morelike.testing.films import film

    wholes = library.collection("wholes", modality="image", encoder="classic")
    blob = Blob.from_bytes(film(scenes=(1.0, 1.6), options={"preset": "ultrafast"}), "a.mp4")
    frames = list(wholes.pieces(blob, regions="grid"))
    assert [frame[0].at for frame in frames] == [Span("seconds", at, min(at + 1.0, 2.6)) for at in (0.0, 1.0, 2.0)]
    assert all(len(frame) == 14 and len({piece.at for piece in frame}) == 1 for frame in frames)
    with pytest.raises(QueryError, match="frames"):
        list(wholes.pieces(blob, every=0.02, most=100))


def test_other_media_have_no_pieces(library: Library, tmp_path: Path) -> None:
    """A collection that holds something else than pictures says so."""
    pytest.importorskip("av", reason="the extra `video` is not installed")
    films = library.collection("films", modality="video", encoder="classic,classic-audio")
    with pytest.raises(QueryError, match="holds no pictures"):
        next(films.pieces(save(picture(1), tmp_path / "a.png")))


def test_a_preview_is_of_the_part_that_was_found(streets: Streets, tmp_path: Path) -> None:
    """The picture beside a hit is its region."""
    hit = streets.opened.search(save(picture(3), tmp_path / "query.png"))[0]
    preview = streets.opened.preview(hit.item, 180, hit.span)
    assert (preview.width, preview.height) == (180, 135)


def test_the_cut_is_fixed(streets: Streets) -> None:
    """A collection is opened as it was made, and no other way."""
    again = streets.library.collection("streets", modality="image", options={"regions": "grid"})
    assert again.options == {"regions": "grid"}
    with pytest.raises(UsageError, match="regions"):
        streets.library.collection("streets", modality="image", options={"regions": "grids"})


def test_regions_travel_in_a_bundle(streets: Streets, library: Library, tmp_path: Path) -> None:
    """Exported and imported, the collection has the same segments and gives the same answer."""
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    query = save(picture(3), tmp_path / "query.png")
    streets.library.export(tmp_path / "bundle", ["streets"])
    library.import_from(tmp_path / "bundle")
    there = library.collection("streets")
    assert there.options == streets.opened.options
    assert there.segments(streets.item) == streets.opened.segments(streets.item)
    found, wanted = there.search(query), streets.opened.search(query)
    assert [(hit.item, hit.span) for hit in found] == [(hit.item, hit.span) for hit in wanted]


def test_other_vectors_have_the_same_regions(library: Library, tmp_path: Path) -> None:
    """Re-embedded, every region has a vector of the new encoder."""
    opened = library.collection("again", modality="image", encoder="classic", options={"regions": "grid"})
    opened.add(save(street(), tmp_path / "street.png"))
    assert opened.reembed(ToyJointEncoder()).encoded == 14
    found = opened.search(save(picture(3), tmp_path / "query.png"))[0]
    assert found.span in {segment.span for segment in opened.segments(found.item)}


def test_near_duplicates_are_of_whole_pictures(library: Library, tmp_path: Path) -> None:
    """Pictures that have regions are found to be copies as pictures without any are, and are no copies of their own
    parts.
    """
    (tmp_path / "copies").mkdir()
    for seed in range(5):
        save(picture(seed), tmp_path / "copies" / f"{seed}.png")
    Image.fromarray(picture(0)).resize((180, 135)).save(tmp_path / "copies" / "small.jpg", quality=70)
    opened = library.collection("copies", modality="image", encoder="classic", options={"regions": "grid"})
    opened.add(tmp_path / "copies")
    (group,) = opened.duplicates()
    assert {Path(one.source).name for one in group.members} == {"0.png", "small.jpg"}


def test_a_detector_belongs_to_its_collection(library: Library, settings: Settings, tmp_path: Path) -> None:
    """Objects are found by the file that the collection was made with; with another one under its name nothing is
    added, and what is there is searched all the same.
    """
    settings.models_cache.mkdir()
    detector = settings.models_cache / "own.onnx"
    with pytest.raises(ModelNotHere, match=r"own\.onnx"):
        library.collection("objects", modality="image", encoder="classic", options={"regions": "detector:own"})
    assert "objects" not in library.names()
    detector.write_bytes(colour_detector(side=128))
    opened = library.collection("objects", modality="image", encoder="classic", options={"regions": "detector:own"})
    pixels = np.full((200, 300, 3), (90, 120, 90), np.uint8)
    pixels[50:150, 30:180] = (220, 20, 20)
    opened.add(save(pixels, tmp_path / "red.png"))
    (item,) = opened.items()
    spans = [segment.span for segment in opened.segments(item.id)]
    assert spans[0] == WHOLE
    assert len(spans) == 2
    assert all(abs(a - b) <= 4 for a, b in zip(spans[1].box or (), (30, 50, 180, 150), strict=True))

    detector.write_bytes(colour_detector("rows", side=128))
    os.utime(detector, ns=(1, 1))
    with pytest.raises(DigestMismatch, match="not the detector"):
        opened.add(save(picture(1), tmp_path / "other.png"))
    assert opened.count() == 1
    assert opened.search(tmp_path / "red.png")[0].item == item.id


def test_regions_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``add --regions grid`` makes such a collection, and ``search`` prints where in the picture a hit lies."""
    monkeypatch.setenv("MORELIKE_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "streets").mkdir()
    save(street(), tmp_path / "streets" / "street.png")
    save(picture(20), tmp_path / "streets" / "20.png")
    query = save(picture(3), tmp_path / "query.png")
    add = ["add", "streets", str(tmp_path / "streets"), "--encoder", "classic", "--quiet"]
    assert run([*add, "--regions", "grid"]) == 0
    capsys.readouterr()
    assert run(["search", "streets", str(query), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["span"]["box"] == [180, 135, 360, 270]
    assert run(["search", "streets", str(query)]) == 0
    assert "(180, 135)–(360, 270)" in capsys.readouterr().out
    assert run([*add, "--regions", "squares"]) == 2
    assert "regions" in capsys.readouterr().err
