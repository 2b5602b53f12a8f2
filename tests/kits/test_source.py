"""Every source of the registry through the kit."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from radosgw_process import Gateway

from morelike.protocols import OpenSource
from morelike.registry import SOURCES
from morelike.settings import Settings
from morelike.testing.kits.source import SourceKit

FILES = {"a.jpg": b"first", "b.jpg": b"second" * 1000}


class Handler(BaseHTTPRequestHandler):
    """Gives FILES, and 404 for the rest."""

    def do_GET(self) -> None:
        data = FILES.get(self.path[1:])
        self.send_response(404 if data is None else 200)
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class Case:
    """One source's arguments, made below ``root``."""

    def __init__(self, root: Path, address: str, request: pytest.FixtureRequest) -> None:
        self.root = root
        self.address = address
        self.request = request
        for name, data in FILES.items():
            (root / name).write_bytes(data)

    def files(self) -> tuple[str, dict[str, bytes], str, str]:
        broken = self.root / "broken"
        broken.mkdir()
        (broken / "a.jpg").symlink_to("nothing")
        (broken / "b.jpg").write_bytes(b"x")
        return (
            f"{self.root}/*.jpg",
            {f"{self.root}/{name}": data for name, data in FILES.items()},
            str(broken),
            f"{self.root}/gone",
        )

    def archive(self) -> tuple[str, dict[str, bytes], str, str]:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in FILES.items():
                archive.writestr(name, data)
        (self.root / "x.zip").write_bytes(out.getvalue())
        (self.root / "bad.zip").write_bytes(out.getvalue().replace(b"first", b"worst", 1))
        (self.root / "no.zip").write_bytes(b"PK?")
        return (
            f"{self.root}/x.zip",
            {f"{self.root}/x.zip!/{name}": data for name, data in FILES.items()},
            f"{self.root}/bad.zip",
            f"{self.root}/no.zip",
        )

    def s3(self) -> tuple[str, dict[str, bytes], str, str]:
        server: Gateway = self.request.getfixturevalue("gateway")
        bucket, half = server.bucket(), server.bucket()
        for name, data in FILES.items():
            assert server.ask("PUT", bucket, f"in/{name}", data).is_success
            assert server.ask("PUT", half, name, data).is_success
        assert server.ask("PUT", half, "c.zip", b"PK\x03\x04 no zip").is_success
        return (
            f"s3://{bucket}/in",
            {f"s3://{bucket}/in/{name}": data for name, data in FILES.items()},
            f"s3://{half}",
            f"s3://{bucket}/gone",
        )

    def table(self) -> tuple[str, dict[str, bytes], str, str]:
        (self.root / "x.csv").write_text("path,label\na.jpg,1\nb.jpg,2\n")
        (self.root / "bad.csv").write_text("path,label\na.jpg,1\ngone.jpg,2\n")
        (self.root / "no.csv").write_text("this,that\n1,2\n")
        return (
            f"{self.root}/x.csv",
            {f"{self.root}/{name}": data for name, data in FILES.items()},
            f"{self.root}/bad.csv",
            f"{self.root}/no.csv",
        )

    def url(self) -> tuple[str, dict[str, bytes], str, str]:
        urls = [f"{self.address}/{name}" for name in FILES]
        (self.root / "x.txt").write_text("\n".join(urls))
        (self.root / "bad.txt").write_text(f"{urls[0]}\n{self.address}/gone.jpg\n")
        return (
            f"{self.root}/x.txt",
            dict(zip(urls, FILES.values(), strict=True)),
            f"{self.root}/bad.txt",
            f"urls:{self.root}/gone.txt",
        )


@pytest.fixture(params=sorted(SOURCES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def case(
    name: str, tmp_path: Path, address: str, request: pytest.FixtureRequest
) -> tuple[str, dict[str, bytes], str, str]:
    """A source without a case here is a failure: each row of the registry must be proved."""
    make: Callable[[], tuple[str, dict[str, bytes], str, str]] = getattr(Case(tmp_path, address, request), name)
    return make()


class TestSources(SourceKit):
    @pytest.fixture
    def source(self, name: str, tmp_path: Path, request: pytest.FixtureRequest) -> OpenSource:
        settings = Settings(library=tmp_path / "library", offline=False, allow_private_urls=True, url_timeout=60)
        if name == "s3":
            settings = request.getfixturevalue("gateway").settings("folder", library=tmp_path / "library")
        source: OpenSource = SOURCES.load(name)(settings, ())
        return source

    @pytest.fixture
    def argument(self, case: tuple[str, dict[str, bytes], str, str]) -> str:
        return case[0]

    @pytest.fixture
    def expected(self, case: tuple[str, dict[str, bytes], str, str]) -> dict[str, bytes]:
        return case[1]

    @pytest.fixture
    def partly_bad(self, case: tuple[str, dict[str, bytes], str, str]) -> str:
        return case[2]

    @pytest.fixture
    def unusable(self, case: tuple[str, dict[str, bytes], str, str]) -> str:
        return case[3]
