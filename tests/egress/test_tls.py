"""TLS names the host and proves it (SS-04, SS-13)."""

import datetime
import ipaddress
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config import egress
from tests.receivers import Receiver, receiving

pytestmark = pytest.mark.usefixtures("loopback_allowed")

Resolver = Callable[[dict[str, list[list[str]]]], list[str]]


class Authority:
    """A certificate authority that exists for one test."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.subject, self.key, ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject: x509.Name, key: Any, *, ca: bool, names: Any = ()) -> Any:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, *names: str) -> ssl.SSLContext:
        """Return a server's context with a certificate for these names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = self._sign(subject, key, ca=False, names=[_general(each) for each in names])
        file = self.folder / f"{names[0]}.server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    trusted = Authority(tmp_path, "trusted")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.file))
    egress._tls.cache_clear()
    yield trusted
    egress._tls.cache_clear()


def call(receiver: Receiver, host: str) -> egress.Reply:
    return egress.request("POST", f"https://{host}:{receiver.port}/hook", headers={}, body=b"{}")


def test_the_certificate_must_be_for_the_host_and_sni_names_it(
    authority: Authority, resolver: Resolver
) -> None:
    resolver({"hooks.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    server = authority.server("hooks.example")
    named: list[str | None] = []
    server.sni_callback = lambda _, name, __: named.append(name)
    with receiving(tls=server) as receiver:
        assert call(receiver, "hooks.example").status == 200
        with pytest.raises(egress.TlsFailed, match=r"other\.example"):
            call(receiver, "other.example")
        assert len(receiver.seen) == 1
    assert named == ["hooks.example", "other.example"]


def test_a_certificate_for_the_address_is_not_one_for_the_name(
    authority: Authority, resolver: Resolver
) -> None:
    resolver({"hooks.example": [["127.0.0.1"]]})
    with receiving(tls=authority.server("127.0.0.1")) as receiver:
        assert call(receiver, "127.0.0.1").status == 200
        with pytest.raises(egress.TlsFailed):
            call(receiver, "hooks.example")


def test_an_authority_that_nobody_trusts_is_refused(
    authority: Authority, tmp_path: Path, resolver: Resolver
) -> None:
    resolver({"hooks.example": [["127.0.0.1"]]})
    stranger = Authority(tmp_path, "stranger")
    with receiving(tls=stranger.server("hooks.example")) as receiver:
        with pytest.raises(egress.TlsFailed):
            call(receiver, "hooks.example")
        assert receiver.seen == []


def test_plain_http_behind_https_is_a_tls_failure(authority: Authority) -> None:
    with receiving() as receiver, pytest.raises((egress.TlsFailed, egress.TimedOut)):
        egress.request(
            "POST", f"https://127.0.0.1:{receiver.port}/", headers={}, body=b"{}", total=1
        )


def test_nothing_is_shared_between_two_hosts_on_one_address(
    authority: Authority, resolver: Resolver
) -> None:
    """SS-13: each request has a connection of its own."""
    resolver({"a.example": [["127.0.0.1"]], "b.example": [["127.0.0.1"]]})
    with receiving(tls=authority.server("a.example", "b.example")) as receiver:
        for host in ("a.example", "b.example", "a.example"):
            assert call(receiver, host).status == 200
        assert receiver.connections == 3
