"""Molecules in a real browser: written, drawn, found; what is half written; the modes; adding files of many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import Watched, axe_faults, ready, serving
from playwright.sync_api import Page, Route, expect

import morelike
from morelike.settings import Settings

pytest.importorskip("rdkit", reason="molecules need the extra `molecules`")

MOLECULES = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "salicylic acid": "OC(=O)c1ccccc1O",
    "methyl salicylate": "COC(=O)c1ccccc1O",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "ibuprofen": "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "naproxen": "COc1ccc2cc(ccc2c1)C(C)C(=O)O",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "theobromine": "Cn1cnc2c1c(=O)[nH]c(=O)n2C",
    "nicotine": "CN1CCC[C@H]1c1cccnc1",
    "phenol": "Oc1ccccc1",
    "benzoic acid": "OC(=O)c1ccccc1",
    "benzene": "c1ccccc1",
    "naphthalene": "c1ccc2ccccc2c1",
    "pyridine": "c1ccncc1",
    "ethanol": "CCO",
    "glucose": "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
}
DRAWINGS = ".hit.molecule .picture img"


@pytest.fixture(scope="module")
def molecules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The collection ``molecules`` behind a server; tests that add do so to ``grown``."""
    folder = tmp_path_factory.mktemp("molecules")
    lines = [f"{smiles} {name}" for name, smiles in MOLECULES.items()]
    (folder / "known.smi").write_text("\n".join(lines) + "\n")
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        assert library.collection("molecules", modality="molecule").add(str(folder / "known.smi")).added == len(lines)
        library.collection("grown", modality="molecule")
    with serving(folder / "library") as url:
        yield url


def begin(page: Page, url: str) -> None:
    page.goto(f"{url}/c/molecules")
    ready(page)


def found(page: Page) -> list[str]:
    return page.locator("#hits .hit .name").all_inner_texts()


def first(page: Page) -> str:
    return page.locator("#hits .hit .name").first.inner_text()


def expect_first(page: Page, name: str) -> None:
    expect(page.locator("#hits .hit .name").first).to_have_text(name)


def holders(part: str) -> set[str]:
    """What RDKit alone says: the molecules that hold the part."""
    from rdkit import Chem

    pattern = Chem.MolFromSmiles(part)
    return {name for name, smiles in MOLECULES.items() if Chem.MolFromSmiles(smiles).HasSubstructMatch(pattern)}


