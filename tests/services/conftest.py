"""Servers that tests of one service share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_process import RedisProcess, running_redis

from morelike.settings import Settings


@pytest.fixture
def redis_server() -> Iterator[RedisProcess]:
    with running_redis() as process:
        yield process


@pytest.fixture
def redis_settings(redis_server: RedisProcess, tmp_path: Path) -> Settings:
    return Settings(
        library=tmp_path / "library", models_cache=tmp_path / "models", offline=True, cache=redis_server.address
    )
