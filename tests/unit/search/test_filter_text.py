"""A filter's tree written as text again: how it travels to a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import FilterError
from morelike.expressions import All, Any, Compare, Expression, Has, In, Like, Not
from morelike.search.filter import filter_text, parse_filter

FIELDS = st.sampled_from(["width", "tag", "meta.a b", "und so", "has", "x-1.y:z", "größe", "and"])
TEXTS = st.text(max_size=12)
VALUES = TEXTS | st.integers(-(10**18), 10**18) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
LEAVES = (
    st.builds(Compare, FIELDS, OPERATORS, VALUES)
    | st.builds(In, FIELDS, st.lists(VALUES, min_size=1, max_size=3).map(tuple))
    | st.builds(Like, FIELDS, TEXTS)
    | st.builds(Has, FIELDS)
)


def _parts(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[tuple[Expression, ...]]:
    return st.lists(inner, min_size=2, max_size=3).map(tuple)


TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(All, _parts(inner)) | st.builds(Any, _parts(inner)) | st.builds(Not, inner),
    max_leaves=8,
)


@given(TREES)
def test_what_is_written_is_read_as_the_same(tree: Expression) -> None:
    """Every tree that the parser makes, whatever its fields and texts hold."""
    assert parse_filter(filter_text(tree)) == tree


@pytest.mark.parametrize("tree", [All(()), Has(""), Has("a`b"), Has("a " * 250)])
def test_what_no_text_says_is_refused(tree: Expression) -> None:
    """Instead of meaning something else."""
    with pytest.raises(FilterError):
        filter_text(tree)
