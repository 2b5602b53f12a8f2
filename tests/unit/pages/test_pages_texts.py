"""Texts and documents on the page, as a program reads it: hostile words in every place, marks, long and empty ones."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

import morelike
from morelike.library import Library
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.server.pages import passages, reading
from morelike.server.pages.board import Board, Part
from morelike.settings import Settings
from morelike.testing import documents
from morelike.testing.images import synthetic_image
from morelike.types import Blob, Hit, Quote, Span

SCRIPT = "<script>alert(1)</script>"
BACKWARDS = "\u202egnp.exe\u202c"
ROWS = [
    {"question": "How do I reset my password?", "answer": "Under Settings, then Account.", "topic": "account"},
    {"question": f"May I write {SCRIPT}?", "answer": f"No {SCRIPT} here.", "topic": f"odd {SCRIPT}"},
    {"question": "Where are my invoices?", "answer": "Under Billing. " * 200, "topic": "billing"},
    {"question": f"What does {BACKWARDS} do?", "answer": "\x07\x1b[31mnothing\x00", "topic": "odd"},
]
NOTE = "# The harbour\n\nBoats left at dawn.\n\nA whale was seen near the pier. Nobody believed it.\n"
LONG = "Nothing happened on that day, and nobody wrote. \n\n" * 220_000
QUIET = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """``questions``, a table; ``notes``, files of which one has eleven megabytes; ``reports``, two documents; ``none``.
    Tests that change something make collections of their own.
    """
    pytest.importorskip("pypdfium2", reason="documents need the extra `documents`")
    folder = tmp_path_factory.mktemp("texts")
    (folder / "notes").mkdir()
    (folder / "notes" / f"{BACKWARDS}<b>.md").write_text(NOTE, encoding="utf-8")
    (folder / "notes" / "long.txt").write_text(LONG + "The comet was green.", encoding="utf-8")
    table = "\n".join(map(json.dumps, ROWS)).encode()
    report = documents.pdf("The first page.", "A glacier melts.\nSo it is.", info={"Title": f"Ice {SCRIPT}"})
    settings = Settings(library=folder / "library", offline=True, allow_roots=(tmp_path_factory.getbasetemp(),))
    with morelike.open(settings) as opened:
        questions = opened.collection("questions", modality="text", encoder="hashed-text")
        assert questions.add(Blob.from_bytes(table, "faq.jsonl")).added == len(ROWS)
        notes = opened.collection("notes", modality="text", encoder="hashed-text")
        assert notes.add(folder / "notes").added == 2
        reports = opened.collection("reports", modality="document", encoder="hashed-text,classic")
        letter = documents.docx("An orchard was sold.", f"{SCRIPT} said the bees.")
        assert reports.add(Blob.from_bytes(report, "ice.pdf"), Blob.from_bytes(letter, "bees.docx")).added == 2
        opened.collection("none", modality="text", encoder="hashed-text")
        yield opened


@pytest.fixture(scope="module")
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(create_app(library, ServerOptions()), base_url="http://127.0.0.1", headers=QUIET) as client:
        yield client


def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(synthetic_image(1)).save(stream, "PNG")
    return stream.getvalue()


def hits(text: str) -> list[str]:
    """The list's entries, as they stand in the page."""
    return re.findall(r'<li class="hit worded.*?</li>', text, re.DOTALL)


def place(entry: str) -> str:
    """Where the name of an entry leads to."""
    found = re.search(r'<a class="name" href="([^"]+)"', entry)
    assert found
    return html.unescape(found[1])


def plain(text: str) -> str:
    """What a person reads of it."""
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def test_the_nearest_question_comes_with_its_answer(client: TestClient) -> None:
    """Asked in words, the question is the entry's name, marked, its answer below it, its row beside it."""
    answer = client.get("/c/questions", params={"text": "I need to reset a password"})
    first = hits(answer.text)[0]

    assert answer.status_code == 200
    assert "<mark>How do I reset my password?</mark>" in first
    assert "Under Settings, then Account." in first
    assert "faq.jsonl, row 1" in plain(first)
    assert first.count("How do I reset my password?</mark>") == 1
    assert "<img" not in first


