"""Buckets on S3 and its relatives, opened as settings say: what the blob store and the source stand on."""

from __future__ import annotations

import configparser
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from morelike.errors import (
    MissingExtra,
    SettingsError,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
)
from morelike.settings import Settings

__all__ = [
    "Bucket",
    "Keys",
    "Place",
    "explain",
    "find_keys",
    "find_place",
    "open_bucket",
    "parse_address",
    "translated",
    "trusted",
]

Bucket = Any
"""An ``obstore.store.S3Store``."""

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 20
"""The longest silence of a server that is answering."""
REQUEST_SECONDS: Final = 120
RETRIES: Final = 6
RETRY_SECONDS: Final = 20
"""No request is tried again after this long."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_LONGEST_PREFIX: Final = 700
"""Bytes; a key has 1024 at most."""
_KEYS_LAST: Final = timedelta(minutes=10)
"""How long keys from a file are used before the file is read again."""
_LARGEST_FILE: Final = 1 << 20
_AMAZON: Final = re.compile(r"\.amazonaws\.com(\.cn)?$")
_OTHER_KEYS: Final = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
"""Roles that obstore asks for by itself."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What requests are signed with; no ``repr`` shows the secrets."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bucket is. ``root`` is its address, with ``path_style`` the one of ``endpoint`` and its name."""

    bucket: str
    endpoint: str
    region: str
    host_style: bool

    @property
    def root(self) -> str:
        """Its own URL, without a slash at the end."""
        if not self.host_style:
            return f"{self.endpoint}/{self.bucket}"
        scheme, _, rest = self.endpoint.partition("://")
        return f"{scheme}://{self.bucket}.{rest}"

    @property
    def is_amazon(self) -> bool:
        return bool(_AMAZON.search(urlsplit(self.endpoint).hostname or ""))


def parse_address(address: str) -> tuple[str, str]:
    """``s3://bucket/some/prefix`` to bucket and prefix (no slash at either end). Raises SettingsError."""
    scheme, separator, rest = address.partition("://")
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    hint = "s3://BUCKET/PREFIX; the server's address is the setting s3_endpoint"
    if scheme.lower() != "s3" or not separator or not _NAME.fullmatch(bucket):
        # what was written may hold a key and its secret: it is not repeated
        raise SettingsError("that is no address of a bucket", hint=hint)
    parts = prefix.split("/") if prefix else []
    if any(part in ("", ".", "..") for part in parts) or not prefix.isprintable():
        raise SettingsError(f"the prefix {prefix!r} is not one that a bucket can have", hint=hint)
    if len(prefix.encode("utf-8", "surrogatepass")) > _LONGEST_PREFIX:
        raise SettingsError(f"the prefix of {bucket} is longer than {_LONGEST_PREFIX} bytes", hint=hint)
    return bucket, prefix


def find_place(settings: Settings, bucket: str) -> Place:
    """From settings, else the usual variables and the profile, else AWS. Raises SettingsError."""
    profile = _profile()
    endpoint = (
        settings.s3_endpoint
        or os.environ.get("AWS_ENDPOINT_URL_S3", "")
        or os.environ.get("AWS_ENDPOINT_URL", "")
        or profile.get("endpoint_url", "")
    )
    region = (
        settings.s3_region
        or os.environ.get("AWS_REGION", "")
        or os.environ.get("AWS_DEFAULT_REGION", "")
        or profile.get("region", "")
        or "us-east-1"
    )
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", region):
        raise SettingsError("the setting 's3_region' is no region's name", hint="us-east-1, eu-central-1 …")
    if not endpoint:
        china = ".cn" if region.startswith("cn-") else ""
        # a name with a dot is not in the certificate of *.s3…
        return Place(bucket, f"https://s3.{region}.amazonaws.com{china}", region, host_style="." not in bucket)
    return Place(bucket, _endpoint(endpoint), region, settings.s3_host_style)


def _endpoint(address: str) -> str:
    """Scheme, host and port only. Raises SettingsError, without the address where it may hold a password."""
    hint = "https://HOST:PORT, or http:// for a server without TLS"
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError:
        raise SettingsError("the setting 's3_endpoint' is no address of a server", hint=hint) from None
    if parts.username is not None or parts.password is not None:
        raise SettingsError("the setting 's3_endpoint' holds a user", hint="use s3_access_key and s3_secret_key")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise SettingsError(f"the setting 's3_endpoint' cannot be {address!r}", hint=hint)
    if parts.path.strip("/"):
        raise SettingsError(
            f"the setting 's3_endpoint' has a path: {parts.path}", hint="the bucket is named in s3://BUCKET/PREFIX"
        )
    return f"{parts.scheme}://{parts.netloc}"


