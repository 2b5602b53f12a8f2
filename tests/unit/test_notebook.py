"""Hits in a notebook: what a cell shows, that nothing foreign becomes markup, and what a page weighs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from morelike.errors import NoSuchItem
from morelike.hits import GroupedHits, Hits, Reply
from morelike.notebook import LONGEST_NAME, MOST_CELLS, MOST_PLAYED, grid_html
from morelike.types import WHOLE, Answer, Hit, Preview, Quote, Span

SECONDS = Span("seconds", 3.5, 8.0)
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)> ' & \x00 </pre></figure>"
TAGS = {"div", "figure", "figcaption", "img", "br", "span", "p", "h4", "mark", "pre", "audio", "video"}
ATTRIBUTES = {"style", "src", "alt", "title", "controls", "muted", "poster", "aria-label"}


class Drawn:
    """An open collection that draws the same for every item, and keeps what it was asked for."""

    def __init__(self, data: bytes = b"picture", media_type: str = "image/png") -> None:
        self._drawn = Preview(data, media_type)
        self.asked: list[tuple[int, Span, tuple[int, ...]]] = []

    def preview(self, item_id: str, side: int = 256, span: Span = WHOLE, *, parts: Sequence[int] = ()) -> Preview:
        self.asked.append((side, span, tuple(parts)))
        return self._drawn


class Played(Drawn):
    """One whose items can be played, too."""

    def __init__(self, played: Preview, data: bytes = b"picture") -> None:
        super().__init__(data)
        self._played = played
        self.bounds: set[int] = set()

    def playable(self, item_id: str, span: Span = WHOLE, most: int = 0) -> Preview:
        self.bounds.add(most)
        return self._played


class Gone(Drawn):
    """One whose files are gone, before they are looked for or while they are read."""

    def preview(self, item_id: str, side: int = 256, span: Span = WHOLE, *, parts: Sequence[int] = ()) -> Preview:
        raise NoSuchItem(f"{item_id} is gone")

    def playable(self, item_id: str, span: Span = WHOLE, most: int = 0) -> Preview:
        raise FileNotFoundError(item_id)


def hit(source: str = "shop/a.png", **more: Any) -> Hit:
    return replace(Hit("item", source, 0.5, {"cosine": 0.5}, WHOLE, {}, "image"), **more)


def answer(*hits: Hit) -> Answer:
    return Answer(tuple(hits), more=False)


def parsed(html: str) -> LexborHTMLParser:
    """The page, which holds nothing but what a cell is made of."""
    tree = LexborHTMLParser(html)
    assert tree.body is not None
    inside = [node for node in tree.body.traverse() if node.tag != "body"]
    assert {node.tag for node in inside} <= TAGS
    assert {name for node in inside for name in node.attributes} <= ATTRIBUTES
    for node in inside:
        for name in ("src", "poster"):
            assert (node.attributes.get(name) or "data:").startswith("data:")
        assert "url(" not in (node.attributes.get("style") or "")
    return tree


def data_of(address: str | None) -> tuple[str, bytes]:
    head, _, rest = (address or "").partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(rest.partition("#")[0])


EXPLAINED: dict[str, Any] = {
    "alignment": {
        "blocks": [{"query": HOSTILE, "bars": HOSTILE, "hit": HOSTILE, "query_at": 0, "hit_at": 0}],
        "columns": 3,
    },
    "shared": {"atoms": [1, 2], "share": 0.5},
}


@pytest.mark.parametrize(
    "one",
    [
        hit(HOSTILE),
        hit(f"{HOSTILE}/{HOSTILE}", kind="audio", span=SECONDS),
        hit(HOSTILE, kind=HOSTILE, span=Span("bases", 1, 2), why=EXPLAINED, metadata={HOSTILE: HOSTILE}),
        hit(HOSTILE, quote=Quote(HOSTILE, marks=((3, 9), (5, 30)), reply=HOSTILE, page=2)),
        hit(HOSTILE, unit={HOSTILE: 1.0, "tanimoto": 0.5}, span=Span(HOSTILE, 1, 2)),  # type: ignore[arg-type]
    ],
    ids=["picture", "sound", "sequence", "words", "unit"],
)
@pytest.mark.parametrize(
    "previews", [Drawn(), Played(Preview(b"x", "audio/mpeg")), Gone()], ids=["drawn", "played", "gone"]
)
def test_nothing_foreign_becomes_markup(one: Hit, previews: Drawn) -> None:
    """A file's name, words, letters and metadata stay text, wherever they stand."""
    tree = parsed(grid_html([one], previews))

    assert len(tree.css("figure")) == 1
    assert "alert(1)" in (tree.css_first("figcaption span").attributes["title"] or "")


