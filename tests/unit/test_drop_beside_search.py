"""A collection that is dropped while it is searched."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import pytest
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, NoSuchCollection
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import synthetic_image
from morelike.types import Blob


def _filled(library: Library) -> None:
    pictures = library.collection("pictures", modality="image", encoder="classic")
    pictures.add(*(synthetic_image(seed, 32) for seed in range(12)))


def _blob(seed: int) -> Blob:
    buffer = io.BytesIO()
    Image.fromarray(synthetic_image(seed, 32)).save(buffer, "PNG")
    return Blob.from_bytes(buffer.getvalue(), f"{seed}.png")


def _search_until_it_fails(opened: OpenCollection, together: threading.Barrier, said: list[MorelikeError]) -> None:
    example = synthetic_image(3, 32)
    together.wait()
    try:
        while True:
            opened.search(example, k=5)
    except MorelikeError as caught:
        said.append(caught)


def test_a_search_that_a_drop_overtakes_says_that_the_collection_is_gone(settings: Settings) -> None:
    """Searches go on until the drop, and then learn that there is no such collection: nothing of damage."""
    with morelike.open(settings) as library:
        for _ in range(2):
            _filled(library)
            together, said = threading.Barrier(3), list[MorelikeError]()
            given = library.collection("pictures"), together, said
            threads = [threading.Thread(target=_search_until_it_fails, args=given) for _ in range(2)]
            for thread in threads:
                thread.start()
            together.wait()
            library.drop("pictures")
            for thread in threads:
                thread.join()

            assert [type(error) for error in said] == [NoSuchCollection] * 2, said


def test_looking_at_a_collection_does_not_bring_it_back(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens it in the moment of its drop is told that it is gone."""
    with morelike.open(settings) as library:
        _filled(library)
        record = library._stores.catalog.collection("pictures")
        library.drop("pictures")
        found = iter([record])
        asked = library._stores.catalog.collection
        monkeypatch.setattr(library._stores.catalog, "collection", lambda name: next(found, None) or asked(name))

        with pytest.raises(NoSuchCollection):
            library.collection("pictures")
        assert library.names() == []


def test_nothing_is_written_for_a_collection_that_was_dropped(settings: Settings) -> None:
    """An add that a drop overtakes ends with that, and leaves no vectors behind."""
    with morelike.open(settings) as library:
        pictures = library.collection("pictures", modality="image", encoder="classic")
        dropped = threading.Event()

        def examples() -> Iterator[Blob]:
            for seed in range(4):
                yield _blob(seed)
            library.drop("pictures")
            dropped.set()
            yield _blob(4)

        with pytest.raises(NoSuchCollection):
            pictures.requeue(examples())

        assert dropped.is_set()
        assert list(library._stores.vectors.space_ids()) == []


def test_a_collection_that_was_dropped_is_not_searched(settings: Settings) -> None:
    """Who still holds it is told that it is gone."""
    with morelike.open(settings) as library:
        _filled(library)
        opened = library.collection("pictures")
        library.drop("pictures")

        with pytest.raises(NoSuchCollection):
            opened.search(synthetic_image(3, 32))
