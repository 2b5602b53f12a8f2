"""Texts and documents in a real browser: asked in words, marked, read where the hit is; wrong files; few items."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import Watched, axe_faults, hand_over, ready, serving
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import morelike
from morelike.settings import Settings
from morelike.testing import documents

pytest.importorskip("pypdfium2", reason="documents need the extra `documents`")
pytest.importorskip("markdown_it", reason="Markdown needs the extra `text`")

QUESTIONS = {
    "How do I reset my password?": "Open Settings, choose Account, and press Reset password.",
    "Where can I see my invoices?": "Every invoice is listed under Billing.",
    "How long does delivery take?": "Two to five working days.",
    "What if my parcel arrives damaged?": "Take a photograph, and write to us within a week.",
    "Can I change the language?": "Yes: Settings, Language.",
}
QUIET = "Nothing happened on that day, and nobody wrote a word of it. "
NOTES = {
    "garden/tomatoes.txt": "Tomatoes want sun and a wall at their back. Water them in the morning.",
    "river.md": f"# The river in spring\n\n{QUIET * 30}\n\nIn May the river flooded the lower meadows.\n\n{QUIET * 60}",
    "letter.html": "<title>A letter from Lisbon</title><p>The trams here climb hills that no horse would.</p>",
}
WRONG = {"faq.csv": b"question,answer\nwhy,so\nhow,thus\n", "empty.txt": b"", "noise.txt": bytes(range(256)) * 20}
PAGES = [
    "The committee met.\nIt spoke about the bridge.",
    "The glacier has lost a third of its length.\nNothing suggests that it will recover.",
    "Thanks are due to the librarians.",
]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``questions``, ``notes`` and ``reports`` behind a server; tests that add do so to ``grown``."""
    folder = tmp_path_factory.mktemp("texts")
    write_questions(folder / "faq.csv")
    for name, text in NOTES.items():
        (folder / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "notes" / name).write_text(text)
    (folder / "report.pdf").write_bytes(documents.pdf(*PAGES, info={"Title": "The yearly report"}))
    (folder / "orchard.docx").write_bytes(documents.docx("The orchard was sold in autumn.", "The bees were not asked."))
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        questions = library.collection("questions", modality="text", encoder="hashed-text")
        assert questions.add(str(folder / "faq.csv")).added == len(QUESTIONS)
        notes = library.collection("notes", modality="text", encoder="hashed-text")
        assert notes.add(str(folder / "notes")).added == len(NOTES)
        reports = library.collection("reports", modality="document", encoder="hashed-text,classic")
        assert reports.add(str(folder / "report.pdf"), str(folder / "orchard.docx")).added == 2
        library.collection("grown", modality="text", encoder="hashed-text")
    with serving(folder / "library") as url:
        yield url


def write_questions(path: Path) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("question", "answer"), *QUESTIONS.items()])


def begin(page: Page, url: str, collection: str) -> None:
    page.goto(f"{url}/c/{collection}")
    ready(page)


def ask(page: Page, words: str) -> None:
    page.fill("#q", words)
    page.press("#q", "Enter")
    expect(page).to_have_url(re.compile("text="))
    expect(page.locator("#hits .hit").first).to_be_visible()
    ready(page)


def first(page: Page) -> str:
    return page.locator("#hits .hit .name").first.inner_text()


def test_a_question_finds_its_answer(page: Page, texts: str) -> None:
    """Ask in words of one's own: the nearest question comes first, marked, with its answer below it."""
    begin(page, texts, "questions")
    expect(page.locator("#q")).to_have_attribute("placeholder", re.compile("Words"))
    ask(page, "I forgot my password")
    hit = page.locator("#hits .hit").first

    assert first(page) == "How do I reset my password?"
    expect(hit.locator("mark")).to_have_text("How do I reset my password?")
    expect(hit.locator(".reply")).to_contain_text("press Reset password")
    expect(hit.locator("img")).to_have_count(0)
    expect(page.locator("#q")).to_have_value("I forgot my password")
    expect(page).to_have_title(re.compile("Texts for “I forgot my password” · questions"))


def test_a_note_is_read_where_the_hit_is(page: Page, texts: str) -> None:
    """A long note shows the part around its marked sentence; its page opens at the passage, within the text."""
    begin(page, texts, "notes")
    ask(page, "meadows flooded by the river")
    hit = page.locator("#hits .hit").first

    assert first(page) == "The river in spring"
    expect(hit.locator(".quote").first.locator("mark")).to_have_text("In May the river flooded the lower meadows.")
    shown = hit.locator(".quote.cut")
    expect(shown).to_be_visible()
    hit.get_by_text("The whole passage").click()
    expect(shown).to_be_hidden()
    expect(hit.locator(".unfolds .quote")).to_be_visible()
    hit.locator(".name").click()
    expect(page.locator("#here mark")).to_have_text("In May the river flooded the lower meadows.")
    expect(page.locator("#here mark")).to_be_in_viewport()
    assert page.evaluate("scrollY") > 0
    assert page.locator(".reading .text").inner_text().count("Nothing happened") == 90


