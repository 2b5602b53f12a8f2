"""Files of sequences, record by record, congruent with Biopython where it reads them too."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import DecodeError, SourceError
from morelike.modalities import _sequence_held, _sequence_records
from morelike.modalities.sequence import SequenceModality
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, SegmentSpec

READ = SegmentSpec("sequence", WHOLE)


@pytest.fixture
def modality(settings: Settings) -> SequenceModality:
    return SequenceModality(settings)


def records(modality: SequenceModality, data: bytes, name: str = "some.fasta") -> list[Blob]:
    return list(modality.records(Blob.from_bytes(data, name, uri=f"/x/{name}")))


def letters(modality: SequenceModality, blob: Blob) -> str:
    return str(modality.load(blob, READ, {}))


NAMES = st.text("abcXYZ019_.:", min_size=1, max_size=12)
REST = st.text("abc XYZ=()[]", max_size=20).map(str.strip)
LETTERS = st.text("ACGTNRYacgtn", min_size=1, max_size=90)
WIDTH = st.integers(1, 100)


@given(st.lists(st.tuples(NAMES, REST, LETTERS), min_size=1, max_size=8), WIDTH, st.sampled_from(["\n", "\r\n"]))
def test_fasta_is_read_as_biopython_reads_it(entries: list[tuple[str, str, str]], width: int, end: str) -> None:
    """Names, descriptions and letters of each record, whatever its lines' length and ends."""
    parser = pytest.importorskip("Bio.SeqIO.FastaIO", reason="biopython is not installed").SimpleFastaParser
    lines = []
    for name, rest, body in entries:
        lines += [f">{name} {rest}".rstrip(), *(body[at : at + width] for at in range(0, len(body), width))]
    text = end.join(lines) + end
    modality = SequenceModality(Settings(offline=True))

    found = records(modality, text.encode())

    theirs = list(parser(io.StringIO(text.replace("\r\n", "\n"))))
    assert [blob.name for blob in found] == [title.split()[0] for title, _ in theirs]
    assert [letters(modality, blob) for blob in found] == [body.upper() for _, body in theirs]
    expected = [" ".join(title.split()[1:]) for title, _ in theirs]
    assert [blob.metadata.get("description", "") for blob in found] == expected


MARKS = st.text('!"#+@ABCDEFGHI~', min_size=1)


@given(st.lists(st.tuples(NAMES, LETTERS, st.randoms(use_true_random=False)), min_size=1, max_size=8), WIDTH)
def test_fastq_is_read_as_biopython_reads_it(entries: list[tuple[str, str, object]], width: int) -> None:
    """Letters of each read, with marks of quality that look like other lines, on one line or several."""
    parser = pytest.importorskip("Bio.SeqIO.QualityIO", reason="biopython is not installed").FastqGeneralIterator
    lines = []
    for name, body, chance in entries:
        marks = "".join(chance.choice("!+@I~>;") for _ in body)  # type: ignore[attr-defined]  # a Random
        cut = [(part[at : at + width]) for part in (body, marks) for at in range(0, len(part), width)]
        half = len(cut) // 2
        lines += [f"@{name}", *cut[:half], "+", *cut[half:]]
    text = "\n".join(lines) + "\n"
    modality = SequenceModality(Settings(offline=True))

    found = records(modality, text.encode(), "some.fastq")

    theirs = list(parser(io.StringIO(text)))
    assert [blob.name for blob in found] == [title.split()[0] for title, _, _ in theirs]
    assert [letters(modality, blob) for blob in found] == [body.upper() for _, body, _ in theirs]


@given(NAMES.filter(lambda name: name[0].isalnum() and ":" not in name), st.text("ACGTN", min_size=1, max_size=400))
def test_genbank_is_read_as_biopython_writes_it(name: str, body: str) -> None:
    """The letters, the name, the organism and how many genes, of what Biopython wrote."""
    seqio = pytest.importorskip("Bio.SeqIO", reason="biopython is not installed")
    from Bio.Seq import Seq
    from Bio.SeqFeature import FeatureLocation, SeqFeature
    from Bio.SeqRecord import SeqRecord

    features = [
        SeqFeature(FeatureLocation(0, len(body)), type=kind) for kind in ("gene", "CDS", "gene", "misc_feature")
    ]
    about = {"molecule_type": "DNA", "organism": "Toyus exemplaris", "taxonomy": ["Bacteria", "Toyales"]}
    record = SeqRecord(
        Seq(body), id=f"{name}.1", name=name, description="A toy, for tests", annotations=about, features=features
    )
    written = io.StringIO()
    seqio.write([record], written, "genbank")
    modality = SequenceModality(Settings(offline=True))

    (found,) = records(modality, written.getvalue().encode(), "some.gb")

    assert found.name == f"{name}.1"
    assert letters(modality, found) == body
    told = {"description": "A toy, for tests", "organism": "Toyus exemplaris", "taxonomy": "Bacteria;Toyales"}
    assert told.items() <= found.metadata.items()
    assert (found.metadata["genes"], found.metadata["cds"]) == (2, 1)


