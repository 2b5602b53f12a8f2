"""Jobs, the ledger, the list of items, and what is looked at before it is added: as a program reads the pages."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import morelike
from morelike.errors import FilterError
from morelike.library import Library
from morelike.models.choose import foreseen
from morelike.records import Job
from morelike.server.app import create_app
from morelike.server.downloading import cell_of
from morelike.server.options import ServerOptions
from morelike.server.pages.adding import tried_of
from morelike.server.pages.collecting import is_limited
from morelike.server.pages.ledger import grouped, hint_of, reason_of
from morelike.server.pages.listing import columns_of, fields_of, place_of_fault
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder
from morelike.types import Rejection

PAGE = {"Accept": "text/html"}
C = "/c/photos"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    write_images(folder, 5, seed=1)
    for name in ("a", "b"):
        (folder / f"broken-{name}.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing " + name.encode())
    (folder / "=cmd.txt").write_text("no picture")
    return folder


@pytest.fixture
def library(settings: Settings, pictures: Path) -> Iterator[Library]:
    """Five pictures in ``photos``; two broken ones and a text in its ledger."""
    with morelike.open(settings.model_copy(update={"allow_roots": (pictures.parent,)})) as opened:
        opened.collection("photos", modality="image", encoder=ToyEncoder()).add(pictures, tags=["drawn"])
        yield opened


@pytest.fixture
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(create_app(library, ServerOptions()), base_url="http://127.0.0.1", headers=PAGE) as client:
        yield client


def ended(library: Library) -> Job:
    """The newest job, when it has ended."""
    job = library.jobs.list(limit=1)[0]
    while job.state not in {"done", "failed", "cancelled"}:
        job = library.jobs.watch(job.id, 60)
    return job


def items(text: str) -> list[str]:
    return re.findall(r'data-item="([0-9a-f]+)"', text)


# The ledger.


def test_reasons_leave_names_and_numbers_out() -> None:
    """So that rows with one cause stand together; a copy's reason is that of the file it is a copy of."""
    rows = [
        Rejection("/p/a 1.jpg", "", "decode", "a 1.jpg ends after 17 bytes"),
        Rejection("/p/b.jpg", "", "decode", "b.jpg ends after 350 bytes"),
        Rejection("/q/c.jpg", "", "decode", "the same bytes as /p/b.jpg: b.jpg ends after 350 bytes"),
        Rejection("upload:12/d.jpg", "", "sniff", "d.jpg is in no format"),
    ]

    assert [reason_of(row) for row in rows] == ["ends after # bytes"] * 3 + ["is in no format"]
    assert [(group.stage, group.count) for group in grouped(rows)] == [("decode", 3), ("sniff", 1)]


def test_a_limit_is_no_damage() -> None:
    """A long number is one; and who meets a limit is told of the setting, not that the file is cut short."""
    large = Rejection(
        "/p/e.png", "", "decode", "e.png has 10,000,000,000 pixels (raise MORELIKE_MAX_PIXELS to accept it)"
    )
    damaged = Rejection("/p/f.png", "", "decode", "f.png ends before its picture does")

    assert reason_of(large) == "has # pixels (raise MORELIKE_MAX_PIXELS to accept it)"
    assert "setting" in hint_of("decode", reason_of(large))
    assert "damaged" in hint_of("decode", reason_of(damaged))


def test_chinese_commas_part_tags_too(client: TestClient, library: Library) -> None:
    """As the field's own example has them in Chinese."""
    item = library.collection("photos").items(limit=1)[0]

    assert client.post(f"/i/photos/{item.id}/tags", data={"add": "假期，2026、 sea, "}).is_success

    assert set(library.collection("photos").item(item.id).tags) >= {"假期", "2026", "sea"}


def test_the_ledger_is_sifted(client: TestClient) -> None:
    """By stage, by words in name or reason, and by a group's link; the groups always count all."""
    whole = client.get(f"{C}/rejected").text
    assert whole.count("<tr>") == 1 + 3
    assert client.get(f"{C}/rejected?stage=decode").text.count("<tr>") == 1 + 2
    assert client.get(f"{C}/rejected?text=BROKEN-A").text.count("<tr>") == 1 + 1
    assert "No row fits" in client.get(f"{C}/rejected?text=nowhere").text
    links = re.findall(r'<a href="([^"]+reason=[^"]+)"', whole)
    found = [client.get(html.unescape(link)).text.count("<tr>") - 1 for link in links]
    assert sorted(found) == [1, 2]


