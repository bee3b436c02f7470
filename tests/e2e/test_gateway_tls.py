"""A gateway with certificates from Secrets: served, demanded of callers, replaced and taken away while it runs."""

import base64
import json
import socket
import ssl
import subprocess
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from e2e.mesh import HERE, Mesh, eventually, missing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HOST, PARTNER = "shop.example.com", "partner.example.com"
GATEWAY = f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: secure
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: [{HOST}]
    tls: {{mode: SIMPLE, credentialName: shop}}
  - port: {{number: 443, name: https-partner, protocol: HTTPS}}
    hosts: [{PARTNER}]
    tls: {{mode: MUTUAL, credentialName: partner}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: secure
spec:
  hosts: [{HOST}, {PARTNER}]
  gateways: [secure]
  http:
  - route: [{{destination: {{host: plain, port: {{number: 80}}}}}}]
"""


class Certificates:
    """Certificates of one authority of the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = folder / "root.pem"
        _openssl("req", "-x509", *_KEY, "-keyout", self._key("root"), "-out", str(self.root), "-subj", "/CN=root")

    def make(self, name: str) -> tuple[Path, Path]:
        """A certificate for a name, and its key."""
        request, certificate = self._folder / f"{name}.csr", self._folder / f"{name}.pem"
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{name}\n")
        _openssl("req", *_KEY, "-keyout", self._key(name), "-out", str(request), "-subj", f"/CN={name}")
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.root), "-CAkey", self._key("root"),
            "-extfile", str(extensions), "-out", str(certificate), "-days", "2",
        )  # fmt: skip
        return certificate, Path(self._key(name))

    def secret(self, name: str, host: str, *, roots: bool = False) -> str:
        """A Secret of namespace istio-system with a new certificate."""
        certificate, key = self.make(host)
        data = {"tls.crt": certificate, "tls.key": key} | ({"ca.crt": self.root} if roots else {})
        return json.dumps({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": "istio-system"},
            "data": {field: base64.b64encode(file.read_bytes()).decode() for field, file in data.items()},
        })  # fmt: skip

    def revoking(self, *certificates: Path) -> bytes:
        """The list of revoked certificates of the authority, with these."""
        root = x509.load_pem_x509_certificate(self.root.read_bytes())
        key = load_pem_private_key(Path(self._key("root")).read_bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        now = datetime.now(UTC)
        made = x509.CertificateRevocationListBuilder(
            issuer_name=root.subject, last_update=now - timedelta(days=1), next_update=now + timedelta(days=1)
        )
        for file in certificates:
            serial = x509.load_pem_x509_certificate(file.read_bytes()).serial_number
            one = x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=now - timedelta(hours=1)).build()
            made = made.add_revoked_certificate(one)
        return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _key(self, name: str) -> str:
        return str(self._folder / f"{name}.key")


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Generator[Mesh]:
    if why := missing():
        pytest.skip(why)
    mesh = Mesh(tmp_path_factory.mktemp("gateway") / "state")
    try:
        mesh.up("-f", HERE / "manifests/plain.yaml")
        mesh.run("apply", "-f", "-", text=certificates.secret("shop", HOST))
        mesh.run("apply", "-f", "-", text=certificates.secret("partner", PARTNER, roots=True))
        mesh.apply_text(GATEWAY)
        yield mesh
    finally:
        mesh.down()


def ask(mesh: Mesh, certificates: Certificates, host: str, own: tuple[Path, Path] | None = None) -> tuple[str, str]:
    """(status line, serial of the server's certificate) of one request; the exception's name where TLS failed."""
    context = ssl.create_default_context(cafile=str(certificates.root))
    if own:
        context.load_cert_chain(*own)
    address = urlsplit(mesh.address).hostname
    try:
        with (
            socket.create_connection((address, 443), 5) as raw,
            context.wrap_socket(raw, server_hostname=host) as tls,
        ):
            tls.sendall(f"GET /hostname HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            status = tls.recv(4096).decode().partition("\r\n")[0]
            return status, str((tls.getpeercert() or {}).get("serialNumber", ""))
    except (ssl.SSLError, ConnectionError) as problem:
        return type(problem).__name__, ""


def test_a_certificate_from_a_secret(mesh: Mesh, certificates: Certificates) -> None:
    assert ask(mesh, certificates, HOST)[0] == "HTTP/1.1 200 OK"


def test_a_caller_must_show_one_where_it_is_demanded(mesh: Mesh, certificates: Certificates) -> None:
    own = certificates.make("caller.example.com")

    assert ask(mesh, certificates, PARTNER, own)[0] == "HTTP/1.1 200 OK"
    assert "200" not in ask(mesh, certificates, PARTNER)[0]


def test_a_caller_of_another_authority_is_refused(mesh: Mesh, certificates: Certificates, tmp_path: Path) -> None:
    stranger = Certificates(tmp_path).make("caller.example.com")

    assert "200" not in ask(mesh, certificates, PARTNER, stranger)[0]


def test_a_new_certificate_is_served_when_its_secret_changes(mesh: Mesh, certificates: Certificates) -> None:
    before = ask(mesh, certificates, HOST)[1]

    mesh.run("apply", "-f", "-", text=certificates.secret("shop", HOST))

    assert eventually(lambda: ask(mesh, certificates, HOST)[1] not in ("", before))


def test_a_secret_that_is_missing_is_said_and_holds_up_nothing_else(mesh: Mesh, certificates: Certificates) -> None:
    mesh.apply_text(GATEWAY.replace("credentialName: partner", "credentialName: absent"))

    found = mesh.json("status", status=(0, 1))["findings"]
    assert [one["path"] for one in found if one["code"] == "M3112"] == ["spec.servers[1].tls.credentialName"]
    assert ask(mesh, certificates, HOST)[0] == "HTTP/1.1 200 OK"
    assert "200" not in ask(mesh, certificates, PARTNER, certificates.make("caller.example.com"))[0]

    mesh.apply_text(GATEWAY)
    assert eventually(lambda: "200" in ask(mesh, certificates, PARTNER, certificates.make("caller.example.com"))[0])
