"""How near an object has to be for ``video-objects`` to answer with it: the older server's ``DISTANCE_LIMIT``."""

from __future__ import annotations

from pathlib import Path

import pytest
from compat_servers import compat_server
from objects_server import RED, filling, film, save, thing

from morelike.errors import SettingsError
from morelike.older_settings import OlderSettings, older_settings
from morelike.server.compat.older import OLDER


def test_the_variable_is_read() -> None:
    """As a number above 0, at most that of opposite vectors; empty is not set."""
    assert older_settings({"DISTANCE_LIMIT": " 0.75 "}).limit == 0.75
    assert older_settings({"DISTANCE_LIMIT": ""}).limit is older_settings({}).limit is None
    for wrong in ("near", "0", "-1", "4.5", "nan", "inf"):
        with pytest.raises(SettingsError, match="DISTANCE_LIMIT"):
            older_settings({"DISTANCE_LIMIT": wrong})


def test_the_older_servers_own_is_the_default() -> None:
    """One server has a limit, and it is what it was."""
    assert {name: older.limit for name, older in OLDER.items() if older.limit is not None} == {"video-objects": 0.5}


@pytest.mark.parametrize(("limit", "least", "most"), [(None, 0.0, 0.5), (1e-6, 5.0, 0.0), (4.0, 0.5, 4.0)])
def test_what_is_farther_is_not_answered(tmp_path: Path, limit: float | None, least: float, most: float) -> None:
    """A scene whose red thing fills one box of the grid, and other boxes less: with the older limit what is near; with
    a narrow one nothing; with a wide one what is far as well.
    """
    (tmp_path / "root").mkdir()
    save(thing(RED), tmp_path / "root" / "cola.png")
    older = OlderSettings(limit=limit)
    with compat_server(tmp_path / "library", "video-objects", allow_roots=(tmp_path / "root",), older=older) as servers:
        client = servers.client("video-objects")
        assert client.post("/image/load", json={"File": str(tmp_path / "root")}).ok
        answer = client.post("/video/search", files={"video": ("a.mp4", film(filling(), []))})
        assert answer.status_code == 200, answer.text
        distances = [row["distance"] for row in answer.json()[1:]]
    assert bool(distances) == (least < most)
    assert all(distance < most for distance in distances)
    assert not distances or max(distances) > least


def test_where_no_server_has_a_limit_it_is_said(tmp_path: Path) -> None:
    """The variable is not passed over silently."""
    with compat_server(tmp_path / "library", "image", older=OlderSettings(limit=0.7)) as servers:
        assert any("DISTANCE_LIMIT is not used" in sentence for sentence in servers.said)
        assert servers.served["image"].limit is None
