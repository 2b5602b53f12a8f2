"""Maps: what is alike stands together, the same each time, bounded, and kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import QueryError, SpaceMismatch
from morelike.library import Library
from morelike.progress import Progress
from morelike.project import Map, kept, layout, make, naming, repulsion
from morelike.project.layout import ROUNDS
from morelike.project.layout import layout as lay_out
from morelike.project.neighbours import nearest_others, principal
from morelike.project.repulsion import Repulsion
from morelike.records import Aside
from morelike.settings import Settings
from morelike.testing.toys import COLOURS, ToyEncoder, ToyJointEncoder
from morelike.vecmath import normalise

Rows = NDArray[np.float32]
EACH = 30


@pytest.fixture(scope="module")
def planted() -> Rows:
    """Three groups in 32 dimensions, each around a place of its own."""
    draw = np.random.default_rng(5)
    centres = 4 * draw.standard_normal((3, 32))
    return (np.repeat(centres, EACH, axis=0) + draw.standard_normal((3 * EACH, 32))).astype(np.float32)


@pytest.fixture(scope="module")
def laid(planted: Rows) -> Rows:
    found = lay_out(planted, stop=Event())
    assert found is not None
    return found


def test_planted_groups_stay_apart(laid: Rows) -> None:
    """The nearest five of every point are of its own group."""
    near = nearest_others(np.ascontiguousarray(laid), 5, Event())

    assert near is not None
    assert np.array_equal(near // EACH, np.repeat(np.arange(3 * EACH)[:, None] // EACH, 5, axis=1))


def test_the_same_rows_give_the_same_points(planted: Rows, laid: Rows) -> None:
    """To the last bit."""
    again = lay_out(planted, stop=Event())

    assert again is not None
    assert np.array_equal(again, laid)


def test_neighbourhoods_are_kept_better_than_by_principal_components(planted: Rows, laid: Rows) -> None:
    """Of the ten nearest, more stay among the ten nearest."""
    true = nearest_others(planted, 10, Event())
    assert true is not None

    def kept_of(points: Rows) -> float:
        near = nearest_others(np.ascontiguousarray(points), 10, Event())
        assert near is not None
        return float(np.mean([len(set(a) & set(b)) for a, b in zip(true.tolist(), near.tolist(), strict=True)]))

    assert kept_of(laid) > kept_of(principal(planted)) + 0.5


def test_repulsion_is_the_sum_over_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grid gives what adding up every pair gives, within a few percent of the largest force."""
    points = (10 * np.random.default_rng(1).standard_normal((300, 2))).astype(np.float32)
    apart = points[:, None] - points[None]
    closeness = 1 / (1 + (apart**2).sum(axis=2))
    exact = (apart * (closeness**2)[..., None]).sum(axis=1)

    monkeypatch.setattr(repulsion, "EXACT", 0)
    forces, total = Repulsion()(points)

    assert total == pytest.approx(closeness.sum() - len(points), rel=1e-3)
    assert np.abs(forces - exact).max() < 0.05 * np.abs(exact).max()


def test_a_wide_map_has_a_bounded_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """However far its points lie from one another."""
    far = (1e6 * np.random.default_rng(2).standard_normal((50, 2))).astype(np.float32)
    monkeypatch.setattr(repulsion, "EXACT", 0)
    pushed = Repulsion()

    forces, _ = pushed(far)

    assert np.isfinite(forces).all()
    assert pushed._kernels.nbytes <= 3 * 1024 * 513 * 8


@pytest.mark.parametrize("count", range(5))
def test_few_points_have_places(count: int) -> None:
    """None, one, two: finite, and as many as there are."""
    found = lay_out(np.eye(8, dtype=np.float32)[:count], stop=Event())

    assert found is not None
    assert found.shape == (count, 2)
    assert np.isfinite(found).all()


def test_a_layout_is_stopped(planted: Rows) -> None:
    """Within a round."""
    stop = Event()
    rounds: list[int] = []

    def told(done: int) -> None:
        rounds.append(done)
        stop.set()

    assert lay_out(planted, stop=stop, told=told) is None
    assert rounds == [1]


