"""Making a Milvus collection: its columns, its index, and having it loaded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from morelike.errors import StoreUnreachable
from morelike.stores.vectors._milvus_engine import IndexKind
from morelike.stores.vectors._milvus_fields import COUNT, FIELDS
from morelike.stores.vectors._milvus_line import MAKE, Line
from morelike.stores.vectors.shape import Shape

__all__ = ["ID", "METRICS", "STAMP", "VECTOR", "Making"]

ID: Final = "id"
VECTOR: Final = "vector"
STAMP: Final = "stamp"
"""An INT64 column that every write fills anew: two rows of one id and one stamp are the same row."""
METRICS: Final = {"cosine": "COSINE", "ip": "IP", "l2": "L2", "tanimoto": "JACCARD"}
_PAUSE: Final = 0.05


class Making:
    """Each step may be done twice: what is there already stays as it is."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def collection(self, name: str, card: str, shape: Shape, properties: Mapping[str, str], *, stamped: bool) -> None:
        def create(client: Any, left: float) -> None:
            if client.has_collection(name, timeout=left):
                return
            client.create_collection(
                name,
                schema=_schema(client, card, shape, stamped=stamped),
                properties=dict(properties),
                num_shards=1,
                consistency_level="Bounded",
                timeout=left,
            )

        self._line.ask(create, MAKE)

    def index(self, name: str, shape: Shape, index: IndexKind) -> None:
        def make(client: Any, left: float) -> None:
            indexes = client.prepare_index_params()
            indexes.add_index(
                VECTOR,
                index_type=index.name,
                index_name=VECTOR,
                metric_type=METRICS[shape.metric],
                params=index.made_with,
            )
            client.create_index(name, indexes, sync=False, timeout=left)

        self._line.ask(make, MAKE)

    def load(self, name: str, seconds: float = MAKE) -> None:
        """Returns when it can be searched."""
        end = time.monotonic() + seconds
        self._line.ask(lambda client, left: client.load_collection(name, _async=True, timeout=left), seconds)
        while (left := end - time.monotonic()) > 0:
            said = self._line.ask(lambda client, left: client.get_load_state(name, timeout=left), left)
            if getattr(said.get("state"), "name", "") == "Loaded":
                return
            time.sleep(_PAUSE)
        raise StoreUnreachable(f"{self._line.place} did not load {name} within {seconds:.0f} s", hint="try again")

    def index_of(self, name: str) -> dict[str, Any] | None:
        """What Milvus says of the index, how far it is too; None: there is none yet. Raises Missing."""

        def look(client: Any, left: float) -> dict[str, Any] | None:
            if VECTOR not in client.list_indexes(name, VECTOR, timeout=left):
                return None
            said: dict[str, Any] | None = client.describe_index(name, VECTOR, timeout=left)
            return said

        return self._line.ask(look)


def _schema(client: Any, card: str, shape: Shape, *, stamped: bool) -> Any:
    from pymilvus import DataType  # type: ignore[import-untyped]  # it has no types

    schema = client.create_schema(
        auto_id=False,
        enable_dynamic_field=False,
        description=f"morelike: vectors of {card}, {shape.form} {shape.metric} {shape.dim}",
    )
    schema.add_field(ID, DataType.INT64, is_primary=True)
    if shape.form == "bits":
        schema.add_field(VECTOR, DataType.BINARY_VECTOR, dim=shape.columns * 8)
    else:
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=shape.columns)
    schema.add_field(FIELDS, DataType.JSON)
    schema.add_field(COUNT, DataType.INT8)
    if stamped:
        schema.add_field(STAMP, DataType.INT64)
    return schema
