"""Documents that were made to do harm: each is refused or used, soon, in bounded memory, and the next one is read."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import DecodeError
from morelike.modalities import _document_workers as workers
from morelike.modalities import _document_zips as zips
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import docx, epub, nested_forms, pdf, pptx, scan, zipped
from morelike.types import Blob, SegmentSpec, Span

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")

SAMPLES = (
    (pdf("Words of a page.", scan("x", (60, 60)), info={"Title": "T"}), "a.pdf"),
    (docx("One.", "Two."), "a.docx"),
    (pptx(("One", "notes"), ("Two", "")), "a.pptx"),
    (epub("<p>One</p>", "<p>Two</p>"), "a.epub"),
    (b"<!doctype html><p>One<p>Two", "a.html"),
)
PLANTED = (
    b"-1",
    b"999999999999",
    b"<<",
    b"]",
    b"9 0 R",
    b"/Kids",
    b"stream",
    b"endobj",
    b"\0",
    b"<a>",
    b"&b;",
    b"PK\x05\x06",
)
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a bound of memory")


@pytest.fixture
def documents(settings: Settings) -> DocumentModality:
    return DocumentModality(settings)


def used(documents: DocumentModality, data: bytes, name: str) -> int:
    """Do with it all that there is to do; how many segments it has."""
    blob = Blob.from_bytes(data, name)
    documents.describe(blob)
    specs = list(documents.split(blob, documents.settle({"chunk": 300})))
    for kind in ("text", "image"):
        list(documents.load_run(blob, [spec for spec in specs if spec.kind == kind], {"side": 16}))
    documents.quote(blob, specs[0].span)
    assert documents.preview(blob, specs[0].span, 32).data
    return len(specs)


def refusal(documents: DocumentModality, data: bytes, name: str) -> str:
    """Why it cannot be used; empty where it can."""
    try:
        assert used(documents, data, name) > 0
    except DecodeError as error:
        return error.message
    return ""


def test_the_samples_are_fine(documents: DocumentModality) -> None:
    """What is spoilt below is whole before."""
    assert [used(documents, *sample) for sample in SAMPLES] == [3, 1, 2, 2, 1]


@given(st.data())
def test_damaged_documents_are_used_or_refused(data: st.DataObject) -> None:
    """Whatever some bytes are changed to, added or cut off, a DecodeError is the worst that comes of it."""
    sample, name = data.draw(st.sampled_from(SAMPLES))
    spoilt = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(len(spoilt) - 1, 0)))
        match data.draw(st.sampled_from(["change", "plant", "cut", "double"])):
            case "change" if spoilt:
                spoilt[at] = data.draw(st.integers(0, 255))
            case "plant":
                spoilt[at : at + data.draw(st.integers(0, 8))] = data.draw(st.sampled_from(PLANTED))
            case "double":
                spoilt[at:at] = spoilt[at : at + 200]
            case _:
                del spoilt[max(at, len(spoilt) // 2) :]
    documents = DocumentModality(Settings(offline=True))
    said = refusal(documents, bytes(spoilt), name)

    assert not said or name in said


@given(
    st.sampled_from([b"%PDF-1.4\n", b"PK\x03\x04", b"<html>", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b""]), st.binary()
)
def test_any_bytes_are_used_or_refused(head: bytes, rest: bytes) -> None:
    """Under any name that promises a document."""
    documents = DocumentModality(Settings(offline=True))
    for name in ("a.pdf", "a.docx", "a.epub", "a"):
        said = refusal(documents, head + rest, name)
        assert not said or name in said


MEMBERS = (
    (docx, "_rels/.rels"),
    (docx, "word/document.xml"),
    (docx, "docProps/core.xml"),
    (lambda more: _with(epub("<p>One</p>"), more), "META-INF/container.xml"),
    (lambda more: _with(epub("<p>One</p>"), more), "OEBPS/book.opf"),
    (lambda more: _with(pptx(("One", "two")), more), "ppt/presentation.xml"),
    (lambda more: _with(pptx(("One", "two")), more), "ppt/slides/slide1.xml"),
)


def _with(data: bytes, more: dict[str, bytes]) -> bytes:
    """The same zip with other members in the place of its own."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**members, **more}, stored=["mimetype"])


@given(st.sampled_from(MEMBERS), st.data())
def test_damaged_xml_is_used_or_refused(made: Any, data: st.DataObject) -> None:
    """Whatever stands in a member, from a changed letter to any bytes, a DecodeError is the worst that comes of it."""
    make, member = made
    with zipfile.ZipFile(io.BytesIO(make(more={}))) as archive:
        whole = archive.read(member)
    at = data.draw(st.integers(0, len(whole)))
    planted = data.draw(st.one_of(st.binary(max_size=30), st.sampled_from(PLANTED)))
    cut = data.draw(st.integers(0, 30))
    spoilt = make(more={member: whole[:at] + planted + whole[at + cut :]})

    said = refusal(DocumentModality(Settings(offline=True)), spoilt, "a.docx")
    assert not said or "a.docx" in said


