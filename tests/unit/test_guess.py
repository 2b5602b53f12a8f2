"""What a new collection holds, where nobody says it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from morelike import guess as guessing
from morelike.errors import SourceError, UsageError
from morelike.guess import guess_modality, guess_of
from morelike.registry import MODALITIES, Row
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import toy_film
from morelike.types import Blob


@pytest.fixture(autouse=True)
def _films(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"film": Row("morelike.testing.toys:ToyFilm"), "image": Row("morelike.modalities.image:ImageModality")}
    monkeypatch.setattr(MODALITIES, "_all", rows, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven pictures, three films, and a text."""
    folder = tmp_path / "mixed"
    write_images(folder, 7, seed=1)
    for number in range(3):
        (folder / f"{number}.film").write_bytes(toy_film(["red", "green"]))
    (folder / "notes.md").write_text("nothing")
    return folder


def test_most_of_the_files_decide(folder: Path, settings: Settings) -> None:
    """The sentence says how many."""
    guess = guess_modality([folder], settings)

    assert (guess.modality, guess.recognised, guess.looked_at) == ("image", 7, 11)
    assert str(guess) == "a collection of image: 7 of the 11 first files are"
    assert guess_modality([folder], settings, exclude=("*.jpg",)).modality == "film"


def test_one_file_is_enough(folder: Path, settings: Settings) -> None:
    """A single film makes a collection of films."""
    assert str(guess_modality([folder / "0.film"], settings)) == "a collection of film, as its first file is"


def test_nothing_known_is_said_so(folder: Path, settings: Settings) -> None:
    """With the option that helps."""
    with pytest.raises(UsageError, match="not known here") as caught:
        guess_modality([folder / "notes.md"], settings)

    assert "--modality" in caught.value.hint
    assert "film, image" in caught.value.hint


def test_nothing_at_all_is_no_guess(tmp_path: Path, settings: Settings) -> None:
    """An empty folder holds nothing, which is no error."""
    assert guess_modality([tmp_path], settings).modality == ""


def test_a_missing_source_is_an_error(tmp_path: Path, settings: Settings) -> None:
    """As ``add`` would say it."""
    with pytest.raises(SourceError, match="no such file"):
        guess_modality([tmp_path / "nowhere"], settings)


