"""What every source promises. Subclass, give the fixtures, and pytest collects the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from morelike.errors import SourceError
from morelike.protocols import OpenSource
from morelike.types import Blob

__all__ = ["SourceKit"]

_ODD_ARGUMENTS = (
    "",
    " ",
    "\0",
    ".",
    "/",
    "~",
    "[",
    "**",
    "http://",
    "http://[",
    "file://",
    "urls:",
    "x" * 10_000,
    "\udcff",
)


class SourceKit:
    """Promises of ``OpenSource``."""

    @pytest.fixture
    def source(self) -> OpenSource:
        """The source to be proved."""
        raise NotImplementedError

    @pytest.fixture
    def argument(self) -> str:
        """An argument with at least two good items and no bad one."""
        raise NotImplementedError

    @pytest.fixture
    def expected(self) -> Mapping[str, bytes]:
        """Each item's uri and bytes, in the order in which the source gives them."""
        raise NotImplementedError

    @pytest.fixture
    def partly_bad(self) -> str:
        """An argument with at least one good item and at least one that cannot be had."""
        raise NotImplementedError

    @pytest.fixture
    def unusable(self) -> str:
        """An argument of which nothing at all can be used."""
        raise NotImplementedError

    def test_it_accepts_its_own(self, source: OpenSource, argument: str) -> None:
        """The source is sure, between 0 and 1, of an argument of its kind."""
        assert 0 < source.accepts(argument) <= 1

    @pytest.mark.parametrize("odd", _ODD_ARGUMENTS)
    def test_any_text_may_be_asked_about(self, source: OpenSource, odd: str) -> None:
        """``accepts`` never raises."""
        assert 0 <= source.accepts(odd) <= 1

    def test_every_item_comes_in_order(self, source: OpenSource, argument: str, expected: Mapping[str, bytes]) -> None:
        """All items come, each once, in a stable order, with their bytes."""
        found = [(blob.uri, blob.read()) for blob in source.blobs(argument)]

        assert found == list(expected.items())

    def test_a_second_pass_is_the_same(self, source: OpenSource, argument: str) -> None:
        """Two walks give the same uris, names, sizes and times."""
        first, second = (list(map(_identity, source.blobs(argument))) for _ in range(2))

        assert first == second

    def test_items_come_lazily(self, source: OpenSource, argument: str) -> None:
        """The answer is an iterator that can be left after the first item."""
        blobs = source.blobs(argument)

        assert iter(blobs) is blobs
        assert next(blobs).read() is not None

    def test_blobs_outlive_the_walk(self, source: OpenSource, argument: str, expected: Mapping[str, bytes]) -> None:
        """A blob can be opened after the walk ended, several times, from several threads at once."""
        blobs = list(source.blobs(argument))

        with ThreadPoolExecutor(4) as pool:
            read = list(pool.map(Blob.read, blobs * 3))

        assert read == list(expected.values()) * 3

    def test_blobs_describe_themselves(self, source: OpenSource, argument: str) -> None:
        """uris and names can be stored, a name is no path, size and path are true where they are given."""
        for blob in source.blobs(argument):
            data = blob.read()
            assert blob.uri.encode()
            assert blob.name.encode()
            assert "/" not in blob.name
            assert blob.size in (None, len(data))
            assert blob.path is None or blob.path.read_bytes() == data

    def test_a_stream_reads_in_parts(self, source: OpenSource, argument: str) -> None:
        """An opened blob reads piecewise, can go back, and ends with nothing."""
        blob = next(source.blobs(argument))
        with blob.open() as stream:
            first, rest, end = stream.read(1), stream.read(), stream.read()
            stream.seek(0)
            again = stream.read()

        assert (first + rest, end) == (again, b"")
        assert blob.read(1) == first

    def test_a_bad_item_fails_alone(self, source: OpenSource, partly_bad: str) -> None:
        """What cannot be had raises SourceError from its ``open``, each time; the walk goes on and the rest is read."""
        good, bad = 0, 0
        for blob in source.blobs(partly_bad):
            if _opens(blob):
                good += 1
            else:
                bad += 1
                assert not _opens(blob)
                assert blob.uri.encode()

        assert good > 0
        assert bad > 0

    def test_an_unusable_argument_is_refused_at_once(self, source: OpenSource, unusable: str) -> None:
        """``blobs`` itself raises SourceError, before an item is asked for, and says what was wrong."""
        with pytest.raises(SourceError) as caught:
            _begin(source, unusable)

        assert caught.value.message


def _begin(source: OpenSource, argument: str) -> Iterator[Blob]:
    """Calls without asking for an item."""
    return source.blobs(argument)


def _identity(blob: Blob) -> tuple[Any, ...]:
    return blob.uri, blob.name, blob.size, blob.modified_ns, blob.path, dict(blob.metadata)


def _opens(blob: Blob) -> bool:
    try:
        blob.read()
    except SourceError:
        return False
    return True