def parts(whole: str) -> set[str]:
    """What RDKit alone says: the molecules that are a part of this one."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(whole)
    return {name for name, smiles in MOLECULES.items() if molecule.HasSubstructMatch(Chem.MolFromSmiles(smiles))}


def test_the_answers_follow_what_is_typed(page: Page, molecules: str) -> None:
    """Type a SMILES letter by letter: the molecule itself comes first, without leaving the page; back leads back."""
    begin(page, molecules)
    page.evaluate("window.stayed = true")
    page.locator("#q").press_sequentially(MOLECULES["aspirin"], delay=15)
    expect_first(page, "aspirin")

    expect(page.locator(".hit .units").first).to_have_text("Tanimoto 1.000")
    expect(page).to_have_url(re.compile(r"text=CC%28%3DO%29Oc1"))
    expect(page).to_have_title(re.compile("aspirin|CC"))
    assert page.evaluate("window.stayed")
    assert page.locator("#q").evaluate("(field) => field === document.activeElement")
    assert page.locator(DRAWINGS).first.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    page.fill("#q", MOLECULES["caffeine"])
    expect_first(page, "caffeine")
    page.go_back()
    expect(page.get_by_text("Or begin with one of these")).to_be_visible()
    expect(page).to_have_url(f"{molecules}/c/molecules")


def test_a_half_written_one_is_said_softly(page: Page, molecules: str) -> None:
    """What is no SMILES yet, or never will be, is said beside the field; the answers and the address stay."""
    begin(page, molecules)
    page.fill("#q", MOLECULES["naproxen"])
    expect_first(page, "naproxen")
    address = page.url
    said = page.locator("#unread-said")
    page.fill("#q", "CC(=O)Oc1ccccc")
    expect(said).to_contain_text("ring")
    assert first(page) == "naproxen"
    assert page.url == address
    page.fill("#q", "CC(C)(C)(C)C")
    expect(said).to_contain_text("more bonds than it can have")
    assert first(page) == "naproxen"
    page.fill("#q", MOLECULES["nicotine"])
    expect_first(page, "nicotine")

    expect(said).to_be_empty()


def test_an_older_answer_never_replaces_a_newer_one(page: Page, molecules: str) -> None:
    """The answer to an earlier text comes late, after that to a later one: it is not shown."""
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    begin(page, molecules)
    page.evaluate(  # the request cannot be called back, as where it has left the browser already
        "() => { const real = window.fetch; window.fetch = (where, { signal, ...rest }) => real(where, rest); }"
    )
    page.route("**/written?*", hold_the_first)
    with page.expect_request("**/written?*"):
        page.fill("#q", MOLECULES["caffeine"])
    page.fill("#q", MOLECULES["phenol"])
    expect_first(page, "phenol")
    with page.expect_response(lambda answer: "written" in answer.url) as late:
        held[0].continue_()
    late.value.finished()
    page.evaluate("new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))")

    assert first(page) == "phenol"
    assert "c1ccccc1" in page.url


def test_a_drawing_is_searched_with(page: Page, molecules: str) -> None:
    """What is drawn stands in the field as SMILES and is searched; what is written there changes the drawing."""
    begin(page, molecules)
    assert not page.evaluate(
        "performance.getEntriesByType('resource').some(({ name }) => name.includes('openchemlib'))"
    )
    page.get_by_role("button", name="Draw").click()
    tools, sheet = page.locator("molecule-drawing canvas").first, page.locator("molecule-drawing canvas").last
    expect(sheet).to_be_visible()
    icons = tools.bounding_box()
    assert icons is not None
    tools.click(position={"x": icons["width"] * 0.75, "y": icons["height"] * (9.5 / 17)})  # the ring of benzene
    sheet.click()
    expect_first(page, "benzene")
    expect(page.locator("#q")).to_have_value("c1ccccc1")
    page.fill("#q", MOLECULES["caffeine"])
    expect_first(page, "caffeine")
    drawn = page.locator("molecule-drawing").evaluate("(drawing) => drawing.editor.getMolecule().getAllAtoms()")

    assert drawn == 14


def test_the_modes(page: Page, molecules: str) -> None:
    """Contains this, is part of this: exactly those molecules that RDKit finds one by one; the choice is kept."""
    begin(page, molecules)
    page.fill("#q", MOLECULES["phenol"])
    expect_first(page, "phenol")
    page.get_by_label("Find what").select_option(label="Contains this")
    expect(page).to_have_url(re.compile("mode=substructure"))
    expect(page.locator("#hits .hit")).to_have_count(len(holders(MOLECULES["phenol"])))
    assert set(found(page)) == holders(MOLECULES["phenol"])
    expect(page.locator(DRAWINGS).first).to_have_attribute("src", re.compile(r"/drawing\?atoms="))
    page.fill("#q", MOLECULES["aspirin"])
    expect(page.locator("#hits .hit")).to_have_count(1)
    page.get_by_label("Find what").select_option(label="Is part of this")
    expect(page).to_have_url(re.compile("mode=superstructure"))
    expect(page.locator("#hits .hit")).to_have_count(len(parts(MOLECULES["aspirin"])))
    assert set(found(page)) == parts(MOLECULES["aspirin"])

    page.reload()
    ready(page)
    expect(page.get_by_label("Find what")).to_have_value("superstructure")
    assert set(found(page)) == parts(MOLECULES["aspirin"])


def test_more_like_one_and_from_there_on(page: Page, molecules: str) -> None:
    """A click on a molecule asks for more like it; all there are come, and no further page; it can be changed then."""
    begin(page, molecules)
    page.get_by_role("link", name="More like caffeine", exact=True).click()
    expect_first(page, "theobromine")
    ready(page)
    expect(page.locator("#hits .hit")).to_have_count(len(MOLECULES) - 1)
    expect(page.get_by_role("link", name="More", exact=True)).to_have_count(0)
    page.fill("#filter", "weight < 100")
    page.press("#filter", "Enter")
    expect(page).to_have_url(re.compile("filter=weight"))
    assert set(found(page)) == {"phenol", "benzene", "pyridine", "ethanol"}

    page.get_by_role("link", name="Change it").click()
    ready(page)
    expect_first(page, "caffeine")
    assert page.input_value("#q")


def test_without_scripts_it_is_a_form(browser, molecules: str) -> None:
    """The field, the mode and the button are enough."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{molecules}/c/molecules")
    page.fill("#q", MOLECULES["pyridine"])
    page.get_by_label("Find what").select_option("substructure")
    page.get_by_role("button", name="Search", exact=True).click()
    names = found(page)
    context.close()

    assert set(names) == holders(MOLECULES["pyridine"])


