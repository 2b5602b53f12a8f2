"""Molecules on their way in and out: files of many items, and texts that are items."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import DecodeError, NoSuchItem, QueryError, SourceError, UsageError
from morelike.library import Library
from morelike.settings import Settings
from morelike.types import Example, Query

ETHANOL, BENZENE = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "UHOVQNZJYSORNB-UHFFFAOYSA-N"
LIST = "CCO ethanol\nc1ccccc1 benzene\nc1ccccc broken\nCC(=O)O vinegar\n"


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    with morelike.open(settings) as opened:
        yield opened


@pytest.fixture
def molecules(library: Library) -> OpenCollection:
    return library.collection("molecules", modality="molecule", encoder="morgan")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def listed(folder: Path) -> Path:
    path = folder / "list.smi"
    path.write_text(LIST)
    return path


def later(path: Path, text: str) -> None:
    """Written anew, with another time."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def names(found: OpenCollection) -> list[str]:
    return sorted(source.name for item in found.items() for source in item.sources)


def test_each_line_becomes_an_item(molecules: OpenCollection, listed: Path) -> None:
    """Under its InChIKey, with the file and the record as its source; a bad one is a row of the ledger with a place."""
    report = molecules.add(listed)
    assert (report.added, report.rejected) == (3, 1)
    item = molecules.item(ETHANOL)
    assert item.sources[0].uri == f"{listed}#record=1"
    assert item.info["formula"] == "C2H6O"
    (bad,) = molecules.rejected()
    assert bad.uri == f"{listed}#record=3"
    assert "character 2" in bad.reason


def test_one_molecule_from_two_places_is_one_item(molecules: OpenCollection, listed: Path, tmp_path: Path) -> None:
    """Written otherwise, as a salt, or in an SDF: it has two sources more."""
    (tmp_path / "more.csv").write_text("smiles,batch\nOCC,7\n[Na+].CC[O-],8\n")
    molecules.add(listed)
    report = molecules.add(tmp_path / "more.csv")
    assert (report.added, report.same) == (0, 2)
    assert [source.metadata.get("batch") for source in molecules.item(ETHANOL).sources] == [None, 7, 8]
    assert molecules.count(filter="batch = 8") == 1


def test_a_second_run_reads_nothing_anew(molecules: OpenCollection, listed: Path) -> None:
    """Records of a file that did not change are passed over, the rejected one too unless it is to be tried again."""
    molecules.add(listed)
    again = molecules.add(listed)
    assert (again.added, again.same, again.rejected, again.rejected_before) == (0, 3, 0, 1)
    assert molecules.add(listed, retry=True).rejected == 1
    assert molecules.add(retry=True).rejected == 1


def test_a_record_that_was_mended_is_taken_up(molecules: OpenCollection, listed: Path) -> None:
    """The file was changed: its bad record is read anew, and its row leaves the ledger."""
    molecules.add(listed)
    later(listed, LIST.replace("c1ccccc broken", "c1ccccc1C toluene"))
    assert molecules.add(listed).added == 1
    assert molecules.rejected_count() == 0


def test_sync_drops_what_left_the_file(molecules: OpenCollection, listed: Path) -> None:
    """Records that are gone go, with their items and their rows of the ledger; what cannot be read stays."""
    molecules.add(listed, sync=True)
    later(listed, "CCO ethanol\n")
    assert molecules.add(listed, sync=True).removed == 3  # the one that never was an item among them
    assert names(molecules) == ["ethanol.smi"]
    assert molecules.rejected_count() == 0
    later(listed, "")
    molecules.add(listed, sync=True)
    assert names(molecules) == ["ethanol.smi"]


def test_records_are_kept_also_in_place(molecules: OpenCollection, listed: Path, tmp_path: Path) -> None:
    """A record is no file: its bytes are kept. A file of one molecule stays where it is."""
    (tmp_path / "one.mol").write_text("InChI=1S/CH4/h1H4")
    molecules.add(listed, tmp_path / "one.mol", in_place=True)
    assert molecules.item("VNWKTOKETHGBQD-UHFFFAOYSA-N").in_place
    assert not molecules.item(ETHANOL).in_place
    listed.unlink()
    assert molecules.content(ETHANOL) == b"CCO ethanol\n"


