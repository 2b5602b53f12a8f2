"""``image-engine`` on the servers that its older self had, as its own ``config.yaml`` names them."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import urlsplit

from compat_servers import compat_server
from databases import DatabaseServer
from PIL import Image
from radosgw_process import Gateway

from morelike.older_config import older_config
from morelike.older_settings import OlderSettings
from morelike.testing.images import synthetic_image

CONFIG = """\
docker:
  mysql:
    host: {mysql.hostname}
    port: {mysql.port}
    username: {mysql.username}
    password: '{password}'
    database_name: {database}
  milvus:
    collection:
      name: shop
  minio:
    access_key: {user.access_key}
    secret_key: {user.secret_key}
    end_point: {minio.netloc}
    bucket: {bucket}
"""


def test_it_runs_on_the_older_servers_database_and_bucket(
    tmp_path: Path, mysql_server: DatabaseServer, gateway: Gateway
) -> None:
    """Rows go into that database, pictures into that bucket, below a prefix of their own; and both come back."""
    bucket, mysql = gateway.bucket(), urlsplit(mysql_server.create())
    assert gateway.ask("PUT", bucket, "meta/image/old.jpg", b"of the older server").is_success
    written = {"mysql": mysql, "password": mysql.password or "", "database": mysql.path[1:]}
    minio = {"user": gateway.root, "minio": urlsplit(gateway.endpoint), "bucket": bucket}
    (tmp_path / "config.yaml").write_text(CONFIG.format(**written, **minio))
    config = older_config(tmp_path, {"RUN_MODE": "docker"})
    older = OlderSettings(settings=config.settings, table=config.table)
    stream = io.BytesIO()
    Image.fromarray(synthetic_image(1, 64)).save(stream, "PNG")
    file = {"file": ("猫.png", stream.getvalue())}

    with compat_server(tmp_path / "one", "image-engine", older=older) as servers:
        client = servers.client("image-engine")
        assert client.post("/meta/image/file", files=file, data={"meta_uuid": "one"}).status_code == 200
        assert client.post("/meta/image/file", files=file, data={"meta_uuid": "two"}).status_code == 200
        (first, second) = client.get("/meta/image").json()["data"]
        assert client.get(second["file_relative_url"]).content == stream.getvalue()
        found = client.post("/sample/file", files=file).json()["data"]
        assert [row["meta_uuid"] for row in found] == ["one", "two"]
        assert servers.library.names() == ["shop"]
        keys = gateway.ask("GET", bucket).text
        assert "<Key>morelike/" in keys
        assert "<Key>meta/image/old.jpg</Key>" in keys
        assert client.delete("/meta/image/two").status_code == 200
        assert client.get(first["file_relative_url"]).content == stream.getvalue()

    with compat_server(tmp_path / "one", "image-engine", older=older) as servers:
        client = servers.client("image-engine")
        (row,) = client.get("/meta/image").json()["data"]
        assert (row["meta_uuid"], row["file_name"], row["id"]) == ("one", "猫.png", first["id"])
        assert client.delete("/meta/image/images").status_code == 200
        assert gateway.ask("GET", bucket, "meta/image/old.jpg").content == b"of the older server"
