"""What came of a job, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from morelike.doctor import Finding
from morelike.records import Job

__all__ = ["findings_of", "outcome_of", "spare_of"]

MOST_FINDINGS = 200


def outcome_of(job: Job) -> str:
    """Nothing while it runs, where it failed (that is said elsewhere), and of a kind that only counts."""
    tell = _SENTENCES.get(job.kind)
    return tell(job.result, job.arguments) if tell is not None and job.state == "done" and job.result else ""


def _reembed(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    encoder = result.get("encoder") or arguments.get("encoder", "")
    if result.get("already"):
        return f"{encoder} was the encoder already."
    if result.get("switched"):
        return f"Searches use {encoder} now."
    missing = int(result.get("missing") or 0)
    lacking = (
        f"{missing} {'item' if missing == 1 else 'items'} could not be encoded" if missing else "not all was encoded"
    )
    return f"Not switched: {lacking}, and searches use the old encoder still. Go on without them, or mend them first."


def _dedup(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    found, aside = int(result.get("found") or 0), int(result.get("set_aside") or 0)
    if not found:
        return f"No duplicates among {int(result.get('looked_at') or 0)} items."
    groups = f"{found} {'group' if found == 1 else 'groups'} of duplicates"
    if arguments.get("apply"):
        return f"{groups}; {aside} set aside."
    return f"{groups}; {_beyond(result)} could be set aside. Nothing was changed."


def spare_of(job: Job) -> int:
    """How many items a finished dry run of ``dedup`` would set aside; 0 for every other job."""
    looked = job.kind == "dedup" and job.state == "done" and not job.arguments.get("apply")
    return _beyond(job.result) if looked else 0


def _beyond(result: Mapping[str, Any]) -> int:
    """Items beside each group's keeper; equal ones are one item already."""
    groups = [group for group in result.get("groups") or () if group.get("kind") == "near"]
    return sum(max(0, int(group.get("size") or 1) - 1) for group in groups)


def _calibrate(result: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    spaces = int(result.get("spaces") or 0)
    return "Hits say how many random pairs are less alike." if spaces else "Too few items to measure: 20 are needed."


def _tag(result: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    found = f"{int(result.get('tagged') or 0)} of {int(result.get('items') or 0)} items stand near a label"
    return f"{found}. Nothing was changed." if result.get("dry_run") else f"{found}, and are tagged with it."


def _map(result: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    items, clusters = int(result.get("items") or 0), len(result.get("clusters") or ())
    return f"{items:,} items in {clusters} {'cluster' if clusters == 1 else 'clusters'}."


def findings_of(job: Job) -> list[Finding]:
    """What a finished ``doctor`` found, at most so many as a page can show; nothing of any other job."""
    found = job.result.get("findings") if job.kind == "doctor" and job.state == "done" else None
    return [
        Finding(
            str(one.get("kind", "")), str(one.get("sentence", "")), int(one.get("count") or 0), bool(one.get("fixed"))
        )
        for one in (found or ())[:MOST_FINDINGS]
    ]


def _doctor(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    found = result.get("findings") or ()
    if not found:
        return "The library is well."
    mended = sum(bool(one.get("fixed")) for one in found)
    kinds = f"{len(found)} {'finding' if len(found) == 1 else 'findings'}"
    if not arguments.get("fix"):
        return f"{kinds}. Nothing was changed."
    return (
        f"{kinds}; all is mended." if mended == len(found) else f"{kinds}; {mended} mended, {len(found) - mended} left."
    )


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]] = {
    "calibrate": _calibrate,
    "dedup": _dedup,
    "doctor": _doctor,
    "map": _map,
    "reembed": _reembed,
    "tag": _tag,
}
