"""Texts and metadata on their way into a database and back."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from morelike.stores.catalog.encoding import pack, pack_key, plain, to_json, unpack, unpack_values
from morelike.stores.catalog.schema import key_of

ODD = st.text(st.sampled_from('a0␛\0\udcff\ud800é"\\\n\U0001f408') | st.characters(), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3),
    max_leaves=8,
)


@given(ODD)
def test_any_text_comes_back(text: str) -> None:
    """Packed text is valid UTF-8 without NUL, and unpacks to what it was."""
    for packed in (pack(text), pack_key(text)):
        assert "\0" not in packed
        assert unpack(packed.encode("utf-8").decode()) == text


@given(ODD)
def test_a_key_needs_no_escapes_in_json(text: str) -> None:
    """So that a JSON path can name it as it stands."""
    assert json.dumps(pack_key(text), ensure_ascii=False) == f'"{pack_key(text)}"'


@given(JSON)
def test_json_values_come_back(value: object) -> None:
    """Through JSON text that is itself valid UTF-8."""
    stored = to_json(plain(value)).encode("utf-8")

    assert unpack_values(json.loads(stored)) == value


def test_what_json_has_no_word_for_becomes_plain() -> None:
    """Nothing a table may hold breaks the writing of it, not even a list that holds itself."""
    endless: list[object] = []
    endless.append(endless)

    assert plain({"a": math.inf, "b": b"x", 3: {1}}) == {"a": None, "b": "b'x'", "3": [1]}
    assert len(to_json(plain(endless))) < 200


@given(ODD, ODD)
def test_different_texts_have_different_keys(one: str, other: str) -> None:
    """The key stands for the text in every index."""
    assert (key_of(one) == key_of(other)) == (one == other)
    assert len(key_of(one)) == 32
