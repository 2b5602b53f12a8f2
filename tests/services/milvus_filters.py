"""Random rows and random filters of every operator, hostile names and texts among them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from morelike.expressions import All, Compare, Expression, Has, In, Like, Not
from morelike.expressions import Any as AnyOf
from morelike.stores.catalog.encoding import pack, pack_key
from morelike.types import Fields

HOSTILE = [
    '"',
    "'",
    "\\",
    '\\"',
    '" or 1 == 1 or "" == "',
    '"] > 0 or sources > -100 or fields["s',
    "') or id >= 0 or ('",
    "x\n",
    "a\tb",
    "a\0b",
    "\udcff",
    "␛",
    "{x}",
    "$meta",
    "%",
    "_",
    "\\u0041",
    "a\u2028b",
    "\ufeff",
    "é",
    "e\u0301",
    "\U0001f408",
    "ſ",
    "İ",
    "ǅ",
    "/",
    "~1",
    "a/b",
    "true",
    "null",
    "0",
    "-1",
    " ",
]
"""What breaks out of quotation marks, is escaped, folded or normalised somewhere, or means something else."""
WORDS = st.text("aAbBéÉ0129-:%_!*? '", max_size=3) | st.sampled_from(HOSTILE)
NUMBERS = (
    st.integers(-3, 3)
    | st.sampled_from([0.5, -1.5, 2.0, -0.0, 1e-7, 5e-324, 1e300, 2**53 - 1, 2**53 + 1, 2**63 - 1, -(2**63)])
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = WORDS | NUMBERS | st.booleans()
KEYS = st.sampled_from(["x", "y", "tag", "name", "any", "t", "n", "é", "x y", "a.b", "a[0]"]) | st.sampled_from(HOSTILE)
METADATA = st.dictionaries(KEYS.map(pack_key), WORDS.map(pack) | NUMBERS | st.booleans() | st.just([0]), max_size=3)
PLAIN_TEXTS = ["added", "folder", "id", "media_type", "modified", "name", "path", "state"]
PLAIN = st.fixed_dictionaries(
    {"size": st.integers(0, 3), **{name: WORDS.map(pack) for name in PLAIN_TEXTS if name != "modified"}},
    optional={"modified": WORDS.map(pack)},
)
OPS = st.sampled_from(["!=", "<", "<=", "=", ">", ">="])
FREE = KEYS.filter(lambda key: key not in {"tag", "name"}) | KEYS.map(lambda key: f"meta.{key}")
TEXT_FIELDS = st.sampled_from([*PLAIN_TEXTS, "tag"])
PATTERNS = WORDS | st.sampled_from(["*", "1*", "20-*", "a*", "0", "?", "1?*", "9*", "-*"])
LEAVES = st.one_of(
    st.builds(Compare, FREE, OPS, WORDS | NUMBERS),
    st.builds(Compare, FREE, st.sampled_from(["=", "!="]), st.booleans()),
    st.builds(Compare, TEXT_FIELDS, OPS, WORDS),
    st.builds(Compare, st.just("size"), OPS, NUMBERS),
    st.builds(In, FREE, st.lists(VALUES, max_size=3).map(tuple)),
    st.builds(In, TEXT_FIELDS, st.lists(WORDS, max_size=3).map(tuple)),
    st.builds(Like, FREE | TEXT_FIELDS, PATTERNS),
    st.builds(Has, FREE | TEXT_FIELDS | st.just("size")),
)


def _joined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(All, several), st.builds(AnyOf, several))


EXPRESSIONS: st.SearchStrategy[Any] = st.recursive(LEAVES, _joined, max_leaves=5)
SOURCES = st.lists(
    st.builds(Fields, PLAIN, st.lists(WORDS.filter(bool).map(pack), max_size=2).map(tuple), METADATA, METADATA),
    min_size=1,
    max_size=4,
).map(lambda sources: tuple(Fields(one.plain, sources[0].tags, sources[0].info, one.meta) for one in sources))
"""Of one item: tags and what the content says are the item's, the rest each source's own."""
ROWS = st.lists(SOURCES, min_size=1, max_size=8)
