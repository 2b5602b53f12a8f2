"""Files of many molecules: what a record is, what its name and metadata are, and what is passed over."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from morelike.errors import SourceError
from morelike.modalities._molecule_files import LARGEST_BLOCK, holds_records, records_in
from morelike.modalities._molecule_lines import LONGEST_LINE
from morelike.types import Blob


def block(smiles: str, title: str) -> str:
    found = Chem.MolFromSmiles(smiles)
    found.SetProp("_Name", title)
    return str(Chem.MolToMolBlock(found))


def records(data: bytes | str, name: str) -> list[Blob]:
    content = data.encode() if isinstance(data, str) else data
    return list(records_in(Blob.from_bytes(content, name, uri=f"/lists/{name}")))


def reason(blob: Blob) -> str:
    with pytest.raises(SourceError) as caught:
        blob.read()
    return caught.value.message


def test_a_list_gives_a_record_a_line() -> None:
    """Under the file's uri with its number; named by its title, or by the file; nothing of the others in its bytes."""
    found = records("CCO ethanol\n\n# a comment\nCC\tethane gas\nCCC\n", "list.smi")
    assert [one.uri for one in found] == [f"/lists/list.smi#record={number}" for number in (1, 2, 3)]
    assert [one.name for one in found] == ["ethanol.smi", "ethane gas.smi", "list-3.smi"]
    assert [one.read() for one in found] == [b"CCO ethanol\n", b"CC ethane gas\n", b"CCC\n"]


def test_a_header_is_no_molecule() -> None:
    """``smiles name`` in the first line counts for nothing."""
    assert [one.name for one in records("SMILES\tName\nCCO\tethanol\n", "list.smi")] == ["ethanol.smi"]


def test_a_record_is_as_old_as_its_file() -> None:
    """Its time is the file's, its size its own, and it has no path: it cannot stay in place."""
    blob = Blob("/a.smi", "a.smi", Blob.from_bytes(b"CCO\nCC\n").open, 7, 42, metadata={"batch": 3})
    one, other = records_in(blob)
    assert (one.size, one.modified_ns, one.path, one.metadata) == (4, 42, None, {"batch": 3})
    assert other.size == 3


def test_packed_files_are_unpacked() -> None:
    """``.gz`` is read as what it holds, whether its name or its content says so."""
    packed = gzip.compress(b"CCO\nCC\n")
    assert [one.read() for one in records(packed, "a.smi.gz")] == [b"CCO\n", b"CC\n"]
    assert [one.name for one in records(packed, "a.smi")] == ["a-1.smi", "a-2.smi"]


