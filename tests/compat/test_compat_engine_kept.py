"""``image-engine``: rows that stay, rows that came another way, and a start as the older server was started."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from compat_http import Client, get
from compat_servers import CompatServers, compat_server
from engine_server import META, added, counts, found, listed, picture, table, upload
from ports import free_ports

from morelike.testing.images import write_images
from morelike.types import Blob

pytestmark = pytest.mark.xdist_group("port 6200")


def test_two_pictures_are_compared(tmp_path: Path) -> None:
    """One behind an address, one uploaded: the same numbers as a search's; neither is kept."""
    with compat_server(tmp_path / "library", "image-engine", offline=False, allow_private_urls=True) as servers:
        client = servers.client("image-engine")
        added(upload(client, picture(1), meta_uuid="one"))
        (row,) = found(client, picture(2))
        address = {"image_uri_1": row["file_url"]}

        told = [
            client.post("/dev/file_url", data=address, files={"image_2": ("b.jpg", picture(seed))}).json()
            for seed in (1, 2)
        ]

        assert told[0] == {"distance": pytest.approx(0, abs=1e-5), "score": pytest.approx(100, abs=1e-3)}
        assert told[1]["distance"] == pytest.approx(row["distance"], abs=1e-5)
        assert told[1]["score"] == pytest.approx(row["score"], abs=1e-3)
        assert counts(client) == (1, 1)


def test_rows_stay_the_same_after_a_restart(tmp_path: Path) -> None:
    """Their ids and times; and an address that was given out before loads."""
    with compat_server(tmp_path / "library", "image-engine") as servers:
        client = servers.client("image-engine")
        for chosen, seed in (("one", 1), ("two", 2)):
            added(upload(client, picture(seed), meta_uuid=chosen))
        before = listed(client)
    with compat_server(tmp_path / "library", "image-engine") as servers:
        client = servers.client("image-engine")
        assert client.get(before[1]["file_relative_url"]).content == picture(2)
        after = listed(client)

    same = META - {"file_url"}  # the port is another one
    assert [{name: row[name] for name in same} for row in after] == [
        {name: row[name] for name in same} for row in before
    ]


def test_pictures_that_came_another_way_have_rows(client: Client, engine: CompatServers, tmp_path: Path) -> None:
    """What ``morelike add`` put into the table is listed, found, shown and removed; a file in place stays."""
    added(upload(client, picture(1)))
    (path,) = write_images(tmp_path / "own", 1, seed=9)
    table(engine).add(Blob.from_path(path), in_place=True)

    mine = listed(client)[1]

    assert mine["file_name"] == path.name
    assert len(mine["meta_uuid"]) <= 36
    assert client.get(mine["file_relative_url"]).content == path.read_bytes()
    assert client.get(f"/meta/image/{mine['meta_uuid']}").json()["data"] == mine
    assert [row["id"] for row in found(client, path.read_bytes(), limit=1)] == [mine["id"]]
    assert client.delete(f"/meta/image/{mine['meta_uuid']}").status_code == 200
    assert counts(client) == (1, 1)
    assert path.is_file()


def test_rows_that_were_moved_here_keep_their_times(client: Client, engine: CompatServers) -> None:
    """As the older server's table had them; what is no time is passed over."""
    added(upload(client, picture(1), meta_uuid="one"))
    for name, at in (("moved", "2023-10-13 12:00:01"), ("odd", "yesterday")):
        blob = Blob.from_bytes(picture(2), "a.jpg", uri=f"meta:{name}")
        table(engine).add(blob, metadata={"meta_uuid": name, "created_at": at, "updated_at": at})

    moved, odd = (client.get(f"/meta/image/{name}").json()["data"] for name in ("moved", "odd"))

    assert (moved["meta_uuid"], moved["created_at"], moved["updated_at"]) == ("moved", *["2023-10-13T12:00:01"] * 2)
    assert odd["created_at"] > "2023-10-13T12:00:01"


def test_the_library_knows_the_ids(client: Client, engine: CompatServers) -> None:
    """A filter finds what was uploaded by its ``meta_uuid``."""
    added(upload(client, picture(1), meta_uuid="one"))
    added(upload(client, picture(2), meta_uuid="two"))

    (item,) = table(engine).items(filter="meta.meta_uuid = 'two'")

    assert item.digest.md5 == hashlib.md5(picture(2)).hexdigest()


def test_it_starts_with_the_older_servers_own_file(tmp_path: Path) -> None:
    """``config.yaml`` gives the port and the table; ours come first, and no password is printed."""
    (port,) = free_ports(1)
    (tmp_path / "config.yaml").write_text(
        "docker:\n"
        "  mysql: {host: mysql8, port: 3306, username: root, password: s3cret, database_name: x}\n"
        "  milvus: {host: standalone, port: 19530, collection: {name: shop}}\n"
        "  minio: {access_key: k3y, secret_key: s3cret, end_point: 'minio:9000', bucket: image-search-engine}\n"
        f"  api: {{bind_port: {port}}}\n"
    )
    ours = {"MORELIKE_CATALOG": "sqlite", "MORELIKE_VECTORS": "faiss", "MORELIKE_BLOBS": "folder"}
    place = {"MORELIKE_LIBRARY": str(tmp_path / "library"), "MORELIKE_MODELS_CACHE": str(tmp_path / "models")}
    command = [sys.executable, "-m", "morelike", "serve", "--port", "0", "--compat", "image-engine", "--json"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, **ours, **place, "RUN_MODE": "Docker", "MORELIKE_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while lines[-1] not in {"}\n", ""}:
            lines.append(process.stdout.readline())
        said = "".join(lines)
        assert said, process.communicate(timeout=60)
        address = json.loads(said)["compat"]["image-engine"]
        assert urlsplit(address).port == port
        added(upload(Client(address), picture(1)))
        collections = get(json.loads(said)["url"] + "/api/v1/collections").json()["collections"]
        assert [one["name"] for one in collections] == ["shop"]
    finally:
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)
    assert not [text for text in (said, *rest) if "s3cret" in text or "k3y" in text]
