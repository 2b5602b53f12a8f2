"""A server with TLS: certificates are checked, always."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from morelike.errors import StoreUnreachable
from morelike.remote.client import Client

KEY = "ml_" + "k" * 43


@dataclass
class Secure:
    """A server, the certificate that it has signed itself, and the keys that it was shown."""

    url: str
    certificate: Path
    shown: list[str] = field(default_factory=list)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """One for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return certificate, private


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    certificate, private = _certificate(tmp_path)
    shown: list[str] = []

    class Told(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers.get("Authorization", ""))
            body = json.dumps({"path": self.path}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that leaves is what is tested
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Secure(f"https://127.0.0.1:{server.server_port}", certificate, shown)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_certificate_of_nobody_is_refused(secure: Secure) -> None:
    """Before the key is shown, and without a second try."""
    client = Client(secure.url, KEY)
    try:
        with pytest.raises(StoreUnreachable, match="cannot be trusted") as caught:
            client.get("/info")
    finally:
        client.close()

    assert "SSL_CERT_FILE" in caught.value.hint
    assert secure.shown == []


def test_a_further_authority_is_named_by_the_environment(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is asked, with the key."""
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
    client = Client(secure.url, KEY)
    try:
        assert client.get("/info") == {"path": "/api/v1/info"}
    finally:
        client.close()

    assert secure.shown == [f"Bearer {KEY}"]