def test_a_collections_name_stays_text() -> None:
    """So do the names of several collections, their modalities, the words left out and the reasons of silence."""
    page = replace(answer(hit()), unknown_words=(HOSTILE,))
    grouped = GroupedHits(
        [Reply(HOSTILE, HOSTILE, Hits(page, Drawn())), Reply(HOSTILE * 2, "image", NoSuchItem(HOSTILE))], k=5
    )

    tree = parsed(grouped._repr_html_())

    assert "alert(1)" in tree.css("h4")[0].text()
    assert [HOSTILE[-10:] in one.text() for one in tree.css("p")] == [True, True]


@pytest.mark.parametrize("media_type", ["image/svg+xml", "text/html", 'image/png" onerror="x'])
def test_only_known_media_are_shown(media_type: str) -> None:
    """What a browser would run, or does not know, is left out; the hit is shown all the same."""
    tree = parsed(grid_html([hit()], Drawn(b"<svg onload=x>", media_type)))
    sound = parsed(grid_html([hit(kind="audio")], Played(Preview(b"<b>", media_type))))

    assert (tree.css("img"), sound.css("audio"), sound.css("video")) == ([], [], [])
    assert "a.png" in tree.css_first("figcaption").text()


def test_what_is_gone_is_shown_without_its_picture() -> None:
    """A hit whose file is gone has its place, its score and its name."""
    tree = parsed(grid_html([hit("gone.png"), hit("film.mp4", span=SECONDS)], Gone()))

    assert [one.text()[:8] for one in tree.css("figcaption")] == ["1. 0.500", "2. 0.500"]
    assert tree.css("img, audio, video") == []
    assert "no hits" in grid_html([], Gone())


def test_a_sound_has_its_picture_and_a_player_of_the_stretch() -> None:
    """The player has the bytes themselves and a name; below stand the times of the stretch."""
    tree = parsed(grid_html([hit("calls/owl.wav", kind="audio", span=SECONDS)], Played(Preview(b"mp3", "audio/mpeg"))))
    player = tree.css_first("audio")

    assert data_of(player.attributes["src"]) == ("audio/mpeg", b"mp3")
    assert (player.attributes["aria-label"], "controls" in player.attributes) == ("calls/owl.wav", True)
    assert data_of(tree.css_first("img").attributes["src"]) == ("image/png", b"picture")
    assert "0:03.5–0:08.0" in tree.css_first("figcaption").text()


def test_a_small_film_plays_from_the_moment() -> None:
    """A player over the film, which starts where the hit does, with the frame there as its still."""
    tree = parsed(grid_html([hit("film.mp4", span=SECONDS)], Played(Preview(b"film", "video/mp4"))))
    player = tree.css_first("video")

    assert data_of(player.attributes["src"]) == ("video/mp4", b"film")
    assert (player.attributes["src"] or "").endswith("#t=3.5,8")
    assert data_of(player.attributes["poster"]) == ("image/png", b"picture")


def test_a_film_that_cannot_be_played_is_its_frame() -> None:
    """Where nothing plays, or nothing can, the frame at that moment stands alone."""
    for previews in (Drawn(), Played(Preview(b"film", "video/x-msvideo"))):
        tree = parsed(grid_html([hit("film.avi", span=SECONDS)], previews))
        assert (len(tree.css("img")), len(tree.css("video")), previews.asked[0][1]) == (1, 0, SECONDS)


def test_a_molecule_is_drawn_with_the_shared_part() -> None:
    """The atoms that the explanation names are marked; below stands how much of both that is, and the Tanimoto."""
    previews = Drawn()
    why = {"shared": {"atoms": [0, 1, 2, 5], "share": 0.5, "query": {"atoms": [1], "share": 0.75}}}
    tree = parsed(grid_html([hit("shop/a.smi", kind="molecule", unit={"tanimoto": 0.25}, why=why)], previews))

    assert [parts for _, _, parts in previews.asked] == [(0, 1, 2, 5)]
    assert tree.css_first("figcaption").text() == "1. 0.500 · Tanimoto 0.250shared 50 %, of the example 75 %shop/a.smi"