def test_each_record_has_an_address(modality: SequenceModality) -> None:
    """A record's uri is its file's with its number, counted from 1; a file packed by gzip has the same records."""
    data = b">a first\nACGTACGT\n>b\nGGGGCCCC\n"

    found = records(modality, data)

    assert [blob.uri for blob in found] == ["/x/some.fasta#record=1", "/x/some.fasta#record=2"]
    packed = records(modality, gzip.compress(data), "some.fasta.gz")
    assert [(blob.name, blob.read()) for blob in packed] == [(blob.name, blob.read()) for blob in found]


def test_a_record_is_its_own_bytes(modality: SequenceModality) -> None:
    """What is kept of a record is what stands in the file, and is read again as the same item."""
    fastq = b"@r1 x\nACGTACGTAC\n+\nIIIIIIIIII\n"

    (read,) = records(modality, fastq, "some.fq")

    assert read.read() == fastq
    assert modality.sniff(read.read(), read.name) > 0.9


@pytest.mark.parametrize(
    "table",
    [
        b"sequence\tclass\nACGTACGTACGT\t4\nTTTTGGGGCCCC\t0\n",
        b"ACGTACGTACGT\t4\nTTTTGGGGCCCC\t0\n",
        b"class,Sequence\n4,ACGTACGTACGT\n0,ttttggggcccc\n",
    ],
    ids=["header", "none", "csv"],
)
def test_tables_have_a_record_a_row(modality: SequenceModality, table: bytes) -> None:
    """The column ``sequence`` has the letters, the others are metadata; without a header there are two columns."""
    found = records(modality, table, "genes.tsv" if b"\t" in table else "genes.csv")

    assert [letters(modality, blob) for blob in found] == ["ACGTACGTACGT", "TTTTGGGGCCCC"]
    assert [blob.metadata["class"] for blob in found] == [4, 0]


def test_a_row_without_a_sequence_is_named(modality: SequenceModality) -> None:
    """Such a row raises when it is opened, and those after it are read."""
    empty, full = records(modality, b"id\tsequence\nx\t\ny\tACGTACGT\n", "some.tsv")

    with pytest.raises(SourceError, match=r"record 1 of some.tsv: the row has no sequence"):
        empty.open()
    assert (full.name, letters(modality, full)) == ("y", "ACGTACGT")


def test_other_tables_are_left_alone(modality: SequenceModality) -> None:
    """A table of files, one of words, and any text are no sequences."""
    for head in (b"path,label\na.jpg,cat\n", b"word\tcount\nthe\t3\n", b"Dear all,\nhello\n"):
        assert modality.sniff(head, "some.csv") == 0
        assert not modality.holds(head, "some.txt")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"@r1\nACGT\n+\nIIII\n@r2\nACGT\n+\nIII", "4 letters and 3 marks"),
        (b"@r1\nACGT\n+\nIIII\n@r2\nACGT\n", "ends within this read"),
        (b"@r1\nACGT\n+\nIIII\nr2\nACGT\n+\nIIII\n", "does not begin with @"),
    ],
    ids=["short", "cut off", "no header"],
)
def test_a_damaged_read_ends_the_file(modality: SequenceModality, data: bytes, reason: str) -> None:
    """What stands before it is used; the read says what is wrong with it."""
    first, second = records(modality, data, "some.fastq")

    assert letters(modality, first) == "ACGT"
    with pytest.raises(SourceError, match=reason):
        second.open()


