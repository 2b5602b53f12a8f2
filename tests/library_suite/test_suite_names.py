"""The two libraries have the same names, and each takes the same parameters."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from morelike.collection import OpenCollection
from morelike.errors import UsageError
from morelike.jobs import Jobs
from morelike.library import Library
from morelike.remote.collection import RemoteCollection
from morelike.remote.jobs import RemoteJobs
from morelike.remote.library import RemoteLibrary

pytestmark = pytest.mark.xdist_group("library suite")
PAIRS = [(Library, RemoteLibrary), (OpenCollection, RemoteCollection), (Jobs, RemoteJobs)]
REFUSED = {
    RemoteLibrary: {
        "batching",
        "build_index",
        "coming_from",
        "coming_from_older",
        "export",
        "export_vectors",
        "import_from",
        "import_older",
        "import_vectors",
        "run_jobs",
    },
    RemoteCollection: {"find_sources", "pieces", "requeue", "segment"},
    RemoteJobs: set(),
}
INNER = {RemoteLibrary: {"asked", "reply"}, RemoteCollection: set(), RemoteJobs: set()}
"""What the server calls; the remote one has it by inheritance."""


def _public(kind: type) -> dict[str, Any]:
    return {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("local", "remote"), PAIRS, ids=lambda kind: kind.__name__)
def test_both_have_the_same_names(local: type, remote: type) -> None:
    """Every public method and property of the one is one of the other."""
    assert _public(remote).keys() == _public(local).keys()


@pytest.mark.parametrize(("local", "remote"), PAIRS, ids=lambda kind: kind.__name__)
def test_both_take_the_same_parameters(local: type, remote: type) -> None:
    """By name, order, kind and default; properties are properties. What is refused is named here."""
    refused = {name for name, member in _public(remote).items() if hasattr(member, "refused")}
    assert refused == REFUSED[remote]
    for name, member in _public(local).items():
        other = _public(remote)[name]
        if name in refused:
            continue
        assert isinstance(other, property) == isinstance(member, property), name
        if not isinstance(member, property):
            assert _shape(other) == _shape(member), name


def _shape(method: Any) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(method).parameters.values()
    return [(one.name, one.kind, one.default) for one in parameters]


def test_what_is_refused_says_what_to_do(there: Any) -> None:
    """A sentence and a hint, and keys alike."""
    photos = there.collection()
    for thing in (there.library, photos):
        for name in REFUSED[type(thing)]:
            with pytest.raises(UsageError, match="not possible over HTTP") as caught:
                getattr(thing, name)("x")
            assert caught.value.hint
    with pytest.raises(UsageError, match="keys"):
        _ = there.library.keys
