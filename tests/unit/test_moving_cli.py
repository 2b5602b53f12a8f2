"""``morelike import --from`` with words that it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from morelike.cli.run import run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("import", "--from", "nope", "x"),
            "'--from': 'nope' is not one of 'bootcamp', 'image-engine'",
        ),
        (("serve", "--log-format", "nope"), "'--log-format': 'nope' is not one of 'json', 'text'"),
    ],
)
def test_an_unknown_word_is_a_plain_sentence(
    words: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It says what there is, and nothing of how it was found out."""
    monkeypatch.setenv("MORELIKE_LIBRARY", str(tmp_path / "library"))
    assert run(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: invalid value for {told}\nhint: ")
    assert "Value error" not in said
