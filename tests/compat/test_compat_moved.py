"""An old server's data, moved, and then served by the router that answers as that server did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from compat_http import get, post
from compat_servers import compat_server
from databases import DatabaseServer
from milvus_process import MilvusProcess
from older_data import OldServer, old_server
from radosgw_process import Gateway
from s3_traffic import put

import morelike
from morelike.moving.older import OPTIONS, Old
from morelike.server.compat.older import OLDER
from morelike.testing.images import write_images

pytestmark = pytest.mark.xdist_group("gateway")

PICTURES = 12


@pytest.fixture
def old(mysql_server: DatabaseServer, milvus_server: MilvusProcess) -> Iterator[OldServer]:
    with old_server(mysql_server, milvus_server) as server:
        yield server


def of_classic(folder: Path, paths: list[Path]) -> np.ndarray:
    """What a server with the encoder ``classic`` had in Milvus."""
    with morelike.open(library=folder, offline=True) as library:
        made = library.collection("made", modality="image", encoder="classic")
        made.add(*paths)
        by_path = {source.uri: item.id for item in made.items() for source in item.sources}
        segments = [made.segments(by_path[str(path)])[0].id for path in paths]
        return library._stores.vectors.fetch(made.spaces[0], np.array(segments))[1]


def test_moved_data_are_served_as_before(old: OldServer, gateway: Gateway, tmp_path: Path) -> None:
    """``image`` and ``image-engine`` answer from the moved tables: the old rows in the old order with the old squared
    distances, counts, and pictures that load; nothing was loaded anew.
    """
    paths = write_images(tmp_path / "pictures", PICTURES, seed=3)
    vectors = of_classic(tmp_path / "scratch", paths)
    md5s = [hashlib.md5(path.read_bytes()).hexdigest() for path in paths]
    ids = old.vectors("image_search_engine", vectors, md5s)
    old.table("milvus_img_search", "image_path", [*zip(ids, map(str, paths), strict=True)])
    bucket = gateway.bucket()
    rows = [(f"uuid-{at}", md5, ids[at], f"{at}.jpg", f"meta/image/{md5}.jpg") for at, md5 in enumerate(md5s)]
    old.uploads("image_meta", rows)
    for path, row in zip(paths, rows, strict=True):
        put(gateway, bucket, row[4], path.read_bytes())
    keys = {"s3_access_key": gateway.root.access_key, "s3_secret_key": gateway.root.secret_key}
    place = {"s3_endpoint": gateway.endpoint, **keys}
    folder = Old("bootcamp", old.mysql, "milvus_img_search", old.milvus, "image_search_engine")
    engine = Old("image-engine", old.mysql, "", old.milvus, "image_search_engine", bucket, place)
    with morelike.open(library=tmp_path / "library", offline=True) as library:
        assert library.import_older("milvus_img_search", folder, encoder="classic").vectors == PICTURES
        assert library.import_older("image_search_engine", engine, encoder="classic").vectors == PICTURES

    exact = ((vectors - vectors[5]) ** 2).sum(axis=1)
    order = [int(at) for at in np.argsort(exact, kind="stable")]
    asked = paths[5].read_bytes()
    with compat_server(tmp_path / "library", "image", "image-engine") as servers:
        found = post(f"{servers['image']}/img/search", files={"image": asked}, data={"topk": PICTURES}).json()
        count = post(f"{servers['image']}/img/count").json()
        data = get(f"{servers['image']}/data", params={"image_path": found[1][0]}).content
        listed = get(f"{servers['image-engine']}/meta/image", params={"limit": 50}).json()
        sampled = post(f"{servers['image-engine']}/sample/file", files={"file": asked}).json()["data"]
        shown = get(servers["image-engine"] + sampled[1]["file_relative_url"]).content

    assert count == PICTURES
    assert [path for path, _ in found] == [str(paths[at]) for at in order]
    assert np.allclose([distance for _, distance in found], exact[order], atol=1e-5)
    assert data == shown == paths[order[1]].read_bytes()
    assert (listed["total"], {row["meta_uuid"] for row in listed["data"]}) == (PICTURES, {row[0] for row in rows})
    assert [row["meta_uuid"] for row in sampled] == [f"uuid-{at}" for at in order]
    assert np.allclose([row["distance"] for row in sampled], exact[order], atol=1e-5)
    assert [row["hash_code"] for row in sampled] == [md5s[at] for at in order]


@pytest.mark.parametrize("name", ["audio", "image", "video"])
def test_moved_collections_are_cut_as_the_routers_own(name: str) -> None:
    """What is loaded after the move is cut as what a router loads into a table that it made itself."""
    assert dict(OPTIONS.get(OLDER[name].modality, {})) == dict(OLDER[name].options)
