"""API keys: shown once, known by their digests, refused soon after they are dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from morelike import access
from morelike.access import ROLES, Keys, allows
from morelike.errors import UsageError
from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog, open_sqlite_catalog


@pytest.fixture
def catalog(settings: Settings) -> Iterator[SqlCatalog]:
    catalog = open_sqlite_catalog(settings.library, settings)
    yield catalog
    catalog.close()


@pytest.fixture
def keys(catalog: SqlCatalog) -> Keys:
    return Keys(catalog)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(access, "time", clock)
    return clock


def test_a_key_opens(keys: Keys) -> None:
    """It is known by name and role, and told apart by its beginning."""
    key = keys.make("laptop", "writer")
    known = keys.check(key)

    assert known is not None
    assert (known.name, known.role, known.start) == ("laptop", "writer", key[:7])
    assert keys.list() == [known]
    assert key.startswith("ml_")
    assert len(key) == 46


def test_the_key_itself_is_nowhere(keys: Keys, settings: Settings) -> None:
    """Neither in the catalog's rows nor in its files: whoever steals them cannot use it."""
    key = keys.make("laptop", "admin")
    files = [path.read_bytes() for path in Path(settings.library).rglob("*") if path.is_file()]

    assert len(files) >= 2
    assert not any(key[10:].encode() in content for content in files)
    assert key not in repr(keys.list())


def test_keys_are_never_alike(keys: Keys) -> None:
    """Each is 32 bytes of the system's randomness."""
    made = {keys.make(f"key {n}", "reader") for n in range(20)}

    assert len({key[3:20] for key in made}) == 20


@pytest.mark.parametrize("wrong", ["", "ml_", "ml_" + "a" * 43, "x" * 46, "ml_" + "ä" * 43, "a" * 10**6])
def test_any_other_key_is_refused(keys: Keys, wrong: str) -> None:
    """Of the right form or of none."""
    keys.make("laptop", "reader")

    assert keys.check(wrong) is None


def test_one_letter_less_is_refused(keys: Keys) -> None:
    """Or more, or of the other case, or with a blank."""
    key = keys.make("laptop", "reader")

    for wrong in (key[:-1], key + "A", key.swapcase(), f" {key}", f"{key}\n"):
        assert keys.check(wrong) is None


def test_a_dropped_key_is_refused_at_once(keys: Keys) -> None:
    """Where it was dropped, though it was in use a moment ago."""
    key = keys.make("laptop", "reader")
    keys.check(key)
    keys.drop("laptop")

    assert keys.check(key) is None
    assert keys.any() is False


def test_a_key_that_another_process_dropped_is_refused_soon(keys: Keys, catalog: SqlCatalog, clock: Clock) -> None:
    """After two seconds at the latest."""
    key = keys.make("laptop", "reader")
    keys.check(key)
    Keys(catalog).drop("laptop")
    clock.now += 2.0

    assert keys.check(key) is None


def test_a_key_in_use_is_not_looked_up_each_time(keys: Keys, catalog: SqlCatalog, clock: Clock) -> None:
    """A request with a key costs no query while it is remembered."""
    key = keys.make("laptop", "reader")
    keys.check(key)
    keys.any()
    catalog.close()

    assert keys.check(key) is not None
    assert keys.any() is True


def test_a_key_dropped_while_it_is_looked_up_is_not_remembered(
    keys: Keys, catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer that was on its way counts once at the most."""
    key = keys.make("laptop", "reader")
    look_up = catalog.key_of_digest

    def slowly(digest: str):
        found = look_up(digest)
        keys.drop("laptop")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(catalog, "key_of_digest", slowly)
        keys.check(key)

    assert keys.check(key) is None


def test_wrong_keys_do_not_fill_the_memory(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many somebody tries."""
    monkeypatch.setattr(access, "REMEMBERED", 10)
    for n in range(50):
        keys.check(f"ml_{n:043}")

    assert len(keys._known) == 10


def test_whether_there_are_keys(keys: Keys) -> None:
    """As soon as there is one, one is needed."""
    before = keys.any()
    keys.make("laptop", "reader")

    assert (before, keys.any()) == (False, True)


@pytest.mark.parametrize("name", ["", " ", "a ", "x" * 65, "a\nb", "\x1b[0m", "a\u202eb", "\udcff"])
def test_a_name_is_readable(keys: Keys, name: str) -> None:
    """It is shown in lists and logs."""
    with pytest.raises(UsageError, match="named"):
        keys.make(name, "reader")


def test_a_role_is_one_of_three(keys: Keys) -> None:
    """Any other is named with those there are."""
    with pytest.raises(UsageError, match="owner") as raised:
        keys.make("laptop", "owner")

    assert "reader, writer, admin" in raised.value.hint
    assert keys.list() == []


def test_a_name_is_taken_once(keys: Keys) -> None:
    """And the first key goes on to open."""
    key = keys.make("laptop", "reader")
    with pytest.raises(UsageError, match="already"):
        keys.make("laptop", "admin")

    known = keys.check(key)
    assert known is not None
    assert known.role == "reader"


def test_each_role_may_do_what_those_before_it_may() -> None:
    """And no more."""
    table = {(role, wanted): allows(role, wanted) for role in ROLES for wanted in ROLES}

    assert [pair for pair, may in table.items() if may] == [
        ("reader", "reader"),
        ("writer", "reader"),
        ("writer", "writer"),
        ("admin", "reader"),
        ("admin", "writer"),
        ("admin", "admin"),
    ]
