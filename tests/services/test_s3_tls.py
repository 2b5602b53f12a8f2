"""S3 over TLS: an authority of one's own, a certificate that nobody vouches for, and plain HTTP."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from radosgw_process import Gateway, running_gateway

from morelike.errors import StoreUnreachable
from morelike.testing.kits.blob_store import digest_of
from morelike.types import Blob

pytestmark = pytest.mark.xdist_group("gateway with TLS")


def store_of(gateway: Gateway, bucket: str, **given: object) -> Any:
    from morelike.stores.s3 import S3BlobStore  # the package may be absent

    settings = gateway.settings(f"s3://{bucket}/lib", **{"s3_endpoint": gateway.tls_endpoint, **given})
    return S3BlobStore(Path("unused"), settings, "0123456789ab")


def write_certificates(folder: Path) -> tuple[Path, Path]:
    """(the authority's certificate; a server's for localhost, with its key)"""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = dt.datetime.now(dt.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]

    def certificate(subject: str, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("a test's authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(keys[0], hashes.SHA256())
        )

    pem = serialization.Encoding.PEM
    ca, server = folder / "ca.pem", folder / "server.pem"
    ca.write_bytes(certificate("a test's authority", keys[0], authority=True).public_bytes(pem))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    own = certificate("localhost", keys[1], authority=False).public_bytes(pem)
    server.write_bytes(own + keys[1].private_bytes(pem, *plain))
    return ca, server


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Path]]:
    """(a gateway with TLS, the file of the authority that vouches for it)"""
    pytest.importorskip("cryptography", reason="the package cryptography makes the certificates")
    ca, server = write_certificates(tmp_path_factory.mktemp("certificates"))
    with running_gateway(certificate=server) as gateway:
        yield gateway, ca


@pytest.mark.parametrize("how", ["s3_ca", "s3_insecure"])
def test_trusted(secure: tuple[Gateway, Path], how: str) -> None:
    """With the authority's file, or where any certificate is taken on purpose, everything works."""
    gateway, ca = secure
    store = store_of(gateway, gateway.bucket(), **({"s3_ca": ca} if how == "s3_ca" else {"s3_insecure": True}))
    store.put_many([(digest_of(b"x"), Blob.from_bytes(b"x", "x"))])

    assert store.open(digest_of(b"x").blake3).read() == b"x"
    assert store.sweep() == 0
    store.ping()
    store.close()


def test_not_trusted(secure: tuple[Gateway, Path], tmp_path: Path) -> None:
    """Without it, or with another authority's, the certificate is refused, and the sentence says what to set."""
    gateway, _ = secure
    other, _ = write_certificates(tmp_path)
    bucket = gateway.bucket()
    for given in ({}, {"s3_ca": other}):
        store = store_of(gateway, bucket, **given)
        for name, arguments in (("ping", ()), ("exists", (digest_of(b"x").blake3,)), ("sweep", ())):
            with pytest.raises(StoreUnreachable, match="certificate is not trusted") as caught:
                getattr(store, name)(*arguments)
            assert "MORELIKE_S3_CA" in caught.value.hint
        store.close()


def test_the_wrong_scheme(secure: tuple[Gateway, Path]) -> None:
    """TLS spoken to a plain port, and the other way round, ends with StoreUnreachable."""
    gateway, _ = secure
    for endpoint in (f"https://127.0.0.1:{gateway.port}", f"http://localhost:{gateway.tls_port}"):
        store = store_of(gateway, "bucket", s3_endpoint=endpoint)
        with pytest.raises(StoreUnreachable):
            store.ping()
        store.close()
