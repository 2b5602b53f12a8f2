"""What the library takes, over HTTP; and a server that is ready with one hand tied."""

from __future__ import annotations

import logging

import pytest
from serving_library import Served

from morelike.errors import StoreUnreachable
from morelike.library import Library
from morelike.server.storing import StorageKeeper

API = "/api/v1"


def lines_of(served: Served) -> dict[str, float]:
    lines = [line for line in served.client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_collections_and_disks_are_told(served: Served) -> None:
    """Six pictures, kept, with their vectors; at least one disk with room."""
    answer = served.client.get(f"{API}/storage").json()

    (photos,) = answer["collections"]
    assert (photos["name"], photos["items"], photos["kept"]["items"]) == ("photos", 6, 6)
    assert photos["spaces"][0]["rows"] == 6
    assert answer["disks"][0]["free"] > 0
    assert answer["needed"] == answer["parts"]["blobs"]


def test_metrics_have_what_was_measured(served: Served) -> None:
    """Bytes by part, free bytes by disk, limits that are reached."""
    total = served.client.get(f"{API}/storage").json()["parts"]["blobs"]

    found = lines_of(served)

    assert found['morelike_storage_bytes{part="blobs"}'] == total
    assert any(name.startswith("morelike_disk_free_bytes") for name in found)
    assert found["morelike_storage_warnings"] in {0, 1}


def test_a_server_measures_by_itself(library: Library) -> None:
    """At its start, and then from time to time; a reading is kept."""
    keeper = StorageKeeper(library, look_again=3600)
    keeper.close()

    assert library.last_storage is not None
    assert library.storage_history()


def test_a_warning_is_logged_once(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is measured; and again when it had been well."""
    from dataclasses import replace

    well = replace(library.storage(), warnings=())
    full = replace(well, warnings=("the disk is full",))
    keeper = StorageKeeper(library, look_again=3600)
    keeper.close()

    with caplog.at_level(logging.WARNING, logger="morelike"):
        for report in (full, full, well, full):
            keeper._tell(report.warnings)

    assert [record.getMessage() for record in caplog.records].count("the disk is full") == 2


def test_a_catalog_that_is_down_does_not_end_the_keeper(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It looks again later."""

    def down(*_: object, **__: object) -> None:
        raise StoreUnreachable("the catalog does not answer")

    monkeypatch.setattr(Library, "storage", down)
    with caplog.at_level(logging.INFO, logger="morelike"):
        keeper = StorageKeeper(library, look_again=3600)
        keeper.close()

    assert "the catalog does not answer" in caplog.text


def test_without_a_cache_it_is_ready(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache is never the reason why nothing works; whoever looks sees it."""
    monkeypatch.setattr(Library, "degraded", lambda _: {"cache": "it does not answer"})

    answer = served.client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "degraded": ["cache"]}
