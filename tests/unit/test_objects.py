"""Addresses, keys and answers of S3, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from morelike.errors import SettingsError, StoreError, StoreFull, StoreReadOnly, StoreUnreachable
from morelike.objects import Keys, Place, explain, find_keys, find_place, open_bucket, parse_address
from morelike.settings import Settings
from morelike.signing import Ask, signed_url

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # from Amazon's own documentation
NAMES = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION",
    "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def profile_file(folder: Path, text: str, name: str = "credentials") -> Path:
    file = folder / name
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("S3://bucket/a/b/", ("bucket", "a/b")),
        ("s3://my.bucket-1/ä b", ("my.bucket-1", "ä b")),
    ],
)
def test_addresses(address: str, expected: tuple[str, str]) -> None:
    """An address is a bucket and a prefix."""
    assert parse_address(address) == expected


@pytest.mark.parametrize(
    "address",
    ["", "s3://", "s3:///x", "bucket/x", "http://bucket", "s3://b@d/x", "s3://bucket/a//b", "s3://bucket/a/../b",
     "s3://bucket/a\nb", "s3://key:geheim@bucket/x", "s3://" + "b" * 300, "s3://bucket/" + "p" * 800],
)  # fmt: skip
def test_addresses_that_cannot_be(address: str) -> None:
    """Any other is refused with a hint, and without what may be a secret in it."""
    with pytest.raises(SettingsError) as caught:
        parse_address(address)

    assert "s3://BUCKET/PREFIX" in caught.value.hint
    assert "geheim" not in str(caught.value)


def test_amazon_by_default(settings: Settings) -> None:
    """Without an endpoint it is AWS: the bucket's name before the region's host, but where it has a dot."""
    far = settings.model_copy(update={"s3_region": "eu-central-1"})
    china = settings.model_copy(update={"s3_region": "cn-north-1"})

    assert find_place(settings, "bucket").root == "https://bucket.s3.us-east-1.amazonaws.com"
    assert find_place(far, "my.bucket").root == "https://s3.eu-central-1.amazonaws.com/my.bucket"
    assert find_place(china, "bucket").root == "https://bucket.s3.cn-north-1.amazonaws.com.cn"
    assert all(find_place(one, "bucket").is_amazon for one in (settings, far, china))


def test_endpoints(settings: Settings) -> None:
    """Another server has the bucket in the path, or before its host where that is asked for."""
    own = settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9000/"})
    host = own.model_copy(update={"s3_host_style": True, "s3_endpoint": "https://store.example:9000"})

    assert find_place(own, "bucket").root == "http://127.0.0.1:9000/bucket"
    assert find_place(host, "bucket").root == "https://bucket.store.example:9000"
    assert not find_place(own, "bucket").is_amazon


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:9000", "ftp://x", "http://", "http://u:geheim@x", "http://x/path", "http://x:port", "http://x:0",
     "http://x?q=geheim", "http://[::1"],
)  # fmt: skip
def test_endpoints_that_cannot_be(settings: Settings, endpoint: str) -> None:
    """An endpoint is scheme, host and port; another is refused by the setting's name."""
    with pytest.raises(SettingsError, match="s3_endpoint") as caught:
        find_place(settings.model_copy(update={"s3_endpoint": endpoint}), "bucket")

    assert "geheim" not in str(caught.value) or "?q=" in endpoint


