"""Requests to S3 signed by hand, in their headers or in a URL: for what obstore has no call for.

AWS Signature Version 4, as Amazon's documentation of S3 ("Authenticating Requests") states it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlsplit

from morelike.objects import Keys, Place, find_keys, translated
from morelike.settings import Settings

__all__ = ["Ask", "Signed", "signed", "signed_by", "signed_url"]

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED: Final = "-_.~"
_NO_BODY: Final = sha256(b"").hexdigest()
_ANY_BODY: Final = "UNSIGNED-PAYLOAD"
_LONGEST: Final = 7 * 86400
"""Seconds that a signed URL may live."""
_BY_ROLE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request without a body: for an object, for the bucket (an empty key), or for the whole service (None)."""

    method: str
    key: str | None = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def path(self, place: Place) -> str:
        return f"{urlsplit(self._address(place)).path}/{_quoted(self.key or '', '/')}"

    def origin(self, place: Place) -> str:
        parts = urlsplit(self._address(place))
        return f"{parts.scheme}://{parts.netloc}"

    def host(self, place: Place) -> str:
        return urlsplit(self._address(place)).netloc

    def _address(self, place: Place) -> str:
        return place.endpoint if self.key is None else place.root


@dataclass(frozen=True, slots=True)
class Signed:
    """What to send. ``target`` goes over the wire as it is: a key may hold ``..``, or ``//``."""

    origin: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def signed(settings: Settings, place: Place, ask: Ask) -> Signed:
    """With whatever keys there are. Raises SettingsError, StoreError where a role has no keys to give."""
    keys = find_keys(settings)
    if keys is not None:
        return signed_by(keys, place, ask)
    origin, target = ask.origin(place), _target(place, ask)
    if not settings.s3_anonymous:
        target = _by_role(place, ask.method, origin, target)
    return Signed(origin, target, dict(ask.headers))


def signed_by(keys: Keys, place: Place, ask: Ask) -> Signed:
    """In headers: a URL goes into logs."""
    moment = _moment(None)
    headers = {"host": ask.host(place), "x-amz-content-sha256": _NO_BODY, "x-amz-date": moment}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = (ask.method, ask.path(place), _asked(ask.query), lines, names, _NO_BODY)
    who = f"Credential={keys.access_key}/{_scope(place, moment)}"
    signature = _signature(place, keys, moment, canonical)
    headers["authorization"] = f"{_ALGORITHM} {who}, SignedHeaders={names}, Signature={signature}"
    return Signed(ask.origin(place), _target(place, ask), {**headers, **ask.headers})


def signed_url(place: Place, keys: Keys, ask: Ask, seconds: int, now: datetime | None = None) -> str:
    """A URL that does what is asked for whoever has it."""
    moment = _moment(now)
    query = {
        **ask.query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key}/{_scope(place, moment)}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(max(1, min(seconds, _LONGEST))),
        "X-Amz-SignedHeaders": "host",
    }
    if keys.token:
        query["X-Amz-Security-Token"] = keys.token
    path, asked = ask.path(place), _asked(query)
    canonical = (ask.method, path, asked, f"host:{ask.host(place)}\n", "host", _ANY_BODY)
    return f"{ask.origin(place)}{path}?{asked}&X-Amz-Signature={_signature(place, keys, moment, canonical)}"


def _target(place: Place, ask: Ask) -> str:
    path, asked = ask.path(place), _asked(ask.query)
    return f"{path}?{asked}" if asked else path


def _quoted(text: str, safe: str = "") -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=_UNRESERVED + safe)


def _asked(query: Mapping[str, str]) -> str:
    pairs = sorted((_quoted(name), _quoted(value)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def _moment(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")


def _scope(place: Place, moment: str) -> str:
    return f"{moment[:8]}/{place.region}/s3/aws4_request"


def _signature(place: Place, keys: Keys, moment: str, canonical: tuple[str, ...]) -> str:
    scope = _scope(place, moment)
    digest = sha256("\n".join(canonical).encode()).hexdigest()
    secret = f"AWS4{keys.secret_key}".encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    return hmac.digest(secret, "\n".join((_ALGORITHM, moment, scope, digest)).encode(), "sha256").hex()


def _by_role(place: Place, method: str, origin: str, target: str) -> str:
    """The target, signed by obstore, which knows how to ask for a role's keys and does not give them away.

    A store whose endpoint is the whole address signs just that address. It cannot hold ``.`` and ``..``.
    """
    from obstore import sign
    from obstore.store import S3Store

    config: Any = {
        "aws_endpoint_url_s3": f"{origin}{target}#",
        "region": place.region,
        "virtual_hosted_style_request": True,
    }
    with translated(place.bucket or place.endpoint):
        store = S3Store(place.bucket or "any", config=config, client_options={"allow_http": origin.startswith("http:")})
        url = sign(store, method, "", _BY_ROLE)  # type: ignore[call-overload]  # a plain text is a method's name
    return str(url).partition("#")[0].removeprefix(origin)
