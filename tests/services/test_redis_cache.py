"""The cache on a Redis server that comes and goes."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_process import RedisProcess, running_redis

import morelike
from morelike.errors import SettingsError
from morelike.library import Library
from morelike.server.metrics import Metrics
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

PASSWORD = "s3cret-Word"


@pytest.fixture
def _no_rest(redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that failed is asked again at once."""
    monkeypatch.setattr("morelike.stores.redis_cache.REST", 0.0)


@pytest.fixture
def library(redis_settings: Settings, tmp_path: Path) -> Iterator[Library]:
    write_images(tmp_path / "pictures", 4, seed=2)
    with morelike.open(redis_settings) as opened:
        opened.collection("photos", modality="image", encoder=ToyEncoder()).add(tmp_path / "pictures")
        yield opened


def cache_of(settings: Settings):  # imported late: the package may be absent
    from morelike.stores.redis_cache import RedisCache

    return RedisCache(settings)


def answers(library: Library, picture: Path) -> list[tuple[str, float]]:
    found = library.collection("photos", encoder=ToyEncoder()).search(picture)
    return [(hit.item, hit.score) for hit in found]


def picture_in(folder: Path) -> Path:
    return min(path for path in folder.rglob("*") if path.is_file())


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_another_process_finds_it(redis_settings: Settings) -> None:
    """What one cache put, another one of the same library gets, and closing one forgets nothing."""
    first = cache_of(redis_settings)
    first.put("embedding:x", b"rows")
    first.close()
    second = cache_of(redis_settings)

    assert second.get("embedding:x") == b"rows"
    second.close()


def test_libraries_keep_apart(redis_settings: Settings, tmp_path: Path) -> None:
    """On one server a library neither sees nor forgets another one's entries."""
    one, two = cache_of(redis_settings), cache_of(redis_settings.model_copy(update={"library": tmp_path / "other"}))
    one.put("key", b"one")
    seen = two.get("key")
    two.forget("")

    assert (seen, one.get("key")) == (None, b"one")
    one.close()
    two.close()


def test_forgetting_many(redis_settings: Settings) -> None:
    """More entries than one batch holds are forgotten, and others stay."""
    cache = cache_of(redis_settings)
    for number in range(1200):
        cache.put(f"a:{number}", b"x")
    cache.put("b", b"x")
    cache.forget("a:")

    assert [cache.get(f"a:{number}") for number in range(1200)] == [None] * 1200
    assert cache.get("b") == b"x"
    cache.close()


def test_entries_end(redis_settings: Settings) -> None:
    """After ``cache_seconds`` an entry is gone, and not before."""
    long, short = (cache_of(redis_settings.model_copy(update={"cache_seconds": seconds})) for seconds in (3600, 1))
    long.put("kept", b"x")
    short.put("key", b"x")
    while short.get("key") is not None:
        time.sleep(0.05)

    assert long.get("kept") == b"x"
    long.close()
    short.close()


def test_large_values_are_not_kept(redis_settings: Settings) -> None:
    """A value of more than a megabyte is not kept, nor is the one that it replaces; one of a megabyte is."""
    cache = cache_of(redis_settings)
    cache.put("fits", bytes(1024**2))
    cache.put("key", b"old")
    cache.put("key", bytes(1024**2 + 1))

    assert cache.get("fits") == bytes(1024**2)
    assert cache.get("key") is None
    cache.close()