def test_a_cluster_is_named_after_what_few_others_have() -> None:
    """What all have, or few of it, is no name; two that are as telling are both named."""
    labels = {0: [frozenset({"all", "cat", "pet"})] * 9 + [frozenset({"all", "odd"})], 1: [frozenset({"all"})] * 10}

    assert naming.names(labels) == {0: "cat, pet", 1: ""}


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def photos(library: Library) -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder())


def coloured(folder: Path, each: int = 8) -> Path:
    """Pictures of three colours, each in a folder of its name; every shade is another one."""
    for name in ("red", "green", "blue"):
        (folder / name).mkdir(parents=True)
        for shade in range(each):
            colour = tuple(max(0, level - 9 * shade) for level in COLOURS[name])
            Image.new("RGB", (20, 20), colour).save(folder / name / f"{shade}.png")
    return folder


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of a few rounds: what these tests look at does not hang on how well they are drawn."""
    monkeypatch.setattr(layout, "ROUNDS", 20)


@pytest.mark.usefixtures("drawn")
def test_a_map_has_every_item_and_clusters_with_names(photos: OpenCollection, tmp_path: Path) -> None:
    """Within -1 and 1; clusters count their items, the largest first, and have the folders' names."""
    photos.add(coloured(tmp_path / "colours"))
    told: list[Progress] = []

    found = photos.map(progress=told.append)

    assert set(found.items) == {item.id for item in photos.items(limit=100)}
    assert (found.points.shape, found.points.dtype, found.cluster_of.shape) == ((24, 2), np.float32, (24,))
    assert np.abs(found.points).max() == pytest.approx(1)
    sizes = [one.size for one in found.clusters]
    assert sizes == sorted(sizes, reverse=True)
    assert np.bincount(found.cluster_of).tolist() == sizes
    assert len(sizes) == round(24 ** (1 / 3))
    assert {one.name for one in found.clusters} <= {"red", "green", "blue"}
    assert (told[-1].done, told[-1].total) == (24, 24)


@pytest.mark.usefixtures("drawn")
def test_a_map_is_kept_until_it_is_made_anew(photos: OpenCollection, tmp_path: Path) -> None:
    """It says that items went since; one that is made anew shows it."""
    assert photos.kept_map() is None
    photos.add(coloured(tmp_path / "colours"))
    first = photos.map()
    photos.remove([first.items[0]])

    stale = photos.map()
    fresh = photos.map(refresh=True)

    assert (first.stale, stale.stale, fresh.stale) == (False, True, False)
    assert same(stale, first)
    assert (stale.made_at, stale.revision) == (first.made_at, first.revision)
    assert fresh.revision > first.revision
    assert set(fresh.items) == set(first.items[1:])


@pytest.mark.usefixtures("drawn")
def test_what_moves_no_point_leaves_a_map_fresh(photos: OpenCollection, tmp_path: Path) -> None:
    """Tags, metadata and rejected files; made anew, it is the same one."""
    photos.add(coloured(tmp_path / "colours", 2))
    first = photos.map()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")

    photos.tag([first.items[0]], ["new"])
    photos.annotate([first.items[1]], {"seen": True})
    assert photos.add(tmp_path / "broken.png").rejected == 1
    kept_one = photos.kept_map()

    assert kept_one is not None
    assert (kept_one.stale, kept_one.revision) == (False, first.revision)
    assert np.array_equal(photos.map(refresh=True).points, first.points)


def pixel(folder: Path) -> Path:
    Image.new("RGB", (20, 20), (1, 2, 3)).save(folder / "late.png")
    return folder / "late.png"


CHANGES: dict[str, Callable[[OpenCollection, Map, Path], object]] = {
    "added": lambda photos, _, folder: photos.add(pixel(folder)),
    "removed": lambda photos, made, _: photos.remove([made.items[0]]),
    "set aside": lambda photos, made, _: photos.set_aside([Aside(made.items[0], made.items[1], "")]),
}


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("change", CHANGES)
def test_items_that_come_or_go_make_a_map_stale(photos: OpenCollection, tmp_path: Path, change: str) -> None:
    """Whichever way, and for whoever opens the library next."""
    photos.add(coloured(tmp_path / "colours", 2))
    made = photos.map()
    CHANGES[change](photos, made, tmp_path)

    assert photos.map().stale