def test_a_page_of_a_document_is_marked(page: Page, texts: str) -> None:
    """A PDF's hit has its page as a picture with the sentence marked in yellow; its item's page stands there."""
    begin(page, texts, "reports")
    ask(page, "the glacier lost its length")
    hit = page.locator("#hits .hit").first
    picture = hit.locator(".picture img")

    assert first(page) == "The yearly report"
    expect(hit.locator(".facts")).to_contain_text("page 2")
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    assert yellow(page, picture.get_attribute("src")) > 0
    hit.locator(".name").click()
    expect(page.locator("#here")).to_be_in_viewport()
    expect(page.locator("#here figcaption")).to_contain_text("Page 2")
    expect(page.locator(".leaves li")).to_have_count(3)
    sources = page.locator(".leaves img").evaluate_all("(images) => images.map((image) => image.getAttribute('src'))")
    assert [yellow(page, source) > 0 for source in sources] == [False, True, False]


def yellow(page: Page, source: str | None) -> int:
    """How many pixels of a picture are marked."""
    assert source
    return int(
        page.evaluate(
            """async (source) => {
                const bitmap = await createImageBitmap(await (await fetch(source)).blob());
                const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
                context.drawImage(bitmap, 0, 0);
                const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
                let count = 0;
                for (let at = 0; at < data.length; at += 4) count += data[at] > 200 && data[at + 2] < 140;
                return count;
            }""",
            source,
        )
    )


def test_a_picture_of_a_page_finds_it(page: Page, texts: str, tmp_path: Path) -> None:
    """Drop a picture of a page: its document comes first, by the look of the page."""
    Image.frombytes("RGB", (400, 500), b"\xff" * 600_000).save(tmp_path / "page.png")
    begin(page, texts, "reports")
    hand_over(page, "drop", tmp_path / "page.png", media="image/png")
    expect(page.locator("#hits .hit").first).to_be_visible()

    assert first(page) == "The yearly report"
    expect(page.locator("#hits .hit")).to_have_count(1)
    expect(page.locator("#hits .hit .facts").first).to_contain_text("as a picture")


def test_the_modes(page: Page, texts: str) -> None:
    """By words finds what has them, and marks these; the choice stands in the address and stays with the next words."""
    begin(page, texts, "questions")
    ask(page, "parcel invoices")
    expect(page.locator("#hits .hit")).to_have_count(len(QUESTIONS))
    page.get_by_label("Find what").select_option(label="By words")
    expect(page).to_have_url(re.compile("mode=keyword"))
    expect(page.locator("#hits .hit")).to_have_count(2)
    assert sorted(page.locator("#hits mark").all_inner_texts()) == ["invoices", "parcel"]
    ready(page)
    page.fill("#filter", "words < 6")
    page.press("#filter", "Enter")
    expect(page).to_have_url(re.compile("filter=words.*mode=keyword"))
    ask(page, "delivery")
    expect(page).to_have_url(re.compile("text=delivery&filter=words.*mode=keyword"))
    expect(page.locator("#hits .hit")).to_have_count(1)
    assert first(page) == "How long does delivery take?"


def test_words_on_several_lines(page: Page, texts: str) -> None:
    """Shift and Enter begins a line and the field grows; Enter asks with all of them."""
    begin(page, texts, "questions")
    field = page.locator("#q")
    low = field.bounding_box()
    field.fill("my parcel")
    field.press("Shift+Enter")
    field.press_sequentially("is damaged")
    high = field.bounding_box()
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"text=my\+parcel\+is\+damaged"))

    assert low
    assert high
    assert high["height"] > low["height"] + 10
    assert first(page) == "What if my parcel arrives damaged?"


def test_the_keyboard_walks_over_passages(page: Page, texts: str) -> None:
    """Arrows go from hit to hit, Enter asks for more like one, + takes it beside the words."""
    begin(page, texts, "questions")
    ask(page, "delivery of my parcel")
    names = page.locator("#hits .hit .name").all_inner_texts()
    page.locator("#q").press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('.hit').querySelector('.name').innerText") == names[1]
    page.keyboard.press("+")
    expect(page.locator(".part blockquote")).to_have_text(names[1])
    expect(page).to_have_url(re.compile("part=item.*text=delivery"))
    ready(page)
    page.locator(".hit .like").first.press("Enter")
    expect(page).to_have_url(re.compile(r"\?part=item%3A\w+$|\?part=item:\w+$"))


