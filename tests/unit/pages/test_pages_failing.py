"""What went wrong stands on a page in the reader's language by its kind, and in the library's own English words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import morelike
from morelike import errors
from morelike.errors import MorelikeError, problem_name
from morelike.server.app import STATIC, create_app
from morelike.server.errors import Refused
from morelike.server.pages import language
from morelike.server.pages.failing import KINDS, foreign, heading_of, status_heading
from morelike.settings import Settings

CHINESE = {"Accept": "text/html", "Accept-Language": "zh"}
ENGLISH = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A library with an empty collection named ``photos``."""
    with morelike.open(settings.model_copy(update={"allow_roots": ()})) as library:
        library.collection("photos", modality="image", encoder="classic")
        with TestClient(create_app(library), base_url="http://127.0.0.1", follow_redirects=False) as opened:
            yield opened


def kinds() -> list[type[MorelikeError]]:
    return [getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)]


def test_every_kind_has_a_heading() -> None:
    """Each error of the library is called something of its own, and a subclass of somebody else like its ancestor."""

    class Own(errors.StoreFull): ...

    assert {*KINDS} == {MorelikeError, *kinds()}
    assert len({*KINDS.values()}) == len(KINDS)
    assert heading_of(Own("no room")) == KINDS[errors.StoreFull]
    assert heading_of(Refused(403, "a reader's key")) == status_heading(403) == "Not for this key"
    assert status_heading(418) == KINDS[MorelikeError]


def test_scripts_call_problems_the_same() -> None:
    """Problem documents name the kind; the scripts have the same sentences for the same names."""
    script = (STATIC / "elements" / "problems.js").read_text(encoding="utf-8")
    said = dict(re.findall(r'^  "?([a-z-]+)"?: _\("(.+)"\),$', script, re.MULTILINE))

    assert {name: said.get(name) for name in map(problem_name, KINDS)} == {
        problem_name(kind): sentence for kind, sentence in KINDS.items()
    }
    assert said["forbidden"] == status_heading(403)


def test_what_is_foreign() -> None:
    """A sentence that nobody translated, on a page that is not English."""
    assert not foreign("the disk /data is full")
    with language.speaking("zh"):
        assert foreign("the disk /data is full")
        assert not foreign("Not here")


def test_an_alert_says_its_kind_where_the_page_is_foreign(client: TestClient) -> None:
    """In Chinese the kind, then the library's sentence and hint marked as English; in English the sentence alone."""
    asked = "/c/photos?part=item:abcdef&filter=width+=+="
    said, plain = client.get(asked, headers=CHINESE).text, client.get(asked, headers=ENGLISH).text
    with language.speaking("zh"):
        kind = language._(KINDS[errors.FilterError])
    alert = re.search(r'<div class="alert" role="alert">(.*?)</div></div>', said, re.DOTALL)
    assert alert is not None

    assert f"<strong>{kind}</strong>" in alert[1]
    assert re.search(r'<p lang="en">[^<]+</p>', alert[1])
    message = re.search(r'<p lang="en">([^<]+)</p>', alert[1])
    assert message is not None
    assert f"<strong>{message[1]}</strong>" in plain
    assert 'lang="en">' not in plain.partition("<body>")[2].partition("<main")[2]


def test_an_error_page_is_called_by_its_kind(client: TestClient) -> None:
    """A collection that there is not, an item of one that there is; the sentence below is marked as English."""
    for place, kind in (("/c/nowhere", errors.NoSuchCollection), ("/i/photos/abcdef", errors.NoSuchItem)):
        said, plain = client.get(place, headers=CHINESE).text, client.get(place, headers=ENGLISH).text
        with language.speaking("zh"):
            heading = language._(KINDS[kind])

        assert f"<h1>{heading}</h1>" in said
        assert '<p class="lead" lang="en">' in said
        assert f"<h1>{KINDS[kind]}</h1>" in plain
        assert '<p class="lead">' in plain


def test_a_failed_job_says_its_kind(settings: Settings) -> None:
    """Of a job only the name of its problem is kept; one that names none, or another's, failed all the same."""
    with morelike.open(settings.model_copy(update={"allow_roots": ()})) as library:
        catalog = library._stores.catalog
        for problem in ("store-full", "of-another-program", ""):
            job = catalog.enqueue("add", "", {})
            assert catalog.lease_job("test", 60) is not None
            result = {"problem": problem} if problem else {}
            catalog.finish_job(job.id, "test", "failed", result=result, error="the disk has no room", hint="make some")
        with TestClient(create_app(library), base_url="http://127.0.0.1") as opened:
            said, plain = (opened.get("/jobs", headers=headers).text for headers in (CHINESE, ENGLISH))
    with language.speaking("zh"):
        kinds = [language._(KINDS[kind]) for kind in (MorelikeError, MorelikeError, errors.StoreFull)]

    wrong = re.findall(r'<div class="wrong">(.*?)</div>', said, re.DOTALL)
    assert [re.findall(r"<strong>(.*?)</strong>", one) for one in wrong] == [[kind] for kind in kinds]
    assert all('<p lang="en">the disk has no room<br>make some</p>' in one for one in wrong)
    assert plain.count("<strong>the disk has no room</strong><br>make some") == 3


def test_what_is_half_written_is_said_in_one_line(client: TestClient) -> None:
    """The scripts show it as text: the kind goes first there, too."""
    asked = "/c/photos/written?part=item:abcdef&filter=width+=+="
    with language.speaking("zh"):
        kind = language._(KINDS[errors.FilterError])

    assert f'<p id="unread">{kind}：' in client.get(asked, headers=CHINESE).text
    assert kind not in client.get(asked, headers=ENGLISH).text or kind == KINDS[errors.FilterError]
