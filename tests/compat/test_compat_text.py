"""``serve --compat text``: what the older text server's web client and scripts send, and what they get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from compat_held import DEADLINE, Held
from compat_http import refused
from compat_pictures import asked
from text_server import ORIGIN, Texts, in_csv, text_server

from morelike.models import cards
from morelike.registry import ENCODERS
from morelike.types import Blob

pytest.importorskip("charset_normalizer", reason="texts need the extra `text`")
pytestmark = pytest.mark.xdist_group("port 5000")

LOADED = "Successfully loaded data!"
MISSING = "collection is not exist"
TITLES = (
    "Fears for pension after talks",
    "The race is on: second private team sets launch date",
    "Ky. company wins grant to study peptides",
    "Prediction unit helps forecast wildfires",
    "Calif. aims to limit farm-related smog",
    "Open letter against British copyright indoctrination in schools",
    "Loosing the war on terrorism",
    "FOAFKey: FOAF, PGP, key distribution, and bloom filters",
    "E-mail scam targets police chief",
    "Card fraud unit nets 36,000 cards",
    "Group to propose new high-speed wireless format",
    "Apple launches graphics software, video bundle",
)


def row(number: int) -> tuple[str, str]:
    return TITLES[number], f'Of the number {number}, with a comma, a "quotation"\nand a second line.'


def table_of(*rows: tuple[str, str], header: tuple[str, str] = ("title", "text")) -> bytes:
    return in_csv(*rows, header=header)


def titles_in(texts: Texts, table: str, words: str) -> list[str]:
    answer = texts.ask(table, words)
    assert answer.status_code == 200, answer.text
    return [one["title"] for one in answer.json()]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Texts]:
    with text_server(tmp_path_factory.mktemp("text"), "text") as running:
        yield running


@pytest.fixture(scope="module")
def twelve(texts: Texts) -> tuple[str, ...]:
    """Twelve titles with their texts in the table ``twelve``, which no test changes."""
    texts.load("twelve", table_of(*map(row, range(12))))
    return TITLES


def test_the_web_client_goes_through_its_day(texts: Texts) -> None:
    """It drops what is not there, sends a file and a name that nobody reads, and asks without encoding anything; nine
    rows, whole and to the letter, which a page may read.
    """
    dropped = texts.client.post("/drop?table_name=test_table", headers=ORIGIN)
    sent = {"file": ("example.csv", table_of(*map(row, range(12))))}
    loaded = texts.client.post("/load", files=sent, data={"table_name": "unread"}, headers=ORIGIN)
    status, body = asked(texts.base, f"/search?table_name=test_table&query_sentence={TITLES[3]}")
    rows = json.loads(body)

    assert (dropped.status_code, dropped.json()) == (200, MISSING)
    assert (loaded.status_code, loaded.json()) == (200, LOADED)
    assert loaded.headers["access-control-allow-origin"] == "*"
    assert (status, texts.count(), "unread" in texts.library.names()) == (200, 12, False)
    assert len(rows) == 9
    assert [list(one) for one in rows] == [["title", "content"]] * 9
    assert (rows[0]["title"], rows[0]["content"]) == row(3)
    assert texts.drop().json() == "ok"
    assert texts.count() is None


@pytest.mark.parametrize("prefix", ["", "/text"])
def test_the_forms_of_two_years(texts: Texts, prefix: str) -> None:
    """With and without the prefix of 2021 the same is answered, over the same tables."""
    post, named = texts.client.post, {"params": {"table_name": "years"}}
    assert post(f"{prefix}/load", files={"file": ("a.csv", table_of(row(1)))}, **named).json() == LOADED
    found = texts.ask("years", "a private launch", f"{prefix}/search")

    assert post(f"{prefix}/count", **named).json() == 1
    assert found.json() == [{"title": row(1)[0], "content": row(1)[1]}]
    assert [post(f"{prefix}/drop", **named).json() for _ in range(2)] == ["ok", MISSING]


def test_titles_alone_are_compared(texts: Texts, twelve: tuple[str, ...]) -> None:
    """The order is that of the titles' inner products with what is asked, whatever stands in the texts."""
    card = cards.find(texts.library.collection("twelve").spaces[0].card.name, texts.library.settings)
    encoder = ENCODERS.load(card.family)(card, {}, texts.library.settings)
    words = "a wireless launch of software for the police"
    texts.load("loud", table_of((TITLES[7], f"{words}. " * 5), (TITLES[10], "Nothing."), (TITLES[4], words)))
    for table, among in (("twelve", TITLES), ("loud", (TITLES[7], TITLES[10], TITLES[4]))):
        vectors = encoder.encode("text", [encoder.prepare("text", text) for text in (words, *among)])
        alike = dict(zip(among, (vectors[1:] @ vectors[0]).tolist(), strict=True))
        found = titles_in(texts, table, words)

        assert len(set(found)) == len(found) == min(9, len(among))
        assert [alike[title] for title in found] == pytest.approx(sorted(alike.values(), reverse=True)[:9], abs=1e-6)


