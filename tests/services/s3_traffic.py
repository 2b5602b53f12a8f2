"""Objects put under any key, and a proxy before the gateway that writes down what is asked and breaks answers off."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit

from radosgw_process import Gateway, User

from morelike.objects import find_keys, find_place
from morelike.signing import Ask, signed_url


def put(gateway: Gateway, bucket: str, key: str, data: bytes) -> None:
    """Under the key as it is: no client in between tidies it."""
    _raw(gateway, "PUT", bucket, key, data)


def remove(gateway: Gateway, bucket: str, key: str) -> None:
    _raw(gateway, "DELETE", bucket, key)


def permit(gateway: Gateway, bucket: str, user: User, *actions: str, path: str = "") -> None:
    """From now on this user may do these things with the bucket, and with the objects at ``path``."""
    things = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{path or '*'}"]
    who = {"AWS": [f"arn:aws:iam:::user/{user.name}"]}
    rule = {"Effect": "Allow", "Principal": who, "Action": [f"s3:{one}" for one in actions], "Resource": things}
    policy = {"Version": "2012-10-17", "Statement": [rule]}
    _raw(gateway, "PUT", bucket, "", json.dumps(policy).encode(), policy="")


def _raw(gateway: Gateway, method: str, bucket: str, key: str, data: bytes = b"", **query: str) -> None:
    settings = gateway.settings(f"s3://{bucket}")
    keys = find_keys(settings)
    assert keys is not None
    url = signed_url(find_place(settings, bucket), keys, Ask(method, key, query), 60)
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    line.request(method, url.removeprefix(gateway.endpoint), data)
    answer = line.getresponse()
    assert answer.status < 300, answer.read()
    line.close()


class Watched:
    """What came through: ``asked`` has a line of method, path and query for each request, ``cut`` breaks answers off.

    ``cut(line)`` gives how many bytes of the answer pass, or None for all of them.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked: list[str] = []
        self.moved = 0
        self.cut: Callable[[str], int | None] = lambda line: None

    def objects(self) -> list[str]:
        """The keys of the GETs of objects so far."""
        paths = (line.split()[1] for line in self.asked if line.startswith("GET "))
        return [unquote(path.split("/", 2)[2].partition("?")[0]) for path in paths if "list-type" not in path]

    def serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _talk(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            while head := _head(client):
                line = head.split(b"\r\n")[0].decode()
                self.asked.append(line.rpartition(" ")[0])
                if not self._answer(client, head, self.cut(line)):
                    return

    def _answer(self, client: socket.socket, head: bytes, most: int | None) -> bool:
        """One connection a request, so that its answer has an end; whether the client may go on."""
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            lines = [one for one in head.split(b"\r\n") if not one.lower().startswith(b"connection:")]
            server.sendall(lines[0] + b"\r\nConnection: close\r\n" + b"\r\n".join(lines[1:]))
            passed = 0
            while data := server.recv(65536):
                part = data if most is None else data[: most - passed]
                client.sendall(part)
                passed += len(part)
                self.moved += len(part)
                if most is not None and passed >= most:
                    return False
        return False


def _head(line: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        data = line.recv(65536)
        if not data:
            return b""
        head += data
    return head


@contextmanager
def watched(gateway: Gateway) -> Iterator[Watched]:
    proxy = Watched(gateway.port)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
