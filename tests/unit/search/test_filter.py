"""The filter language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import FilterError
from morelike.expressions import All, Any, Compare, Expression, Has, In, Like, Not
from morelike.search.filter import parse_filter

FIELDS = st.sampled_from(
    ["width", "tag", "meta.price", "camera_model", "exif:iso", "größe", "notes", "order", "inside"]
)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda x: "e" not in repr(x).lower() or True),
    st.text(max_size=12),
)
LEAVES = st.one_of(
    st.builds(Compare, FIELDS, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), VALUES),
    st.builds(In, FIELDS, st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
    st.builds(Like, FIELDS, st.text(max_size=8)),
    st.builds(Has, FIELDS),
)
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(tuple).map(All),
        st.lists(inner, min_size=2, max_size=3).map(tuple).map(Any),
    ),
    max_leaves=6,
)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) else repr(value)


def _written(expression: Expression) -> str:
    match expression:
        case Compare(field, op, value):
            return f"{field} {op} {_value(value)}"
        case In(field, values):
            return f"{field} in ({', '.join(_value(value) for value in values)})"
        case Like(field, pattern):
            return f"{field} like {_quoted(pattern)}"
        case Has(field):
            return f"has {field}"
        case Not(inner):
            return f"not ({_written(inner)})"
        case All(parts):
            return "(" + " and ".join(f"({_written(part)})" for part in parts) + ")"
        case Any(parts):
            return "(" + " or ".join(f"({_written(part)})" for part in parts) + ")"
    raise AssertionError(expression)


@given(EXPRESSIONS)
def test_what_is_written_is_read(expression: Expression) -> None:
    """Every tree, written out, is read back as the same tree."""
    assert parse_filter(_written(expression)) == expression


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("width >= 1000 and tag = 'cat'", All((Compare("width", ">=", 1000), Compare("tag", "=", "cat")))),
        ("a = 1 or b = 2 and c = 3", Any((Compare("a", "=", 1), All((Compare("b", "=", 2), Compare("c", "=", 3)))))),
        ("NOT has gps AND name LIKE 'IMG*'", All((Not(Has("gps")), Like("name", "IMG*")))),
        ('name not in ("a", "b")', Not(In("name", ("a", "b")))),
        ("x == 1.5", Compare("x", "=", 1.5)),
        ("x <> -2", Compare("x", "!=", -2)),
        ("`year of print` >= 1950", Compare("year of print", ">=", 1950)),
        ("has meta.`not` and NR-AhR = 1", All((Has("meta.not"), Compare("NR-AhR", "=", 1)))),
    ],
)
def test_precedence_and_spellings(text: str, tree: Expression) -> None:
    """``and`` binds closer than ``or``, ``not`` closest; words of any case; ``==`` and ``<>`` are understood; a field
    of any letters stands in backticks.
    """
    assert parse_filter(text) == tree


@pytest.mark.parametrize(
    "text",
    [
        "",
        "width",
        "width >",
        "width >= cat",
        "tag = 'cat",
        "(a = 1",
        "a = 1)",
        "a = 1 b = 2",
        "1 = a",
        "and",
        "a in ()",
        "`a = 1",
        "`` = 1",
    ],
)
def test_what_cannot_be_read_is_a_filter_error(text: str) -> None:
    """A malformed filter is refused with a sentence, never with another exception."""
    with pytest.raises(FilterError) as caught:
        parse_filter(text)

    assert caught.value.message.startswith("the filter")


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text is either a filter or a FilterError."""
    try:
        tree = parse_filter(text)
    except FilterError as refused:
        tree = refused

    assert isinstance(tree, FilterError | Expression)


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "a = 1" + ")" * 4999, "not " * 2000 + "a = 1", "a = 1 and " * 2000 + "a = 1"]
)
def test_hostile_sizes_are_refused(text: str) -> None:
    """Length and depth are bounded before anything recurses."""
    with pytest.raises(FilterError):
        parse_filter(text)