def find_keys(settings: Settings) -> Keys | None:
    """From settings, the AWS_* variables, or the profile; None: anonymous, or a role that obstore knows to ask for.

    Raises SettingsError where only a part of them is there, or a profile that was named is not.
    """
    if settings.s3_access_key or settings.s3_secret_key:
        if not (settings.s3_access_key and settings.s3_secret_key):
            raise SettingsError("of s3_access_key and s3_secret_key only one is set", hint="set both, or neither")
        if settings.s3_anonymous:
            raise SettingsError("s3_anonymous is set, and keys are too", hint="take one of them away")
        return Keys(settings.s3_access_key, settings.s3_secret_key, settings.s3_session_token)
    if settings.s3_anonymous:
        return None
    access, secret = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    if access and secret:
        return Keys(access, secret, os.environ.get("AWS_SESSION_TOKEN", ""))
    if any(os.environ.get(name) for name in _OTHER_KEYS):
        return None
    profile = _profile()
    access, secret = profile.get("aws_access_key_id", ""), profile.get("aws_secret_access_key", "")
    if access and secret:
        return Keys(access, secret, profile.get("aws_session_token", ""))
    if profile_name := os.environ.get("AWS_PROFILE", ""):
        raise SettingsError(
            f"the profile {profile_name} (AWS_PROFILE) has no keys in its files",
            hint=f"sign in first: eval $(aws configure export-credentials --profile {profile_name} --format env)",
        )
    return None


def _profile() -> Mapping[str, str]:
    """What the two files of Amazon's own tools say of the chosen profile."""
    name = os.environ.get("AWS_PROFILE") or "default"
    found: dict[str, str] = {}
    places = (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    )
    for variable, file, section in places:
        given = os.environ.get(variable)
        try:
            path = Path(given).expanduser() if given else Path.home() / ".aws" / file
            with path.open(encoding="utf-8") as stream:
                text = stream.read(_LARGEST_FILE)
            parser = configparser.RawConfigParser(strict=False)
            parser.read_string(text)
        except (OSError, RuntimeError, UnicodeDecodeError, configparser.Error):
            continue  # not there, or not one of these files
        if parser.has_section(section):
            found.update(parser.items(section))
    return found


def open_bucket(settings: Settings, bucket: str, *, patient: bool = True) -> Bucket:
    """Connects to nothing yet. Raises MissingExtra, SettingsError on settings that contradict one another.

    Not ``patient``: requests end within seconds, and are tried once.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ModuleNotFoundError as error:
        raise MissingExtra("buckets need the package 'obstore'", hint="pip install 'morelike[s3]'") from error
    place = find_place(settings, bucket)
    keys = find_keys(settings)
    if keys is None and not settings.s3_anonymous and not place.is_amazon:
        raise SettingsError(
            f"there are no keys for the S3 server {place.endpoint}",
            hint="set MORELIKE_S3_ACCESS_KEY and MORELIKE_S3_SECRET_KEY; or MORELIKE_S3_ANONYMOUS for a public bucket",
        )
    client: dict[str, Any] = {
        "allow_http": place.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS if patient else 3),
        "read_timeout": timedelta(seconds=READ_SECONDS if patient else 5),
        "timeout": timedelta(seconds=REQUEST_SECONDS if patient else 5),
        "user_agent": "morelike",
    }
    if settings.s3_insecure:
        client["allow_invalid_certificates"] = True
    certificates = read_certificates(settings)
    if certificates is not None:
        client["root_certificate"] = certificates
    retries = {
        "max_retries": RETRIES if patient else 0,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS if patient else 5),
        "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=3), "base": 2},
    }
    config = {
        "aws_endpoint_url_s3": place.root if place.host_style else place.endpoint,
        "region": place.region,
        "virtual_hosted_style_request": place.host_style,
        "skip_signature": settings.s3_anonymous,
    }
    try:
        return S3Store(
            bucket,
            config=config,  # type: ignore[arg-type]  # its keys are checked when it is made
            client_options=client,  # type: ignore[arg-type]  # likewise
            retry_config=retries,  # type: ignore[arg-type]  # likewise
            credential_provider=None if keys is None else _Provider(settings),
        )
    except (BaseError, ValueError):
        if certificates is None:
            raise SettingsError(f"the bucket {bucket} cannot be opened with these settings") from None
        raise _no_certificates(settings) from None


def read_certificates(settings: Settings) -> bytes | None:
    """The file ``s3_ca``. Raises SettingsError."""
    if settings.s3_ca is None:
        return None
    if settings.s3_insecure:
        raise SettingsError("s3_ca and s3_insecure are both set", hint="take one of them away")
    try:
        with settings.s3_ca.expanduser().open("rb") as stream:
            return stream.read(_LARGEST_FILE)
    except OSError as error:
        raise SettingsError(f"the setting 's3_ca': {settings.s3_ca} cannot be read: {error.strerror}") from None


def trusted(settings: Settings) -> ssl.SSLContext | bool:
    """What other requests than obstore's check a server's certificate with. Raises SettingsError."""
    certificates = read_certificates(settings)
    if certificates is None:
        return not settings.s3_insecure
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cadata=certificates.decode("ascii"))
    except (ValueError, ssl.SSLError):
        raise _no_certificates(settings) from None
    return context


def _no_certificates(settings: Settings) -> SettingsError:
    return SettingsError(
        f"the file {settings.s3_ca} holds no certificates that can be used", hint="PEM, as openssl writes them"
    )


class _Provider:
    """Gives obstore the keys; asked again where they may have changed in their file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fixed = bool(settings.s3_access_key)

    def __call__(self) -> Any:
        keys = find_keys(self._settings)
        return {
            "access_key_id": keys.access_key if keys else "",
            "secret_access_key": keys.secret_key if keys else "",
            "token": (keys.token or None) if keys else None,
            "expires_at": None if self._fixed else datetime.now(UTC) + _KEYS_LAST,
        }


