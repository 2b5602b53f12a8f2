"""Jobs in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from morelike.records import Job
from morelike.server.pages.working import asked_of, came_of, kind_words, lasting, state_words, took
from morelike.tasks import KINDS

JOB = Job("1", "add", "photos", {}, "done")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_name(kind: str) -> None:
    """No job is called by what only the program calls it."""
    assert kind_words(replace(JOB, kind=kind, arguments={"sources": ["/a"]})) != kind


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sources": ["/a", "/b"]}, ["/a", "/b"]),
        ({"sources": list("abcde"), "tags": ["x", "y"]}, ["a", "b", "c", "and 2 more", "tagged x, y"]),
        ({"sources": [], "retry": ["/a"]}, ["1 row"]),
        (
            {"sources": ["/a"], "in_place": True, "exclude": ["*.txt"]},
            ["/a", "without *.txt", "files stay where they lie"],
        ),
        ({"sources": ["/a"], "in_place": False, "sync": False}, ["/a"]),
        ({"encoder": "classic"}, ["encoder classic"]),
        ({"sources": "no list", "tags": 3}, []),
    ],
)
def test_arguments_are_told(arguments: dict[str, object], words: list[str]) -> None:
    """What is not as usual, a phrase each; of many sources how many more there are."""
    assert asked_of(replace(JOB, arguments=arguments)) == words


def test_a_long_source_is_cut() -> None:
    """Its beginning and its end are left."""
    (told,) = asked_of(replace(JOB, arguments={"sources": ["/begin" + "x" * 500 + "/end.jpg"]}))

    assert told.startswith("/begin")
    assert told.endswith("/end.jpg")
    assert len(told) < 100


def test_what_came_of_an_add() -> None:
    """What was added, was there, was rejected; also where it was cancelled. Of one that runs, nothing."""
    job = replace(JOB, result={"added": 12, "same": 3, "rejected": 1, "rejected_before": 0})

    assert came_of(job) == "12 added · 3 were there already · 1 rejected"
    assert came_of(replace(job, state="cancelled")) == came_of(job)
    assert came_of(replace(job, state="running")) == ""


def test_what_came_of_a_look_before_adding() -> None:
    """How many files there were; where it was stopped, until then."""
    job = replace(JOB, kind="dry-run", result={"files": 12, "sampled": 12, "interrupted": False})

    assert came_of(job) == "12 files were found. Nothing was added."
    assert came_of(replace(job, state="cancelled")) == "Stopped: 12 files were found until then. Nothing was added."
    assert came_of(replace(job, state="cancelled", result={})) == ""


def test_one_that_is_asked_to_stop_says_so() -> None:
    """Until it has heard of it."""
    assert state_words(replace(JOB, state="running", cancelling=True)) == "stopping"
    assert state_words(replace(JOB, state="cancelled", cancelling=True)) == "cancelled"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min")]
)
def test_times(seconds: float, words: str) -> None:
    """The two largest units."""
    assert lasting(seconds) == words


def test_how_long_it_took() -> None:
    """From its beginning to its end; of a running one to now, of one that waits nothing."""
    begun = replace(JOB, started_at="2026-05-01T10:00:00+00:00")

    assert took(replace(begun, finished_at="2026-05-01T10:01:30+00:00")) == 90
    assert took(begun, datetime(2026, 5, 1, 10, 0, 8, tzinfo=UTC)) == 8
    assert took(JOB) is None
