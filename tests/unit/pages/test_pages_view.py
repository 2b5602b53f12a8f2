"""What the templates call: names, sizes and counts as people read them."""

from __future__ import annotations

import pytest

from morelike.server.pages import view
from morelike.server.pages.board import Board


@pytest.mark.parametrize(
    ("uri", "name", "place"),
    [
        ("/home/a/Pictures/cat.jpg", "cat.jpg", "Pictures/cat.jpg"),
        ("upload:0123456789abcdef/cat.jpg", "cat.jpg", "cat.jpg"),
        ("https://example.org/cats/cat.jpg", "cat.jpg", "cats/cat.jpg"),
        ("upload:", "upload:", "upload:"),
        ("", "unnamed", "unnamed"),
    ],
)
def test_names(uri: str, name: str, place: str) -> None:
    """A thing is called by the end of where it was found, with its folder where that helps."""
    assert (view.name_of(uri), view.place_of(uri)) == (name, place)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1400, "1.4 kB"), (999_600, "1.0 MB"), (3 * 10**15, "3000 TB")]
)
def test_sizes(count: int, text: str) -> None:
    """Bytes get the unit in which they are a number below a thousand, as far as there is one."""
    assert view.size(count) == text


def test_a_percentile_is_never_certain() -> None:
    """A sample cannot say that nothing is closer."""
    assert [view.percentile(value) for value in (12.3, 99.04, 99.97, 100.0)] == [
        "12 %",
        "99.0 %",
        "all but 0.1 %",
        "all but 0.1 %",
    ]


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((4000, 3000), (320, 240)),
        ((100, 50), (100, 50)),
        ((1, 9000), (1, 320)),
        ((None, 3), (320, 240)),
        ((0, 0), (320, 240)),
    ],
)
def test_a_picture_has_its_place_before_it_is_there(size: tuple[object, object], scaled: tuple[int, int]) -> None:
    """The size of a thumbnail follows from the picture's, and is never enlarged or empty."""
    assert view.scaled(*size) == scaled


def test_addresses_are_quoted() -> None:
    """A name that would leave its place in an address stays in it."""
    assert view.collection_path("a/b?c", "items") == "/c/a%2Fb%3Fc/items"
    assert view.item_path("a", "../x") == "/i/a/..%2Fx"


@pytest.mark.parametrize(
    ("weight", "slider"),
    [
        (1.0, {"low": "-2", "high": "2", "step": "0.1", "value": "1", "said": "+ 1×"}),
        (-0.3, {"low": "-2", "high": "2", "step": "0.1", "value": "-0.3", "said": "− 0.3×"}),
        (0.0, {"low": "-2", "high": "2", "step": "0.1", "value": "0", "said": "0×"}),
        (7.25, {"low": "-2", "high": "8", "step": "any", "value": "7.25", "said": "+ 7.25×"}),
    ],
)
def test_a_slider_holds_its_weight(weight: float, slider: dict[str, str]) -> None:
    """Whatever the weight in the address, its slider stands there, and sends it back as it was."""
    assert view.slider_of(weight) == slider


def test_the_tally_of_a_job() -> None:
    """One line says how far a job is, and leaves out what it does not know."""
    assert view.tally_of({}) == ""
    assert view.tally_of({"done": 3, "total": None, "rejected": 1}) == "3 done · 1 rejected"
    assert view.tally_of({"done": 0, "total": None, "found": 1200}) == "1\u2009200 found"
    assert view.tally_of({"done": 3, "total": 64, "found": 1200}) == "1\u2009200 found · 3 of 64"
    assert (
        view.tally_of({"done": 3, "total": 1200, "rate": 2.4, "eta": 9.6}) == "3 of 1\u2009200 · 2 a second · 10 s left"
    )


def test_a_part_of_an_address_is_escaped_in_the_page() -> None:
    """What stands in an address reaches the page as text."""
    template = view._environment("en").from_string('<a href="{{ path }}">{{ text }}</a>')
    path = view.collection_path("x", query=Board(text='"><script>').query())

    assert template.render(path=path, text="<script>") == ('<a href="/c/x?text=%22%3E%3Cscript%3E">&lt;script&gt;</a>')
