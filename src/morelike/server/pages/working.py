"""A job in words: what it is to do, how long it has taken, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from morelike.access import ADMIN_JOBS
from morelike.jobs import FINISHED
from morelike.records import Job
from morelike.server.pages.language import N_, _, ngettext
from morelike.server.pages.outcomes import outcome_of

__all__ = ["JOB_WORDS", "asked_of", "came_of", "kind_words", "lasting", "state_words", "took"]

STATES: Mapping[str, str] = {
    "queued": N_("queued"),
    "running": N_("running"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
}
KINDS: Mapping[str, str] = {
    "add": N_("Add"),
    "calibrate": N_("Measure what scores mean"),
    "dedup": N_("Set duplicates aside"),
    "doctor": N_("Look for faults"),
    "dry-run": N_("Look before adding"),
    "duplicates": N_("Look for duplicates"),
    "evaluate": N_("Measure how well it finds"),
    "map": N_("Make a map"),
    "reembed": N_("Change the encoder"),
    "tag": N_("Tag by labels"),
}
SHOWN = 3
"""Sources and labels that are named; of more it is said how many."""
LONGEST = 90


def kind_words(job: Job) -> str:
    """What it does; of a kind that is not known here, the kind itself."""
    if job.kind == "add" and not job.arguments.get("sources"):
        return _("Try again what was rejected")
    if job.kind == "dedup" and not job.arguments.get("apply"):
        return _("Look for duplicates")
    if job.kind == "doctor" and job.arguments.get("fix"):
        return _("Mend faults")
    if job.kind == "reembed" and job.arguments.get("rollback"):
        return _("Go back to the encoder before")
    return _(KINDS[job.kind]) if job.kind in KINDS else job.kind


def state_words(job: Job) -> str:
    """``stopping`` where it was asked to stop and has not heard of it yet."""
    return _("stopping") if job.cancelling and job.state not in FINISHED else _(STATES[job.state])


def asked_of(job: Job) -> list[str]:
    """Its arguments, a phrase each; nothing of those that are as usual."""
    given = job.arguments
    phrases = [*_listed(given.get("sources")), *_listed(given.get("labels"))]
    retry = given.get("retry")
    if isinstance(retry, list):
        phrases.append(ngettext("%(n)s row", "%(n)s rows", len(retry), n=len(retry)))
    if tags := _words(given.get("tags")):
        phrases.append(_("tagged %(tags)s", tags=", ".join(tags)))
    if left_out := _words(given.get("exclude")):
        phrases.append(_("without %(globs)s", globs=", ".join(left_out)))
    if encoder := given.get("encoder"):
        phrases.append(_("encoder %(name)s", name=_short(str(encoder))))
    phrases += [_(words) for name, words in _TRUTHS.items() if given.get(name) is True]
    return phrases


_TRUTHS: Mapping[str, str] = {
    "in_place": N_("files stay where they lie"),
    "sync": N_("what is gone there goes here"),
    "near": N_("near duplicates as well"),
    "allow_missing": N_("without items that cannot be encoded"),
}


def _listed(values: Any) -> list[str]:
    words = _words(values)
    named = [_short(word) for word in words[:SHOWN]]
    rest = len(words) - len(named)
    return [*named, ngettext("and %(n)s more", "and %(n)s more", rest, n=rest)] if rest > 0 else named


def _words(values: Any) -> Sequence[str]:
    return [str(value) for value in values] if isinstance(values, list | tuple) else []


def _short(text: str) -> str:
    """Its beginning and its end, which say most of a path."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 3]}…{text[-2 * LONGEST // 3 :]}"


def took(job: Job, now: datetime | None = None) -> float | None:
    """Seconds from its beginning to its end, or to now; None where it has not begun."""
    try:
        began = datetime.fromisoformat(job.started_at)
        ended = datetime.fromisoformat(job.finished_at) if job.finished_at else now or datetime.now(UTC)
        return max(0.0, (ended - began).total_seconds())
    except (ValueError, TypeError):
        return None


def lasting(seconds: float) -> str:
    """``8 s``, ``3 min 20 s``, ``2 h 5 min``"""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes)
    return _("%(minutes)s min %(seconds)s s", minutes=minutes, seconds=rest) if minutes else _("%(n)s s", n=rest)


def came_of(job: Job) -> str:
    """A sentence on its result; nothing while it runs, and where it failed, which is said elsewhere."""
    if job.kind == "add" and job.state in {"done", "cancelled"} and job.result:
        return _added(job.result)
    if job.kind == "dry-run" and job.state in {"done", "cancelled"} and job.result:
        files = _count(job.result, "files")
        if job.state == "cancelled":
            return ngettext(
                "Stopped: %(n)s file was found until then. Nothing was added.",
                "Stopped: %(n)s files were found until then. Nothing was added.",
                files,
                n=files,
            )
        return ngettext(
            "%(n)s file was found. Nothing was added.", "%(n)s files were found. Nothing was added.", files, n=files
        )
    if job.kind in {"duplicates", "evaluate"} and job.state == "done" and job.result:
        return _measured(job)
    return outcome_of(job)


def _added(result: Mapping[str, Any]) -> str:
    added, same = _count(result, "added"), _count(result, "same")
    rejected, before = _count(result, "rejected"), _count(result, "rejected_before")
    phrases = [ngettext("%(n)s added", "%(n)s added", added, n=added)]
    if same:
        phrases.append(ngettext("%(n)s was there already", "%(n)s were there already", same, n=same))
    if rejected:
        phrases.append(ngettext("%(n)s rejected", "%(n)s rejected", rejected, n=rejected))
    if before:
        phrases.append(ngettext("%(n)s rejected before", "%(n)s rejected before", before, n=before))
    return " · ".join(phrases)


def _measured(job: Job) -> str:
    if job.kind == "duplicates":
        found = _count(job.result, "found")
        return ngettext("%(n)s group of duplicates", "%(n)s groups of duplicates", found, n=found)
    if said := outcome_of(job):
        return said
    queries = _count(job.result, "queries")
    return ngettext("Measured with %(n)s query.", "Measured with %(n)s queries.", queries, n=queries)


def _count(result: Mapping[str, Any], name: str) -> int:
    value = result.get(name)
    return int(value) if isinstance(value, int | float) else 0


JOB_WORDS: Mapping[str, Any] = {
    "admin_jobs": ADMIN_JOBS,
    "asked_of": asked_of,
    "came_of": came_of,
    "job_states": STATES,
    "kind_words": kind_words,
    "lasting": lasting,
    "state_words": state_words,
    "took": took,
}
"""What templates may call."""
