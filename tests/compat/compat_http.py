"""Requests to the older servers as people's scripts send them: with ``requests``, over a real connection."""

from __future__ import annotations

from typing import Any

import requests

__all__ = ["PATIENCE", "Answer", "Client", "ask", "get", "post", "refused"]

PATIENCE = 60.0
"""Seconds; a machine that is busy is no failure."""
Answer = requests.Response


def ask(method: str, url: str, **given: Any) -> Answer:
    """One request on a connection of its own; no redirect is followed, and no proxy of this machine is asked."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, **{"timeout": PATIENCE, "allow_redirects": False, **given})


def get(url: str, **given: Any) -> Answer:
    return ask("GET", url, **given)


def post(url: str, **given: Any) -> Answer:
    return ask("POST", url, **given)


class Client:
    """Requests below one address. Safe from any thread, since nothing is kept between two of them."""

    def __init__(self, base: str) -> None:
        self.base = base

    def get(self, path: str, **given: Any) -> Answer:
        return ask("GET", self.base + path, **given)

    def post(self, path: str, **given: Any) -> Answer:
        return ask("POST", self.base + path, **given)

    def delete(self, path: str, **given: Any) -> Answer:
        return ask("DELETE", self.base + path, **given)

    def options(self, path: str, **given: Any) -> Answer:
        return ask("OPTIONS", self.base + path, **given)


def refused(answer: Answer, *statuses: int) -> str:
    """The sentence of an answer that says no as most of the older servers now do: ``{"status": false, "msg": …}``."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text}"
    body = answer.json()
    assert set(body) == {"status", "msg"}, body
    assert body["status"] is False
    assert isinstance(body["msg"], str)
    assert body["msg"]
    return str(body["msg"])
