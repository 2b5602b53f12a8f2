"""Sequences in a real browser: pasted letters, alignments, the two strands, adding files of many."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_pages import Watched, axe_faults, ready, serving
from playwright.sync_api import Page, expect

import morelike
from morelike.settings import Settings

pytest.importorskip("Bio", reason="sequences need the extra `sequences`")

GENES = 12
LENGTH = 600
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def letters(seed: int, length: int = LENGTH) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def changed(sequence: str, share: float) -> str:
    """With so many of its letters substituted, evenly spread."""
    step = round(1 / share)
    return "".join(
        letter.translate(COMPLEMENT) if at % step == step // 2 else letter for at, letter in enumerate(sequence)
    )


def fasta(names: range) -> str:
    return "".join(f">gene-{seed} made up\n{letters(seed)}\n" for seed in names)


@pytest.fixture(scope="module")
def genes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The collection ``genes`` behind a server; tests that add do so to ``grown``."""
    folder = tmp_path_factory.mktemp("genes")
    (folder / "genes.fasta").write_text(fasta(range(GENES)))
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        assert library.collection("genes", modality="sequence").add(str(folder / "genes.fasta")).added == GENES
        library.collection("grown", modality="sequence")
    with serving(folder / "library") as url:
        yield url


def begin(page: Page, url: str) -> None:
    page.goto(f"{url}/c/genes")
    ready(page)


def search(page: Page, text: str) -> None:
    page.fill("#q", text)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#hits .hit").first).to_be_visible()
    ready(page)


def first(page: Page) -> str:
    return page.locator("#hits .hit .name").first.inner_text()


def test_pasted_letters_find_their_like(page: Page, genes: str) -> None:
    """A part of a gene with every twentieth letter changed finds it, says how alike they are, and shows both."""
    begin(page, genes)
    asked = changed(letters(7)[100:400], 0.05)
    search(page, asked)

    assert first(page) == "gene-7"
    hit = page.locator("#hits .hit").first
    expect(hit.locator(".units")).to_contain_text("95.0 % identity")
    expect(hit.locator(".units")).to_contain_text(re.compile(r"\d+ bits"))
    expect(page.locator("#q")).to_have_value(asked)
    lines = hit.locator(".alignment pre")
    expect(lines).to_be_hidden()
    hit.locator(".alignment summary").click()
    expect(lines).to_be_visible()
    shown = lines.inner_text()
    assert shown.startswith("query")
    assert f" {asked[:60]} 60" in shown
    assert re.search(r"^hit +101 ", shown, re.MULTILINE)


def test_fasta_of_the_other_strand(page: Page, genes: str) -> None:
    """A FASTA record, lines, header and all: the other strand of a gene finds it, and that is said."""
    begin(page, genes)
    other = letters(3).translate(COMPLEMENT)[::-1]
    search(page, ">mine of the other strand\n" + "\n".join(other[at : at + 70] for at in range(0, LENGTH, 70)) + "\n")

    assert first(page) == "gene-3"
    expect(page.locator("#hits .hit .units").first).to_contain_text("100.0 % identity")
    expect(page.locator("#hits .hit .units").first).to_contain_text("other strand")
    expect(page.locator(".partline .name")).to_have_text("mine")


def test_more_like_this(page: Page, genes: str) -> None:
    """A click on a sequence asks for more like it: all there are come, without a further page."""
    begin(page, genes)
    page.get_by_role("link", name="More like gene-2", exact=True).click()
    expect(page.locator("#hits .hit").first).to_be_visible()
    names = page.locator("#hits .hit .name").all_inner_texts()

    assert "gene-2" not in names
    assert len(set(names)) == len(names) <= GENES - 1
    expect(page.get_by_role("link", name="More", exact=True)).to_have_count(0)


@pytest.mark.parametrize(("text", "said"), [("", "nothing to search for"), ("ACGT ACG! 4", "")])
def test_what_is_no_sequence_is_refused(watched: Watched, genes: str, text: str, said: str) -> None:
    """Nothing at all, and letters that are none, are answered with a sentence; what was typed stays."""
    watched.expected = ("status of 4",)
    page = watched.page
    begin(page, genes)
    page.fill("#q", text)
    page.get_by_role("button", name="Search", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(page.locator("#q")).to_have_value(text)


def test_files_of_sequences_are_added(page: Page, genes: str, tmp_path: Path) -> None:
    """A FASTA file is added record by record, one that is none is named with the reason; ten megabytes are well."""
    (tmp_path / "some.fasta").write_text(fasta(range(3)) + ">broken\nACGT!!!!ACGT@@@@1234\n" + fasta(range(3, 5)))
    (tmp_path / "huge.fasta").write_text(">huge\n" + letters(99, 1000) * 10_000 + "\n")
    (tmp_path / "garbage.fasta").write_bytes(b"\x00\x01 no sequence")
    page.goto(f"{genes}/c/grown/add")
    page.set_input_files(
        "upload-queue input[type=file] >> nth=0", [tmp_path / "some.fasta", tmp_path / "garbage.fasta"]
    )
    expect(page.locator(".queue .tally")).to_have_text("2 of 2 · 5 added · 2 rejected")
    expect(page.locator(".failed li").filter(has_text="some.fasta")).to_contain_text("broken")
    expect(page.locator(".failed li").filter(has_text="garbage.fasta")).to_be_visible()
    page.get_by_role("link", name="See what could not be used").click()
    expect(page.locator("tbody tr").filter(has_text="broken")).to_have_count(1)
    page.goto(f"{genes}/c/grown")
    ready(page)
    page.set_input_files("#ask input[type=file]", tmp_path / "huge.fasta")
    expect(page.locator("#hits, [role=alert]").first).to_be_visible()


def test_everybody_can_use_it(page: Page, genes: str) -> None:
    """In both themes axe-core finds nothing; on a narrow screen an alignment scrolls in itself, no page sideways."""
    faults, wide = {}, {}
    asked = f"{genes}/c/genes?text={changed(letters(5)[:200], 0.1)}"
    page.goto(asked)
    item = page.locator(".hit").first.get_attribute("data-item")
    for address in (f"{genes}/c/genes", f"{genes}/i/genes/{item}", asked):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(address)
        ready(page)
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        faults |= axe_faults(page, address)
        page.set_viewport_size({"width": 360, "height": 740})
        wide[address] = page.evaluate("document.documentElement.scrollWidth")

    assert faults == {}
    assert max(wide.values()) == 360, wide
    assert page.locator(".alignment pre").first.evaluate("(lines) => lines.scrollWidth > lines.clientWidth")
