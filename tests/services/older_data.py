"""An old server's tables, vectors and objects, made as those servers made them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from databases import DatabaseServer
from milvus_process import MilvusProcess
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass
class OldServer:
    """A database of its own, and collections of its own in Milvus."""

    mysql: str
    milvus: str
    database: DatabaseServer
    client: Any
    made: list[str]

    def say(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.database.say(*statements, database=urlsplit(self.mysql).path.strip("/"))

    def vectors(self, name: str, vectors: Vectors, hashes: Sequence[str] = ()) -> list[int]:
        """A collection as the servers made it, loaded; the ids that Milvus gave."""
        from pymilvus import DataType

        schema = self.client.create_schema(auto_id=True)
        schema.add_field("id", DataType.INT64, is_primary=True)
        if hashes:
            schema.add_field("hash_code", DataType.VARCHAR, max_length=64)
        schema.add_field("image_vector" if hashes else "embedding", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        index = self.client.prepare_index_params()
        index.add_index(
            "image_vector" if hashes else "embedding", index_type="IVF_SQ8", metric_type="L2", params={"nlist": 8}
        )
        self.client.create_collection(name, schema=schema, index_params=index)
        self.made.append(name)
        rows: list[dict[str, Any]] = [{"embedding": vector.tolist()} for vector in vectors]
        if hashes:
            rows = [{"hash_code": md5, "image_vector": v.tolist()} for md5, v in zip(hashes, vectors, strict=True)]
        return [int(number) for number in self.client.insert(name, rows)["ids"]]

    def table(self, name: str, column: str, rows: Sequence[tuple[int, str]]) -> None:
        """As the demo servers' ``create_mysql_table`` had it: two texts and no key."""
        self.say(f"CREATE TABLE {name} (milvus_id TEXT, {column} TEXT) CHARACTER SET utf8mb4")
        for start in range(0, len(rows), 500):
            values = ", ".join(f"('{number}', {_quoted(path)})" for number, path in rows[start : start + 500])
            self.say(f"INSERT INTO {name} VALUES {values}")

    def uploads(self, name: str, rows: Sequence[tuple[str, str, int, str, str]]) -> None:
        """As the image engine's ``ImageMetaTable`` had it: meta_uuid, hash_code, milvus_id, file_name, file_path."""
        self.say(
            f"CREATE TABLE {name} (id INT AUTO_INCREMENT PRIMARY KEY, meta_uuid VARCHAR(36) UNIQUE, hash_code "
            "VARCHAR(36), milvus_id BIGINT, file_name VARCHAR(255), file_path VARCHAR(255), created_at DATETIME "
            "DEFAULT '2023-10-13 08:00:00', updated_at DATETIME DEFAULT '2023-10-13 08:00:00') CHARACTER SET utf8mb4"
        )
        values = ", ".join(f"('{uuid}', '{md5}', {number}, '{file}', '{key}')" for uuid, md5, number, file, key in rows)
        self.say(f"INSERT INTO {name} (meta_uuid, hash_code, milvus_id, file_name, file_path) VALUES {values}")


@contextmanager
def old_server(database: DatabaseServer, milvus: MilvusProcess) -> Iterator[OldServer]:
    from pymilvus import MilvusClient

    client = MilvusClient(milvus.address, dedicated=True)
    server = OldServer(database.create(), milvus.address, database, client, [])
    try:
        yield server
    finally:
        for name in server.made:
            client.drop_collection(name)
        client.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