def test_chosen_rows_are_tried_again(client: TestClient, library: Library, pictures: Path) -> None:
    """Only the ticked ones; the job's page follows."""
    good = (pictures / "00001.jpg").read_bytes()
    for name in ("a", "b"):
        (pictures / f"broken-{name}.jpg").write_bytes(good + name.encode())
    row = str(pictures / "broken-a.jpg")
    answer = client.post(f"{C}/retry", data={"rows": "chosen", "uri": row}, follow_redirects=False)

    assert (answer.status_code, ended(library).result["added"]) == (303, 1)
    assert answer.headers["location"].startswith(f"{C}/add?job=")
    assert {Path(left.uri).name for left in library.collection("photos").rejected()} == {"broken-b.jpg", "=cmd.txt"}


def test_a_group_is_tried_again(client: TestClient, library: Library) -> None:
    """The rows that a form's sifting means, and no others."""
    client.post(f"{C}/retry", data={"stage": "decode"}, follow_redirects=False)
    ended(library)

    attempts = {Path(row.uri).name: row.attempts for row in library.collection("photos").rejected()}
    assert attempts == {"broken-a.jpg": 2, "broken-b.jpg": 2, "=cmd.txt": 1}


@pytest.mark.parametrize("where", ["retry", "forget"])
def test_ticking_nothing_is_said(client: TestClient, where: str) -> None:
    """Nothing is begun for it, and nothing is forgotten."""
    answer = client.post(f"{C}/{where}", data={"rows": "chosen"})

    assert answer.status_code == 400
    assert "no row was chosen" in answer.text


def test_rows_are_forgotten(client: TestClient, library: Library, pictures: Path) -> None:
    """With what was kept of them; the files stay, and so do items that are searchable, with their rows."""
    photos = library.collection("photos")
    ready = photos.items()[0]
    row = Rejection(ready.sources[0].uri, ready.id, "reembed", "decode: it was gone")
    photos._stores.catalog.reject(photos._record, [row])  # as a change of the encoder writes it
    page = client.post(
        f"{C}/forget", data={"rows": "chosen", "uri": [str(pictures / "broken-a.jpg"), ready.sources[0].uri]}
    )

    assert "1 row was forgotten. 1 row stays: its item is searchable." in page.text
    left = {Path(one.uri).name for one in photos.rejected()}
    assert left == {"broken-b.jpg", "=cmd.txt", Path(ready.sources[0].uri).name}
    assert photos.count() == 5
    assert (pictures / "broken-a.jpg").is_file()
    assert library.doctor().findings == []


def test_the_ledger_as_a_table(client: TestClient) -> None:
    """The rows that are sifted, with all that is known; no cell is a formula."""
    answer = client.get(f"{C}/rejected.csv?stage=decode")
    rows = list(csv.DictReader(answer.text.splitlines()))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert {Path(row["source"]).name for row in rows} == {"broken-a.jpg", "broken-b.jpg"}
    assert all(row["stage"] == "decode" and row["reason"] and row["at"] for row in rows)
    assert [cell_of(text) for text in ("=1+1", "+1", "-1", "@x", "a=b")] == ["'=1+1", "'+1", "'-1", "'@x", "a=b"]


# Adding.


