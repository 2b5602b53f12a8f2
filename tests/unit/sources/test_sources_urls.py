"""URLs and lists of them as a source, against a real server on loopback."""

from __future__ import annotations

import gc
import io
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from source_server import SourceServer

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.urls import UrlSource
from morelike.types import Blob


def only(settings: Settings, url: str) -> Blob:
    (blob,) = UrlSource(settings).blobs(url)
    return blob


def test_a_url_is_a_file(online: Settings, server: SourceServer) -> None:
    """One URL gives one blob with its bytes, size and the name in its path; the server is asked once."""
    url = server.give("/p/my%20cat.jpg?size=1", b"miaow")

    blob = only(online, f"{url}#part")

    assert (blob.uri, blob.name, blob.size, blob.path) == (url, "my cat.jpg", 5, None)
    assert [blob.read(), blob.read()] == [b"miaow", b"miaow"]
    assert server.asked == ["/p/my%20cat.jpg?size=1"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="cat.jpg"', "cat.jpg"),
        ("attachment; filename*=UTF-8''Zo%C3%AB.jpg", "Zoë.jpg"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="a\\\\b\x01.jpg"', "b.jpg"),
        ("attachment; filename*=nonsense''%ff", "ÿ"),
        ("inline", "x"),
    ],
)
def test_the_server_may_name_the_file(online: Settings, server: SourceServer, header: str, name: str) -> None:
    """A name from the server is used once it can do no harm."""
    url = server.give("/x", b"", Content_Disposition=header)

    assert only(online, url).name == name


def test_redirects_are_followed(online: Settings, server: SourceServer) -> None:
    """Five hops, relative and absolute, end at the file; its uri stays the one asked for."""
    server.give("/5.jpg", b"there")
    for hop in range(5):
        target = f"{hop + 1}" if hop % 2 else server.url(f"/{hop + 1}")
        server.give(f"/{hop}", b"", 302, Location=target + (".jpg" if hop == 4 else ""))

    blob = only(online, server.url("/0"))

    assert (blob.uri, blob.name, blob.read()) == (server.url("/0"), "5.jpg", b"there")


def test_too_many_redirects(online: Settings, server: SourceServer) -> None:
    """A loop of redirects ends."""
    url = server.give("/x", b"", 301, Location="/x")

    with pytest.raises(SourceError, match="more than 5 times"):
        only(online, url).open()
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://example.com/x", "gopher://x", "//[", "http://u:p@127.0.0.1/"]
)
def test_redirects_lead_to_web_addresses_only(online: Settings, server: SourceServer, target: str) -> None:
    """No redirect leaves http and https."""
    url = server.give("/x", b"", 302, Location=target)

    with pytest.raises(SourceError):
        only(online, url).open()
    assert server.asked == ["/x"]


def test_refusals_are_explained(online: Settings, server: SourceServer) -> None:
    """A status other than 200 is the reason."""
    with pytest.raises(SourceError, match="answered 404 Not Found"):
        only(online, server.url("/gone")).open()


@pytest.mark.parametrize("declared", [True, False])
def test_large_answers_stop(tmp_path: Path, server: SourceServer, declared: bool) -> None:
    """Neither a declared nor an undeclared size gets past the limit."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.send_response(200)
        if declared:
            request.send_header("Content-Length", "5000")
        request.end_headers()
        request.wfile.write(b"x" * 5000)

    server.answers["/x"] = answer
    settings = Settings(offline=False, allow_private_urls=True, max_url_size=1000)

    with pytest.raises(SourceError, match="MORELIKE_MAX_URL_SIZE"):
        only(settings, server.url("/x")).open()


@pytest.mark.parametrize("headers_too", [True, False])
def test_a_dripping_server_is_given_up(server: SourceServer, headers_too: bool) -> None:
    """A byte now and then, which no timeout of a single read notices, ends at the deadline."""
    url = server.drip("/x", 0.03, headers_too=headers_too)
    settings = Settings(offline=False, allow_private_urls=True, url_timeout=0.3)

    with pytest.raises(SourceError, match="MORELIKE_URL_TIMEOUT"):
        only(settings, url).open()


def test_a_silent_server_is_given_up(server: SourceServer) -> None:
    """A server that never answers is left."""
    server.answers["/x"] = lambda _request: server.stopping.wait(120) and None
    settings = Settings(offline=False, allow_private_urls=True, url_timeout=0.2)

    with pytest.raises(SourceError, match=r"did not answer within 0\.2 s"):
        only(settings, server.url("/x")).open()


def test_a_broken_off_answer_fails(online: Settings, server: SourceServer) -> None:
    """Fewer bytes than announced are no file."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"few")

    server.answers["/x"] = answer

    with pytest.raises(SourceError, match="cannot be fetched"):
        only(online, server.url("/x")).open()


def test_packed_answers_are_refused(online: Settings, server: SourceServer) -> None:
    """The bytes are asked for as they are; an answer that packs them anyway could be a bomb."""
    url = server.give("/x", b"?", Content_Encoding="gzip")

    with pytest.raises(SourceError, match="encoded as 'gzip'"):
        only(online, url).open()
    assert server.headers[0]["accept-encoding"] == "identity"


