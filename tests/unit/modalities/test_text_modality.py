"""Texts: what is recognised, what is searched, where it is cut."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from morelike.errors import DecodeError, QueryError, SourceError, UsageError
from morelike.modalities.text import TextModality
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, SegmentSpec, Span

NEWS = "title,content,year,place\nFlood,The river rose.,1953,Zeeland\nFire,,1666,London\n"
FAQ = "Question;Answer;category\nHow do I pay?;By card.;money\n"


@pytest.fixture
def texts() -> TextModality:
    """As a collection without options has it."""
    return TextModality(Settings(offline=True)).configured({})


def blob(data: str | bytes, name: str = "a.txt") -> Blob:
    return Blob.from_bytes(data.encode() if isinstance(data, str) else data, name)


def words(modality: TextModality, data: str | bytes, name: str = "a.txt") -> str:
    return str(modality.load(blob(data, name), SegmentSpec("text"), {}))


def rows(modality: TextModality, data: str | bytes, name: str) -> list[Blob]:
    return list(modality.records(blob(data, name)))


@pytest.mark.parametrize(
    ("data", "name", "least", "most"),
    [
        (b"plain words", "a.txt", 0.2, 0.3),
        (b"# Heading", "a.MD", 0.4, 1),
        (b"<p>x", "a.html", 0.5, 1),
        (b"<!DOCTYPE html><p>x", "page", 0.2, 0.5),
        (b"just words", "README", 0.01, 0.2),
        (NEWS.encode(), "a.csv", 0.3, 0.5),
        (b'{"title": "a", "text": "b"}\n{', "a.jsonl", 0.3, 0.5),
        (b'[{"question": "a", "answer": "b"}', "a.json", 0.3, 0.5),
        (b'{"question": "a", "answer": "b"}', "Who? What.exe", 0.01, 0.2),
        (b"", "a.txt", 0.001, 0.05),
        (b"\x00\x01\x02", "a.txt", 0.001, 0.05),
        (b"path,label\na.jpg,cat\n", "a.csv", 0, 0),
        (b"path,title\na.jpg,cat\n", "a.csv", 0, 0),
        (b"price,colour\n1,red\n", "a.csv", 0, 0),
        (b'{"a": 1,\n"b": 2}', "a.json", 0, 0),
        (b"print(1)", "a.py", 0, 0),
        (gzip.compress(NEWS.encode()), "a.csv.gz", 0.3, 0.5),
        (gzip.compress(NEWS.encode()), "a.csv", 0, 0.05),
        (gzip.compress(b"path,label\na.jpg,cat\n"), "a.csv.gz", 0, 0),
        (gzip.compress(b"plain words"), "a.txt.gz", 0, 0),
        (b"\x1f\x8b\x08 cut", "a.csv.gz", 0, 0),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a", 0, 0),
        (b"", "a", 0, 0),
    ],
)
def test_texts_are_known_by_name_and_bytes(
    texts: TextModality, data: bytes, name: str, least: float, most: float
) -> None:
    """Less surely than a modality that knows more of the same bytes; a table of files is none of texts."""
    assert least <= texts.sniff(data, name) <= most


def test_only_tables_of_texts_hold_records() -> None:
    """While nobody has said what they are to be; a collection of texts takes every table that names no files."""
    anybody = TextModality(Settings(offline=True))
    own = anybody.configured({"column": "colour"})

    assert anybody.holds(NEWS.encode(), "a.csv")
    assert anybody.holds(b"url,content\nhttp://a,b", "a.csv")
    assert not anybody.holds(b"price,colour\n1,red\n", "a.csv")
    assert own.holds(b"price,colour\n1,red\n", "a.csv")
    assert not own.holds(b"path,title\na.txt,b\n", "a.csv")
    assert not own.holds(b"# not a table", "a.md")


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        ("a\r\n\tb ", "a.txt", "a\r\n\tb "),
        (
            (
                "---\ntitle: T\n---\n# H *e*\n\nOne\ntwo `x<y`\\\n[link](u) ![alt](i)\n\n- a\n- b\n\n"
                "| c | d |\n|---|---|\n| 1 | 2 |\n\n```\ncode *a*\n```\n\n<div>html</div>\n"
            ),
            "a.md",
            "H e\n\nOne two x<y\nlink alt\n\na\n\nb\n\nc  d\n\n1  2\n\ncode *a*\n\nhtml",
        ),
        ("<h1>A</h1><p>b", "a.htm", "A\n\nb"),
    ],
)
def test_the_text_is_what_is_shown(texts: TextModality, data: str, name: str, said: str) -> None:
    """Plain text to the letter; Markdown and HTML without their markup."""
    assert words(texts, data, name) == said


def test_a_file_states_its_title(texts: TextModality) -> None:
    """The front matter's, the page's, or that of the first heading; words count in scripts without spaces too."""
    assert texts.describe(blob("---\ntitle: 'T x'\nlang: de\n---\n# H", "a.md")) == {
        "title": "T x",
        "language": "de",
        "words": 1,
        "characters": 1,
    }
    assert texts.describe(blob("para\n\n# H *e*\n\n## I", "a.md"))["title"] == "H e"
    assert texts.describe(blob("<title>P</title>川だ", "a.html")) == {"title": "P", "words": 2, "characters": 2}


def test_long_markdown_is_read_as_it_stands(texts: TextModality) -> None:
    """Beyond a million characters its markup is part of the text."""
    assert words(texts, "*a* " * 300_000, "a.md").startswith("*a* *a*")


def test_a_table_is_an_item_a_row(texts: TextModality) -> None:
    """Title and content are searched; other columns are metadata, numbers as such; names are titles."""
    first, second = rows(texts, NEWS, "a.csv")

    assert (first.name, first.uri) == ("Flood", "upload:a.csv#record=1")
    assert first.metadata == {"year": 1953, "place": "Zeeland"}
    assert json.loads(first.read()) == {
        "title": "Flood",
        "content": "The river rose.",
        "year": "1953",
        "place": "Zeeland",
    }
    assert texts.media_type(first.read(), first.name) == "application/json"
    assert words(texts, first.read(), first.name) == "Flood\n\nThe river rose."
    assert texts.describe(first)["content"] == "The river rose."
    assert words(texts, second.read(), second.name) == "Fire"


def test_a_question_is_searched_and_its_answer_shown(texts: TextModality) -> None:
    """The answer is the quote's reply; whatever separates the columns."""
    (row,) = rows(texts, FAQ, "faq.csv")
    quote = texts.quote(row, WHOLE)

    assert quote is not None
    assert (quote.text, quote.reply, quote.start) == ("How do I pay?", "By card.", 0)
    assert row.metadata == {"category": "money"}
    assert texts.describe(row)["answer"] == "By card."


