"""Fetching a file, from a real HTTP server on this machine."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import COMMIT, HubServer

from morelike.errors import DigestMismatch, DownloadFailed
from morelike.models import download
from morelike.models.download import Order, fetch, resolve
from morelike.settings import Settings

DATA = os.urandom(700_000)
SHA = hashlib.sha256(DATA).hexdigest()
PATH = "/owner/repo/resolve/main/model.onnx"
URL = "hub:owner/repo@main/model.onnx"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer({PATH: DATA}) as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "m" / "model.onnx"


def settings(hub: HubServer, **more: Any) -> Settings:
    return Settings(**{"hub": hub.address, "offline": False, "hub_timeout": 60.0, **more})


def get(hub: HubServer, target: Path, **more: Any) -> download.Fetched:
    order = {name: more.pop(name) for name in ("sha256", "size") if name in more}
    return fetch(Order(URL, target, label="model.onnx", **order), settings(hub, **more), pause=lambda _: None)


def test_a_file_arrives_whole(hub: HubServer, target: Path) -> None:
    """The bytes are there under their name, with their digest and the hub's commit, and nothing else is left."""
    assert get(hub, target, sha256=SHA, size=len(DATA)) == download.Fetched(SHA, len(DATA), COMMIT)
    assert target.read_bytes() == DATA
    assert [path.name for path in target.parent.iterdir()] == ["model.onnx"]


def test_progress_is_told(hub: HubServer, target: Path) -> None:
    """Progress grows to the whole size, which is told beforehand."""
    seen: list[tuple[str, int, int]] = []
    fetch(Order(URL, target, label="model.onnx"), settings(hub), lambda *step: seen.append(step))
    assert seen[-1] == ("model.onnx", len(DATA), len(DATA))
    assert [here for _, here, _ in seen] == sorted(here for _, here, _ in seen)


def test_a_cut_connection_is_taken_up_again(hub: HubServer, target: Path) -> None:
    """After a broken connection only the rest is asked for."""
    hub.cut_after = [300_000]
    get(hub, target, sha256=SHA)
    assert target.read_bytes() == DATA
    ranges = [headers["range"] for path, headers in hub.requests if path.startswith("/bytes") and "range" in headers]
    assert ranges == ["bytes=300000-"]


def test_a_later_run_goes_on(hub: HubServer, target: Path) -> None:
    """A run that gave up leaves its bytes; the next one asks for the rest only."""
    hub.cut_after = [200_000, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadFailed, match="goes on where it stopped"):
        get(hub, target, sha256=SHA)
    assert target.with_name("model.onnx.part").stat().st_size == 200_000
    hub.cut_after = []
    hub.requests.clear()
    get(hub, target, sha256=SHA)
    assert target.read_bytes() == DATA
    assert hub.requests[-1][1]["range"] == "bytes=200000-"


def test_a_server_without_ranges_starts_over(hub: HubServer, target: Path) -> None:
    """Where the server sends everything again, the file is still right."""
    hub.ranges = False
    hub.cut_after = [300_000]
    get(hub, target, sha256=SHA)
    assert target.read_bytes() == DATA


def test_a_file_replaced_meanwhile_starts_over(hub: HubServer, target: Path) -> None:
    """Bytes of an older version are never joined to those of a newer one."""
    hub.cut_after = [300_000, 0, 0]
    with pytest.raises(DownloadFailed):
        get(hub, target)
    newer = DATA[::-1]
    hub.files[PATH] = newer
    hub.cut_after = []
    get(hub, target)
    assert target.read_bytes() == newer


def test_a_part_of_another_address_is_thrown_away(hub: HubServer, target: Path) -> None:
    """What lies in the unfinished file counts only for the address that it came from."""
    target.parent.mkdir()
    target.with_name("model.onnx.part").write_bytes(b"x" * 1000)
    target.with_name("model.onnx.part.json").write_text('{"url": "https://elsewhere/", "etag": "\\"1\\""}')
    get(hub, target, sha256=SHA)
    assert target.read_bytes() == DATA


def test_a_wrong_digest_is_refused_and_removed(hub: HubServer, target: Path) -> None:
    """Bytes that are not the card's are not kept, finished or not."""
    with pytest.raises(DigestMismatch, match="were removed"):
        get(hub, target, sha256="0" * 64)
    assert list(target.parent.iterdir()) == []