@pytest.mark.usefixtures("drawn")
def test_what_is_brought_back_is_as_it_was(photos: OpenCollection, tmp_path: Path) -> None:
    """A map of all items is fresh again; one that was made without them is stale."""
    photos.add(coloured(tmp_path / "colours", 2))
    made = photos.map()
    aside = Aside(made.items[0], made.items[1], "")

    photos.set_aside([aside])
    photos.undo_dedup()
    assert not photos.map().stale
    photos.set_aside([aside])
    assert len(photos.map(refresh=True).items) == len(made.items) - 1
    photos.undo_dedup()
    assert photos.map().stale


@pytest.mark.usefixtures("drawn")
def test_a_map_of_an_earlier_version_is_stale_after_any_change(
    photos: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not say which segments it was made of; until then it is shown as it is."""
    photos.add(coloured(tmp_path / "colours", 1))
    write = kept.write_checked

    def without(path: Path, what: str, magic: bytes, header: dict[str, Any], arrays: Sequence[Any]) -> None:
        write(path, what, magic, {name: said for name, said in header.items() if name != "segments"}, arrays)

    monkeypatch.setattr(kept, "write_checked", without)
    made = photos.map()

    assert not photos.map().stale
    photos.tag([made.items[0]], ["new"])
    assert photos.map().stale


def same(one: Map, other: Map) -> bool:
    arrays = np.array_equal(one.points, other.points) and np.array_equal(one.cluster_of, other.cluster_of)
    return arrays and (one.items, one.clusters) == (other.items, other.clusters)


@pytest.mark.parametrize("count", range(3))
def test_small_collections_have_maps(photos: OpenCollection, tmp_path: Path, count: int) -> None:
    """None, one, two items; and they are kept like any other."""
    for at, name in enumerate(list(COLOURS)[:count]):
        Image.new("RGB", (20, 20), COLOURS[name]).save(tmp_path / f"{at}.png")
    if count:
        photos.add(tmp_path)

    made = photos.map()
    found = photos.kept_map()

    assert (len(made.items), made.points.shape) == (count, (count, 2))
    assert sum(one.size for one in made.clusters) == count
    assert found is not None
    assert same(found, made)


@pytest.mark.usefixtures("drawn")
def test_items_with_the_same_vector_coincide(photos: OpenCollection, tmp_path: Path) -> None:
    """Also where one of them is not laid out."""
    folder = coloured(tmp_path / "colours")
    Image.new("RGB", (20, 20), COLOURS["red"]).save(folder / "red.bmp")
    photos.add(folder)
    names = {item.sources[0].name: item.id for item in photos.items(limit=100)}

    found = photos.map()

    at = dict(zip(found.items, found.points.tolist(), strict=True))
    assert (
        at[names["red.bmp"]]
        == at[next(i.id for i in photos.items(limit=100) if i.sources[0].uri.endswith("red/0.png"))]
    )


@pytest.mark.usefixtures("drawn")
def test_of_many_items_some_are_laid_out(
    photos: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others stand among those that they are like; all are there, and never more vectors than that in memory."""
    photos.add(coloured(tmp_path / "colours"))
    laid: list[int] = []
    real = make.layout
    monkeypatch.setattr(make, "LANDMARKS", 12)
    monkeypatch.setattr(make, "layout", lambda rows, **named: laid.append(len(rows)) or real(rows, **named))

    found = photos.map()

    assert len(found.items) == 24
    assert laid[0] <= 12
    assert np.abs(found.points).max() <= 1


def test_too_many_items_are_refused(photos: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence, before anything is read."""
    photos.add(coloured(tmp_path / "colours", 1))
    monkeypatch.setattr(make, "MOST_ITEMS", 2)

    with pytest.raises(QueryError, match="more than 2 items"):
        photos.map()


def test_a_map_that_is_stopped_leaves_what_was_kept(
    photos: OpenCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows nothing itself."""
    photos.add(coloured(tmp_path / "colours"))
    monkeypatch.setattr(layout, "ROUNDS", 20)
    first = photos.map()
    stop = Event()
    monkeypatch.setattr(layout, "ROUNDS", ROUNDS)

    stopped = photos.map(refresh=True, stop=stop, progress=lambda now: stop.set())
    still = photos.kept_map()

    assert stopped.interrupted
    assert stopped.items == ()
    assert still is not None
    assert same(still, first)


@pytest.mark.usefixtures("drawn")
def test_a_map_file_is_believed_only_whole_and_its_own(
    photos: OpenCollection, tmp_path: Path, library: Library
) -> None:
    """A damaged file, one that was cut off, and one of another collection are as none."""
    photos.add(coloured(tmp_path / "colours", 2))
    photos.map()
    (path,) = (library.folder / "maps").glob("*/*.map")
    whole = path.read_bytes()

    for bad in (whole[:-50], whole[:200] + b"x" + whole[201:], b"", b"\x80" * 64):
        path.write_bytes(bad)
        assert photos.kept_map() is None
    path.write_bytes(whole)
    assert photos.kept_map() is not None
    elsewhere = replace(photos._record, created_at="2001-01-01T00:00:00Z")
    assert kept.kept(photos._stores, elsewhere, photos.spaces[0]) is None


@pytest.mark.usefixtures("drawn")
def test_a_map_goes_with_its_space_and_its_collection(photos: OpenCollection, tmp_path: Path, library: Library) -> None:
    """Another encoder begins without one; what is dropped leaves no file."""
    photos.add(coloured(tmp_path / "colours", 2))
    photos.map()
    photos.reembed("classic")

    assert photos.kept_map() is None
    photos.drop_space(next(space for space in photos.spaces if not space.active))
    assert list((library.folder / "maps").glob("*/*")) == []
    photos.map()
    library.drop("photos")
    assert list((library.folder / "maps").glob("*")) == []


def test_bits_are_mapped(library: Library, tmp_path: Path) -> None:
    """Fingerprints of two families of molecules stand apart; so many bits are projected."""
    pytest.importorskip("rdkit")
    table = tmp_path / "molecules.smi"
    chains = ["C" * length + end for length in range(4, 12) for end in ("O", "N")]
    rings = [f"c1ccc({'C' * length}{end})cc1" for length in range(1, 9) for end in ("F", "Cl")]
    table.write_text("\n".join(f"{smiles} m{at}" for at, smiles in enumerate(chains + rings)) + "\n", encoding="utf-8")
    molecules = library.collection("molecules", modality="molecule")
    assert molecules.add(table).added == len(chains + rings)

    found = molecules.map()

    ring = {item.id for item in molecules.items(limit=100) if "c1" in str(item.info.get("smiles", "")).lower()}
    group = np.array([item in ring for item in found.items])
    near = nearest_others(np.ascontiguousarray(found.points), 3, Event())
    assert near is not None
    assert 0 < group.sum() < len(group)
    assert (group[near] == group[:, None]).mean() > 0.9


def test_an_item_of_several_segments_stands_at_their_mean(library: Library) -> None:
    """Its direction: each segment counts alike."""
    from morelike.project.gather import Gatherer

    photos = library.collection("joint", modality="image", encoder=ToyJointEncoder())
    gatherer = Gatherer(photos._stores, photos._record, photos.spaces[0])
    ones = np.array([[3.0, 0], [0, 5.0]], np.float32)

    assert gatherer.spherical
    mean = normalise(gatherer._unpacked(ones).mean(axis=0))[0]
    assert mean.tolist() == pytest.approx([math.sqrt(0.5)] * 2)


def test_what_has_no_vectors_has_no_map(photos: OpenCollection) -> None:
    """It names what there is."""
    with pytest.raises(SpaceMismatch, match="audio") as caught:
        photos.map(kind="audio")
    assert "image" in caught.value.hint
