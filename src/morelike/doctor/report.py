"""What ``doctor`` found."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["DoctorReport", "Finding", "counted"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault: how many, in a sentence, and whether it was mended."""

    kind: str
    sentence: str
    count: int
    fixed: bool = False


@dataclass(slots=True)
class DoctorReport:
    """What was found. ``ok``: nothing, or all of it was mended."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(finding.fixed for finding in self.findings)

    def add(self, kind: str, sentence: str, count: int, *, fixed: bool = False) -> None:
        """Nothing is told where the count is 0."""
        if count:
            self.findings.append(Finding(kind, sentence, count, fixed))


def counted(count: int, one: str, many: str) -> str:
    """``1 blob belongs`` or ``2 blobs belong``; both are given without their number."""
    return f"{count} {one if count == 1 else many}"
