"""Which modality reads an example: the collection's own, one that is sure, or the likeliest of what is indexed."""

from __future__ import annotations

import pytest

from morelike.errors import UnknownMedia
from morelike.modalities.document import DocumentModality
from morelike.modalities.mesh import MeshModality
from morelike.modalities.text import TextModality
from morelike.search.reading import readers
from morelike.settings import Settings
from morelike.types import Blob

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")

SETTINGS = Settings(offline=True)
WORDS = {"text", "terms"}


def names(data: bytes, name: str, kinds: set[str]) -> list[str]:
    own = DocumentModality(SETTINGS)
    return [one.name for one in readers(own, SETTINGS, Blob.from_bytes(data, name), kinds)]


@pytest.mark.parametrize("name", ["a.txt", "README", "a.log", "empty.txt"])
def test_a_plain_text_asks_for_documents(name: str) -> None:
    """Nobody is sure of one; of those that give words, texts are the likeliest, also to say that it is empty."""
    data = b"" if name.startswith("empty") else b"The bridge held."

    assert names(data, name, WORDS) == ["text"]


def test_a_text_is_nothing_where_words_are_not_indexed() -> None:
    """A collection of pages alone, or of models, does not take one."""
    text = Blob.from_bytes(b"The bridge held.", "a.txt")

    for own, kinds in ((DocumentModality(SETTINGS), {"image"}), (MeshModality(SETTINGS), {"mesh"})):
        with pytest.raises(UnknownMedia, match=r"a\.txt is in no format"):
            readers(own, SETTINGS, text, kinds)


def test_who_is_sure_comes_first() -> None:
    """The own modality alone where it is sure, then others that are; the likeliest is taken only where nobody is."""
    page = b"<!doctype html><html><p>The bridge held.</p></html>"

    assert names(b"%PDF-1.7", "a.pdf", WORDS) == ["document"]
    assert names(page, "a.html", WORDS) == ["document", "text"]
    assert names(page, "page", WORDS) == ["document"]
    assert names(b"\x89PNG\r\n\x1a\n" + bytes(30), "a.png", {"image"})[0] == "image"
    with pytest.raises(UnknownMedia, match="is of the modality image"):
        names(b"\x89PNG\r\n\x1a\n" + bytes(30), "a.png", WORDS)


def test_what_nobody_knows_is_said() -> None:
    """In the sentence of the collection's own modality."""
    with pytest.raises(UnknownMedia, match="is in no format that is known here") as caught:
        names(bytes(range(256)), "noise.bin", WORDS)
    assert "document" in caught.value.hint


def test_an_own_table_is_read_by_its_own() -> None:
    """A collection of texts reads a table itself, which says that it is one."""
    own = TextModality(SETTINGS).configured({})
    table = Blob.from_bytes(b"question,answer\nwhy?,so\n", "faq.csv")

    assert [one.name for one in readers(own, SETTINGS, table, WORDS)] == ["text"]