def test_a_row_is_whole_however_long(texts: Texts) -> None:
    """Title and text come as they were written: no passage of them, and nothing cut off."""
    title, content = "A long title " * 100 + "ends\there", "Ä paragraph of words.\n\n" * 2000
    texts.load("long", table_of((title, content), row(1)))

    found = texts.ask("long", title).json()
    assert found[0] == {"title": title, "content": content}
    assert len(found) == 2


def test_other_names_of_columns(texts: Texts) -> None:
    """Letters of any case, a byte order mark, a column ``content``, further columns, and tabs between them."""
    texts.load("named", b"\xef\xbb\xbf" + table_of(row(1), header=("TITLE", "Content")))
    texts.load("tabs", "id\ttitle\ttext\n7\tGrüße aus Köln\tVon weit her\n".encode(), "a.tsv")

    assert texts.ask("named", "launch").json() == [{"title": row(1)[0], "content": row(1)[1]}]
    assert texts.ask("tabs", "Grüße").json() == [{"title": "Grüße aus Köln", "content": "Von weit her"}]


def test_what_is_wrong_is_said_with_a_status_that_says_so_too(texts: Texts, twelve: tuple[str, ...]) -> None:
    """4xx and a sentence, where the older server answered 200 with the failure inside, or ended; no table is made."""
    assert "send one to /load first" in refused(texts.ask("none", "words"), 404)
    assert "send one to /text/load first" in refused(texts.ask("none", "words", "/text/search"), 404)
    for words in ("", " ", "\t"):
        refused(texts.ask("twelve", words), 400)
    refused(texts.client.get("/search", params={"table_name": "twelve"}), 400)
    refused(texts.client.post("/load", params={"table_name": "never"}), 400)
    tables = (b"", b"\x00\x01" * 100, b"title,text\n", b"name,text\na,b\n", b"\xff\xd8\xff\xe0 no table", b"PK\x03\x04")
    for data in tables:
        refused(texts.send("never", data), 422)
    assert "title" in refused(texts.send("never", b"name,text\na,b\n"), 422)
    assert "never" not in texts.library.names()


def test_bad_rows_keep_nobody_from_loading(texts: Texts) -> None:
    """The good ones are there, the bad ones stand in the ledger with reasons; where all are bad that is an error."""
    texts.load("mixed", table_of(row(0), ("", "without a title"), ("...", "no word"), row(1)) + b"one,two,three,four\n")

    assert texts.count("mixed") == 2
    ledger = texts.library.collection("mixed").rejected()
    assert len(ledger) == 3
    assert all(one.reason for one in ledger)
    assert "could be taken in" in refused(texts.send("bad", table_of(("", "nothing"))), 422)


def test_a_copy_has_its_own_row(texts: Texts) -> None:
    """A row that stands twice counts twice; one title with two texts is two rows, each with its own text."""
    texts.load("copies", table_of(row(0), row(0), (TITLES[0], "Another text"), row(1)))
    texts.load("copies", table_of(row(0)), "other.csv")

    assert texts.count("copies") == 5
    found = texts.ask("copies", TITLES[0]).json()
    assert sorted(one["content"] for one in found[:4]) == sorted([row(0)[1]] * 3 + ["Another text"])
    assert len(found) == 5


