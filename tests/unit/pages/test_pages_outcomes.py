"""What a finished job says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.records import Job
from morelike.server.pages.outcomes import findings_of, outcome_of, spare_of


def job(kind: str, result: dict[str, Any], arguments: dict[str, Any] | None = None, state: str = "done") -> Job:
    given = {"id": "0" * 32, "collection": "photos", "created_at": "2026-11-21T10:00:00Z"}
    return Job(**given, kind=kind, state=state, result=result, arguments=arguments or {})  # type: ignore[arg-type]


def test_a_change_of_encoder_that_was_not_made_is_said() -> None:
    """Where items could not be encoded the old encoder is still searched, and the text says so."""
    kept = outcome_of(job("reembed", {"encoder": "classic", "switched": False, "missing": 2}))
    made = outcome_of(job("reembed", {"encoder": "classic", "switched": True, "missing": 0}))

    assert kept.startswith("Not switched: 2 items could not be encoded")
    assert made == "Searches use classic now."


def test_an_encoder_beside_the_old_one_is_said() -> None:
    """Nothing was switched, and that was asked for; what it lacks is counted."""
    asked = {"encoder": "classic", "switch": False}
    whole = outcome_of(job("reembed", {"encoder": "classic", "switched": False, "missing": 0}, asked))
    lacking = outcome_of(job("reembed", {"encoder": "classic", "switched": False, "missing": 1}, asked))

    assert whole == "classic stands beside the old encoder, which searches use still."
    assert lacking == "classic stands beside the old encoder without 1 item that could not be encoded."


def test_what_was_measured_is_said() -> None:
    """How often the first hit is right; how many groups a look found."""
    assert outcome_of(job("evaluate", {"p_at_1": 0.975, "queries": 40})) == (
        "The first hit has the label of the example in 97.5 % of 40 queries."
    )
    assert outcome_of(job("duplicates", {"found": 1, "groups": []})) == "1 group of duplicates."
    assert outcome_of(job("duplicates", {"found": 0, "groups": []})) == "No duplicates."


GROUPS = [{"kind": "near", "size": 3}, {"kind": "equal", "size": 5}, {"kind": "near", "size": 2}]


def test_a_dry_run_says_what_could_be_set_aside() -> None:
    """Near items beside the keepers are counted; equal ones are one item already."""
    looked = job("dedup", {"found": 3, "groups": GROUPS, "set_aside": 0, "looked_at": 40})

    assert spare_of(looked) == 3
    assert outcome_of(looked) == "3 groups of duplicates; 3 could be set aside. Nothing was changed."


@pytest.mark.parametrize(
    "other",
    [
        job("dedup", {"found": 3, "groups": GROUPS, "set_aside": 3}, {"apply": True}),
        job("dedup", {"found": 3, "groups": GROUPS}, state="cancelled"),
        job("reembed", {"encoder": "classic"}),
    ],
)
def test_only_a_finished_dry_run_offers_more(other: Job) -> None:
    """What was applied, stopped or of another kind has nothing left to set aside."""
    assert spare_of(other) == 0


FOUND = [
    {"kind": "orphan-vectors", "sentence": "photos: 1 vector belongs to no item", "count": 1, "fixed": True},
    {"kind": "orphan-blobs", "sentence": "2 blobs belong to no item", "count": 2, "fixed": False},
]


def test_mending_that_was_stopped_says_what_it_did() -> None:
    """What was mended and what was left, with each finding; of a look that nothing was changed."""
    result = {"ok": False, "findings": FOUND, "interrupted": True}
    mending = job("doctor", result, {"fix": True}, state="cancelled")
    looking = job("doctor", result, state="cancelled")

    assert outcome_of(mending) == "Stopped before its end: 2 findings until then; 1 mended, 1 left."
    assert outcome_of(looking) == "Stopped before its end: 2 findings until then. Nothing was changed."
    assert [one.fixed for one in findings_of(mending)] == [True, False]
    assert outcome_of(job("doctor", {}, state="cancelled")) == ""
