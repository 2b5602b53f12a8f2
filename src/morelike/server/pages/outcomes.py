"""What came of a job, in a sentence. They are said while a page is rendered, in its language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from morelike.doctor import Finding
from morelike.records import Job
from morelike.server.pages.language import _, ngettext

__all__ = ["findings_of", "outcome_of", "spare_of"]

MOST_FINDINGS = 200


def outcome_of(job: Job) -> str:
    """Nothing while it runs, where it failed (that is said elsewhere), and of a kind that only counts; of what was
    stopped only where it may have changed something.
    """
    if job.kind == "doctor" and job.state == "cancelled" and job.result:
        return _stopped(job.result, job.arguments)
    tell = _SENTENCES.get(job.kind)
    return tell(job.result, job.arguments) if tell is not None and job.state == "done" and job.result else ""


def _reembed(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    encoder = result.get("encoder") or arguments.get("encoder", "")
    if result.get("already"):
        return _("%(encoder)s was the encoder already.", encoder=encoder)
    if result.get("switched"):
        return _("Searches use %(encoder)s now.", encoder=encoder)
    missing = int(result.get("missing") or 0)
    if arguments.get("switch") is False:
        if not missing:
            return _("%(encoder)s stands beside the old encoder, which searches use still.", encoder=encoder)
        return ngettext(
            "%(encoder)s stands beside the old encoder without %(count)s item that could not be encoded.",
            "%(encoder)s stands beside the old encoder without %(count)s items that could not be encoded.",
            missing,
            encoder=encoder,
            count=missing,
        )
    if not missing:
        return _(
            "Not switched: not all was encoded, and searches use the old encoder still. "
            "Go on without the rest, or mend it first."
        )
    return ngettext(
        "Not switched: %(count)s item could not be encoded, and searches use the old encoder still. "
        "Go on without it, or mend it first.",
        "Not switched: %(count)s items could not be encoded, and searches use the old encoder still. "
        "Go on without them, or mend them first.",
        missing,
        count=missing,
    )


def _dedup(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    found, aside = int(result.get("found") or 0), int(result.get("set_aside") or 0)
    if not found:
        looked = int(result.get("looked_at") or 0)
        return ngettext(
            "No duplicates among %(count)s item.", "No duplicates among %(count)s items.", looked, count=looked
        )
    if arguments.get("apply"):
        return ngettext(
            "%(groups)s group of duplicates; %(count)s set aside.",
            "%(groups)s groups of duplicates; %(count)s set aside.",
            found,
            groups=found,
            count=aside,
        )
    return ngettext(
        "%(groups)s group of duplicates; %(count)s could be set aside. Nothing was changed.",
        "%(groups)s groups of duplicates; %(count)s could be set aside. Nothing was changed.",
        found,
        groups=found,
        count=_beyond(result),
    )


def spare_of(job: Job) -> int:
    """How many items a finished dry run of ``dedup`` would set aside; 0 for every other job."""
    looked = job.kind == "dedup" and job.state == "done" and not job.arguments.get("apply")
    return _beyond(job.result) if looked else 0


def _beyond(result: Mapping[str, Any]) -> int:
    """Items beside each group's keeper; equal ones are one item already."""
    groups = [group for group in result.get("groups") or () if group.get("kind") == "near"]
    return sum(max(0, int(group.get("size") or 1) - 1) for group in groups)


def _duplicates(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:  # noqa: ARG001 # all kinds'
    found = int(result.get("found") or 0)
    if not found:
        return _("No duplicates.")
    return ngettext("%(count)s group of duplicates.", "%(count)s groups of duplicates.", found, count=found)


def _evaluate(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:  # noqa: ARG001 # all kinds'
    asked = int(result.get("queries") or 0)
    first = f"{float(result.get('p_at_1') or 0) * 100:.1f}"
    return ngettext(
        "The first hit has the label of the example in %(share)s %% of %(count)s query.",
        "The first hit has the label of the example in %(share)s %% of %(count)s queries.",
        asked,
        share=first,
        count=asked,
    )


def _calibrate(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:  # noqa: ARG001 # all kinds'
    if int(result.get("spaces") or 0):
        return _("Hits say how many random pairs are less alike.")
    return _("Too few items to measure: 20 are needed.")


def _tag(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:  # noqa: ARG001 # all kinds'
    tagged, items = int(result.get("tagged") or 0), int(result.get("items") or 0)
    if result.get("dry_run"):
        return _("%(tagged)s of %(items)s items stand near a label. Nothing was changed.", tagged=tagged, items=items)
    return _("%(tagged)s of %(items)s items stand near a label, and are tagged with it.", tagged=tagged, items=items)


def _map(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:  # noqa: ARG001 # all kinds'
    items, clusters = int(result.get("items") or 0), len(result.get("clusters") or ())
    return ngettext(
        "%(items)s items in %(count)s cluster.",
        "%(items)s items in %(count)s clusters.",
        clusters,
        items=f"{items:,}",
        count=clusters,
    )


def findings_of(job: Job) -> list[Finding]:
    """What a ``doctor`` found until it ended, at most so many as a page can show; nothing of any other job."""
    found = job.result.get("findings") if job.kind == "doctor" and job.state in {"done", "cancelled"} else None
    return [
        Finding(
            str(one.get("kind", "")), str(one.get("sentence", "")), int(one.get("count") or 0), bool(one.get("fixed"))
        )
        for one in (found or ())[:MOST_FINDINGS]
    ]


def _doctor(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    found = result.get("findings") or ()
    if not found:
        return _("The library is well.")
    mended, count = sum(bool(one.get("fixed")) for one in found), len(found)
    if not arguments.get("fix"):
        return ngettext(
            "%(count)s finding. Nothing was changed.", "%(count)s findings. Nothing was changed.", count, count=count
        )
    if mended == count:
        return ngettext("%(count)s finding; all is mended.", "%(count)s findings; all is mended.", count, count=count)
    return ngettext(
        "%(count)s finding; %(mended)s mended, %(left)s left.",
        "%(count)s findings; %(mended)s mended, %(left)s left.",
        count,
        count=count,
        mended=mended,
        left=count - mended,
    )


def _stopped(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    found = result.get("findings") or ()
    mended, count = sum(bool(one.get("fixed")) for one in found), len(found)
    if not arguments.get("fix"):
        return ngettext(
            "Stopped before its end: %(count)s finding until then. Nothing was changed.",
            "Stopped before its end: %(count)s findings until then. Nothing was changed.",
            count,
            count=count,
        )
    return ngettext(
        "Stopped before its end: %(count)s finding until then; %(mended)s mended, %(left)s left.",
        "Stopped before its end: %(count)s findings until then; %(mended)s mended, %(left)s left.",
        count,
        count=count,
        mended=mended,
        left=count - mended,
    )


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]] = {
    "calibrate": _calibrate,
    "dedup": _dedup,
    "doctor": _doctor,
    "duplicates": _duplicates,
    "evaluate": _evaluate,
    "map": _map,
    "reembed": _reembed,
    "tag": _tag,
}