def test_nothing_is_asked(watched: Watched, molecules: str) -> None:
    """An empty field is answered with a sentence."""
    watched.expected = ("status of 400",)
    page = watched.page
    begin(page, molecules)
    page.get_by_role("button", name="Search", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("nothing to search for")


def test_files_of_molecules_are_added(watched: Watched, molecules: str, tmp_path: Path) -> None:
    """A list is added molecule by molecule; a line that is none stands there and in the ledger, with the reason; ten
    megabytes of one line are refused with a sentence.
    """
    lines = [f"{smiles} {name}" for name, smiles in MOLECULES.items()]
    watched.expected = ("status of 422",)
    page = watched.page
    (tmp_path / "list.smi").write_text("\n".join([*lines[:5], "c1ccccc no ring", *lines[5:]]) + "\n")
    (tmp_path / "huge.smi").write_bytes(b"C" * 10_000_000 + b"\n")
    page.goto(f"{molecules}/c/grown/add")
    page.set_input_files("upload-queue input[type=file] >> nth=0", [tmp_path / "list.smi", tmp_path / "huge.smi"])
    expect(page.locator(".queue .tally")).to_have_text(f"2 of 2 · {len(lines)} added · 2 rejected")
    assert page.locator(".queue progress").evaluate("(bar) => bar.value") == 1
    expect(page.locator(".failed li").filter(has_text="list.smi")).to_contain_text("ring")
    expect(page.locator(".failed li").filter(has_text="huge.smi")).to_contain_text("longer than")

    page.get_by_role("link", name="See what could not be used").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.goto(f"{molecules}/c/grown")
    ready(page)
    page.set_input_files("#ask input[type=file]", tmp_path / "list.smi")
    expect(page.get_by_role("alert")).to_be_visible()


def test_everybody_can_use_it(page: Page, molecules: str) -> None:
    """In both themes axe-core finds nothing, and no narrow screen scrolls sideways: begin, search with editor, item."""
    faults, wide = {}, {}
    asked = f"{molecules}/c/molecules?text=Oc1ccccc1&mode=substructure"
    page.goto(asked)
    item = page.locator(".hit").first.get_attribute("data-item")
    for address in (f"{molecules}/c/molecules", asked, f"{molecules}/i/molecules/{item}"):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(address)
        ready(page)
        if page.locator("[data-draw]").count():
            page.get_by_role("button", name="Draw").click()
            expect(page.locator("molecule-drawing .editor")).to_be_visible()
        faults |= axe_faults(page, address)
        page.set_viewport_size({"width": 360, "height": 740})
        wide[address] = page.evaluate("document.documentElement.scrollWidth")

    assert faults == {}
    assert max(wide.values()) == 360, wide