def test_a_damaged_gzip_file_is_told(modality: SequenceModality) -> None:
    """The records before the damage are there; then SourceError says what it is."""
    packed = gzip.compress(b"".join(b">r%d\n%s\n" % (n, b"ACGT" * (n + 1)) for n in range(3000)))
    found: list[Blob] = []

    def read_on(blobs: Iterator[Blob]) -> None:
        found.extend(blobs)

    with pytest.raises(SourceError, match="gzip"):
        read_on(modality.records(Blob.from_bytes(packed[: len(packed) // 2], "some.fa.gz")))


def test_unpacking_has_an_end(tmp_path: Path) -> None:
    """A file that unpacks to more than the largest file allowed is not read on."""
    modality = SequenceModality(Settings(library=tmp_path, offline=True, max_file_size=1_000_000))
    bomb = gzip.compress(b">a\n" + b"A" * 80 * 1024**2)

    with pytest.raises(SourceError, match="more than 1,000,000 bytes"):
        records(modality, bomb, "bomb.fa.gz")
    with pytest.raises(SourceError, match="more than 1,000,000 bytes"):
        modality.describe(Blob.from_bytes(bomb, "bomb.fa.gz"))


def test_too_large_a_record_is_one_reject(modality: SequenceModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records beside it are read."""
    monkeypatch.setattr(_sequence_records, "LARGEST", 1000)

    small, large, other = records(modality, b">s\nACGT\n>l\n" + b"ACGT\n" * 400 + b">o\nGGGG\n")

    assert (letters(modality, small), letters(modality, other)) == ("ACGT", "GGGG")
    with pytest.raises(SourceError, match=r"l, record 2 of some.fasta: it has more than 1,000 bytes"):
        large.open()


def test_large_records_leave_memory(modality: SequenceModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait in temporary files, can be opened twice, and nothing stays behind."""
    monkeypatch.setattr(_sequence_held, "_IN_MEMORY", 100)
    body = b"\n".join([b"ACGTACGTGG"] * 50) + b"\n"

    (found,) = records(modality, b">big\n" + body)

    assert found.size == len(body) + 5
    with found.open() as first, found.open() as second:
        path = Path(first.name)
        assert first.read() == second.read() == b">big\n" + body
    del found
    assert not path.exists()


def test_garbage_in_one_line_is_a_reject(modality: SequenceModality) -> None:
    """Ten megabytes of it, with and without a header, are told to be no sequence, and where."""
    garbage = bytes(range(33, 127)) * 100_000

    (found,) = records(modality, b">g\n" + garbage)

    with pytest.raises(DecodeError, match="g is no sequence: '!' at letter 1"):
        modality.identity(found)
    assert not modality.holds(garbage[:4096], "garbage.fasta")


def test_a_header_without_end_is_cut(modality: SequenceModality) -> None:
    """Ten megabytes of header leave a record without letters, not a name of ten megabytes."""
    found = records(modality, b">" + b"x" * 10_000_000 + b"\n>y\nACGT\n")

    assert len(found[0].name) <= 200
    assert (found[0].size or 0) < 100_000
    with pytest.raises(DecodeError, match="has no letters"):
        modality.identity(found[0])
    assert letters(modality, found[1]) == "ACGT"


def test_headers_are_understood(modality: SequenceModality) -> None:
    """Ranks with semicolons, an organism in brackets, as UniProt writes it, and modifiers become metadata."""
    data = b"""\
>Bacteria;Firmicutes;Bacillus; strain 3
ACGT
>WP_1.1 thrA [Escherichia coli]
MKV
>sp|P1|X_Y Some enzyme OS=Homo sapiens OX=9606 GN=ABC
MKV
>c1 [gene=thrL] [locus_tag=b0001] [gbkey=CDS]
ACGT
"""
    ranks, brackets, uniprot, modifiers = (blob.metadata for blob in records(modality, data))

    assert (ranks["taxonomy"], ranks["taxon"]) == ("Bacteria;Firmicutes;Bacillus;strain 3", "strain 3")
    assert brackets["organism"] == "Escherichia coli"
    assert uniprot["organism"] == "Homo sapiens"
    assert (modifiers["gene"], modifiers["locus_tag"]) == ("thrL", "b0001")


def test_real_files_are_read(modality: SequenceModality, test_data: Path) -> None:
    """Two genomes, orchids and a training set: as many records as headers, and the genomes' known lengths."""
    folder = test_data / "data" / "sequences"
    found = {path.name: list(modality.records(Blob.from_path(path))) for path in folder.iterdir()}

    assert len(found["ls_orchid.fasta"]) == 94
    assert len(found["dada2_example_train_set.fa.gz"]) == 100
    (coli,) = found["GCF_000005845.2_ASM584v2_genomic.fna.gz"]
    assert modality.describe(coli) == {"length": 4_641_652, "alphabet": "dna", "gc": 0.5079, "ambiguous": 0}