@ON_LINUX
def test_drawings_in_drawings_do_not_take_all_memory(
    documents: DocumentModality, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred million texts in two kilobytes end the process that reads them; the next document has a new one."""
    monkeypatch.setattr(workers, "_MEMORY", 1 << 29)  # of its own 1.5 GB the machine takes six seconds to give

    with pytest.raises(DecodeError, match=r"bomb\.pdf cannot be read: it needs too much memory"):
        documents.describe(Blob.from_bytes(nested_forms(8, 10), "bomb.pdf"))

    assert documents.describe(Blob.from_bytes(pdf("words"), "fine.pdf"))["words"] == 1


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has timers of a process' own time")
def test_a_page_has_so_much_time(documents: DocumentModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a page takes more of the processor's, its process is ended from outside."""
    monkeypatch.setattr(workers, "PAGE_SECONDS", 0.05)
    monkeypatch.setattr(workers, "_MEMORY", 1 << 40)

    with pytest.raises(DecodeError, match=r"slow\.pdf takes too long"):
        documents.describe(Blob.from_bytes(nested_forms(8, 10), "slow.pdf"))


def test_a_reader_that_dies_is_replaced(documents: DocumentModality) -> None:
    """A process that was killed while it waited costs no document."""
    documents.describe(Blob.from_bytes(pdf("a"), "a.pdf"))
    assert workers._pool._idle
    for worker in workers._pool._idle:
        worker._process.kill()
        worker._process.wait()

    assert documents.describe(Blob.from_bytes(pdf("b"), "b.pdf"))["words"] == 1


def test_a_reader_that_says_nonsense_is_not_believed(
    documents: DocumentModality, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what is no answer, nor one whose bytes do not come."""
    for said in ("print('hello')", "print('{}')", "print('{\"bytes\": 99}')", "print('[' * 100_000)", "pass"):
        monkeypatch.setattr(workers, "_pool", workers._Pool())
        monkeypatch.setattr(workers.subprocess, "Popen", _instead(said))
        with pytest.raises(DecodeError, match=r"a\.pdf cannot be read"):
            documents.describe(Blob.from_bytes(pdf(said), "a.pdf"))
        monkeypatch.undo()


def _instead(program: str) -> object:
    start = subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        return start([command[0], "-c", program], **options)  # type: ignore[call-overload]

    return popen


def test_readers_know_nothing_of_this_process(documents: DocumentModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the environment here, keys among it, is not in theirs."""
    monkeypatch.setattr(workers, "_pool", workers._Pool())
    monkeypatch.setenv("MORELIKE_S3_SECRET_KEY", "do not tell")
    documents.describe(Blob.from_bytes(pdf("and here?"), "a.pdf"))
    (worker,) = workers._pool._idle
    environment = Path(f"/proc/{worker._process.pid}/environ")
    if not environment.exists():
        pytest.skip("the environment of a process is read from /proc")

    assert b"PATH=" in environment.read_bytes()
    assert b"do not tell" not in environment.read_bytes()
    workers._pool.close()


def ended(program: str) -> subprocess.CompletedProcess[str]:
    """A Python program of its own, whose warnings are errors."""
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_fork_has_readers_of_its_own() -> None:
    """A process that was forked reads, and ends none of its parent's."""
    program = """
import os, sys
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import pdf
from morelike.types import Blob

documents = DocumentModality(Settings(offline=True))
def words(text):
    return documents.describe(Blob.from_bytes(pdf(text), "a.pdf"))["words"]

assert words("one") == 1
child = os.fork()
if not child:
    assert words("one and two") == 3
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert words("one two") == 2
"""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    done = ended(program)

    assert (done.returncode, done.stderr) == (0, "")


def test_readers_end_with_the_program() -> None:
    """Nothing is left running, and nothing is said, when the interpreter ends."""
    program = """
from morelike.modalities import _document_workers as workers
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import pdf
from morelike.types import Blob

DocumentModality(Settings(offline=True)).describe(Blob.from_bytes(pdf("one"), "a.pdf"))
print(workers._pool._idle[0]._process.pid)
"""
    done = ended(program)

    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


@pytest.mark.parametrize("member", ["word/document.xml", "docProps/core.xml", "_rels/.rels"])
def test_entities_are_refused(documents: DocumentModality, member: str) -> None:
    """A billion laughs, or a file of this machine, in any member of a document are a DecodeError."""
    for declared in ('<!ENTITY a "ha"><!ENTITY b "&a;&a;">', '<!ENTITY b SYSTEM "file:///etc/passwd">'):
        evil = f'<?xml version="1.0"?><!DOCTYPE x [{declared}]><x>&b;</x>'
        with pytest.raises(DecodeError, match=r"evil\.docx declares XML entities"):
            documents.describe(Blob.from_bytes(docx("Text", more={member: evil}), "evil.docx"))


def test_a_member_unpacks_to_so_much(documents: DocumentModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip that holds more than it seems, in one member or in all together, is given up on."""
    monkeypatch.setattr(zips, "_LARGEST", 1 << 20)
    bomb = docx(body=" " * (2 << 20))
    assert len(bomb) < 10_000
    with pytest.raises(DecodeError, match=r"bomb\.docx unpacks to more than 1 MiB"):
        documents.describe(Blob.from_bytes(bomb, "bomb.docx"))

    monkeypatch.setattr(zips, "_LARGEST_TOGETHER", 2 << 20)
    chapters = [f"<p>{number}</p>{' ' * 700_000}" for number in range(4)]
    with pytest.raises(DecodeError, match="unpacks to more"):
        documents.describe(Blob.from_bytes(epub(*chapters), "bomb.epub"))


def test_a_header_that_lies_of_a_size_is_not_believed(documents: DocumentModality) -> None:
    """Neither a member that says it is small, nor one that says it is huge, is taken at its word."""
    data = docx("Some words.", body="<w:p/>" * 10_000)
    for size in (b"\x01\0\0\0", b"\xff\xff\xff\x7f"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            info = archive.getinfo("word/document.xml")
        lied = data.replace(info.file_size.to_bytes(4, "little"), size)
        said = refusal(documents, lied, "lied.docx")
        assert "lied.docx is damaged" in said or not said
        assert lied != data


def test_too_many_members_are_refused(documents: DocumentModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is made of them."""
    monkeypatch.setattr(zips, "_MOST_MEMBERS", 50)
    many = docx("x", more={f"word/{number}": "" for number in range(60)})

    with pytest.raises(DecodeError, match="more than 50 parts"):
        documents.describe(Blob.from_bytes(many, "many.docx"))


def test_elements_in_elements_end_somewhere(documents: DocumentModality) -> None:
    """A hundred thousand of them inside each other are a DecodeError."""
    deep = "<w:p>" * 100_000 + "</w:p>" * 100_000

    with pytest.raises(DecodeError, match=r"deep\.docx .* more than 1000 deep"):
        documents.describe(Blob.from_bytes(docx(body=deep), "deep.docx"))


def test_a_member_that_leads_outside_is_none(documents: DocumentModality) -> None:
    """References lead to members of the same file, whatever they say."""
    listing = (
        '<Relationships><Relationship Id="a" Type="x/officeDocument" Target="../../../etc/passwd"/></Relationships>'
    )

    with pytest.raises(DecodeError, match="has no etc/passwd"):
        documents.describe(Blob.from_bytes(docx("x", more={"_rels/.rels": listing}), "out.docx"))


def test_a_long_document_is_refused(documents: DocumentModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every format, where it has more letters than can be searched."""
    for module in ("office", "epub", "web", "pdf"):
        monkeypatch.setattr(f"morelike.modalities._document_{module}.MOST_CHARACTERS", 5)
    long = [
        (pdf("Far too many words."), "a.pdf"),
        (docx("Far too many words."), "a.docx"),
        (pptx(("Far too many words.", "")), "a.pptx"),
        (epub("<p>Far too many words.</p>"), "a.epub"),
        (b"<!doctype html><p>Far too many words.", "a.html"),
    ]
    for data, name in long:
        with pytest.raises(DecodeError, match=f"{name} has more"):
            documents.describe(Blob.from_bytes(data, name))


@ON_LINUX
def test_memory_stays_flat() -> None:
    """Three hundred pages and ten pictures of pages of an A0 poster take less than 250 MB of this process."""
    program = """
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import pdf
from morelike.types import Blob, SegmentSpec, Span

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

documents, before = DocumentModality(Settings(offline=True)), peak()
pages = [f"This is page {number}.\\n" + "It goes on and on.\\n" * 20 for number in range(300)]
blob = Blob.from_bytes(pdf(*pages, size=(2384, 3370)), "long.pdf")
specs = list(documents.split(blob, documents.settle({})))
texts = [spec for spec in specs if spec.kind == "text"]
for start in range(0, len(texts), 16):
    list(documents.load_run(blob, texts[start : start + 16], {}))
for drawn in documents.load_run(blob, [SegmentSpec("image", Span("page", n, n)) for n in range(1, 11)], {}):
    assert max(drawn.shape) == 4096
print(len(specs), (peak() - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    segments, grown = (int(word) for word in done.stdout.split())

    assert segments >= 600
    assert grown < 250


def test_settings_of_no_use_are_not_needed() -> None:
    """A frozen program has no Python to start, and says so."""
    frozen = SimpleNamespace(executable="", frozen=True, path=[])
    before = workers.sys
    workers.sys = frozen  # type: ignore[assignment]
    try:
        with pytest.raises(DecodeError, match="no Python to start"):
            workers._Worker("a.pdf")
    finally:
        workers.sys = before


def test_a_page_that_is_not_there_is_refused(documents: DocumentModality) -> None:
    """A segment of a page beyond the last one, as of a file that changed, is a DecodeError."""
    with pytest.raises(DecodeError, match="no such page"):
        documents.load(Blob.from_bytes(pdf("x"), "a.pdf"), SegmentSpec("image", Span("page", 9, 9)), {})


def test_a_zip_of_anything_else_is_no_document(documents: DocumentModality) -> None:
    """Nor is a spreadsheet."""
    for members in ({"a.txt": "x"}, {"[Content_Types].xml": "", "xl/workbook.xml": ""}):
        assert documents.sniff(zipped(members)[:4096], "a") == 0
