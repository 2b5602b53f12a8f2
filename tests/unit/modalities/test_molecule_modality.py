"""What a molecule is here: standardised, one identity, figures to filter by, and bounds."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image
from rdkit import Chem

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities import molecule
from morelike.modalities._molecule_drawing import drawn, picture_of, size_of
from morelike.modalities.molecule import MoleculeModality
from morelike.settings import Settings
from morelike.types import Blob, SegmentSpec, Span

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture
def modality(settings: Settings) -> MoleculeModality:
    return MoleculeModality(settings)


def payload(modality: MoleculeModality, smiles: str) -> str:
    return modality.load(Blob.from_bytes(smiles.encode(), "one.smi"), SegmentSpec("molecule"), {})


@pytest.mark.parametrize("written", ["OC(=O)c1ccccc1OC(C)=O", ASPIRIN, "C1=CC=CC(=C1C(=O)O)OC(C)=O"])
def test_one_molecule_has_one_smiles_and_one_key(modality: MoleculeModality, written: str) -> None:
    """However it is written, the payload is RDKit's canonical SMILES and the identity its InChIKey."""
    assert payload(modality, written) == ASPIRIN
    assert modality.identity(Blob.from_bytes(written.encode(), "a.smi")) == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"


def test_salts_and_charges_go_unless_they_are_to_stay(modality: MoleculeModality) -> None:
    """The largest fragment, neutral; all of it, as it stands, where the collection's options say so."""
    salt = "[Na+].CC(=O)[O-]"
    assert payload(modality, salt) == "CC(=O)O"
    assert payload(modality.configured({"neutralise": False}), salt) == "CC(=O)[O-]"
    assert payload(modality.configured({"fragment": "all", "neutralise": False}), salt) == "CC(=O)[O-].[Na+]"


def test_a_charge_that_holds_a_ring_together_stays(modality: MoleculeModality) -> None:
    """Without it nobody could read the SMILES: ferrocene's rings keep theirs."""
    ring = payload(modality, "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1")
    assert Chem.MolFromSmiles(ring) is not None
    assert "-" in ring


def test_a_mol_file_and_a_smiles_are_one_molecule(modality: MoleculeModality) -> None:
    """Stereo centres included, a MOL block and an InChI have the identity of the SMILES."""
    smiles = "C[C@H](N)C(=O)O"
    found = Chem.MolFromSmiles(smiles)
    blobs = [
        Blob.from_bytes(smiles.encode(), "a.smi"),
        Blob.from_bytes(Chem.MolToMolBlock(found).encode(), "a.mol"),
        Blob.from_bytes(Chem.MolToInchi(found).encode(), "a.inchi"),
    ]
    assert {modality.identity(blob) for blob in blobs} == {"QNAYBMKLOCPYGJ-REOHCLBHSA-N"}


def test_what_it_says_of_itself(modality: MoleculeModality) -> None:
    """Figures of the standardised molecule, flat, by the names that filters use."""
    info = modality.describe(Blob.from_bytes(f"{ASPIRIN}.Cl aspirin".encode(), "a.smi"))
    assert info["formula"] == "C9H8O4"
    assert info["weight"] == pytest.approx(180.159, abs=0.01)
    assert info["tpsa"] == pytest.approx(63.6, abs=0.1)
    assert (info["heavy_atoms"], info["rings"], info["charge"], info["fragments"]) == (13, 1, 0, 2)


@pytest.mark.parametrize(
    ("one", "other"), [("*CCO", "OCC*"), ("C" * 300 + "O", "O" + "C" * 300)], ids=["ends", "large"]
)
def test_where_there_is_no_key_the_smiles_decides(modality: MoleculeModality, one: str, other: str) -> None:
    """InChI knows no open ends, and is not asked of large molecules: the identity is the canonical SMILES' digest."""
    blobs = [Blob.from_bytes(text.encode(), "a.smi") for text in (one, other)]
    assert modality.identity(blobs[0]) == modality.identity(blobs[1])
    assert len(modality.identity(blobs[0]) or "") == 64
    assert modality.describe(blobs[0])["identity"] == "smiles"


def test_what_is_too_large_to_draw_says_so(modality: MoleculeModality) -> None:
    """It is searched all the same."""
    blob = Blob.from_bytes(b"C" * 500, "a.smi")
    assert modality.describe(blob)["heavy_atoms"] == 500
    with pytest.raises(DecodeError, match="too many atoms to be drawn"):
        modality.preview(blob, Span("whole"), 128)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c1ccccc", "ring 1 is not closed, at character 2: c1ccccc"),
        ("CC(C)(C)(C)C", "atom 2, C, has more bonds"),
        ("c1cccc1", "no double bonds that fit"),
        ("InChI=1S/nonsense", "no InChI"),
        ("InChI=1S/C999999/h", "more than"),
        ("", "empty"),
        ("BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "InChIKey"),
        ("C" * 1001, "more than 1,000 atoms"),
        ("C" * 10_000_000, "more than 16,384 characters"),
    ],
    ids=["ring", "valence", "aromatic", "inchi", "vast-inchi", "empty", "key", "atoms", "10-mb"],
)
def test_an_impossible_text_is_said_to_be_one(modality: MoleculeModality, text: str, said: str) -> None:
    """What is typed and is no molecule raises DecodeError with the reason, and the place where there is one."""
    with pytest.raises(DecodeError, match=said):
        modality.of_text(text)