def test_what_has_nothing_in_common_is_not_marked(client: TestClient) -> None:
    """A hit that is no closer than nothing has no mark: no sentence of it answers."""
    entries = hits(client.get("/c/questions", params={"text": "invoices"}).text)

    assert "<mark>" in entries[0]
    assert "<mark>" not in entries[-1]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/c/questions",
        "/c/questions?text=may+i+write",
        "/c/questions?text=script+alert&mode=keyword",
        "/c/questions/items",
        "/c/reports",
        "/c/reports?text=glacier+bees",
        "/c/reports/items",
        f"/c/questions?text={SCRIPT}",
        f"/c/questions?text={SCRIPT}&mode={SCRIPT}&filter={SCRIPT}",
    ],
)
def test_words_of_strangers_are_text(client: TestClient, path: str) -> None:
    """A tag in a question, an answer, a title, a query or a filter is shown, and never is one."""
    answer = client.get(path)

    assert answer.status_code in {200, 400}
    assert SCRIPT.lower() not in answer.text.lower()
    assert not re.search(r"<(script|b)>", answer.text)


def test_words_of_strangers_are_text_on_their_own_page(client: TestClient) -> None:
    """So they are where one item is read, and in what is known of it."""
    for name in ("questions", "notes", "reports"):
        for entry in hits(client.get(f"/c/{name}/items").text):
            page = client.get(place(entry))
            assert page.status_code == 200
            assert not re.search(r"<(script|b)>", page.text)


def test_a_letter_that_turns_the_line_round_stays_inside(client: TestClient) -> None:
    """Names and passages stand in elements that find their own direction, and control characters in none."""
    text = client.get("/c/questions", params={"text": f"what does {BACKWARDS} do"}).text
    (entry,) = [one for one in hits(text) if "\u202e" in one]

    assert re.search(r'<a class="name"[^>]* dir="auto">(<mark>)?What does \u202e', entry)
    assert not any(letter in text for letter in "\x00\x07\x1b")
    items = client.get("/c/notes/items").text
    assert re.search(r'<bdi class="place">[^<]*\u202e', items)


@pytest.mark.parametrize("words", ["", "   ", "\n"])
def test_nothing_is_asked(client: TestClient, words: str) -> None:
    """Empty words are answered with a sentence."""
    answer = client.post("/c/notes/ask", data={"q": words})

    assert answer.status_code == 400
    assert "nothing to search for" in plain(answer.text)


@pytest.mark.parametrize("path", ["/c/none", "/c/none/items", "/c/none/add", "/c/none?text=anything"])
def test_an_empty_collection(client: TestClient, path: str) -> None:
    """A collection of texts without any says what to do, and a search in it finds nothing."""
    answer = client.get(path)

    assert answer.status_code == 200
    assert hits(answer.text) == []
    assert re.search("Add texts|No hits|Add to none", plain(answer.text))


def test_a_long_text_is_read_where_the_hit_is(client: TestClient) -> None:
    """Of eleven megabytes the page has the part around the passage, marked, and says what is left out."""
    entry = hits(client.get("/c/notes", params={"text": "green comet", "mode": "keyword"}).text)[0]
    page = client.get(place(entry))
    shown = re.search(r'<div class="text" dir="auto">(.*?)</div>', page.text, re.DOTALL)

    assert shown
    assert len(page.content) < 2 * reading.LONGEST
    found = re.search(r'<span class="found" id="here">(.*?)</span>', shown[1], re.DOTALL)
    assert found
    assert "The <mark>comet</mark> was <mark>green</mark>." in found[1]
    assert re.search(r"10\u2009\d{3}\u2009\d{3} characters before this are left out", plain(page.text))
    whole = client.get(place(entry).partition("?")[0])
    assert re.search(r"\d+ more characters are left out", plain(whole.text).replace("\u2009", ""))
    assert 'id="here"' not in whole.text