def test_the_hubs_own_digest_is_checked(hub: HubServer, target: Path) -> None:
    """Where the card has no digest yet, the one that the hub names must be that of the bytes."""
    hub.linked_sha = "1" * 64
    with pytest.raises(DigestMismatch):
        get(hub, target)
    hub.linked_sha = "right"
    assert get(hub, target).sha256 == SHA


def test_another_size_is_refused_before_the_bytes(hub: HubServer, target: Path) -> None:
    """A file of another size than the card's is not fetched at all."""
    with pytest.raises(DigestMismatch, match=f"{len(DATA)} bytes there"):
        get(hub, target, size=5)
    assert not target.exists()


@pytest.mark.parametrize(
    ("status", "word"), [(401, "MORELIKE_HUB_TOKEN"), (403, "licence"), (404, "out of date"), (500, "later")]
)
def test_a_refusal_says_what_to_do(status: int, word: str, hub: HubServer, target: Path) -> None:
    """Each refusal of the hub is a sentence with the next step."""
    hub.status = status
    with pytest.raises(DownloadFailed, match=f"{status}.*{word}"):
        get(hub, target)


def test_the_token_goes_to_the_hub_only(hub: HubServer, target: Path) -> None:
    """Where the hub leads to another host, the token stays behind."""
    hub.token = "secret"
    with HubServer({PATH: DATA}, redirect=False) as elsewhere:
        hub.lead_to = f"{elsewhere.address}/bytes"
        get(hub, target, hub_token="secret", sha256=SHA)
    assert [headers["authorization"] for _, headers in hub.requests] == ["Bearer secret"]
    assert [headers.get("authorization") for _, headers in elsewhere.requests] == [None]


def test_endless_redirects_end(hub: HubServer, target: Path) -> None:
    """A server that leads in a circle is left."""
    hub.files["/loop" + PATH] = DATA
    hub.lead_to = hub.address
    with pytest.raises(DownloadFailed, match="redirects more than"):
        get(hub, target)


def test_a_redirect_to_a_file_is_refused(hub: HubServer, target: Path) -> None:
    """A server cannot lead to another scheme."""
    hub.lead_to = "file:///etc"
    with pytest.raises(DownloadFailed, match="refused"):
        get(hub, target)


def test_nobody_there(target: Path) -> None:
    """An address where nobody listens is a sentence that names the folders one can copy to."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        nowhere = Settings(hub=f"http://127.0.0.1:{reserved.getsockname()[1]}", offline=False, hub_timeout=1.0)
        with pytest.raises(DownloadFailed, match="MORELIKE_MODELS"):
            fetch(Order(URL, target), nowhere, pause=lambda _: None)


def test_offline_touches_no_network(hub: HubServer, target: Path) -> None:
    """With MORELIKE_OFFLINE nothing is asked of anybody."""
    with pytest.raises(DownloadFailed, match="MORELIKE_OFFLINE"):
        get(hub, target, offline=True)
    assert hub.requests == []


def test_a_full_disk_says_so(hub: HubServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room is found before the bytes are fetched, and named."""
    usage = download.shutil.disk_usage(target.parent.parent)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DownloadFailed, match=r"no space left.*MORELIKE_MODELS_CACHE"):
        get(hub, target)


def test_a_disk_that_fills_up_meanwhile_says_so(hub: HubServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that gets full during the download is named, too."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(DownloadFailed, match="no space left"):
        get(hub, target)


@pytest.mark.parametrize(
    "url", ["hub:repo@main/x", "hub:o/r/x", "hub:o/r@main/../../x", "hub:o/r@main/", "hub:o/r@main/a?b=c"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Only owner/repository@revision/path is an address on the hub."""
    with pytest.raises(DownloadFailed, match="not an address"):
        resolve(url, Settings())


def test_a_hub_address_is_resolved() -> None:
    """A hub address is below the hub that the settings name."""
    assert (
        resolve("hub:o/r@v1/onnx/m.onnx", Settings(hub="https://mirror/"))
        == "https://mirror/o/r/resolve/v1/onnx/m.onnx"
    )