@pytest.mark.parametrize(
    ("name", "said"),
    [("faq.csv", "table"), ("empty.txt", "empty"), ("noise.txt", "noise.txt")],
)
def test_a_wrong_file(watched: Watched, texts: str, tmp_path: Path, name: str, said: str) -> None:
    """What is no text to ask with says why, and words can be asked then."""
    watched.expected = ("status of 4",)
    page = watched.page
    (tmp_path / name).write_bytes(WRONG[name])
    begin(page, texts, "notes")
    page.set_input_files("#ask input[type=file]", tmp_path / name)
    expect(page.get_by_role("alert")).to_contain_text(said)
    ready(page)
    ask(page, "trams on the hills")

    assert first(page) == "A letter from Lisbon"


def test_nothing_is_asked(watched: Watched, texts: str) -> None:
    """An empty field is answered with a sentence."""
    watched.expected = ("status of 400",)
    page = watched.page
    begin(page, texts, "notes")
    page.press("#q", "Enter")

    expect(page.get_by_role("alert")).to_contain_text("nothing to search for")


def test_more_than_there_is(page: Page, texts: str) -> None:
    """A page takes thirty hits: of three notes three come, and no further page."""
    begin(page, texts, "notes")
    ask(page, "anything at all")

    expect(page.locator("#hits .hit")).to_have_count(len(NOTES))
    expect(page.get_by_role("link", name="More", exact=True)).to_have_count(0)


def test_tables_and_files_are_added(page: Page, texts: str, tmp_path: Path) -> None:
    """A table is added row by row, a row without words is named; ten megabytes are one text; a picture is none."""
    write_questions(tmp_path / "faq.csv")
    with (tmp_path / "faq.csv").open("a") as file:
        file.write('"","no question"\n')
    (tmp_path / "huge.txt").write_text(QUIET * 170_000 + "The comet was green.")
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    page.goto(f"{texts}/c/grown/add")
    ready(page)
    files = [tmp_path / "faq.csv", tmp_path / "huge.txt", tmp_path / "picture.png"]
    page.set_input_files("upload-queue input[type=file] >> nth=0", files)
    expect(page.locator(".queue .tally")).to_have_text(f"3 of 3 · {len(QUESTIONS) + 1} added · 2 rejected")
    expect(page.locator(".failed li").filter(has_text="faq.csv")).to_contain_text("row 6")
    expect(page.locator(".failed li").filter(has_text="picture.png")).to_be_visible()

    begin(page, texts, "grown")
    page.get_by_label("Find what").select_option(label="By words")
    ask(page, "green comet")
    page.locator("#hits .hit .name").first.click()
    expect(page.locator("#here mark").first).to_be_in_viewport()
    expect(page.locator(".reading .hint").first).to_contain_text("are left out")


def test_a_collection_of_texts_is_made(page: Page, texts: str) -> None:
    """The form offers texts, what makes two alike, and which columns of a table are searched."""
    page.goto(texts)
    ready(page)
    expect(page.get_by_role("link", name="Search questions: How do I reset my password?")).to_be_visible()
    page.get_by_text("New collection", exact=True).click()
    page.get_by_label("Name", exact=True).fill("letters")
    page.get_by_label("What it holds").select_option(label="texts")
    expect(page.get_by_text("what makes two texts alike")).to_be_visible()
    expect(page.get_by_text("what makes two pictures alike")).to_be_hidden()
    page.get_by_label("Columns of a table that are searched").fill("body")
    page.get_by_role("radio", name=re.compile("hashed-text")).first.check()
    page.get_by_role("button", name="Make it").click()

    expect(page.get_by_role("heading", name="Add to letters")).to_be_visible()


def test_without_scripts(browser: Browser, texts: str) -> None:
    """The field, the mode and the button are enough, and links lead to the passage."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{texts}/c/notes")
    page.fill("#q", "trams and hills")
    page.get_by_label("Find what").select_option("hybrid")
    page.get_by_role("button", name="Search", exact=True).click()
    assert first(page) == "A letter from Lisbon"
    assert "mode=hybrid" in page.url
    page.locator("#hits .hit .name").first.click()
    expect(page.locator("#here")).to_contain_text("The trams here climb hills")
    context.close()


def test_everybody_can_use_it(page: Page, texts: str) -> None:
    """In both themes axe-core finds nothing, unfolded too; no narrow screen scrolls sideways."""
    faults, wide = {}, {}
    addresses = [texts, f"{texts}/c/notes/items", f"{texts}/c/questions", f"{texts}/c/grown/add"]
    for search in ("questions?text=password", "notes?text=river+meadows", "reports?text=glacier"):
        addresses.append(f"{texts}/c/{search}")
        page.goto(addresses[-1])
        addresses.append(texts + str(page.locator("#hits .hit .name").first.get_attribute("href")))
    page.goto(f"{texts}/c/notes")
    addresses.append(texts + str(page.locator(".hit .like").first.get_attribute("href")))
    for address in addresses:
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(address)
        ready(page)
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        faults |= axe_faults(page, address)
        page.set_viewport_size({"width": 360, "height": 740})
        wide[address] = page.evaluate("document.documentElement.scrollWidth")

    assert faults == {}
    assert max(wide.values()) == 360, wide