@pytest.mark.parametrize(
    ("column", "said"),
    [("title", "Flood"), ("place+title", "Zeeland\n\nFlood"), ("CONTENT", "The river rose."), ("year", "1953")],
)
def test_the_searched_columns_can_be_named(texts: TextModality, column: str, said: str) -> None:
    """Several with + between them, letters of any case."""
    modality = texts.configured(texts.settle({"column": column}))
    row = rows(modality, NEWS, "a.csv")[0]

    assert words(modality, row.read(), row.name) == said


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ('{"title": "Flood", "tags": ["a", "b"], "n": 1.5, "ok": true, "none": null}\n\n', "a.jsonl"),
        ('[{"title": "Flood", "tags": ["a", "b"], "n": 1.5, "ok": true, "none": null}]', "a.json"),
        ('\ufeff [ {"title": "Flood", "tags": ["a", "b"], "n": 1.5, "ok": true, "none": NaN} ] ', "a.json"),
    ],
)
def test_json_is_a_table_too(texts: TextModality, data: str, name: str) -> None:
    """An object a line, or an array of them; short nested values are kept, what is no number is not."""
    (row,) = rows(texts, data, name)

    assert words(texts, row.read(), row.name) == "Flood"
    assert row.metadata == {"tags": ["a", "b"], "n": 1.5, "ok": True}


