"""The page of duplicates and what its forms do, as a program reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

import morelike
from morelike.access import ROLES
from morelike.jobs import Jobs
from morelike.library import Library
from morelike.records import Job
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder

PAGE = {"Accept": "text/html"}
HOSTILE = '"><script>alert(1)</script>.jpg'
ID = "a" * 32


@pytest.fixture
def library(tmp_path: Any) -> Iterator[Library]:
    """Four pictures in ``photos``."""
    write_images(tmp_path / "pictures", 4, seed=1)
    settings = Settings(library=tmp_path / "library", offline=True, allow_roots=(tmp_path,))
    with morelike.open(settings) as opened:
        opened.collection("photos", modality="image", encoder=ToyJointEncoder()).add(tmp_path / "pictures")
        yield opened


@pytest.fixture
def items(library: Library) -> list[str]:
    return [item.id for item in library.collection("photos").items()]


@pytest.fixture
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(
        create_app(library, ServerOptions(job_workers=0)), base_url="http://127.0.0.1", headers=PAGE
    ) as one:
        yield one


@pytest.fixture(autouse=True)
def look(monkeypatch: pytest.MonkeyPatch, items: list[str]) -> None:
    """A look that found the first three pictures, and the fourth at two places with a name that is markup."""

    def member(item: str, score: float, source: str = "") -> dict[str, Any]:
        found = {"item": item, "source": source or f"/{item[:4]}.png", "size": 10, "width": 4, "height": 3}
        return {**found, "duration": None, "score": score, "why": {}}

    near = [member(item, score) for item, score in zip(items, (1.0, 0.9999, 0.8), strict=False)]
    equal = [member(items[3], 1.0, HOSTILE), member(items[3], 1.0, "/again.png")]
    groups = [
        {"kind": "near", "keeper": items[0], "members": near},
        {"kind": "equal", "keeper": items[3], "members": equal},
    ]
    given = {"id": ID, "kind": "duplicates", "collection": "photos", "created_at": "2026-11-21T10:00:00Z"}
    job = Job(**given, state="done", arguments={}, result={"found": 5, "groups": groups})  # type: ignore[arg-type]
    monkeypatch.setattr(Jobs, "list", lambda *_, **__: [job])
    monkeypatch.setattr(Jobs, "get", lambda *_, **__: job)


def send(client: TestClient, path: str, **form: str) -> str:
    """Where the answer leads to."""
    answer = client.post(f"/c/photos/{path}", data={"job": ID, "shown": "0,1", **form}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_groups_are_shown_with_what_is_known(client: TestClient) -> None:
    """Likeness never rounded up to all of it; names are text; what the result left out is said; nothing inline."""
    text = client.get("/c/photos/duplicates").text

    assert re.findall(r"([\d.]+) % alike", text) == ["99.9", "80.0"]
    assert "<script>alert" not in text
    assert "3 further groups were found" in text
    assert re.findall(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)|javascript:", text) == []


def test_the_chosen_one_stays(client: TestClient, library: Library, items: list[str]) -> None:
    """The others are set aside for it, as one run; the page leads on to the next group, and offers to undo."""
    there = send(client, "upkeep/duplicates/aside", aside="0", **{"keeper-0": items[1]})

    asides = library.collection("photos").asides()
    assert {(one.item_id, one.keeper, one.score) for one in asides} == {
        (items[0], items[1], 0.9999),
        (items[2], items[1], 0.0),
    }
    assert there == f"/c/photos/duplicates?job={ID}&done=aside&run={asides[0].run}#group-1"
    assert "2 items are set aside" in client.get(there.partition("#")[0]).text
    send(client, "upkeep/duplicates/back", run=asides[0].run)
    assert library.collection("photos").asides() == []


@pytest.mark.parametrize("keeper", ["", "0" * 64, HOSTILE])
def test_a_keeper_that_is_none_of_the_group_is_not_taken(
    client: TestClient, library: Library, items: list[str], keeper: str
) -> None:
    """The suggested one stays then."""
    send(client, "upkeep/duplicates/aside", aside="all", **{"keeper-0": keeper})

    assert {one.keeper for one in library.collection("photos").asides()} == {items[0]}


def test_one_of_a_group_is_different(client: TestClient, library: Library, items: list[str]) -> None:
    """It leaves the group; forgetting brings it in again."""
    send(client, "duplicates/different", different=f"0:{items[2]}")
    assert library.collection("photos").distinct() == [tuple(sorted((items[0], items[2])))]
    assert client.get("/c/photos/duplicates").text.count('class="member"') == 2

    send(client, "duplicates/alike", group="0")
    assert library.collection("photos").distinct() == []


def test_what_is_removed_is_gone(client: TestClient, library: Library, items: list[str]) -> None:
    """Only the others of that group."""
    there = send(client, "upkeep/duplicates/remove", remove="0")

    assert "done=removed&n=2" in there
    assert [item.id for item in library.collection("photos").items()] == [items[0], items[3]]


@pytest.mark.parametrize("number", ["7", "-1", "x", "9" * 50, ""])
def test_a_group_that_is_not_there_is_said(client: TestClient, library: Library, number: str) -> None:
    """Or, of those that set aside, nothing happens."""
    send(client, "upkeep/duplicates/aside", aside=number)
    different = client.post("/c/photos/duplicates/different", data={"job": ID, "different": number})
    alike = client.post("/c/photos/duplicates/alike", data={"job": ID, "group": number})

    assert (different.status_code, alike.status_code) == (400, 400)
    assert library.collection("photos").asides() == []


def test_each_role_sees_what_it_may_do(library: Library, items: list[str]) -> None:
    """A reader looks, a writer says what is different, an admin sets aside; what is not offered is refused."""
    keys = {role: library.keys.make(role, role) for role in ROLES}
    with TestClient(
        create_app(library, ServerOptions(job_workers=0)), base_url="http://127.0.0.1", headers=PAGE
    ) as one:
        seen = {}
        for role, key in keys.items():
            held = {"Authorization": f"Bearer {key}"}
            text = one.get("/c/photos/duplicates", headers=held).text
            sent = [
                one.post(f"/c/photos/{path}", data=form, headers=held, follow_redirects=False).status_code
                for path, form in (
                    ("duplicates/different", {"job": ID, "different": f"0:{items[2]}"}),
                    ("upkeep/duplicates/aside", {"job": ID, "aside": "none"}),
                    ("upkeep/duplicates/purge", {"run": ""}),
                    ("upkeep/compare/drop", {"space": "1"}),
                )
            ]
            seen[role] = ('name="different"' in text, 'name="aside"' in text, sent)

    assert seen == {
        "reader": (False, False, [403, 403, 403, 403]),
        "writer": (True, False, [303, 403, 403, 403]),
        "admin": (True, True, [400, 303, 303, 400]),  # by then the writer has said that it is different
    }
