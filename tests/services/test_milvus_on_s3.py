"""A Milvus that keeps its segments in a bucket; its own metadata and its log of writes stay in its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from milvus_process import MilvusProcess, eventually, find_milvus
from radosgw_process import Gateway

import morelike
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

pytestmark = pytest.mark.xdist_group("gateway")

PICTURES = 60
PREFIX = "vectors"
_STORE = """\
minio:
  address: 127.0.0.1
  port: {port}
  accessKeyID: {access}
  secretAccessKey: {secret}
  useSSL: false
  useIAM: false
  cloudProvider: aws
  bucketName: {bucket}
  rootPath: {prefix}
"""


@pytest.fixture
def bucket(gateway: Gateway) -> str:
    return gateway.bucket()


@pytest.fixture
def server(gateway: Gateway, bucket: str, tmp_path: Path) -> Iterator[MilvusProcess]:
    """Its storage is the bucket, below a prefix of its own."""
    process = MilvusProcess(find_milvus(), tmp_path / "milvus")
    file = process.folder / "configs" / "milvus.yaml"
    text = file.read_text()
    assert "storageType: local" in text
    store = _STORE.format(
        port=gateway.port,
        access=gateway.root.access_key,
        secret=gateway.root.secret_key,
        bucket=bucket,
        prefix=PREFIX,
    )
    file.write_text(text.replace("storageType: local", "storageType: remote") + store)
    try:
        process.start()
        yield process
    finally:
        process.kill()


def keys(gateway: Gateway, bucket: str, prefix: str) -> list[str]:
    said = gateway.ask("GET", bucket, **{"list-type": "2", "prefix": prefix})
    return re.findall("<Key>([^<]*)</Key>", said.text)


def answers(library: Library, pictures: Path) -> list[list[tuple[str, float]]]:
    photos = library.collection("photos", encoder=ToyEncoder())
    examples = sorted(pictures.iterdir())[:4]
    found = [photos.search(example, k=10) for example in examples]
    found += [photos.search(example, k=10, filter="tag = 'kept'") for example in examples]
    return [[(hit.item, round(hit.score, 5)) for hit in hits] for hits in found]


def test_killed_and_started_on_the_same_bucket(
    gateway: Gateway, bucket: str, server: MilvusProcess, tmp_path: Path
) -> None:
    """A library's vectors in the bucket, and a few rows that are not there yet: a Milvus that was killed and started
    anew on its folder and the bucket has them all, and answers as before. The blobs lie in the same bucket.
    """
    pictures = tmp_path / "pictures"
    write_images(pictures, PICTURES, seed=1)
    own = gateway.settings(f"s3://{bucket}/blobs", library=tmp_path / "library", vectors=server.address)
    settings: Settings = own.model_copy(update={"models_cache": tmp_path / "models"})
    with morelike.open(settings) as library:
        photos = library.collection("photos", modality="image", encoder=ToyEncoder())
        paths = sorted(pictures.iterdir())
        photos.add(*paths[: PICTURES - 5], tags=["kept"])
        (space,) = photos.spaces
        name = f"morelike_{library._stores.catalog.library_id()}_{space.id}"
        _flush(server.address, name)
        flushed = keys(gateway, bucket, f"{PREFIX}/insert_log/")
        photos.add(*paths[PICTURES - 5 :])
        before = answers(library, pictures)
        server.kill()
        server.start()
        assert eventually(lambda: answers(library, pictures)) == before
        assert library._stores.vectors.count(space) == PICTURES
        assert library.doctor().findings == []
    with morelike.open(settings) as library:
        assert answers(library, pictures) == before
    assert flushed
    assert set(flushed) <= set(keys(gateway, bucket, f"{PREFIX}/insert_log/"))
    assert not list((tmp_path / "milvus" / "data").glob("**/insert_log"))


def _flush(address: str, name: str) -> None:
    """Its rows become segments, and these objects."""
    from pymilvus import MilvusClient

    client = MilvusClient(address)
    client.flush(name)
    client.close()