def test_a_long_passage_is_shown_around_its_mark(library: Library, client: TestClient) -> None:
    """What is shown at once is short and has the first mark; the whole unfolds."""
    words = "so it went on and on " * 30
    otters = library.collection("otters", modality="text", encoder="hashed-text")
    otters.add(Blob.from_bytes(f"{words} the otter slept {words}".encode(), "otter.txt"))
    entry = hits(client.get("/c/otters", params={"text": "otter", "mode": "keyword"}).text)[0]
    shown = re.search(r'<p class="quote cut" dir="auto">(.*?)</p>', entry, re.DOTALL)

    assert shown
    assert len(plain(shown[1])) <= passages.SHOWN + 10
    assert "the <mark>otter</mark> slept" in shown[1]
    assert plain(shown[1]).startswith("… ")
    assert re.search(r"<details class=\"unfolds\">.*otter</mark> slept.*</details>", entry, re.DOTALL)
    assert "otter.txt" in plain(entry)


def test_a_long_answer_unfolds(client: TestClient) -> None:
    """Its beginning is shown, all of it on request."""
    entry = hits(client.get("/c/questions", params={"text": "my invoices"}).text)[0]

    assert "The whole answer" in entry
    assert entry.count("Under Billing. ") > 200


def test_the_page_of_a_document_is_beside_its_words(client: TestClient) -> None:
    """A PDF's entry has its page as a picture, marked; a DOCX, which has no pages, its words alone."""
    ice, bees = hits(client.get("/c/reports", params={"text": "a melting glacier"}).text)
    source = re.search(r'<img src="([^"]+)"', ice)

    assert source
    assert "page 2" in plain(ice)
    assert "characters=16-" in html.unescape(source[1])
    picture = client.get(html.unescape(source[1]))
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content != client.get(f"{html.unescape(source[1]).partition('&')[0]}&page=2").content
    assert "<img" not in bees
    assert "#here" in place(ice)
    page = client.get(place(ice)).text
    assert re.search(r'<li id="here"><figure><img src="[^"]+characters=16-', page)
    assert page.count("<figure>") == 2


@pytest.mark.parametrize(
    "query",
    [
        "passage=x",
        "passage=9-3",
        "mark=1-99999999999",
        "page=0",
        "page=-1",
        "page=9999999",
        "page=٣",
        "passage=0-999999999",
    ],
)
def test_an_address_of_nonsense_shows_the_item(client: TestClient, query: str) -> None:
    """A stretch or a page that there is not is passed over."""
    for name in ("notes", "questions", "reports"):
        for entry in hits(client.get(f"/c/{name}/items").text):
            assert client.get(f"{place(entry)}?{query}").status_code == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=2", 200),
        ("characters=0-5", 200),
        ("page=3", 422),
        ("page=0", 422),
        ("characters=5-5", 422),
        ("characters=900000000-900000001", 422),
        ("characters=5", 422),
        ("page=1&characters=0-5", 422),
    ],
)
def test_a_preview_of_a_page(client: TestClient, query: str, status: int) -> None:
    """The API draws a page by its number or by the words on it, and says what is wrong with others."""
    (ice,) = [one for one in hits(client.get("/c/reports/items").text) if "<img" in one]
    item = place(ice).rpartition("/")[2]
    answer = client.get(f"/api/v1/collections/reports/items/{item}/preview?side=64&{query}")

    assert answer.status_code == status


def test_a_text_has_no_pages_to_preview(client: TestClient) -> None:
    """Of what has no pages, a page is the whole."""
    item = place(hits(client.get("/c/questions/items").text)[0]).rpartition("/")[2]
    address = f"/api/v1/collections/questions/items/{item}/preview?side=128"

    assert client.get(f"{address}&page=1").content == client.get(address).content


