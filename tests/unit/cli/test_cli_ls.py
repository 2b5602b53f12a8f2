"""``morelike ls``: items in other orders, and tags with how many items have each."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def listed(filled, pictures: Path):
    """Three pictures of ``a`` tagged, one of them twice."""
    items = {Path(one["source"]).name: one["item"] for one in filled("ls", "photos", "--json").json["items"]}
    filled("tag", "photos", *(items[f"{number}.png"] for number in range(3)), "--add", "few")
    filled("tag", "photos", items["1.png"], "--add", "Fewest")
    return filled


def names(ran) -> list[str]:
    return [Path(one["source"]).name for one in ran.json["items"]]


def test_items_are_sorted(listed) -> None:
    """By name or by size, and the other way round, page by page."""
    order = [f"{number}.png" for number in range(6)]
    sized = [one["size"] for one in listed("ls", "photos", "--sort", "size", "--json").json["items"]]

    assert names(listed("ls", "photos", "--sort", "name", "--json")) == order
    assert names(listed("ls", "photos", "--sort", "name", "--descending", "--json")) == order[::-1]
    assert names(listed("ls", "photos", "--sort", "name", "--limit", 2, "--offset", 2, "--json")) == order[2:4]
    assert sized == sorted(sized)


def test_tags_are_listed(listed) -> None:
    """With how many items have each, the most frequent first; some of them, or those that begin so."""
    tags = [{"tag": "few", "count": 3}, {"tag": "Fewest", "count": 1}]

    assert listed("ls", "photos", "--tags", "--json").json == {"tags": tags, "more": False}
    assert listed("ls", "photos", "--tags", "--prefix", "fewe", "--json").json == {"tags": tags[1:], "more": False}
    assert listed("ls", "photos", "--tags", "--limit", 1, "--json").json == {"tags": tags[:1], "more": True}
    shown = listed("ls", "photos", "--tags", "--limit", 1)
    assert shown.out.splitlines()[1].split() == ["few", "3"]
    assert "--offset 1" in shown.err
    assert listed("ls", "photos", "--tags", "--prefix", "x").out == "no tags\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("photos", "--sort", "colour"), "colour"),
        (("photos", "--prefix", "x"), "--tags"),
        (("photos", "--tags", "--filter", "width > 1"), "--filter"),
        (("photos", "--rejected", "--sort", "name"), "--sort"),
        (("photos", "--rejected", "--tags"), "--tags"),
        (("--tags",), "needs a collection"),
        (("--sort", "name"), "needs a collection"),
        (("s3://bucket/", "--tags"), "needs a collection"),
    ],
)
def test_what_does_not_go_together_is_said(listed, options: tuple[str, ...], said: str) -> None:
    """Before anything is listed."""
    ran = listed("ls", *options)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
