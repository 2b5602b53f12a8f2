"""Filters as Milvus itself evaluates them, on its server and on its Lite form, against a plain reading of them."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from milvus_filters import EXPRESSIONS, ROWS
from milvus_process import running_milvus

from morelike.stores.vectors._milvus_fields import row_of
from morelike.stores.vectors._milvus_filter import expression_of
from morelike.testing.field_store import holds
from morelike.types import Fields

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
NAME = "filters"
VISIBLE = 30.0


class Rows:
    """Rows of one run, in a collection of their own."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.sources: list[Sequence[Fields]] = []

    def fill(self) -> None:
        """Two hundred random rows and more, the same ones for all filters: making a collection takes seconds."""
        from pymilvus import DataType

        rows = self.sources

        @hypothesis_settings(max_examples=60, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
        @given(ROWS)
        def gather(some: list[Sequence[Fields]]) -> None:
            rows.extend(some)

        gather()
        schema = self._client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
        schema.add_field("fields", DataType.JSON)
        schema.add_field("sources", DataType.INT8)
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        self._client.create_collection(NAME, schema=schema, index_params=index, consistency_level="Bounded")
        columns = [row_of(sources) for sources in rows]
        self._client.insert(
            NAME,
            [
                {"id": number, "vector": [1.0, 0.0], "fields": fields, "sources": count}
                for number, (fields, count) in enumerate(columns)
            ],
        )
        assert all(count > 0 for _, count in columns)
        deadline = time.monotonic() + VISIBLE
        while len(self.left("sources > 0")) < len(rows):
            assert time.monotonic() < deadline, "the rows never came to be seen"

    def left(self, said: str) -> list[int]:
        found = self._client.query(NAME, filter=said, output_fields=["id"], limit=16_000)
        return sorted(row["id"] for row in found)


@pytest.fixture(scope="module", params=["lite", "server"])
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    if importlib.util.find_spec("pymilvus") is None:
        sentence = "the package pymilvus is not installed (the extra milvus)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(sentence)
    folder: Path = tmp_path_factory.mktemp("filters")
    if request.param == "lite":
        yield from _rows(str(folder / "rows.db"))
    else:
        with running_milvus(folder / "server") as server:
            yield from _rows(server.address)


def _rows(address: str) -> Iterator[Rows]:
    from pymilvus import MilvusClient

    client = MilvusClient(uri=address)
    try:
        filled = Rows(client)
        filled.fill()
        yield filled
    finally:
        client.close()


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expression=EXPRESSIONS)
def test_milvus_evaluates_what_the_filter_says(rows: Rows, expression: Any) -> None:
    """Every operator, hostile names and texts, several sources: what is said at all is said exactly."""
    said = expression_of(expression)
    if said is not None:
        left = [number for number, sources in enumerate(rows.sources) if holds(expression, sources)]

        assert rows.left(f"({said}) or sources < 0") == left