def test_a_packed_file_that_breaks_off_keeps_what_came_before() -> None:
    """The last record says that it cannot be read on."""
    lines = "".join(f"{'C' * (at % 60 + 1)} m{at}\n" for at in range(20_000)).encode()
    packed = gzip.compress(lines)
    found = records(packed[: len(packed) // 2], "a.smi.gz")
    assert len(found) > 100
    assert "cannot be read beyond line" in reason(found[-1])
    assert found[-1].uri == "/lists/a.smi.gz"


def test_a_line_without_end_is_one_bad_record() -> None:
    """10 MB in one line are passed over without being kept; what follows is read."""
    data = b"CCO\n" + b"C" * 10_000_000 + b"\nCC\n"
    tracemalloc.start()
    try:
        found = records(data, "a.smi")
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    assert [one.name for one in found] == ["a-1.smi", "a-2", "a-3.smi"]
    assert f"line 2 of a.smi is longer than {LONGEST_LINE:,} bytes" in reason(found[1])


def test_an_sdf_gives_blocks_and_their_properties() -> None:
    """Each record is its MOL block alone; its properties are metadata, numbers as numbers."""
    text = "".join(
        block(smiles, title) + f"> <IC50 (nM)>\n{value}\n\n> <note>\ntwo\nlines\n\n$$$$\n"
        for smiles, title, value in [("CCO", "ethanol", "1.5"), ("CC", "", "12")]
    )
    one, other = records(text, "set.sdf")
    assert (one.name, other.name) == ("ethanol.mol", "set-2.mol")
    assert one.metadata == {"IC50 (nM)": 1.5, "note": "two\nlines"}
    assert other.metadata["IC50 (nM)"] == 12
    assert one.read().decode().endswith("M  END\n")
    assert Chem.MolToSmiles(Chem.MolFromMolBlock(one.read().decode())) == "CCO"


def test_an_sdf_record_that_is_too_large_is_passed_over() -> None:
    """It is one bad record, and the next one is read."""
    large = "x\n" * (LARGEST_BLOCK // 2 + 10)
    found = records(block("CC", "a") + "$$$$\n" + large + "$$$$\n" + block("CCC", "c"), "set.sdf")
    assert [one.name for one in found] == ["a.mol", "set-2", "c.mol"]
    assert "more than 1,048,576 bytes" in reason(found[1])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_by_its_column(delimiter: str) -> None:
    """The other columns are metadata; the record is named by the column of names."""
    rows = [["Name", "Canonical SMILES", "activity"], ["aspirin", "CC(=O)Oc1ccccc1C(=O)O ", "0.25"], ["", "CC", ""]]
    one, other = records("\n".join(delimiter.join(row) for row in rows), "assay.csv")
    assert (one.name, other.name) == ("aspirin.smi", "assay-2.smi")
    assert one.metadata == {"Name": "aspirin", "activity": 0.25}
    assert one.read() == b"CC(=O)Oc1ccccc1C(=O)O aspirin\n"


def test_bad_rows_are_records_with_reasons() -> None:
    """Too many fields, no molecule, a line that is too long, an open quotation mark: the rows after them are read."""
    table = "smiles,id\nCC,1\nCC,2,3\n,4\n" + "C" * 2_000_000 + ",5\nCCC,6\n"
    found = records(table, "a.csv")
    assert [one.name for one in found] == ["1.smi", "a-2", "a-3", "a-4", "6.smi"]
    assert "3 fields, the header 2" in reason(found[1])
    assert "no molecule" in reason(found[2])
    assert "longer than" in reason(found[3])
    swallowed = records('smiles,id\nCC,1\n"CC,2\n' + "CC,3\n" * 60_000, "a.csv")
    assert swallowed[0].name == "1.smi"
    assert any("quotation mark" in reason(one) for one in swallowed if not one.name.endswith(".smi"))


@pytest.mark.parametrize(
    ("data", "name"), [("", "a.smi"), ("\n\n", "a.sdf"), ("smiles\n", "a.csv"), ("a,b\n1,2\n", "a.csv")]
)
def test_a_file_without_records_says_so(data: str, name: str) -> None:
    """It is one bad source, under the file's own uri."""
    (one,) = records(data, name)
    assert one.uri == f"/lists/{name}"
    assert one.path is None
    assert "no molecules" in reason(one) or "no column" in reason(one)


@pytest.mark.parametrize(
    ("head", "name", "held"),
    [
        (b"", "a.smi", True),
        (b"", "a.SMI.GZ", True),
        (b"", "a.sdf", True),
        (b"id,smiles\n1,C\n", "a.csv", True),
        (gzip.compress(b"id;InChI\n1;x\n", mtime=0), "a.csv.gz", True),
        (b"path,label\na.jpg,cat\n", "a.csv", False),
        (b"CCO\nc1ccccc1\n", "a.txt", True),
        (b"CCO\nThe end\n", "a.txt", False),
        (b"NO\nNo\nSO\n", "a.txt", False),
        (b"", "a.mol", False),
        (b"\xff\xd8\xff", "a.jpg", False),
        (b"", "", False),
    ],
)
def test_files_of_records_are_known(head: bytes, name: str, held: bool) -> None:
    """By the ending, by a table's header, and of a plain text by every line."""
    assert holds_records(head, name) is held


@given(st.binary(max_size=4096), st.sampled_from(["a.csv", "a.txt", "a.smi.gz", "a.sdf", "a", "a.csv.gz", "\0"]))
def test_looking_never_raises(head: bytes, name: str) -> None:
    """Whatever the bytes and the name, there is an answer."""
    assert holds_records(head, name) in {True, False}


@given(st.binary(max_size=2000), st.sampled_from(["a.csv", "a.smi", "a.smi.gz", "a.sdf", "a.txt"]))
def test_any_bytes_give_records_or_reasons(data: bytes, name: str) -> None:
    """Nothing is raised while the records are listed; each can be read, or says why it cannot; no two share a uri."""
    found = records(data, name)
    assert found
    assert len({one.uri for one in found}) == len(found)
    for one in found:
        if one.size is None:
            assert reason(one)
        else:
            assert len(one.read()) == one.size
