"""The few requests of a store that obstore has no call for: uploads that nobody finished."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

import httpx

from morelike.errors import StoreError, StoreUnreachable
from morelike.objects import CONNECT_SECONDS, READ_SECONDS, Place, explain, find_keys, trusted
from morelike.settings import Settings
from morelike.signing import Ask, signed_by

__all__ = ["Requests"]

_LARGEST: Final = 4 << 20
_PAGES: Final = 1000


class Requests:
    """For keys that are known here; those of a role are known to obstore only, and nothing is asked with them."""

    def __init__(self, settings: Settings, place: Place) -> None:
        self._place = place
        self._settings = settings
        self._trusted = trusted(settings)

    def uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        """(key, upload id) of every multipart upload below ``prefix`` that was begun and neither ended nor aborted.

        Nothing where these keys may not list them.
        """
        marks: dict[str, str] = {}
        for _ in range(_PAGES):
            query = {"uploads": "", "prefix": prefix, "encoding-type": "url", **marks}
            text = self._ask("GET", "", query, passed=("AccessDenied",))
            for one in text.split("</Upload>")[:-1]:
                key, upload = unquote(_field(one, "Key")), _field(one, "UploadId")
                if key and upload:  # without its id, what aborts an upload would delete the object
                    yield key, upload
            if _field(text, "IsTruncated") != "true":
                return
            marks = {
                "key-marker": unquote(_field(text, "NextKeyMarker")),
                "upload-id-marker": _field(text, "NextUploadIdMarker"),
            }

    def abort(self, key: str, upload: str) -> None:
        """One that is gone already is passed over."""
        self._ask("DELETE", key, {"uploadId": upload}, passed=("NoSuchUpload", "AccessDenied"))

    def _ask(self, method: str, key: str, query: Mapping[str, str], *, passed: tuple[str, ...]) -> str:
        """The answer's text; so too where the server refuses with one of the codes ``passed``.

        Raises what ``objects.translated`` raises.
        """
        what = f"s3://{self._place.bucket} at {self._place.endpoint}"
        keys = find_keys(self._settings)  # anew: those in a file change
        if keys is None:
            return ""
        ready = signed_by(keys, self._place, Ask(method, key, query))
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        try:
            with httpx.Client(verify=self._trusted, timeout=timeout) as client:
                asked = client.build_request(
                    method, ready.origin, headers=ready.headers, extensions={"target": ready.target.encode()}
                )
                answer = client.send(asked, stream=True)
                body = b""
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise StoreError(f"{what}: the S3 server's answer is too long")
        except httpx.HTTPError as error:
            if "CERTIFICATE" in str(error):
                explain(what, "certificate")
            raise StoreUnreachable(f"{what}: the S3 server does not answer", hint="try again when it is up") from None
        text = body.decode("utf-8", "replace")
        if not answer.is_success and _field(text, "Code") not in passed:
            explain(what, f"performing {method} - status code: {answer.status_code}: {text}")
        return text


def _field(text: str, name: str) -> str:
    """What stands in the first element of that name; in linear time, whatever the text is."""
    value, end, _ = text.partition(f"<{name}>")[2].partition(f"</{name}>")
    return html.unescape(value) if end else ""