def test_two_loads_of_one_table_at_once_double_nothing(texts: Texts) -> None:
    """Not a row, not a count, not a line of the ledger; both succeed, and so does a third."""
    data = table_of(*map(row, range(12)), ("", "no title"))
    with ThreadPoolExecutor(2) as pool:
        for load in [pool.submit(texts.load, "twice", data) for _ in range(2)]:
            load.result(DEADLINE)
    texts.load("twice", data)

    assert texts.count("twice") == 12
    assert texts.library.collection("twice").rejected_count() == 1


def test_eight_clients_at_once(texts: Texts, twelve: tuple[str, ...]) -> None:
    """Each searches, counts, and loads a table of its own: every answer is the right one."""

    def client(number: int) -> None:
        mine = (f"The title of client {number}", f"text {number}")
        assert titles_in(texts, "twelve", TITLES[number])[0] == TITLES[number]
        texts.load(f"own{number}", table_of(mine, row(0)))
        assert texts.count(f"own{number}") == 2
        assert texts.ask(f"own{number}", mine[0]).json()[0] == {"title": mine[0], "content": mine[1]}
        assert texts.count("twelve") == 12

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))


def test_a_load_keeps_nobody_waiting(texts: Texts) -> None:
    """In the middle of it rows are counted, and searches find what was there."""
    held = Held("hashed-text", "the held title", texts.library.settings)
    texts.library.collection("busy", modality="text", encoder=held, options={"column": "title"})
    texts.load("busy", table_of(row(0), row(1)))
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(texts.load, "busy", table_of(row(2), ("the held title", "x"), row(3)))
        try:
            assert held.reached.wait(DEADLINE)
            assert 2 <= texts.count("busy") < 5
            assert titles_in(texts, "busy", TITLES[1])[0] == TITLES[1]
            assert not load.done()
        finally:
            held.go.set()
        load.result(DEADLINE)

    assert texts.count("busy") == 5


def test_an_uploads_name_names_nothing_here(texts: Texts) -> None:
    """No file of that name comes to be; whatever a table is called, it is read as one."""
    for number, name in enumerate(("../../../escaped.csv", "/escaped", "..\\escaped.pkl", "escaped.txt")):
        texts.load(f"named{number}", table_of(row(number)), name)
        assert texts.count(f"named{number}") == 1

    assert [found for found in texts.library.folder.parent.rglob("*escaped*") if found.is_file()] == []


def test_no_file_is_given_away(texts: Texts, twelve: tuple[str, ...]) -> None:
    """The server has no route for files, and an answer names no place: neither a path nor an address."""
    for path in ("/data", "/data?path=/etc/passwd", "/data/../../../etc/passwd", "/tmp/text-data/rows.csv"):
        assert asked(texts.base, path)[0] == 404
    assert "upload:" not in texts.ask("twelve", TITLES[0]).text


@pytest.mark.parametrize("name", ["a;drop table", "a b", "1st", "x" * 65, "../a"])
def test_names_of_tables_are_names(texts: Texts, twelve: tuple[str, ...], name: str) -> None:
    """Each route refuses any other in a sentence, and nothing comes of it."""
    before = texts.library.names()

    for answer in (
        texts.send(name, table_of(row(0))),
        texts.ask(name, "words"),
        texts.client.post("/count", params={"table_name": name}),
        texts.drop(name),
    ):
        assert "cannot be a table's name" in refused(answer, 400)
    assert texts.library.names() == before


@pytest.mark.parametrize("data", [b"title,text\n" + b'"' * 200_000, b"title,text\n" + b"a," * 500_000, b"," * 100_000])
def test_a_hostile_table_is_an_error(texts: Texts, data: bytes) -> None:
    """Quotation marks and commas without end are refused in a sentence, and the server goes on."""
    refused(texts.send("hostile", data), 422)
    assert texts.count() is None


def test_a_collection_of_files_answers_too(texts: Texts) -> None:
    """What ``morelike add`` brought in has rows as well: a file's own name where it has no title, and its passage."""
    words = "These are words of no table."
    texts.library.collection("files", modality="text").add(Blob.from_bytes(words.encode(), "note.txt"))

    assert texts.ask("files", "words").json() == [{"title": "note.txt", "content": words}]
