"""What settings hold is never repeated where it may be a password, a token or a key."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import morelike
from morelike.errors import MissingExtra, SettingsError
from morelike.settings import load_settings

SECRET = "Wk3-top-secret"
SETTINGS = ("vectors_token", "s3_secret_key", "s3_session_token", "hub_token")
ADDRESSES = {
    "vectors": f"https://root:{SECRET}@host:19530",
    "catalog": f"mysql://root:{SECRET}@host/name",
    "cache": f"redis://:{SECRET}@host",
}


def test_settings_do_not_show_secrets() -> None:
    """Neither as a text nor in a log line."""
    settings = load_settings(**dict.fromkeys(SETTINGS, SECRET), **ADDRESSES)

    assert SECRET not in f"{settings!r} {settings}"
    assert settings.s3_secret_key == SECRET


@pytest.mark.parametrize("line", [f's3_secretkey = "{SECRET}"', f's3_secret_key = ["{SECRET}"]'])
def test_a_wrong_line_is_named_and_not_repeated(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped name may stand before a key."""
    (tmp_path / "morelike.toml").write_text(line)
    monkeypatch.setenv("MORELIKE_CONFIG", str(tmp_path / "morelike.toml"))

    with pytest.raises(SettingsError, match=line.partition(" ")[0]) as caught:
        load_settings()

    assert SECRET not in str(caught.value)


def test_a_wrong_number_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says most quickly what is to be mended."""
    monkeypatch.setenv("MORELIKE_WORKERS", "lots")

    with pytest.raises(SettingsError, match="'workers' cannot be 'lots'"):
        load_settings()


@pytest.mark.parametrize(
    "given",
    [
        {"vectors": f"htp://root:{SECRET}@host"},
        {"catalog": f"mysql:/root:{SECRET}@host"},
        {"catalog": f"oracle://root:{SECRET}@host"},
        {"catalog": f"mysql://root:{SECRET}@host:port/name"},
        {"blobs": f"s3:/key:{SECRET}@bucket"},
        {"blobs": f"s3://key:{SECRET}@bucket/prefix"},
        {"cache": f"rdis://:{SECRET}@host"},
    ],
    ids=lambda given: next(iter(given.values())).partition(SECRET)[0],
)
def test_a_mistyped_address_is_not_repeated(given: dict[str, str], tmp_path: Path) -> None:
    """Nor is it in the errors that led to the one that is shown."""
    with pytest.raises(SettingsError) as caught:
        morelike.open(library=tmp_path, offline=True, **given)

    seen: BaseException | None = caught.value
    while seen is not None:
        assert SECRET not in str(seen)
        seen = seen.__cause__


@pytest.mark.parametrize(("name", "driver"), [("mysql", "pymysql"), ("postgresql", "psycopg")])
def test_a_missing_driver_is_named(name: str, driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog's servers ask for their extra."""
    monkeypatch.setitem(sys.modules, driver, None)

    with pytest.raises(MissingExtra, match=driver) as caught:
        morelike.open(library=tmp_path, offline=True, catalog=f"{name}://user:{SECRET}@localhost:1/name")

    assert f"morelike[{name}]" in caught.value.hint
    assert SECRET not in str(caught.value)
