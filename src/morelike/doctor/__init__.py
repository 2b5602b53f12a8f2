"""Holds catalog, vectors and blobs against each other, and mends what a crash, a hand or a restored backup left.

``examine`` does it all, a noun a file beside it; ``probes`` asks quickly whether each store answers.
"""

from __future__ import annotations

from morelike.doctor.examine import Requeue, examine
from morelike.doctor.probes import Probes
from morelike.doctor.report import DoctorReport, Finding

__all__ = ["DoctorReport", "Finding", "Probes", "Requeue", "examine"]