@pytest.mark.parametrize(
    ("data", "name"),
    [(NEWS, "a.csv"), (FAQ, "faq.TSV"), ('{"title": "a"}\n{"title": "b"}\n', "a.jsonl"), ('[{"text": "a"}]', "a.json")],
)
def test_a_packed_table_has_the_rows_of_what_is_in_it(texts: TextModality, data: str, name: str) -> None:
    """To the byte, and with the same metadata."""
    plain, packed = rows(texts, data, name), rows(texts, gzip.compress(data.encode()), f"{name}.gz")

    assert [row.read() for row in packed] == [row.read() for row in plain]
    assert [(row.name, row.metadata) for row in packed] == [(row.name, row.metadata) for row in plain]
    assert texts.holds(gzip.compress(data.encode()), f"{name}.GZ")


@pytest.mark.parametrize(
    "damaged",
    [lambda data: data[:-3000], lambda data: data[:-3000] + b"\xff" * 64 + data[-2936:]],
    ids=["cut", "other"],
)
def test_a_damaged_packed_table_is_said(texts: TextModality, damaged: Callable[[bytes], bytes]) -> None:
    """Rows before the damage come; then what is wrong with the file, and what to do."""
    letters = random.Random(1)
    lines = "".join(f"{number},{letters.getrandbits(256):x}\n" for number in range(20_000))
    records = texts.records(blob(damaged(gzip.compress(f"title,text\n{lines}".encode())), "a.csv.gz"))

    assert words(texts, next(records).read(), "row").startswith("0\n\n")
    with pytest.raises(SourceError, match=r"a\.csv\.gz cannot be read to its end") as caught:
        list(records)
    assert "download it again" in caught.value.hint


def test_a_packed_table_unpacks_to_a_bound() -> None:
    """What is small may be endless: rows come up to the largest size that a file may have, then a sentence."""
    texts = TextModality(Settings(offline=True, max_file_size=3_000_000)).configured({})
    table = b"title,text\n" + (b"one," + b"two " * 2_500 + b"\n") * 400
    records = texts.records(blob(gzip.compress(table), "a.csv.gz"))

    assert words(texts, next(records).read(), "row").startswith("one")
    with pytest.raises(SourceError, match=r"a\.csv\.gz has more than 3,000,000 bytes, unpacked") as caught:
        list(records)
    assert "MORELIKE_MAX_FILE_SIZE" in caught.value.hint


def test_the_only_column_of_words_is_searched(texts: TextModality) -> None:
    """Where no name says it; several are an error that names them."""
    (row,) = rows(texts, '{"n": 1, "said": "a word"}\n', "a.jsonl")
    assert words(texts, row.read(), row.name) == "a word"

    with pytest.raises(SourceError, match="does not say which column is searched: there are one, two") as caught:
        rows(texts, "one,two\na word,another\n", "a.csv")
    assert "--option column=" in caught.value.hint
    with pytest.raises(SourceError, match="has no column three: there are one, two"):
        rows(texts.configured({"column": "three"}), "one,two\na word,another\n", "a.csv")


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        ("title,content\n,...\n", "a.csv", "row 1 of a.csv has no words in title and content"),
        ("title,content\na,b,c\n", "a.csv", "row 1 of a.csv has 3 fields, the first line names 2"),
        (b"title,content\na,b\nc,\xff\n", "a.csv", "row 2 of a.csv is not UTF-8"),
        ("title,content\n" + "a" * 200_000 + ",b\n", "a.csv", "row 1 of a.csv cannot be read: field larger"),
        ('{"title": "a"}\n{"title": \n', "a.jsonl", "row 2 of a.jsonl is no JSON"),
        ('{"title": "a"}\n[1]\n', "a.jsonl", "row 2 of a.jsonl is no object"),
        ('{"title": "a"}\n{"x": "b", "y": "c"}\n', "a.jsonl", "row 2 of a.jsonl does not say which column"),
        ('{"title": "a"}\n{"title": 1' + "0" * 5000 + "}\n", "a.jsonl", "row 2 of a.jsonl is no JSON"),
        ('{"title": "a"}\n' + "[" * 100_000 + "\n", "a.jsonl", "row 2 of a.jsonl is no JSON"),
        ('{"title": "a"}\n"' + "a" * 9_000_000 + '"\n', "a.jsonl", "row 2 of a.jsonl has more than"),
    ],
)
def test_a_bad_row_is_said_with_its_number(texts: TextModality, data: str | bytes, name: str, said: str) -> None:
    """And the rows around it are read."""
    found = rows(texts, data + data[:0], name)
    bad = found[-1]

    with pytest.raises(SourceError) as caught:
        bad.open()
    assert said in caught.value.message
    assert all(row.read() for row in found[:-1])