def test_nothing_is_printed(modality: MoleculeModality, capfd: pytest.CaptureFixture[str]) -> None:
    """RDKit's own log does not reach standard error, whatever is read, and does again afterwards."""
    for text in ("c1ccccc", "CC(C)(C)(C)C", "c1cccc1", "C[Fe", "InChI=1S/x"):
        with pytest.raises(DecodeError):
            modality.of_text(text)
    modality.describe(Blob.from_bytes(b"[Na+].CC(=O)[O-]", "a.smi"))
    modality.preview(Blob.from_bytes(b"*CC*", "a.smi"), Span("whole"), 128)
    assert capfd.readouterr().err == ""
    Chem.MolFromSmiles("c1ccccc")
    assert "unclosed ring" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "empty.smi"),
        (b"\n\n", "blank.smi"),
        (b"CCO\nCCC\n", "two.smi"),
        (b"\n\n\n\n", "short.mol"),
        (b"x\n  RDKit\n\n  9  9  0  0  0  0  0  0  0  0999 V2000\nM  END\n", "lies.mol"),
        (b"x\n  RDKit\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n", "nothing.mol"),
        (b"C" * 10_000_000, "large.smi"),
        (b"x\n\n\n999999 V2000\n" + b"0" * 10_000_000, "large.mol"),
        (b"\0" * 5000, "zeros.smi"),
    ],
    ids=["empty", "blank", "several", "short", "lying", "no-atoms", "10-mb", "10-mb-mol", "zeros"],
)
def test_what_is_no_molecule_is_refused(modality: MoleculeModality, data: bytes, name: str) -> None:
    """Bytes that are none raise DecodeError with the file's name; their identity is left to the bytes."""
    blob = Blob.from_bytes(data, name)
    assert modality.identity(blob) is None
    with pytest.raises(DecodeError, match=name):
        modality.describe(blob)


def test_ten_megabytes_take_no_ten_times_the_memory(modality: MoleculeModality) -> None:
    """A record of 10 MB is refused after its first part was read."""
    data = b"C" * 10_000_000
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            modality.describe(Blob.from_bytes(data, "large.smi"))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_options_are_said_in_words(modality: MoleculeModality) -> None:
    """Texts from a command line count as truth values; what is none of the choices is refused by name."""
    assert modality.settle({"neutralise": "no"}) == {"fragment": "largest", "neutralise": False}
    for wrong in ({"fragment": "smallest"}, {"neutralise": "perhaps"}, {"radius": 3}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            modality.settle(wrong)


def test_a_molecule_has_no_parts_in_time(modality: MoleculeModality) -> None:
    """A span of seconds is a QueryError that says so."""
    with pytest.raises(QueryError, match="seconds"):
        list(modality.split(Blob.from_bytes(b"C", "a.smi"), {}, Span("seconds", 0, 1)))


@pytest.mark.parametrize("side", [1, 64, 256, 5000])
def test_a_preview_is_a_picture_of_its_size(modality: MoleculeModality, side: int) -> None:
    """A PNG, 4 to 3, no wider than asked for, and the same each time."""
    preview = modality.preview(Blob.from_bytes(ASPIRIN.encode(), "a.smi"), Span("whole"), side)
    with Image.open(io.BytesIO(preview.data)) as picture:
        assert picture.size == (preview.width, preview.height) == size_of(side)
    assert preview.data == picture_of(ASPIRIN, side)


def test_a_drawing_is_inert_and_marks_its_atoms() -> None:
    """The SVG has shapes alone: no scripts, links, or styles from elsewhere; marks add to it."""
    plain, marked = drawn(ASPIRIN, 320), drawn(ASPIRIN, 320, [0, 1, 2])
    assert plain.startswith(b"<?xml")
    assert len(marked) > len(plain)
    for word in (b"<script", b"href", b"@import", b"url(", b"<foreignObject", b"onload", b"<image"):
        assert word not in marked


@pytest.mark.parametrize("name", ["delaney-processed.csv", "tox21.csv.gz"])
def test_real_tables_are_read_whole(modality: MoleculeModality, test_data: Path, name: str) -> None:
    """Every SMILES of two published data sets is a molecule here, or is said to be none by its name."""
    blob = Blob.from_path(test_data / "data" / "molecules" / name)
    assert modality.holds(blob.read(4096), blob.name)
    refused = []
    for record in list(modality.records(blob))[:300]:
        try:
            modality.describe(record)
        except DecodeError as error:
            refused.append(error.message.startswith(record.name))
    assert len(refused) <= 5
    assert all(refused)


def test_the_last_thousand_are_remembered(modality: MoleculeModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity, description and payload of the same bytes read them once."""
    calls: list[str] = []
    read = molecule.from_smiles

    def counted(smiles: str, label: str) -> object:
        calls.append(smiles)
        return read(smiles, label)

    monkeypatch.setattr(molecule, "from_smiles", counted)
    blob = Blob.from_bytes(b"CCO", "a.smi")
    modality.identity(blob)
    modality.describe(blob)
    modality.load(blob, SegmentSpec("molecule"), {})
    assert calls == ["CCO"]