def test_the_usual_variables(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_* variables say where and with which keys, and settings are stronger."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://general:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://store:2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "here")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    own = settings.model_copy(update={"s3_endpoint": "http://own:3", "s3_access_key": "a", "s3_secret_key": "b"})

    assert find_place(settings, "b") == Place("b", "http://store:2", "here", host_style=False)
    assert find_keys(settings) == Keys("id", SECRET, "token")
    assert find_place(own, "b").endpoint == "http://own:3"
    assert find_keys(own) == Keys("a", "b", "")  # the variables' token goes with the variables' keys only


def test_profiles(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys, region and endpoint come from the profile that AWS_PROFILE names, else from the default one."""
    keys = "[default]\naws_access_key_id = one\naws_secret_access_key = x%y\n[other]\naws_access_key_id=two\n"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile_file(tmp_path, keys + "aws_secret_access_key=z\n")))
    config = "[default]\nregion = r1\n[profile other]\nregion = r2\nendpoint_url = http://store:1\n"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profile_file(tmp_path, config, "config")))

    assert find_keys(settings) == Keys("one", "x%y")
    assert find_place(settings, "b").region == "r1"
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert find_keys(settings) == Keys("two", "z")
    assert find_place(settings, "b") == Place("b", "http://store:1", "r2", host_style=False)


def test_a_profile_without_keys(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A profile that is named and has no keys is told, with the command that gets them."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile_file(tmp_path, "\0 no such file")))
    monkeypatch.setenv("AWS_PROFILE", "sso")

    with pytest.raises(SettingsError, match="profile sso") as caught:
        find_keys(settings)
    assert "export-credentials" in caught.value.hint


def test_roles_are_left_to_the_library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a role's variable is set, or nothing is, there are no keys to know."""
    assert find_keys(settings) is None
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")
    assert find_keys(settings) is None


@pytest.mark.parametrize(
    "given",
    [
        {"s3_access_key": "a"},
        {"s3_secret_key": SECRET},
        {"s3_access_key": "a", "s3_secret_key": SECRET, "s3_anonymous": True},
        {"s3_anonymous": True, "s3_ca": Path("/no/such/file")},
        {"s3_anonymous": True, "s3_ca": Path("/etc/hostname"), "s3_insecure": True},
        {"s3_anonymous": True, "s3_region": "not a region"},
        {"s3_endpoint": "http://127.0.0.1:1"},
    ],
)
def test_settings_that_contradict(settings: Settings, given: dict[str, object]) -> None:
    """Half a pair of keys, keys and none, a missing file, no keys for an own server: told before any request."""
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    with pytest.raises(SettingsError) as caught:
        open_bucket(settings.model_copy(update=given), "bucket")

    assert SECRET not in str(caught.value)


def test_a_file_that_is_no_certificate(settings: Settings, tmp_path: Path) -> None:
    """A file without certificates is told by its name."""
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    for text in ("nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        file = profile_file(tmp_path, text, "ca.pem")
        with pytest.raises(SettingsError, match=r"ca\.pem"):
            open_bucket(settings.model_copy(update={"s3_ca": file, "s3_anonymous": True}), "bucket")


def test_keys_show_no_secret() -> None:
    """What is printed of keys is the public half."""
    assert repr(Keys("id", SECRET, SECRET)) == "Keys(access_key='id')"


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        ("performing GET - status code: 403: <Code>InvalidAccessKeyId</Code>", StoreError, "access key is not known"),
        ("performing GET - status code: 403: <Code>SignatureDoesNotMatch</Code>", StoreError, "secret key is not"),
        ("performing GET - status code: 404: <Code>NoSuchBucket</Code>", StoreError, "no such bucket"),
        ("performing GET - status code: 403: <Code>AccessDenied</Code>", StoreError, "may not read"),
        ("performing PUT - status code: 403: <Code>AccessDenied</Code>", StoreReadOnly, "may not change"),
        ("performing PUT - status code: 403: <Code>QuotaExceeded</Code>", StoreFull, "no room"),
        ("performing PUT - status code: 507", StoreFull, "no room"),
        ("performing GET - status code: 301", StoreError, "another region"),
        ("performing GET - status code: 503: <Code>SlowDown</Code>", StoreUnreachable, "it says 503"),
        ("performing GET - status code: 418", StoreError, "refuses the request"),
        ("performing GET - HTTP error: error sending request", StoreUnreachable, "does not answer"),
        ("HTTP error: InvalidCertificate(UnknownIssuer)", StoreUnreachable, "certificate is not trusted"),
        ("Error performing PUT http://169.254.169.254/latest/api/token", StoreError, "no keys"),
        ("Error performing GET http://tests.example/x - status code: 403", StoreError, "may not read"),
    ],
)
def test_answers(said: str, kind: type[StoreError], sentence: str) -> None:
    """Each refusal is one sentence with a hint, and nothing of the server's own text is in it."""
    with pytest.raises(kind, match=sentence) as caught:
        explain("s3://bucket", f"{said} <StringToSign>{SECRET}</StringToSign>")

    assert type(caught.value) is kind
    assert caught.value.message.startswith("s3://bucket: ")
    assert SECRET not in f"{caught.value} {caught.value.__cause__}"


def test_the_documented_signature() -> None:
    """A signed URL is the one of the example in Amazon's documentation."""
    place = Place("examplebucket", "https://s3.amazonaws.com", "us-east-1", host_style=True)
    now = datetime(2013, 5, 24, tzinfo=UTC)
    url = signed_url(place, Keys("AKIAIOSFODNN7EXAMPLE", SECRET), Ask("GET", "test.txt"), 86400, now)

    assert url.startswith("https://examplebucket.s3.amazonaws.com/test.txt?")
    assert url.endswith("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    assert SECRET not in url