def test_only_the_first_files_and_their_heads_are_read(settings: Settings) -> None:
    """However many there are, and however large they are."""
    taken: list[int] = []

    class Head(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size == guessing.HEAD
            return super().read(size)

    def blobs() -> object:
        for number in range(10_000):
            taken.append(number)
            yield Blob(f"{number}", f"{number}.film", lambda: Head(b"x" * 10_000))

    assert guess_of(blobs(), settings).looked_at == guessing.MOST_FILES
    assert len(taken) == guessing.MOST_FILES


def test_a_slow_source_is_left_early(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file decides where that alone took too long."""
    monkeypatch.setattr(guessing, "MOST_SECONDS", -1.0)

    assert guess_of((Blob.from_bytes(b"", f"{number}.film") for number in range(9)), settings).looked_at == 1


def test_nothing_is_fetched(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of URLs, in a list too, only the names count: whoever adds them fetches them, once."""
    from morelike.sources.fetch import Fetcher

    def fetch(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    online = settings.model_copy(update={"offline": False})
    (tmp_path / "list.txt").write_text("https://example.org/a.film\nhttps://example.org/b.film?x=1\n")

    assert guess_modality(["https://example.org/pictures/a.JPG"], online).modality == "image"
    assert guess_modality([str(tmp_path / "list.txt")], online).recognised == 2


def test_a_stream_is_left_as_it_is(settings: Settings) -> None:
    """What can be read once is for ``add`` to read."""
    stream = io.BytesIO(b"0.0 red\n1.0 end")
    stream.name = "a.film"  # type: ignore[attr-defined] # as an open file has one

    assert guess_modality([stream], settings).modality == "film"
    assert stream.tell() == 0


def test_what_cannot_be_read_does_not_decide(folder: Path, settings: Settings) -> None:
    """A file that fails counts as looked at; its name speaks for it."""

    def broken() -> io.BytesIO:
        raise PermissionError(13, "Permission denied")

    blobs = [Blob("x", "x", broken), Blob.from_path(folder / "0.film")]

    assert (guess_of(blobs, settings).modality, guess_of(blobs, settings).looked_at) == ("film", 2)


@pytest.fixture
def documents_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modalities that may take a document for their own, or what is theirs for one."""
    names = ("document", "image", "text")
    rows = {name: Row(f"morelike.modalities.{name}:{name.title()}Modality") for name in names}
    monkeypatch.setattr(MODALITIES, "_all", rows, raising=False)


@pytest.mark.usefixtures("documents_too")
@pytest.mark.parametrize(
    ("names", "modality"),
    [
        (["a.pdf", "b.PDF", "notes.md"], "document"),
        (["a.docx", "b.pptx", "c.epub"], "document"),
        (["no suffix"], "document"),
        (["a.html", "b.htm"], "text"),
        (["a.pdf", "b.html", "c.html", "d.html"], "text"),
        (["a.pdf", "b.png", "c.png"], "image"),
    ],
)
def test_documents_are_known(tmp_path: Path, settings: Settings, names: list[str], modality: str) -> None:
    """By their bytes; pages of the web are texts, and pictures beside a document remain the most."""
    from morelike.testing import documents as made

    content = {
        ".pdf": made.pdf("words"),
        ".docx": made.docx("words"),
        ".pptx": made.pptx(("words", "")),
        ".epub": made.epub("<p>words</p>"),
        ".html": b"<!doctype html><title>words</title><p>words",
        ".htm": b"<html><body>words",
        ".md": b"# words",
        ".png": b"\x89PNG\r\n\x1a\n",
        "": made.pdf("words"),
    }
    for name in names:
        (tmp_path / name).write_bytes(content[Path(name).suffix.lower()])

    assert guess_modality([tmp_path], settings).modality == modality


@pytest.mark.parametrize(
    ("name", "data", "modality"),
    [
        ("notes.md", "# Heading\n\nWords.", "text"),
        ("notes.txt", "Words of a note, one after the other.", "text"),
        ("README", "Words of a note, one after the other.", "text"),
        ("page.html", "<!doctype html><p>Words.", "text"),
        ("faq.csv", "question,answer\nWhy?,So.\n", "text"),
        ("news.jsonl", '{"title": "A", "content": "B"}\n', "text"),
        ("news.json", '[{"title": "A", "url": "x", "content": "B"}]', "text"),
        ("list.txt", "CCO ethanol\nc1ccccc1 benzene\n", "molecule"),
        ("screen.csv", "smiles,title,text\nCCO,ethanol,a word\n", "molecule"),
        ("genes.txt", ">one\nACGTACGTACGTACGTACGT\n", "sequence"),
        ("genes.tsv", "sequence\tclass\nACGTACGTACGTACGTACGT\t1\n", "sequence"),
    ],
)
def test_words_are_what_nobody_knows_better(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, data: str, modality: str
) -> None:
    """Texts and tables of texts are texts; lists of molecules and files of sequences stay what they are."""
    pytest.importorskip("rdkit", reason="molecules need the extra `molecules`")
    pytest.importorskip("Bio", reason="sequences need the extra `sequences`")
    monkeypatch.setattr(MODALITIES, "_all", dict(MODALITIES._rows), raising=False)

    assert guess_of([Blob.from_bytes(data.encode(), name)], settings).modality == modality


def test_a_table_that_names_files_is_none_of_texts(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it has titles too: what it names decides."""
    monkeypatch.setattr(MODALITIES, "_all", dict(MODALITIES._rows), raising=False)
    write_images(tmp_path / "pictures", 2, seed=1)
    rows = "".join(f"{path},a title,words\n" for path in sorted((tmp_path / "pictures").iterdir()))
    (tmp_path / "table.csv").write_text("path,title,content\n" + rows)

    assert guess_modality([tmp_path / "table.csv"], settings).modality == "image"