def test_a_folder_and_an_archive_give_their_records(molecules: OpenCollection, listed: Path, folder: Path) -> None:
    """``--exclude`` means files; a member of an archive is a file of records as well."""
    with zipfile.ZipFile(folder / "set.zip", "w") as archive:
        archive.writestr("inner/more.smi", "CCC propane\nCCCC butane\n")
    (folder / "left.smi").write_text("CCCCC pentane\n")
    report = molecules.add(folder, exclude="left*")
    assert (report.added, report.rejected) == (5, 1)
    uris = {source.uri for item in molecules.items() for source in item.sources}
    assert f"{folder}/set.zip!/inner/more.smi#record=2" in uris


def test_a_dry_run_counts_records(molecules: OpenCollection, listed: Path) -> None:
    """It tries records, says which would be rejected, and writes nothing."""
    found = molecules.dry_run(listed)
    assert (found.files, found.sampled, len(found.rejected)) == (4, 4, 1)
    assert molecules.count() == 0


def test_given_bytes_may_hold_records(molecules: OpenCollection, listed: Path) -> None:
    """A stream with a name is read as a file of that name; bytes without one are one molecule."""
    with listed.open("rb") as stream:
        assert molecules.add(stream).added == 3
    assert molecules.add(b"CCCCCC hexane").added == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.smi", "CCO\n"),
        ("a.csv", "id,SMILES\n1,CCO\n"),
        ("a.txt", "CCO one\nc1ccccc1 two\n"),
        ("a.inchi", "InChI=1S/CH4/h1H4\n"),
    ],
)
def test_a_new_collection_is_known_by_its_file(library: Library, tmp_path: Path, name: str, text: str) -> None:
    """Lists and tables of molecules make a collection of molecules."""
    (tmp_path / name).write_text(text)
    assert library.guess(str(tmp_path / name)).modality == "molecule"


def test_a_table_of_files_stays_one(library: Library, tmp_path: Path) -> None:
    """A column of molecules beside one of files says nothing of itself; in a collection of molecules it counts."""
    table = tmp_path / "both.csv"
    (tmp_path / "a.smi").write_text("CCCC\n")
    table.write_text("path,smiles\na.smi,CCO\n")
    assert library.collection("m", modality="molecule").add(table).added == 1
    assert library.collection("m").item(ETHANOL)
    pictures = library.collection("p", modality="image", encoder="classic")
    (tmp_path / "only.csv").write_text("smiles\nCCO\n")
    with pytest.raises(SourceError, match="no column names a file"):
        pictures.add(tmp_path / "only.csv")


def test_what_is_written_down_is_the_example(molecules: OpenCollection, listed: Path) -> None:
    """A SMILES, an InChI, as an example or as text, alone or in a query; a path and an id mean what they always do."""
    molecules.add(listed)
    for hits in (
        molecules.search("OCC"),
        molecules.search("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"),
        molecules.search(text="OCC"),
        molecules.search(Query((Example("text", "[Cl-].OCC"),))),
    ):
        assert hits.hits[0].item == ETHANOL
        assert hits.hits[0].unit == {"tanimoto": 1.0}
        assert hits.hits[0].score == 1.0
    by_id = molecules.search(ETHANOL[:12])
    assert ETHANOL not in [hit.item for hit in by_id.hits]
    with pytest.raises(DecodeError, match=r"list\.smi"):
        molecules.search(str(listed))


def test_an_impossible_example_says_where(molecules: OpenCollection, listed: Path) -> None:
    """A half-typed SMILES is an error with the place; so are an empty text, an unknown key, and two examples."""
    molecules.add(listed)
    with pytest.raises(DecodeError, match="character 2: c1ccc"):
        molecules.search("c1ccc")
    with pytest.raises(DecodeError, match="empty"):
        molecules.search(text="  ")
    with pytest.raises(DecodeError, match="InChIKey"):
        molecules.search("AAAAAAAAAAAAAA-UHFFFAOYSA-N")
    with pytest.raises(DecodeError, match="16,384 characters"):
        molecules.search(text="C" * 10_000_000)
    with pytest.raises(QueryError, match="one example at a time"):
        molecules.search("CCO", plus=["CC"])
    with pytest.raises(NoSuchItem):
        molecules.item("no-such-item")


