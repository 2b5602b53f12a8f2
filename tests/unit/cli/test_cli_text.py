"""Text for terminals."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from morelike.cli.text import (
    clean,
    human_size,
    near,
    parse_metadata,
    shorten_middle,
)
from morelike.errors import UsageError


@given(st.text(alphabet=st.characters()))
def test_clean_text_is_printable(text: str) -> None:
    """Whatever comes in, only printable characters go out, and printable text is left alone."""
    cleaned = clean(text)

    assert cleaned.isprintable()
    assert cleaned == text or not text.isprintable()


@given(st.text(alphabet=st.characters(exclude_categories=["C", "M", "Z"])), st.integers(8, 60))
def test_shortened_text_fits(text: str, width: int) -> None:
    """A shortened text fits its cells, double-width ones counted, and keeps both ends."""
    short = shorten_middle(text, width)

    assert cell_len(short) <= width
    assert short == text or "…" in short
    assert short == text or (text.startswith(short.partition("…")[0]) and text.endswith(short.rpartition("…")[2]))


def test_a_name_is_kept_whole() -> None:
    """A path gives up its folders before its file's name, wherever that fits."""
    assert shorten_middle("/a/long/way/to/some/folder/79307c6e-cc11-422f.jpg", 32).endswith("…/79307c6e-cc11-422f.jpg")


def test_short_text_is_left_alone() -> None:
    """What fits is not touched."""
    assert shorten_middle("a/b.png", 7) == "a/b.png"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024", 2024),
        ("-3", -3),
        ("0", 0),
        ("1.5", 1.5),
        ("true", True),
        ("false", False),
        ("", None),
        ("007", "007"),
        ("1e5", "1e5"),
        ("nan", "nan"),
        ("1_000", "1_000"),
        ("a=b", "a=b"),
        ("٣", "٣"),
        ("9" * 40, "9" * 40),
    ],
)
def test_metadata_values(value: str, expected: object) -> None:
    """Numbers and truth values are read as such, names that look alike stay names, nothing is None."""
    assert parse_metadata([f"key={value}"]) == {"key": expected}


@pytest.mark.parametrize("pair", ["key", "=value", " =x", ""])
def test_metadata_needs_a_key(pair: str) -> None:
    """A pair without a key or an equals sign is refused."""
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_metadata([pair])


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_400_000, "1.4 MB"), (2e9, "2.0 GB"), (3e13, "30.0 TB")],
)
def test_sizes(size: float, expected: str) -> None:
    """Sizes are in steps of a thousand."""
    assert human_size(size) == expected


def test_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path below the current folder is shown from here; others and URLs stay."""
    monkeypatch.chdir(tmp_path)

    assert near(str(tmp_path / "a" / "b.png")) == "a/b.png"
    assert near(f"{tmp_path}-other/b.png") == f"{tmp_path}-other/b.png"
    assert near("https://example.org/b.png") == "https://example.org/b.png"
