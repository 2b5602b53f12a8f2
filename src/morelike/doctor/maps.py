"""Maps whose collection or space is gone."""

from __future__ import annotations

from morelike.doctor.report import DoctorReport, counted
from morelike.doctor.steps import Steps
from morelike.project import kept
from morelike.wiring import Stores

__all__ = ["hold_maps"]


def hold_maps(stores: Stores, report: DoctorReport, steps: Steps, *, fix: bool) -> None:
    """Files of maps that nothing leads to, on this machine; with ``fix`` they are removed. Raises Stopped."""
    found = list(steps.each(kept.strays(stores)))
    sentence = counted(
        len(found), "map is of a collection or space that is gone", "maps are of collections or spaces that are gone"
    )
    told = report.add("orphan-maps", sentence, len(found))
    if fix:
        for path in steps.each(found):
            kept.discard(path)
        if not any(path.exists() for path in found):
            report.mended(told)