def test_a_file_that_is_no_example(molecules: OpenCollection, listed: Path, tmp_path: Path) -> None:
    """An empty one, half a molecule, and 10 MB are refused with a sentence each."""
    molecules.add(listed)
    for data, said in ((b"", "is empty"), (b"c1ccc", "character 2"), (b"C" * 10_000_000, "no single molecule")):
        (tmp_path / "asked.mol").write_bytes(data)
        with pytest.raises(DecodeError, match=said):
            molecules.search(tmp_path / "asked.mol")


def test_an_empty_file_is_one_reject(molecules: OpenCollection, folder: Path) -> None:
    """It holds no molecules; bytes that are none are no molecule."""
    (folder / "empty.smi").write_bytes(b"")
    report = molecules.add(folder)
    assert (report.added, report.rejected) == (0, 1)
    assert "holds no molecules" in report.rejections[0].reason
    (bad,) = molecules.add(b"").rejections
    assert "is empty" in bad.reason


def test_more_hits_than_there_are(molecules: OpenCollection, listed: Path) -> None:
    """k beyond the collection gives all there is, each once, and no further page."""
    molecules.add(listed)
    hits = molecules.search("CCO", k=1000)
    assert len({hit.item for hit in hits.hits}) == len(hits.hits) == 3
    assert not hits.more


def test_options_belong_to_the_collection(library: Library, tmp_path: Path) -> None:
    """Without them salts and their acids are one item, with them two; they cannot be changed afterwards."""
    (tmp_path / "a.smi").write_text("CC(=O)O acid\n[Na+].CC(=O)[O-] salt\n")
    assert library.collection("plain", modality="molecule").add(tmp_path / "a.smi").added == 1
    options = {"fragment": "all", "neutralise": "false"}
    whole = library.collection("whole", modality="molecule", options=options)
    assert whole.add(tmp_path / "a.smi").added == 2
    assert whole.options == {"fragment": "all", "neutralise": False}
    assert whole.search("[Na+].CC(=O)[O-]").hits[0].score == 1.0
    with pytest.raises(UsageError, match="cannot be changed"):
        library.collection("whole", modality="molecule", options={"fragment": "largest"})


def test_figures_are_fields_of_filters(molecules: OpenCollection, listed: Path) -> None:
    """What is calculated of a molecule can be asked for."""
    molecules.add(listed)
    hits = molecules.search("CCO", filter="weight < 70 and rings = 0")
    assert {hit.item for hit in hits.hits} == {ETHANOL, "QTBSBXVTEAMEQO-UHFFFAOYSA-N"}


def test_labels_of_a_column_are_evaluated(molecules: OpenCollection, test_data: Path) -> None:
    """The number of rings of a published table: neighbours by fingerprint share it more often than not."""
    molecules.add(test_data / "data" / "molecules" / "delaney-processed.csv")
    found = molecules.evaluate(labels="meta:Number of Rings")
    assert found.queries == molecules.count() > 1100
    assert found.p_at_1 > 0.7


def test_a_large_record_is_one_reject(molecules: OpenCollection, folder: Path) -> None:
    """10 MB in one line, or in one MOL file: a sentence each, and the other records are in."""
    (folder / "long.smi").write_bytes(b"CCO\n" + b"C" * 10_000_000 + b"\nCC\n")
    (folder / "long.mol").write_bytes(b"x\n\n\n  1  0 V2000\n" + b"0" * 10_000_000)
    report = molecules.add(folder)
    assert (report.added, report.rejected) == (2, 2)
    assert all("more than" in row.reason or "longer than" in row.reason for row in molecules.rejected())


def test_the_same_molecule_in_other_letters_is_kept_once(
    library: Library, molecules: OpenCollection, folder: Path
) -> None:
    """Two ways to write ethanol, together and one after the other, are one item with one blob and three sources."""
    (folder / "a.smi").write_text("CCO one\nOCC two\n")
    (folder / "b.smi").write_text("C(O)C three\n")
    molecules.add(folder / "a.smi")
    molecules.add(folder / "b.smi")

    assert [len(item.sources) for item in molecules.items()] == [3]
    assert molecules.content(ETHANOL) == b"CCO one\n"
    assert not [finding for finding in library.doctor().findings if "belong" in str(finding)]
    assert len(list(library._stores.blobs.digests())) == 1