def test_looking_first_adds_nothing(client: TestClient, library: Library, pictures: Path) -> None:
    """It says what would become of each file; the button that does it has the same sources and tags."""
    new = pictures.parent / "new"
    write_images(new, 2, seed=9)
    (new / "again.jpg").write_bytes((pictures / "00001.jpg").read_bytes())
    (new / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    asked = {"sources": str(new), "tags": "later, on", "exclude": "*.tmp", "look": "yes"}
    begun = client.post(f"{C}/sources", data=asked, follow_redirects=False)
    tried = tried_of(ended(library))
    assert tried is not None
    assert (tried.files, tried.new, tried.there, tried.rejected) == (4, 2, 1, 1)
    assert library.collection("photos").count() == 5

    page = client.get(begun.headers["location"]).text
    form = page[page.index('class="tried"') :]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    assert fields == {"sources": str(new), "tags": "later, on", "exclude": "*.tmp"}
    client.post(f"{C}/sources", data=fields)
    assert ended(library).result["added"] == 2
    assert library.collection("photos").count(filter="tag = 'later'") == 3  # the one that was there, too


def test_a_sample_is_scaled() -> None:
    """Of a thousand files sixty were tried: six of them there, three bad."""
    result = {"files": 1000, "sampled": 60, "there": 6, "rejected": [{"source": "/a", "reason": "bad"}] * 3}
    tried = tried_of(Job("1", "dry-run", "photos", {}, "done", result=result))

    assert tried is not None
    assert (tried.new, tried.there, tried.rejected, tried.whole) == (850, 100, 50, False)
    assert tried_of(Job("1", "add", "photos", {}, "done", result=result)) is None


def test_each_line_is_refused_by_itself(client: TestClient, library: Library, pictures: Path) -> None:
    """All that is wrong is said at once, by line; what was typed stays, and nothing is begun."""
    lines = f"{pictures}\n/etc\nno place at all"
    answer = client.post(f"{C}/sources", data={"sources": lines, "tags": "kept"})
    said = html.unescape(answer.text)

    assert answer.status_code == 403
    assert re.findall(r"Line (\d+):", said) == ["2", "3"]
    assert lines in said
    assert 'value="kept"' in said
    assert library.jobs.list() == []


def test_another_collections_job_is_not_shown(client: TestClient, library: Library) -> None:
    """The page of a collection follows its own jobs."""
    job = library.jobs.add("doctor", "", {})

    assert job.id not in client.get(f"{C}/add?job={job.id}").text


# Jobs.


def test_jobs_are_sifted(client: TestClient, library: Library) -> None:
    """By state and collection; an unknown state shows all."""
    one = library.jobs.add("calibrate", "photos", {})
    ended(library)
    other = library.jobs.add("calibrate", "gone", {})
    ended(library)

    def shown(query: str) -> set[str]:
        return set(re.findall(r'<li id="row-(\w+)"', client.get(f"/jobs?{query}").text))

    assert shown("") == shown("state=nonsense") == {one.id, other.id}
    assert shown("state=done") == shown("collection=photos") == {one.id}
    assert shown("state=failed") == shown("collection=gone") == {other.id}
    assert shown("state=failed&collection=photos") == set()


# Items.


def test_the_newest_first_and_in_pages(client: TestClient, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both orders show every item once, one the other backwards."""
    monkeypatch.setattr("morelike.server.pages.listing.PAGE", 2)
    whole = [item.id for item in library.collection("photos").items()]
    seen: dict[str, list[str]] = {}
    for order in ("oldest", "newest"):
        link = f"{C}/items?view=table&order={order}"
        seen[order] = []
        while link:
            page = client.get(link).text
            seen[order] += items(page)
            further = re.search(r'rel="next" href="([^"]+)"', page)
            link = html.unescape(further[1]) if further else ""

    assert seen == {"oldest": whole, "newest": whole[::-1]}


@pytest.mark.parametrize(
    ("heading", "first", "second"),
    [("Name", "ascending", "descending"), ("Size", "descending", "ascending"), ("Added", "descending", "ascending")],
)
def test_a_heading_sorts_and_turns_the_order(
    client: TestClient, library: Library, heading: str, first: str, second: str
) -> None:
    """The first choice sorts by it, the second turns it; the heading says which, and no other one does."""
    page, seen = client.get(f"{C}/items?view=table&filter=width>0&offset=1").text, []
    for said in (first, second):
        link = re.search(rf'<th [^>]*><a href="([^"]+)">{heading}<', page)
        assert link is not None
        page = client.get(html.unescape(link[1])).text
        assert re.findall(r'<th [^>]*aria-sort="(\w+)"><a href="[^"]+">(\w+)', page) == [(said, heading)]
        assert "filter=width" in html.unescape(link[1])
        seen.append(items(page))

    sort = heading.lower()
    for said, shown in zip((first, second), seen, strict=True):
        wanted = library.collection("photos").items(sort=sort, descending=said == "descending")
        assert shown == [item.id for item in wanted]


def test_a_grid_has_the_same_orders(client: TestClient) -> None:
    """By words that say which; the one that is shown is marked, and by name and size it leads to the other way round.
    What is no order is passed over.
    """

    def orders(query: str) -> list[tuple[str, str, bool]]:
        text = html.unescape(client.get(f"{C}/items?view=grid&{query}").text)
        group = text.partition('aria-label="Order">')[2].partition("</div>")[0]
        links = re.findall(r'<a href="[^"]*?items\??([^"]*)"( aria-current="true")?>([^<]+)', group)
        return [(said, query, bool(current)) for query, current, said in links]

    assert orders("") == [
        ("Oldest first", "", True),
        ("Newest first", "order=newest", False),
        ("A to Z", "order=a-z", False),
        ("Largest first", "order=largest", False),
    ]
    assert orders("order=nonsense") == orders("")
    assert orders("order=a-z")[2] == ("A to Z", "order=z-a", True)
    assert orders("order=z-a")[2] == ("Z to A", "order=a-z", True)
    assert orders("order=largest")[3] == ("Largest first", "order=smallest", True)
    assert orders("order=smallest")[3] == ("Smallest first", "order=largest", True)


def test_the_view_is_remembered(client: TestClient) -> None:
    """By the browser; pages and a filter keep it, and it is no part of every address."""
    assert "<table" not in client.get(f"{C}/items").text
    assert "<table" in client.get(f"{C}/items?view=table").text
    assert "<table" in client.get(f"{C}/items?filter=width>0").text
    assert "<table" not in client.get(f"{C}/items?view=grid").text
    assert "<table" not in client.get(f"{C}/items?view=nonsense").text


def test_a_table_has_facts_and_tags(client: TestClient) -> None:
    """Size in pixels and bytes, the type, the time, and each tag as a link to what else has it."""
    text = html.unescape(client.get(f"{C}/items?view=table").text)

    assert re.search(r"<span title=\"\d+\u2009×\u2009\d+\">", text)
    assert "image/jpeg" in text
    link = re.search(r'<a href="([^"]+)">drawn</a>', text)
    assert link
    assert len(items(client.get(link[1]).text)) == 5


@pytest.mark.parametrize(
    ("filter", "place"),
    [("width >= 10 and and x = 1", ("width >= 10 and ", "and x = 1")), ("width >= 1 &", ("width >= 1 ", "&"))],
)
def test_a_wrong_filter_is_marked(client: TestClient, filter: str, place: tuple[str, str]) -> None:
    """Beside the field, with the place from which it cannot be read; the field keeps it."""
    answer = client.get(f"{C}/items", params={"filter": filter})

    assert answer.status_code == 400
    before, rest = map(html.escape, place)
    assert f"{before}<mark>{rest}</mark>" in answer.text
    assert f'name="filter" value="{html.escape(filter)}"' in answer.text


def test_an_error_without_a_place_marks_nothing() -> None:
    """Of a filter that ends too soon there is no place to show."""
    assert place_of_fault("a =", FilterError("the filter ends too soon: 'a ='")) is None
    assert place_of_fault("", None) is None


def test_fields_are_those_of_the_items(library: Library) -> None:
    """What the content says and what people wrote, each with its kind and a value that stands there."""
    photos = library.collection("photos")
    photos.annotate([photos.items()[0].id], {"taken by": "Ann", "sharp": True, "bad`name": 1})
    fields = {field.name: field for field in fields_of(photos)}

    assert (fields["width"].kind, fields["tag"].example) == ("number", "drawn")
    assert (fields["taken by"].kind, fields["taken by"].example) == ("text", "Ann")
    assert (fields["sharp"].kind, fields["sharp"].example) == ("truth", "true")
    assert "bad`name" not in fields
    assert library.collection("photos").count(filter="`taken by` = 'Ann' and sharp = true") == 1


@pytest.mark.parametrize("modality", ["audio", "document", "image", "mesh", "molecule", "sequence", "text", "video"])
def test_columns_take_anything(modality: str) -> None:
    """A fact that is missing, or is nothing that was expected, is an empty cell."""
    names = ("width", "height", "duration", "codec", "pages", "words", "faces", "vertices", "watertight", "formula")
    names += ("weight", "smiles", "length", "alphabet", "gc", "description", "title", "language", "taken")
    for value in (None, [], {"a": 1}, float("nan")):
        assert all(isinstance(column.tell(dict.fromkeys(names, value)), str) for column in columns_of(modality))
    assert all(column.tell({}) == "" for column in columns_of(modality))


def test_auto_says_what_it_would_take(settings: Settings, library: Library, client: TestClient) -> None:
    """Without weights the small one that is fetched where the hub answers, else one that needs none."""
    named = settings.model_copy(update={"models": (), "offline": True})
    assert [card and card.name for card in foreseen("image", named)] == ["classic", None]
    online = [card and card.name for card in foreseen("image", named.model_copy(update={"offline": False}))]
    assert online == ["classic", "dinov2-small"]
    text = client.get("/").text
    assert f"Now: {foreseen('molecule', library.settings)[0].name}, the best that is on this machine." in text


@pytest.mark.parametrize(
    ("licence", "limited"),
    [
        ("CC BY-NC 4.0", True),
        ("for non-commercial use", True),
        ("Research only", True),
        ("Apache-2.0", False),
        ("CC BY 4.0 (the published weights; the authors' code: MIT)", False),
        ("", False),
    ],
)
def test_licences_that_forbid_trade_are_marked(licence: str, limited: bool) -> None:
    """And no others."""
    assert is_limited(licence) is limited