def test_a_record_is_called_by_its_name() -> None:
    """What a table calls the row, rather than its number; a figure in its own unit is not said twice."""
    row = hit("known.csv#record=7", unit={"tanimoto": 0.5}, metadata={"name": "<aspirin>"})
    odd = hit("known.csv#record=8", metadata={"name": 12})
    captions = [one.text() for one in parsed(grid_html([row, odd], Drawn())).css("figcaption")]

    assert captions == ["1. Tanimoto 0.500<aspirin>", "2. 0.500known.csv#record=8"]


def test_an_alignment_stands_below_the_picture() -> None:
    """Its lines keep their columns."""
    blocks = [{"query": "AC<", "bars": "|| ", "hit": "ACG", "query_at": 0, "hit_at": 4}]
    unit = {"identity": 0.66}
    one = hit("x", kind="sequence", span=Span("bases", 4, 7), why={"alignment": {"blocks": blocks}}, unit=unit)
    tree = parsed(grid_html([one], Drawn()))

    assert tree.css_first("pre").text().splitlines()[:3] == ["query 1 AC< 3", "        ||", "hit   5 ACG 7"]
    assert "66.0 % identity" in tree.css_first("figcaption").text()
    assert "bases 4–7" in tree.css_first("figcaption").text()


def test_a_3d_model_is_asked_for_as_one_that_turns() -> None:
    """At a size at which the picture moves."""
    previews = Drawn(b"webp", "image/webp")
    tree = parsed(grid_html([hit("chair.glb", kind="mesh")], previews))

    assert 200 <= previews.asked[0][0] <= 320
    assert data_of(tree.css_first("img").attributes["src"]) == ("image/webp", b"webp")


def test_words_are_marked_and_a_page_is_drawn_beside_them() -> None:
    """What answers stands in ``mark``, the reply below; a document's page is a picture beside its words."""
    tree = parsed(grid_html([hit(quote=Quote("red & green", marks=((0, 3),), reply="blue"))], Drawn()))
    paged = parsed(grid_html([hit(quote=Quote("red", page=3), span=Span("characters", 5, 9))], Drawn()))

    assert ([one.text() for one in tree.css("mark")], tree.css("img")) == (["red"], [])
    assert "red & green→ blue" in tree.css_first("figure").text().replace("\n", "")
    assert len(paged.css("img")) == 1
    assert "page 3" in paged.css_first("figcaption").text()


def test_a_page_stays_below_five_megabytes() -> None:
    """However many hits, however heavy their media, and however long their names: the first ones have all."""
    previews = Played(Preview(bytes(MOST_PLAYED), "audio/mpeg"), data=bytes(60_000))
    long = hit("&" * 4000 + "/" + "<" * 4000, kind="audio", span=SECONDS)
    html = grid_html([long] * 700, previews)
    tree = parsed(html)

    assert len(html) < 5_000_000
    assert len(tree.css("figure")) == MOST_CELLS
    assert "600 more" in tree.css("p")[-1].text()
    assert 3 <= len(tree.css("audio")) < len(tree.css("img")) < MOST_CELLS
    assert tree.css_first("figure").css("img, audio")
    assert previews.bounds == {MOST_PLAYED}
    assert len(tree.css_first("figcaption span").text()) == LONGEST_NAME


def test_words_are_bounded_too() -> None:
    """A book as one passage, a reply and an alignment without end do not fill the page."""
    book = Quote("&" * 10**6, marks=((1, 900_000),), reply="<" * 10**6)
    block = {"query": "<" * 10**6, "bars": "", "hit": "", "query_at": 0, "hit_at": 0}
    aligned = hit(why={"alignment": {"blocks": [block]}})

    assert len(grid_html([hit(quote=book), aligned] * 100, Drawn())) < 5_000_000


def test_several_collections_share_one_page() -> None:
    """What two collections answer together stays below what one may."""
    previews = Played(Preview(bytes(MOST_PLAYED), "audio/mpeg"), data=bytes(60_000))
    hits = [hit(f"{number}.wav", kind="audio", span=SECONDS) for number in range(80)]
    replies = [Reply(name, "audio", Hits(answer(*hits), previews)) for name in ("one", "two")]

    html = GroupedHits(replies, k=100)._repr_html_()

    assert len(html) < 5_000_000
    assert len(parsed(html).css("figure")) == MOST_CELLS