def test_no_server_is_explained(online: Settings, server: SourceServer) -> None:
    """A refused connection names the URL."""
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:9/x cannot be fetched"):
        only(online, "http://127.0.0.1:9/x").open()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_reached(server: SourceServer, host: str) -> None:
    """However loopback is spelt, the guard refuses it and nothing is asked."""
    server.give("/x", b"secret")

    with pytest.raises(SourceError, match=r"no public address \(MORELIKE_ALLOW_PRIVATE_URLS"):
        only(Settings(offline=False), server.url("/x", host)).open()
    assert server.asked == []


def test_no_cookies_and_no_proxies(online: Settings, server: SourceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request carries what another answer left, and the environment's proxy is not used."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.give("/x", b"", 302, Location="/y", Set_Cookie="who=you")
    server.give("/y", b"fine")

    assert only(online, server.url("/x")).read() == b"fine"
    assert ["cookie" in headers for headers in server.headers] == [False, False]


def test_passwords_are_not_kept(online: Settings) -> None:
    """A URL with a password is refused, and the password is nowhere in what is recorded."""
    blob = only(online, "http://me:secret@example.com/x.jpg")

    with pytest.raises(SourceError) as caught:
        blob.open()
    assert "secret" not in f"{blob.uri} {caught.value}"


def test_offline_is_refused_at_once(settings: Settings) -> None:
    """Offline no URL is accepted for fetching."""
    with pytest.raises(SourceError, match="offline"):
        UrlSource(settings).blobs("http://example.com/x.jpg")


def test_a_list_is_fetched_as_it_is_opened(tmp_path: Path, online: Settings, server: SourceServer) -> None:
    """A list's URLs become blobs without a request; each is asked for once, by its first open, from any thread."""
    urls = [server.give(f"/{number}.jpg", bytes([number]) * 1000) for number in range(12)]
    listed = tmp_path / "list.txt"
    listed.write_text("\ufeff# pictures\n\n" + "\n".join(urls) + "\nnot a url\nhttp://[bad\n")

    *blobs, odd, bad = UrlSource(online).blobs(str(listed))

    assert server.asked == []
    with ThreadPoolExecutor(6) as pool:
        read = list(pool.map(Blob.read, blobs * 2))
    assert read == [bytes([number]) * 1000 for number in range(12)] * 2
    assert sorted(server.asked) == sorted(f"/{number}.jpg" for number in range(12))
    with pytest.raises(SourceError, match=r"line 15 of .*list\.txt is no http"):
        odd.open()
    with pytest.raises(SourceError, match="no address that can be read"):
        bad.open()


def test_lists_are_known_by_their_first_line(tmp_path: Path, settings: Settings) -> None:
    """A text is a list only where it starts with a URL; ``urls:`` makes any file one."""
    source = UrlSource(settings)
    for name, text in {"a.txt": "# x\nhttp://x/y\n", "b.txt": "Dear http://x/y\n", "c.md": "http://x/y\n"}.items():
        (tmp_path / name).write_text(text)

    sure = [source.accepts(str(tmp_path / name)) > 0.5 for name in ("a.txt", "b.txt", "c.md")]

    assert sure == [True, False, False]
    assert source.accepts(f"urls:{tmp_path}/c.md") == 1


def test_a_missing_list_is_refused_at_once(tmp_path: Path, online: Settings) -> None:
    """``urls:`` of nothing is a wrong argument."""
    with pytest.raises(SourceError, match="no such file"):
        UrlSource(online).blobs(f"urls:{tmp_path}/gone.txt")


def test_listed_urls_can_be_excluded(tmp_path: Path, online: Settings) -> None:
    """Excludes match the path of a URL."""
    (tmp_path / "l.txt").write_text("http://example.com/a/x.gif\nhttp://example.com/a/x.jpg\n")

    blobs = UrlSource(online, ("*.gif",)).blobs(str(tmp_path / "l.txt"))

    assert [blob.uri for blob in blobs] == ["http://example.com/a/x.jpg"]


def test_an_archive_behind_a_url_is_opened(online: Settings, server: SourceServer) -> None:
    """A URL of an archive gives its members, their uris starting with the URL."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("in/a.jpg", b"inside")
    url = server.give("/download?id=7", out.getvalue())

    blob = only(online, url)

    assert (blob.uri, blob.name, blob.read()) == (f"{url}!/in/a.jpg", "a.jpg", b"inside")


def test_large_downloads_leave_no_file(
    tmp_path: Path, online: Settings, server: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit into memory waits in a file, which goes with the blob; a failed fetch leaves none."""
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    url = server.give("/x", bytes(17 * 1024**2))

    blob = only(online, url)

    assert [file.stat().st_size for file in spool.iterdir()] == [17 * 1024**2]
    del blob
    gc.collect()
    assert list(spool.iterdir()) == []