def test_the_modes(client: TestClient) -> None:
    """By words marks the words; both finds all that either does; the choice stands in the address and in the field."""
    keyword = client.get("/c/questions", params={"text": "password invoices", "mode": "keyword"})
    both = client.get("/c/questions", params={"text": "password invoices", "mode": "hybrid"})

    assert len(hits(keyword.text)) == 2
    assert "reset my <mark>password</mark>?" in keyword.text
    assert '<option value="keyword" selected>By words</option>' in keyword.text
    assert len(hits(both.text)) == len(ROWS)
    sent = client.post("/c/questions/ask", data={"q": "pass\nword", "mode": "keyword"}, follow_redirects=False)
    assert sent.headers["location"] == "/c/questions?text=pass+word&mode=keyword"
    kept = {"q": "mail", "filter": "topic = 'odd'"}
    within = client.post("/c/questions/ask", data=kept, follow_redirects=False)
    assert within.headers["location"] == "/c/questions?text=mail&filter=topic+%3D+%27odd%27"


def test_an_example_has_no_keywords() -> None:
    """With an example a search by words becomes one by both; without words one by likeness."""
    part = Part("item", "0123456789ab")

    assert Board(text="river", mode="keyword").plus(part).mode == "hybrid"
    assert Board(mode="hybrid").plus(part).mode == "similar"
    assert Board(text="CC", mode="substructure").plus(part).mode == "substructure"


def test_a_word_is_no_item(library: Library, client: TestClient) -> None:
    """A short word is searched also where an id begins with it; more letters of an id are the item."""
    item = library.collection("notes").items()[0].id
    short = client.post("/c/notes/ask", data={"q": item[:8]}, follow_redirects=False)
    longer = client.post("/c/notes/ask", data={"q": item[:16]}, follow_redirects=False)

    assert short.headers["location"] == f"/c/notes?text={item[:8]}"
    assert longer.headers["location"] == f"/c/notes?part=item%3A{item}"
    assert client.get(short.headers["location"]).status_code == 200


@pytest.mark.parametrize("name", ["notes", "reports"])
def test_long_words_are_kept_as_a_file(client: TestClient, name: str) -> None:
    """A pasted page does not fit an address: it becomes an example, whose words the board shows."""
    words = "a whale was seen near the pier " * 100
    answer = client.post(f"/c/{name}/ask", data={"q": words}, follow_redirects=False)

    assert re.fullmatch(rf"/c/{name}\?part=upload%3A[\w-]+", answer.headers["location"])
    page = client.get(answer.headers["location"])
    assert page.status_code == 200
    assert '<blockquote class="opening" dir="auto">a whale was seen' in page.text
    assert hits(page.text)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("faq.csv", b"question,answer\nwhy,so\n", "table"),
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n \n", "empty"),
        ("picture.png", png(), "image"),
        ("noise.txt", bytes(range(256)) * 20, "noise.txt"),
    ],
)
def test_a_wrong_file(client: TestClient, name: str, data: bytes, said: str) -> None:
    """What is no text says why, and the field stays."""
    answer = client.post("/c/notes/ask", files={"example": (name, data)})

    assert 400 <= answer.status_code < 500
    alert = re.search(r'role="alert">(.*?)</div></div>', answer.text, re.DOTALL)
    assert alert
    assert said in plain(alert[1])
    assert '<textarea id="q"' in answer.text


def test_a_document_in_pictures_is_not_asked_with_a_part(client: TestClient) -> None:
    """A PDF as an example has no rectangle to draw; a picture of a page has one."""
    report = documents.pdf("The first page.", "A glacier melts.")
    by_report = client.post("/c/reports/ask", files={"example": ("ice.pdf", report)})
    by_picture = client.post("/c/reports/ask", files={"example": ("page.png", png())})

    assert by_report.status_code == by_picture.status_code == 200
    assert "<crop-box" not in by_report.text
    assert "<crop-box" in by_picture.text