def test_rows_go_on_behind_a_bad_one(texts: TextModality) -> None:
    """A line that is too long, and a quotation mark that is left open, cost rows and not the table."""
    data = '{"title": "a"}\n{"title": "' + "b" * 9_000_000 + '"}\n{"title": "c"}\n'
    assert [row.name for row in rows(texts, data, "a.jsonl")] == ["a", "row 2", "c"]

    table = 'title,content\na,b\nc,"open\n' + "d,e\n" * 60_000
    assert len(rows(texts, table, "a.csv")) > 10


@pytest.mark.parametrize("data", ['[{"title": "a"}, {"title"', '[{"title": "a"} {"title": "b"}]', '[{"title": "a"},'])
def test_an_array_that_breaks_off_is_said_so(texts: TextModality, data: str) -> None:
    """What stands before it was read."""
    found = texts.records(blob(data, "a.json"))

    assert next(found).name == "a"
    with pytest.raises(SourceError, match=r"a\.json"):
        next(found)


def test_a_long_array_is_read_object_by_object(texts: TextModality) -> None:
    """Objects that reach over what is held of the file are whole."""
    texts_in = [f"word {number} " + "x" * (number * 37 % 5000) for number in range(600)]
    data = json.dumps([{"text": said} for said in texts_in])

    assert [json.loads(row.read())["text"] for row in rows(texts, data, "a.json")] == texts_in


def test_tables_of_other_encodings_are_read(texts: TextModality) -> None:
    """UTF-16 with its mark, and Windows-1252."""
    said = "title,content\nFlut,Träume über Flüsse und Brücken und Häuser\n"
    for encoding in ("utf-16", "cp1252", "utf-8-sig"):
        (row,) = rows(texts, said.encode(encoding), "a.csv")
        assert words(texts, row.read(), row.name).endswith("Brücken und Häuser")


def test_rows_with_the_same_words_are_one_item(texts: TextModality) -> None:
    """Whatever their other columns say; another answer makes another item; files go by their bytes."""
    found = rows(texts, "question,answer,n\na?,b,1\na?,b,2\na?,c,3\n", "a.csv")
    identities = [texts.identity(row) for row in found]

    assert identities[0] == identities[1] != identities[2]
    assert texts.identity(blob("a")) is None


def test_a_text_of_one_passage_is_whole(texts: TextModality) -> None:
    """A longer one is cut between sentences, and a part of it where its characters say."""
    long = "One two three four five. " * 100
    options = texts.settle({"chunk": 100, "overlap": 30})
    specs = list(texts.split(blob(long), options))

    assert [spec.span for spec in texts.split(blob("short"), options)] == [WHOLE]
    assert all(spec.span.end - spec.span.start <= 100 for spec in specs)
    assert list(texts.load_run(blob(long), specs, {})) == [texts.load(blob(long), spec, {}) for spec in specs]
    part = list(texts.split(blob(long), options, Span("characters", 1000, 1200)))
    assert (part[0].span.start, part[-1].span.end) == (1000, 1199)
    for span in (Span("seconds", 0, 1), Span("characters", 5000, 6000)):
        with pytest.raises(QueryError):
            list(texts.split(blob(long), options, span))


