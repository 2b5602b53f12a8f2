"""Duplicates: found by hash and embedding, verified pixel by pixel, set aside, undone."""

from __future__ import annotations

from morelike.dedup.groups import Group, Likeness, Member
from morelike.dedup.run import THRESHOLD, DedupReport, Found, Keep

__all__ = ["THRESHOLD", "DedupReport", "Found", "Group", "Keep", "Likeness", "Member"]