def test_an_original_that_is_gone(library: Library, client: TestClient, tmp_path: Path) -> None:
    """Its hit stays, without words; its page says so."""
    (tmp_path / "one.txt").write_text("A whale was seen.")
    (tmp_path / "two.txt").write_text("Nobody believed it.")
    library.collection("gone", modality="text", encoder="hashed-text").add(tmp_path, in_place=True)
    for path in tmp_path.iterdir():
        path.unlink()
    entries = hits(client.get("/c/gone", params={"text": "whale"}).text)
    page = client.get(place(entries[0]))

    assert len(entries) == 2
    assert "<mark>" not in "".join(entries)
    assert page.status_code == 200
    assert "Its words cannot be shown now" in plain(page.text)


def test_pages_join(client: TestClient) -> None:
    """A page behind the last hit has none, and is no failure."""
    assert len(hits(client.get("/c/questions", params={"text": "password"}).text)) == len(ROWS)
    beyond = client.get("/c/questions", params={"text": "password", "offset": 90})

    assert beyond.status_code == 200
    assert hits(beyond.text) == []


def test_a_column_is_chosen_where_the_collection_is_made(library: Library, client: TestClient) -> None:
    """The form for a new collection takes the columns that are searched."""
    sent = {"name": "rows", "modality": "text", "column": "note+more", "encoder": "hashed-text"}
    answer = client.post("/collections", data=sent, follow_redirects=False)

    assert answer.headers["location"] == "/c/rows/add"
    assert library.collection("rows").options["column"] == "note+more"


def hit_of(text: str, marks: tuple[tuple[int, int], ...], title: str = "", reply: str = "") -> Hit:
    quote = Quote(text, marks=marks, reply=reply)
    return Hit("a", "a.txt", 0.5, {"cosine": 0.5}, Span("whole"), {"title": title}, "text", quote=quote)


def said(runs: tuple[passages.Run, ...]) -> str:
    return "".join(run.text for run in runs)


SOME = st.text(alphabet=st.sampled_from("ab \n.é\x00\u202e界"), max_size=1500)
MARKS = st.lists(st.tuples(st.integers(0, 1600), st.integers(0, 1600)), max_size=6).map(tuple)


@given(SOME, MARKS)
def test_runs_are_the_text(text: str, marks: tuple[tuple[int, int], ...]) -> None:
    """However marks lie, the runs are the whole text in order, and each letter is marked that a mark covers."""
    runs = list(passages.runs_of(text, marks))

    assert said(tuple(runs)) == passages.visible(text)
    covered = [any(start <= at < end for start, end in marks) for at in range(len(text))]
    assert [run.marked for run in runs for _ in run.text] == covered


@given(SOME, MARKS, st.sampled_from(["", "a", "ab", "a b"]))
def test_a_passage_of_anything(text: str, marks: tuple[tuple[int, int], ...], title: str) -> None:
    """What is shown at once is bounded and a part of the words; title and whole together are all of them."""
    ordered = tuple(sorted((start, end) for start, end in marks if start < end <= len(text)))
    passage = passages.passage_of(hit_of(text, ordered, title))

    assert passage is not None
    shown = said(passage.runs)
    assert len(shown) <= passages.SHOWN + passages.LITTLE_MORE + 4
    assert shown.removeprefix("… ").removesuffix(" …") in passages.visible(text)
    whole = said(passage.title) + said(passage.whole or passage.runs)
    assert "".join(whole.split()) == "".join(passages.visible(text).split())
    if ordered and passage.whole and not any(run.marked for run in passage.title):
        assert any(run.marked for run in passage.runs)


def test_a_title_is_not_said_twice() -> None:
    """Words that begin with what the item is called are its name; a longer first sentence is not."""
    passage = passages.passage_of(hit_of("Ice\n\nIt melts.", ((5, 14),), "Ice"))
    longer = passages.passage_of(hit_of("Icebergs melt.", (), "Ice"))

    assert passage is not None
    assert longer is not None
    assert (said(passage.title), said(passage.runs)) == ("Ice", "It melts.")
    assert [run.marked for run in passage.runs] == [True]
    assert (longer.title, said(longer.runs)) == ((), "Icebergs melt.")
