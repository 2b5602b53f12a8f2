"""What ``doctor`` found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
    """What was found. ``ok``: nothing, or all of it was mended. ``interrupted``: not all was looked at."""

    findings: list[Finding] = field(default_factory=list)
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        return not self.interrupted and all(finding.fixed for finding in self.findings)

    def add(self, kind: str, sentence: str, count: int, *, fixed: bool = False) -> Finding | None:
        """Nothing is told where the count is 0."""
        if not count:
            return None
        self.findings.append(Finding(kind, sentence, count, fixed))
        return self.findings[-1]

    def mended(self, finding: Finding | None) -> None:
        """What ``add`` returned is mended now, all of it."""
        for at, one in enumerate(self.findings):
            if one is finding:
                self.findings[at] = replace(one, fixed=True)


def counted(count: int, one: str, many: str) -> str:
    """``1 blob belongs`` or ``2 blobs belong``; both are given without their number."""
    return f"{count} {one if count == 1 else many}"
