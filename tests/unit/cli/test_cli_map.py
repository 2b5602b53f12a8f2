"""``morelike map``: a summary for people, every point for programs."""

from __future__ import annotations

import numpy as np

from morelike.cli.map import HIGH, WIDE, _sketch
from morelike.project import Cluster, Map


def test_map(filled) -> None:
    """It says what there is; where items went since, how to make it anew; JSON has every item with its place."""
    shown = filled("map", "photos", "--json").json
    filled("tag", "photos", shown["points"][0][0], "--add", "new")
    tagged = filled("map", "photos")
    filled("rm", "photos", shown["points"][0][0], "--yes")
    stale = filled("map", "photos")
    fresh = filled("map", "photos", "--refresh", "--json").json

    assert (shown["items"], len(shown["points"]), shown["stale"], shown["more"]) == (6, 6, False, False)
    assert sum(cluster["size"] for cluster in shown["clusters"]) == 6
    assert "--refresh" not in tagged.out
    assert "6 items" in stale.out
    assert "--refresh" in stale.out
    assert (fresh["items"], fresh["stale"], fresh["revision"] > shown["revision"]) == (5, False, True)


def test_a_sketch_shows_where_clusters_are() -> None:
    """In each cell the one that has most items there; the corners are within it."""
    points = np.array([[-1, 1], [-1, 1], [-1, 1], [1, -1]], np.float32)
    cluster_of = np.array([0, 0, 1, 1], np.int32)
    found = Map(
        made_at="",
        revision=0,
        stale=False,
        kind="image",
        encoder="x",
        clusters=(Cluster(0, "", 2), Cluster(1, "", 2)),
        items=("a", "b", "c", "d"),
        points=points,
        cluster_of=cluster_of,
    )

    rows = _sketch(found)

    assert (len(rows), {len(row) for row in rows}) == (HIGH, {WIDE})
    assert (rows[0][0], rows[-1][-1]) == ("0", "1")
    assert sum(sign != " " for row in rows for sign in row) == 2
