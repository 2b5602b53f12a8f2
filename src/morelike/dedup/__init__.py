"""Duplicates: found by hash, landmark and embedding, made sure of, set aside, undone."""

from __future__ import annotations

from morelike.dedup.groups import Group, Likeness, Member, asides_of
from morelike.dedup.keeping import Keep
from morelike.dedup.run import THRESHOLD, DedupReport, Found

__all__ = ["THRESHOLD", "DedupReport", "Found", "Group", "Keep", "Likeness", "Member", "asides_of"]
