"""Every sentence of the pages goes through the files of the languages: none stands in a template or a script alone."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from every_page import FAILED, add_fields, addresses, looks_of_fields, make_library
from starlette.testclient import TestClient

import morelike
from morelike.library import Library
from morelike.models import cards
from morelike.server.app import STATIC, create_app
from morelike.server.options import ServerOptions
from morelike.server.pages import language, view
from morelike.server.pages.listing import PLAIN
from morelike.server.pages.nouns import example_filter
from morelike.server.pages.writing import WRITINGS

PAGE = {"Accept": "text/html", "Cookie": f"{language.COOKIE}=xx"}
SAID = ("alt", "aria-label", "aria-description", "label", "placeholder", "title")
"""Attributes that a person reads or hears."""
AS_IT_IS = {"code", "kbd", "pre", "script", "style", "textarea", "time"}
"""Elements of data: commands, keys, letters of sequences, what somebody typed, dates."""
NAMES = {
    *("morelike", "API", "PDF", "SMILES", "InChI", "SMARTS", "FASTA", "CSV", "JSON", "DNA", "PNG", "JPEG", "URL", "S3"),
    *("kB", "MB", "GB", "TB", "ms", "px", "WebGL", "xx", "UTC", "ZIP", "BLAKE3", "Tanimoto"),
    *("holiday", "photos", "auto", "song.flac", "film.mp4", "report.pdf", "picture.jpg", "http", "https"),
}
"""Names and units that are written alike everywhere, and examples of names."""
WHOLE = re.compile(r"/\S+|https?://\S+|>?name\s+[ACGT…]+|[\w.]+ (?:[<>=]+) \S+(?: and \w+ [<>=]+ \S+)?|\*[\w*]+\*.*")
"""Addresses, letters of a sequence, filters and patterns: typed alike in all languages."""
WORD = re.compile(r"[^\W\d_]{2,}")


class Wrapped(gettext.NullTranslations):
    """A language in which everything is said between two marks."""

    def gettext(self, message: str) -> str:
        return f"‹{message}›"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"‹{msgid1 if n == 1 else msgid2}›"


class Seen(HTMLParser):
    """The words of a page that a person reads outside the marks."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"br", "hr", "img", "input", "link", "meta", "rect", "path", "option"}:
            shown = dict(attrs)
            hidden = tag in AS_IT_IS or shown.get("dir") == "auto" or ("lang" in shown and tag != "html")
            self._inside.append(tag if not hidden else f"{tag} as it is")
        for name, value in attrs:
            if name in SAID and value:
                self._note(f'{name}="{value}"', value)

    def handle_endtag(self, tag: str) -> None:
        if any(one.partition(" ")[0] == tag for one in self._inside):
            while self._inside.pop().partition(" ")[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        """A sentence may hold elements: the marks are counted over all of the page."""
        outside = ""
        for letter in data:
            self._depth += letter == "‹"
            outside += letter if not self._depth else " "
            self._depth -= letter == "›"
        if outside.strip() and not any(one.endswith("as it is") for one in self._inside):
            self._note(outside.strip(), outside)

    def _note(self, shown: str, text: str) -> None:
        while "‹" in text:
            fewer = re.sub(r"‹[^‹›]*›", " ", text)
            if fewer == text:
                break
            text = fewer
        if WORD.search(text):
            self.found.append(shown)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("sentences")
    with morelike.open(make_library(folder)) as opened:
        add_fields(opened, folder)
        yield opened


@pytest.fixture
def client(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    wrapped = Wrapped()
    monkeypatch.setitem(language.LANGUAGES, "xx", "xx")  # type: ignore[arg-type] # a dict
    for module in (language, view):
        monkeypatch.setattr(module, "translations", lambda _: wrapped)
    view._environment.cache_clear()
    app = create_app(library, ServerOptions(job_workers=0))
    with TestClient(app, base_url="http://127.0.0.1", headers=PAGE, follow_redirects=False) as opened:
        yield opened
    view._environment.cache_clear()


def data_of(library: Library) -> list[str]:
    """What is the library's and not the page's: names, tags, what encoders are called, why a file was rejected."""
    found = {*NAMES}
    for summary in library.collections():
        found |= {summary.name, summary.modality}
        opened = library.collection(summary.name)
        for item in opened.items(limit=100):
            found |= {
                item.id,
                item.media_type,
                view.called_of(item),
                *example_of(summary.modality),
                *item.tags,
                *(str(value) for value in item.info.values()),
            }
            for source in item.sources:
                found |= {source.uri, *re.split(r"[/:]", source.uri), *map(str, source.metadata.values())}
        for row in opened.rejected():
            found |= {row.uri, *re.split(r"[/:]", row.uri), row.reason, row.reason.partition(" ")[2]}
    for card in cards.all_cards(library.settings):
        found |= {card.name, card.licence, card.description, card.family}
    for job in library.jobs.list(limit=100):
        found |= {job.id, str(job.error or ""), str(job.hint or "")}
    return sorted((one for one in found if len(one) > 1), key=len, reverse=True)


def example_of(modality: str) -> set[str]:
    """A filter, and how an item is written down."""
    return {example_filter(modality), WRITINGS[modality].example if modality in WRITINGS else ""}


def fields_of_filters(library: Library) -> set[str]:
    """What filters are written with in all languages: data where it stands alone, and not within a sentence."""
    found = {*PLAIN}
    for summary in library.collections():
        for item in library.collection(summary.name).items(limit=100):
            found |= {*item.info, *(name for source in item.sources for name in source.metadata)}
    return found


def without(data: list[str], text: str) -> str:
    if WHOLE.fullmatch(text):  # before a filter's own values are taken out of it
        return ""
    for one in data:
        text = text.replace(one, " ")
    return WHOLE.sub(" ", text)


def test_pages_say_nothing_of_their_own(client: TestClient, library: Library) -> None:
    """Rendered in a language that puts marks around all it says, no page has a word outside them but data."""
    data, fields, found = data_of(library), fields_of_filters(library), {}
    for address in [*addresses(library), *looks_of_fields(library), *FAILED]:
        seen = Seen()
        seen.feed(client.get(address).text)
        plain = {one: re.sub(r'^[\w-]+="(.*)"$', r"\1", one, flags=re.DOTALL) for one in seen.found}
        words = {one: re.sub("‹[^‹›]*›", " ", text) for one, text in plain.items()}
        left = [one for one, text in words.items() if text not in fields and WORD.search(without(data, text))]
        if left:
            found[address] = left

    assert found == {}, "\n".join(f"{address}: {one}" for address, left in found.items() for one in left)


LITERAL = re.compile(r"""(?<![\w$])(["'`])((?:(?!\1)[^\\\n]|\\.)*)\1""")


def test_scripts_say_nothing_of_their_own() -> None:
    """What looks like a sentence in a script of ours stands in a call that translates it."""
    found = []
    for path in [STATIC / "page.js", *sorted((STATIC / "elements").glob("*.js"))]:
        code = re.sub(r"(^|\s)//.*", "", path.read_text(encoding="utf-8"))
        code = re.sub(r"%\(\w+\)s", "%s", code)
        for match in LITERAL.finditer(code):
            text, before = match[2], LITERAL.sub("", code[max(0, match.start() - 500) : match.start()])
            sentence = re.match(r"[A-Z][\w’',]* [a-z“%$]", text) or re.search(r"[a-z]{2}[.?!]$", text)
            if sentence and not re.search(r"(?:\b_|\bngettext)\([^()]*$", before):
                found.append(f"{path.name}: {text}")

    assert found == [], "\n".join(found)
