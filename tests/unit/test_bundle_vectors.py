"""Ready-made vectors in, and a space's vectors out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import morelike
from morelike.errors import OriginalGone, QueryError, SourceError, SpaceMismatch, UsageError
from morelike.library import Library
from morelike.testing.equality import differences
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

N, DIM = 60, 16
VECTORS = np.random.default_rng(0).normal(size=(N, DIM)).astype(np.float32)
IDS = [f"item_{number:03}" for number in range(N)]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with morelike.open(library=tmp_path / "library", offline=True) as opened:
        yield opened


@pytest.fixture
def npy(tmp_path: Path) -> Path:
    np.save(tmp_path / "v.npy", VECTORS)
    (tmp_path / "v.ids.txt").write_text("\n".join(IDS) + "\n")
    return tmp_path / "v.npy"


def _table(to: Path, /, **columns: Any) -> Path:
    pq.write_table(pa.table({"id": IDS, "vector": VECTORS.tolist(), **columns}), to)
    return to


def _stored(library: Library, name: str, ids: list[str] = IDS) -> np.ndarray:
    opened = library.collection(name)
    segments = [opened.segments(identifier)[0].id for identifier in ids]
    return library._stores.vectors.fetch(opened.spaces[0], np.array(segments))[1]


def test_an_array_with_ids_beside_it(library: Library, npy: Path) -> None:
    """Every vector to the bit, an item each, found by id and by vector; a second time changes nothing."""
    first = library.import_vectors("vecs", npy)
    second = library.import_vectors("vecs", npy)
    vecs = library.collection("vecs")

    assert (first.vectors, second.vectors, vecs.count()) == (N, N, N)
    assert [item.id for item in vecs.items(limit=N)] == IDS
    assert (_stored(library, "vecs") == VECTORS).all()
    assert vecs.search(VECTORS[7], k=1)[0].item == IDS[7]
    assert IDS[7] not in {hit.item for hit in vecs.search(IDS[7], k=5)}
    assert vecs.search(IDS[7], k=1)[0].item == vecs.search(VECTORS[7], k=2)[1].item
    assert library.doctor().findings == []


def test_such_items_have_no_bytes(library: Library, npy: Path) -> None:
    """And that is said."""
    library.import_vectors("vecs", npy)

    with pytest.raises(OriginalGone, match="imported as a vector and has no bytes"):
        library.collection("vecs").content(IDS[0])


def test_a_file_with_one_vector_is_an_example(library: Library, npy: Path, tmp_path: Path) -> None:
    """One of another width is refused."""
    library.import_vectors("vecs", npy)
    vecs = library.collection("vecs")
    np.save(tmp_path / "one.npy", VECTORS[3])
    np.save(tmp_path / "wide.npy", np.zeros(DIM + 1))

    assert vecs.search(tmp_path / "one.npy", k=1)[0].item == IDS[3]
    with pytest.raises(QueryError, match="no vector of imported"):
        vecs.search(tmp_path / "wide.npy")
    with pytest.raises(QueryError):
        vecs.search(np.zeros(DIM + 1, dtype=np.float32))


def test_a_table_brings_sources_and_metadata(library: Library, tmp_path: Path) -> None:
    """Columns besides are metadata, which filters ask; two vectors of one place are two items."""
    path = _table(
        tmp_path / "v.parquet",
        path=[f"/films/{number // 2}.mp4" for number in range(N)],
        year=[1990 + number % 3 for number in range(N)],
        score=[float("nan")] * N,
        metadata=['{"by": "me", "deep": [1]}'] * N,
    )
    library.import_vectors("vecs", path, metric="l2", name="resnet")
    vecs = library.collection("vecs")
    item = vecs.item(IDS[4])

    assert item.sources[0].uri == f"/films/2.mp4#{IDS[4]}"
    assert item.sources[0].metadata == {"by": "me", "deep": [1], "year": 1991}
    assert vecs.count(filter='year = 1990 and by = "me"') == N // 3
    assert (vecs.spaces[0].card.name, vecs.spaces[0].card.metric) == ("resnet", "l2")
    assert vecs.search(VECTORS[4], k=1)[0].unit == {"squared_l2": pytest.approx(0, abs=1e-4)}


@pytest.mark.parametrize("ids", [["1", "2", "ä/ö", "", "x" * 5000], ["a", "a"]], ids=["odd", "twice"])
def test_ids_are_any_text_but_each_its_own(library: Library, tmp_path: Path, ids: list[str]) -> None:
    """What cannot be an id here is known by its digest, and found by name; empty, endless and repeated ones are not."""
    good = ids[:3]
    rows = pa.table({"id": ids, "vector": VECTORS[: len(ids)].tolist()})
    pq.write_table(rows, tmp_path / "bad.parquet")
    with pytest.raises(SourceError, match=r"no id|twice"):
        library.import_vectors("vecs", tmp_path / "bad.parquet")
    assert library.names() == []
    if len(set(good)) == 3:
        pq.write_table(rows.slice(0, 3), tmp_path / "good.parquet")
        library.import_vectors("vecs", tmp_path / "good.parquet")
        assert library.collection("vecs").count(filter='name = "ä/ö"') == 1


BAD: dict[str, tuple[Any, str]] = {
    "flat": (VECTORS[0], "not \\(n, dim\\)"),
    "nan": (np.where(VECTORS[5, 2] == VECTORS, np.nan, VECTORS), "row 6 .* not finite"),
    "too large": (np.where(VECTORS[5, 2] == VECTORS, 1e300, VECTORS.astype(np.float64)), "row 6 .* too large"),
    "pickled": (np.array([[{}]], dtype=object), "cannot be used"),
    "text": (np.array([["a"]]), "no numbers"),
    "complex": (VECTORS.astype(complex), "no numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_are_no_vectors_is_refused_whole(library: Library, tmp_path: Path, name: str) -> None:
    """The first row that cannot be used is named, and nothing is made of the others."""
    array, match = BAD[name]
    np.save(tmp_path / "bad.npy", array)

    with pytest.raises(SourceError, match=match):
        library.import_vectors("vecs", tmp_path / "bad.npy")
    assert library.names() == []


def test_fewer_or_more_ids_than_vectors_are_refused(library: Library, npy: Path) -> None:
    """A file of ids that belongs to another array."""
    for ids in (IDS[1:], [*IDS, "one_more"]):
        npy.with_suffix(".ids.txt").write_text("\n".join(ids))
        with pytest.raises(SourceError, match="ids than"):
            library.import_vectors("vecs", npy)


def test_ids_from_an_array_or_none_at_all(library: Library, tmp_path: Path) -> None:
    """Numbers and texts; without any the rows are counted."""
    np.save(tmp_path / "v.npy", VECTORS[:3])
    library.import_vectors("rows", tmp_path / "v.npy")
    np.save(tmp_path / "v.ids.npy", np.array([1_000_001, 1_000_002, 1_000_003]))
    library.import_vectors("numbers", tmp_path / "v.npy")
    np.save(tmp_path / "named.npy", np.array(["first1", "second", "third1"]))
    library.import_vectors("texts", tmp_path / "v.npy", ids=tmp_path / "named.npy")

    assert [item.sources[0].name for item in library.collection("rows").items()] == ["0", "1", "2"]
    assert [item.id for item in library.collection("numbers").items()] == ["1000001", "1000002", "1000003"]
    assert [item.id for item in library.collection("texts").items()] == ["first1", "second", "third1"]


def test_packed_bits(library: Library, tmp_path: Path) -> None:
    """uint8 rows are packed bits, compared by Tanimoto, unless another metric is named."""
    bits = np.random.default_rng(1).integers(0, 256, (20, 8), dtype=np.uint8)
    np.save(tmp_path / "bits.npy", bits)
    library.import_vectors("bits", tmp_path / "bits.npy")
    library.import_vectors("numbers", tmp_path / "bits.npy", metric="l2")
    opened = library.collection("bits")

    assert (opened.spaces[0].card.dim, opened.spaces[0].card.metric) == (64, "tanimoto")
    assert opened.search(bits[3], k=1)[0].score == 1
    assert library.collection("numbers").spaces[0].card.dim == 8
    library.export_vectors("bits", tmp_path / "out.npy")
    assert (np.load(tmp_path / "out.npy") == bits).all()


def test_vectors_of_two_encoders_do_not_meet(library: Library, npy: Path, tmp_path: Path) -> None:
    """Another width, metric or name, and a collection that an encoder makes unless it is said to be the same."""
    library.import_vectors("vecs", npy)
    np.save(tmp_path / "wide.npy", np.zeros((2, DIM + 1), dtype=np.float32))
    write_images(tmp_path / "pictures", 2, seed=1)
    library.collection("photos", modality="image", encoder=ToyEncoder()).add(tmp_path / "pictures")

    with pytest.raises(SpaceMismatch, match="17 numbers"):
        library.import_vectors("vecs", tmp_path / "wide.npy")
    with pytest.raises(SpaceMismatch, match="by cosine, not by l2"):
        library.import_vectors("vecs", npy, metric="l2")
    with pytest.raises(SpaceMismatch, match="not made with other"):
        library.import_vectors("vecs", npy, name="other")
    with pytest.raises(UsageError, match="is made with toy") as caught:
        library.import_vectors("photos", npy)
    assert "--encoder" in caught.value.hint


def test_vectors_of_a_collection_s_own_encoder_join_it(library: Library, tmp_path: Path) -> None:
    """They are found by pictures, as if they had been added; an item with bytes is not written over."""
    write_images(tmp_path / "pictures", 4, seed=1)
    photos = library.collection("photos", modality="image", encoder=ToyEncoder())
    photos.add(tmp_path / "pictures")
    library.export_vectors("photos", tmp_path / "photos.npy")
    with pytest.raises(UsageError, match="with its bytes"):
        library.import_vectors("photos", tmp_path / "photos.npy", encoder="toy")
    (tmp_path / "photos.ids.txt").write_text("".join(f"elsewhere_{number}\n" for number in range(4)))
    library.import_vectors("photos", tmp_path / "photos.npy", encoder="toy")

    first = photos.items(limit=1)[0]
    assert photos.count() == 8
    assert photos.search(first.id, k=1)[0].item == "elsewhere_0"
    assert library.doctor().findings == []


@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
def test_out_and_in_again(library: Library, npy: Path, tmp_path: Path, suffix: str) -> None:
    """To the bit, with ids; a table has metadata too."""
    library.import_vectors("vecs", npy)
    library.collection("vecs").annotate([IDS[1]], {"seen": True})
    report = library.export_vectors("vecs", tmp_path / f"out{suffix}")
    library.import_vectors("again", tmp_path / f"out{suffix}")

    assert report.vectors == N
    assert (_stored(library, "again") == VECTORS).all()
    if suffix == ".parquet":
        assert library.collection("again").item(IDS[1]).sources[0].metadata == {"seen": True}
        assert pq.read_table(tmp_path / "out.parquet").column("id").to_pylist() == IDS


def test_imported_vectors_move_in_a_bundle(library: Library, npy: Path, tmp_path: Path) -> None:
    """Like any collection."""
    library.import_vectors("vecs", npy)
    library.export(tmp_path / "bundle")
    with morelike.open(library=tmp_path / "other", offline=True) as other:
        other.import_from(tmp_path / "bundle")

        assert differences(library, other) == []
        assert other.collection("vecs").search(VECTORS[0], k=1)[0].item == IDS[0]


def test_a_dry_run_makes_nothing(library: Library, npy: Path) -> None:
    """It says what would come."""
    report = library.import_vectors("vecs", npy, dry_run=True)

    assert (report.vectors, report.dim, library.names()) == (N, DIM, [])