@pytest.mark.parametrize(
    "given",
    [
        {"chunk": 3},
        {"chunk": 1e9},
        {"chunk": "many"},
        {"chunk": True},
        {"chunk": float("nan")},
        {"overlap": -1},
        {"overlap": 500},
        {"column": ""},
        {"column": "a++b"},
        {"column": 3},
        {"columns": "a"},
    ],
)
def test_options_that_cannot_be_are_refused(texts: TextModality, given: dict[str, Any]) -> None:
    """With a hint what could be."""
    with pytest.raises(UsageError) as caught:
        texts.settle(given)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "a.txt", "a.txt is empty"),
        (b"\x00" * 100, "a.txt", "a.txt is no text"),
        (b"?!", "a.md", "a.md has no words"),
        (NEWS.encode(), "a.csv", "a.csv is a table"),
        (b'{"one": "a b", "two": "c d"}', "x", "x does not say"),
        (b'{"title": "a"', "x", "x is no JSON"),
        (b"GIF89a\x00", "x", "x is no text"),
    ],
)
def test_what_is_no_text_says_why(texts: TextModality, data: bytes, name: str, said: str) -> None:
    """In the words of a person."""
    with pytest.raises(DecodeError) as caught:
        texts.describe(blob(data, name))
    assert said in caught.value.message


def test_a_file_beyond_the_limit_is_refused() -> None:
    """It is not read to its end."""
    small = TextModality(Settings(offline=True, max_file_size=10))

    with pytest.raises(DecodeError, match="more than 10 bytes"):
        small.describe(blob("a" * 11))


def test_ten_megabytes_are_no_trouble(texts: TextModality) -> None:
    """A long book is many passages, none longer than asked."""
    book = "The river rose and the bridge held. " * 280_000
    specs = list(texts.split(blob(book), texts.settle({})))

    assert len(specs) > 10_000
    assert all(spec.span.end - spec.span.start <= 800 for spec in specs)


def test_words_are_an_item(texts: TextModality) -> None:
    """What a person writes down; too long a text is a file."""
    assert words(texts, texts.of_text("two words").read()) == "two words"
    with pytest.raises(DecodeError, match="as a file"):
        texts.of_text("a" * 200_000)


def test_a_preview_shows_the_words(texts: TextModality) -> None:
    """As a picture that has ink on it, whatever the words are."""
    import io

    preview = texts.preview(blob("A flood\x1b[31m 川が氾濫した"), WHOLE, 256)
    with Image.open(io.BytesIO(preview.data)) as picture:
        assert picture.size == (256, 192)
        assert len(picture.getcolors(100_000) or ()) > 5


@given(st.binary(max_size=400), st.sampled_from(["a.txt", "a.md", "a.html", "a.csv", "a.jsonl", "a.json", "a", '{"']))
def test_any_bytes_are_read_or_refused(data: bytes, name: str) -> None:
    """A file has words or raises DecodeError, a table has rows or raises SourceError; nothing else happens."""
    modality = TextModality(Settings(offline=True)).configured({})
    options = modality.settle({"chunk": 40, "overlap": 10})
    for head in (b"", b'{"title": "', b'[{"title": "', b"title,content\n"):
        one = blob(head + data, name)
        if modality.holds(one.read(4096), name):
            try:
                for row in modality.records(one):
                    row.open()
            except SourceError as error:
                assert error.message  # noqa: PT017 - either of the two is right
        try:
            specs = list(modality.split(one, options))
            assert all(modality.load(one, spec, {}).strip() for spec in specs)
        except DecodeError as error:
            assert error.message  # noqa: PT017 - likewise