@pytest.mark.usefixtures("_no_rest")
def test_killed_in_the_middle(
    library: Library, redis_server: RedisProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the server searches answer the same and the log says so once; when it is back, it is used again."""
    picture = picture_in(tmp_path / "pictures")
    first = answers(library, picture)
    assert answers(library, picture) == first
    hits = library.cache_counts().hits
    assert hits > 0

    redis_server.kill()
    assert [answers(library, picture) for _ in range(4)] == [first] * 4
    assert library.cache_counts().hits == hits
    assert len(warnings_in(caplog)) == 1

    redis_server.start()
    assert [answers(library, picture) for _ in range(2)] == [first] * 2
    assert library.cache_counts().hits > hits


def test_a_restart_between_two_look_ups(redis_settings: Settings, redis_server: RedisProcess) -> None:
    """A server that restarted while nobody asked is used at once."""
    cache = cache_of(redis_settings)
    cache.put("key", b"x")
    redis_server.kill()
    redis_server.start()
    cache.put("key", b"y")

    assert cache.get("key") == b"y"
    cache.close()


def test_an_absent_server(settings: Settings, caplog: pytest.LogCaptureFixture, redis_server: RedisProcess) -> None:
    """A library opens and answers where nothing listens at the address; the log says so once."""
    redis_server.kill()
    cache = cache_of(settings.model_copy(update={"cache": redis_server.address}))
    cache.put("key", b"x")
    cache.forget("")

    assert cache.get("key") is None
    assert len(warnings_in(caplog)) == 1
    cache.close()


def test_a_silent_server(redis_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes connections and says nothing holds up one look-up shortly, and the next ones not at all."""
    monkeypatch.setattr("morelike.stores.redis_cache.WAIT", 0.25)
    monkeypatch.setattr("morelike.stores.redis_cache.REST", 3600.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0?socket_timeout=300"
        cache = cache_of(redis_settings.model_copy(update={"cache": address}))
        started = time.monotonic()
        found = [cache.get("key") for _ in range(50)]
        took = time.monotonic() - started
        cache.close()
        silent.accept()[0].close()
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):  # nobody came a second time
            silent.accept()

    assert found == [None] * 50
    assert took < 120


def test_a_wrong_password(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong password gives misses and one warning, in which neither password is."""
    caplog.set_level(logging.DEBUG)
    with running_redis(PASSWORD) as server:
        right = cache_of(settings.model_copy(update={"cache": server.address}))
        right.put("key", b"x")
        wrong = cache_of(settings.model_copy(update={"cache": server.address.replace(PASSWORD, "not-" + PASSWORD)}))
        found = [wrong.get("key") for _ in range(3)]

        assert (right.get("key"), found) == (b"x", [None] * 3)
        right.close()
        wrong.close()
    assert len(warnings_in(caplog)) == 1
    assert "password" in warnings_in(caplog)[0]
    assert PASSWORD not in caplog.text


def test_a_refused_command(
    redis_settings: Settings, redis_server: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """A server without room refuses to write, is told once, and still reads."""
    cache = cache_of(redis_settings)
    cache.put("kept", b"x")
    redis_server.say("CONFIG", "SET", "maxmemory", "1")
    cache.put("key", b"x")
    cache.put("key", b"x")

    assert (cache.get("key"), cache.get("kept")) == (None, b"x")
    assert len(warnings_in(caplog)) == 1
    cache.close()


@pytest.mark.parametrize(
    "rest",
    ["127.0.0.1:port", "127.0.0.1:99999", "127.0.0.1/zero", "[::1", "127.0.0.1?no_such_option=1"],
)
def test_addresses_that_cannot_be(settings: Settings, redis_server: RedisProcess, rest: str) -> None:
    """A bad address is told when the library is opened, with a hint and without the password."""
    with pytest.raises(SettingsError) as caught:
        morelike.open(settings.model_copy(update={"cache": f"redis://:{PASSWORD}@{rest}"}))

    assert "redis://" in (caught.value.hint or "")
    assert PASSWORD not in f"{caught.value} {caught.value.hint}"


def test_metrics_count(library: Library, tmp_path: Path) -> None:
    """``/metrics`` has the cache's hits, misses and hit rate."""
    picture = picture_in(tmp_path / "pictures")
    for _ in range(4):
        answers(library, picture)
    text = Metrics(library, {}).text().decode()

    counts = library.cache_counts()
    assert (counts.misses, counts.hits) == (1, 3)
    assert "morelike_cache_hits_total 3.0" in text
    assert "morelike_cache_misses_total 1.0" in text
    assert "morelike_cache_hit_rate 0.75" in text