@contextmanager
def translated(what: str) -> Iterator[None]:
    """obstore's errors as ours; ``what`` names the bucket or object in the sentence.

    StoreUnreachable (no answer, TLS), StoreReadOnly (not allowed to write), StoreError (wrong keys, no such bucket),
    StoreFull; FileNotFoundError passes (with a short text).
    A listing that meets a key with an empty part or ``..`` ends with StoreError: obstore cannot name such an object.
    """
    from obstore.exceptions import BaseError, InvalidPathError

    try:
        yield
    except FileNotFoundError as error:
        if "<Code>NoSuchBucket</Code>" in str(error):
            explain(what, str(error))
        if "Debug source" in str(error):
            raise FileNotFoundError(2, "not in the bucket", what) from None
        raise
    except InvalidPathError:
        raise StoreError(
            f"{what}: a key there has an empty part, or one of dots", hint="rename the object, or name a longer prefix"
        ) from None
    except BaseError as error:
        explain(what, str(error))


_REFUSALS: Final = {
    "InvalidAccessKeyId": ("the access key is not known", "mend MORELIKE_S3_ACCESS_KEY"),
    "SignatureDoesNotMatch": ("the secret key is not the one of the access key", "mend MORELIKE_S3_SECRET_KEY"),
    "ExpiredToken": ("the keys are no longer valid", "get new ones"),
    "InvalidToken": ("the session token is not valid", "mend MORELIKE_S3_SESSION_TOKEN, or get new keys"),
    "RequestTimeTooSkewed": ("the clocks differ by too much", "set this machine's clock"),
    "NoSuchBucket": ("there is no such bucket", "make it first, or mend the name"),
    "InvalidBucketName": ("a bucket cannot have that name", "mend the name"),
    "PermanentRedirect": ("the bucket is in another region", "set MORELIKE_S3_REGION"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "set MORELIKE_S3_REGION"),
    "IllegalLocationConstraintException": ("the bucket is in another region", "set MORELIKE_S3_REGION"),
}
_FULL: Final = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull"})


def explain(what: str, said: str) -> NoReturn:
    """Raises what ``translated`` promises, from the text of an answer: none of it is repeated, for it may hold keys."""
    found = re.search(r"<Code>([A-Za-z]{1,64})</Code>", said)
    code = found[1] if found else ""
    status = re.search(r"status code: (\d{3})", said)
    number = int(status[1]) if status else 0
    if re.search(r"performing \w+ https?://(169\.254\.|sts\.)", said):  # where roles are asked for
        raise StoreError(
            f"{what}: there are no keys to sign requests with",
            hint="set MORELIKE_S3_ACCESS_KEY and MORELIKE_S3_SECRET_KEY, or AWS_PROFILE",
        ) from None
    if code in _REFUSALS:
        sentence, hint = _REFUSALS[code]
        raise StoreError(f"{what}: {sentence}", hint=hint) from None
    if code in _FULL or number == 507:
        raise StoreFull(f"{what}: the server has no room ({code or number})") from None
    if number in (401, 403):
        writing = re.search(r"performing (PUT|POST|DELETE)", said) is not None
        kind = StoreReadOnly if writing else StoreError
        may = "change anything there" if writing else "read there"
        raise kind(f"{what}: these keys may not {may} (403)", hint="give them the permission, or use others") from None
    if 300 <= number < 400:
        raise StoreError(f"{what}: the bucket is in another region", hint="set MORELIKE_S3_REGION") from None
    if "ertificate" in said and not number:
        raise StoreUnreachable(
            f"{what}: the server's certificate is not trusted",
            hint="name its authority's file in MORELIKE_S3_CA; for trials, MORELIKE_S3_INSECURE takes any certificate",
        ) from None
    if not number or number >= 500 or code in ("SlowDown", "RequestTimeout"):
        why = f" (it says {number})" if number else ""
        raise StoreUnreachable(f"{what}: the S3 server does not answer{why}", hint="try again when it is up") from None
    raise StoreError(f"{what}: the S3 server refuses the request ({code or number})") from None
