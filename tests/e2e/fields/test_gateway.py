"""Fields of Gateway, each by real connections from outside of the mesh to the ingress gateway."""

import base64
import json
import socket
import ssl
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from e2e.fields.inside import client_hello
from e2e.fields.shown import shows
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually
from e2e.test_gateway_tls import Certificates

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

GW = "Gateway"
SELECT = "selector: {istio: ingressgateway}\n"
HOST, OTHER = "shop.example.com", "mail.example.com"
WAY = "http: [{route: [{destination: {host: echo, subset: one, port: {number: 80}}}]}]\n"


class Seen(NamedTuple):
    """What a client saw of TLS and of one request."""

    status: int = 0
    """0: there was no answer."""
    version: str = ""
    cipher: str = ""
    names: tuple[str, ...] = ()
    """Of the server's certificate."""


@pytest.fixture(scope="module")
def certificates(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority; secrets `shop`, `mail` and `partner` (with the authority) in the gateway's namespace, and files."""
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    for name, host in (("shop", HOST), ("mail", OTHER)):
        mesh.run("apply", "-f", "-", text=made.secret(name, host))
    mesh.run("apply", "-f", "-", text=made.secret("partner", HOST, roots=True))
    mesh.run("apply", "-f", "-", text=_authority("roots", made.root))
    certificate, key = made.make(HOST)
    pod = mesh.json("get", "pods", "-n", "istio-system")["items"][0]["metadata"]["name"]
    for name, path in (("cert", certificate), ("key", key), ("ca", made.root)):
        mesh.run("exec", "-n", "istio-system", pod, "--", "sh", "-c", f"echo '{path.read_text()}' >/tmp/{name}.pem")
    return made


def _authority(name: str, root: Path) -> str:
    data = {"cacert": base64.b64encode(root.read_bytes()).decode()}
    meta = {"name": name, "namespace": "istio-system"}
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": data})


@pytest.fixture
def edge(world: World, certificates: Certificates) -> World:
    """A world whose VirtualServices stand behind Gateway `edge`."""
    assert certificates
    return world


def gateway(
    world: World, *servers: str, name: str = "edge", rule: str = WAY, hosts: str = f"'{HOST}', '{OTHER}'"
) -> None:
    """A Gateway with servers, each one line of YAML, and a VirtualService behind it."""
    listed = "".join(f"- {{{server}}}\n" for server in servers)
    world.apply(GW, name, f"{SELECT}servers:\n{listed}")
    world.virtual_service(f"hosts: [{hosts}]\ngateways: [{name}]\n{rule}", name=name)


def address(world: World) -> str:
    return urlsplit(world.mesh.address).hostname or ""


def ask(world: World, host: str = HOST, port: int = 80, to: str = "") -> tuple[int, str]:
    """(status, location) of a plain request; (0, "") where nobody listens."""
    connection = HTTPConnection(to or address(world), port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.headers.get("location", "")
    except OSError:
        return 0, ""
    finally:
        connection.close()


def secure(
    world: World,
    name: str = HOST,
    *,
    host: str = "",
    own: tuple[Path, Path] | None = None,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ciphers: str = "",
) -> Seen:
    """One request inside of TLS. `host`: of the request, where it is not the server's name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = newest
    if newest < ssl.TLSVersion.TLSv1_2:
        context.minimum_version = newest
        context.set_ciphers("ALL:@SECLEVEL=0")
    if ciphers:
        context.set_ciphers(ciphers)
    if own:
        context.load_cert_chain(*own)
    try:
        with (
            socket.create_connection((address(world), 443), 10) as raw,
            context.wrap_socket(raw, server_hostname=name) as tls,
        ):
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {host or name}\r\nConnection: close\r\n\r\n".encode())
            status = tls.recv(4096).decode().split()
            found = tls.getpeercert(binary_form=True) or b""
            cipher = tls.cipher()
            return Seen(
                int(status[1]) if status else 0, tls.version() or "", cipher[0] if cipher else "", _names(found)
            )
    except OSError:
        return Seen()


def _names(certificate: bytes) -> tuple[str, ...]:
    command = ["openssl", "x509", "-inform", "der", "-noout", "-ext", "subjectAltName"]
    said = subprocess.run(command, input=certificate, capture_output=True, check=True).stdout.decode()
    return tuple(word.removeprefix("DNS:").strip(",") for word in said.split() if word.startswith("DNS:"))


HTTP = "port: {number: 80, name: http, protocol: HTTP}"
HTTPS = "port: {number: 443, name: https, protocol: HTTPS}"


@shows(GW, "selector", "servers[].port.number", "servers[].port.name", "servers[].port.protocol", "servers[].hosts[]")
def test_a_plain_server(edge: World) -> None:
    gateway(edge, f"{HTTP}, hosts: ['*/{HOST}', 'elsewhere/{OTHER}']")

    assert ask(edge)[0] == 200
    assert ask(edge, OTHER)[0] == 404  # a rule of another namespace only
    assert ask(edge, "unknown.example.com")[0] == 404
    edge.apply(GW, "edge", f"selector: {{istio: nobody}}\nservers: [{{{HTTP}, hosts: ['*']}}]")
    assert eventually(lambda: ask(edge)[0] != 200)


@shows(GW, "servers[].bind")
def test_where_a_server_listens(edge: World) -> None:
    gateway(edge, "port: {number: 8099, name: http, protocol: HTTP}, hosts: ['*'], bind: 127.0.0.1")
    pod = edge.mesh.json("get", "pods", "-n", "istio-system")["items"][0]

    assert ask(edge, port=8099, to=pod["status"]["podIP"]) == (0, "")
    inside = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {HOST}", "http://127.0.0.1:8099/")
    name = pod["metadata"]["name"]
    assert edge.mesh.run("exec", "-n", "istio-system", name, "--", *inside, status=(0, 7)) == "200"


@shows(GW, "servers[].tls.httpsRedirect")
def test_a_server_that_redirects(edge: World) -> None:
    gateway(edge, f"{HTTP}, hosts: ['{HOST}'], tls: {{httpsRedirect: true}}")

    assert ask(edge) == (301, f"https://{HOST}/")


@shows(GW, "servers[].tls.mode", "servers[].tls.credentialName")
def test_tls_ends_here(edge: World) -> None:
    gateway(
        edge,
        f"{HTTPS}, hosts: ['{HOST}'], tls: {{mode: SIMPLE, credentialName: shop}}",
        f"{HTTPS.replace('https', 'mail')}, hosts: ['{OTHER}'], tls: {{mode: SIMPLE, credentialName: mail}}",
    )

    assert eventually(lambda: (secure(edge).status, secure(edge).names) == (200, (HOST,)))
    assert (secure(edge, OTHER).status, secure(edge, OTHER).names) == (200, (OTHER,))
    assert secure(edge, "unknown.example.com").status == 0
    # A connection for one host says nothing of the other.
    assert secure(edge, HOST, host=OTHER).status == 421
    curl = ["curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
    curl += ["--resolve", f"{HOST}:443:{address(edge)}", "-H", f"Host: {OTHER}", f"https://{HOST}/"]
    assert subprocess.run(curl, capture_output=True, text=True, check=True).stdout == "2 421"


@shows(GW, "servers[].tls.serverCertificate", "servers[].tls.privateKey", "servers[].tls.caCertificates")
def test_certificates_in_files(edge: World, certificates: Certificates) -> None:
    files = "serverCertificate: /tmp/cert.pem, privateKey: /tmp/key.pem, caCertificates: /tmp/ca.pem"
    gateway(edge, f"{HTTPS}, hosts: ['{HOST}'], tls: {{mode: MUTUAL, {files}}}")

    assert eventually(lambda: secure(edge, own=certificates.make("caller.example.com")).status == 200)
    assert secure(edge).status == 0


@shows(GW, "servers[].tls.caCrl")
def test_callers_whose_certificates_were_taken_back(edge: World, certificates: Certificates) -> None:
    own, other = certificates.make("caller.example.com"), certificates.make("other.example.com")
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        revoked = Path(name) / "revoked.crl"
        revoked.write_bytes(certificates.revoking(own[0]))
        files = "serverCertificate: /tmp/cert.pem, privateKey: /tmp/key.pem, caCertificates: /tmp/ca.pem"
        gateway(edge, f"{HTTPS}, hosts: ['{HOST}'], tls: {{mode: MUTUAL, {files}, caCrl: {revoked}}}")
        assert eventually(lambda: secure(edge, own=other).status == 200)
        assert secure(edge, own=own).status == 0


@shows(GW, "serverCertificate", "privateKey", under="servers[].tls.tlsCertificates[].")
def test_several_certificates_in_files(edge: World) -> None:
    pair = "{serverCertificate: /tmp/cert.pem, privateKey: /tmp/key.pem}"
    gateway(edge, f"{HTTPS}, hosts: ['{HOST}'], tls: {{mode: SIMPLE, tlsCertificates: [{pair}]}}")

    assert eventually(lambda: (secure(edge).status, secure(edge).names) == (200, (HOST,)))


@shows(GW, "servers[].tls.credentialNames[]")
def test_several_credentials(edge: World) -> None:
    gateway(edge, f"{HTTPS}, hosts: ['{HOST}', '{OTHER}'], tls: {{mode: SIMPLE, credentialNames: [shop, mail]}}")

    assert eventually(lambda: secure(edge).names == (HOST,))
    assert secure(edge, OTHER).names == (OTHER,)


@shows(GW, "servers[].tls.caCertCredentialName", "servers[].tls.subjectAltNames[]")
def test_callers_by_their_names(edge: World, certificates: Certificates) -> None:
    tls = "mode: MUTUAL, credentialName: shop, caCertCredentialName: roots, subjectAltNames: [caller.example.com]"
    gateway(edge, f"{HTTPS}, hosts: ['{HOST}'], tls: {{{tls}}}")

    assert eventually(lambda: secure(edge, own=certificates.make("caller.example.com")).status == 200)
    assert secure(edge, own=certificates.make("other.example.com")).status == 0


@shows(GW, "servers[].tls.verifyCertificateHash[]", "servers[].tls.verifyCertificateSpki[]")
@pytest.mark.parametrize("field", ["verifyCertificateHash", "verifyCertificateSpki"])
def test_callers_by_a_hash(edge: World, certificates: Certificates, field: str) -> None:
    own, other = certificates.make("caller.example.com"), certificates.make("other.example.com")
    value = _hash(own[0]) if field == "verifyCertificateHash" else _spki(own[0])
    gateway(edge, f"{HTTPS}, hosts: ['{HOST}'], tls: {{mode: MUTUAL, credentialName: partner, {field}: ['{value}']}}")

    assert eventually(lambda: secure(edge, own=own).status == 200)
    assert secure(edge, own=other).status == 0


def _hash(certificate: Path) -> str:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.partition("=")[2].strip().replace(":", "").lower()


def _spki(certificate: Path) -> str:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"]
    key = subprocess.run(command, capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, capture_output=True, check=True)
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=der.stdout, capture_output=True, check=True
    )
    return base64.b64encode(digest.stdout).decode()


@shows(GW, "minProtocolVersion", "maxProtocolVersion", "cipherSuites[]", under="servers[].tls.")
def test_versions_and_ciphers(edge: World) -> None:
    tls = "mode: SIMPLE, credentialName: shop"
    gateway(edge, f"{HTTPS}, hosts: ['{HOST}'], tls: {{{tls}, minProtocolVersion: TLSV1_3}}")
    assert eventually(lambda: secure(edge).version == "TLSv1.3")
    assert secure(edge, newest=ssl.TLSVersion.TLSv1_2).status == 0

    suite = "ECDHE-ECDSA-AES256-GCM-SHA384"
    gateway(edge, f"{HTTPS}, hosts: ['{HOST}'], tls: {{{tls}, maxProtocolVersion: TLSV1_2, cipherSuites: [{suite}]}}")
    assert eventually(lambda: (secure(edge).version, secure(edge).cipher) == ("TLSv1.2", suite))
    assert secure(edge, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256").status == 0


def test_an_optional_certificate(edge: World, certificates: Certificates) -> None:
    gateway(edge, f"{HTTPS}, hosts: ['{HOST}'], tls: {{mode: OPTIONAL_MUTUAL, credentialName: partner}}")

    assert eventually(lambda: secure(edge).status == 200)
    assert secure(edge, own=certificates.make("caller.example.com")).status == 200


def test_tls_that_passes_through(edge: World) -> None:
    to = "{host: secure, subset: two, port: {number: 7443}}"
    rule = f"tls: [{{match: [{{port: 443, sniHosts: ['{HOST}']}}], route: [{{destination: {to}}}]}}]"
    gateway(
        edge, f"port: {{number: 443, name: tls, protocol: TLS}}, hosts: ['{HOST}'], tls: {{mode: PASSTHROUGH}}",
        rule=rule, hosts=f"'{HOST}'",
    )  # fmt: skip

    def who() -> str:
        with socket.create_connection((address(edge), 443), 10) as sock:
            sock.sendall(client_hello(HOST) + b"\n")
            return sock.recv(4).decode().strip()

    assert eventually(lambda: who() == "two")


def test_bytes(edge: World) -> None:
    rule = "tcp: [{match: [{port: 31400}], route: [{destination: {host: echo, subset: two, port: {number: 7000}}}]}]"
    gateway(edge, "port: {number: 31400, name: tcp, protocol: TCP}, hosts: ['*']", rule=rule, hosts="'*'")

    def line() -> str:
        try:
            with socket.create_connection((address(edge), 31400), 10) as sock:
                sock.sendall(b"hello\n")
                return sock.makefile().readline().strip()
        except OSError:
            return ""

    assert eventually(lambda: line() == "two hello")


REMOTE, VIRTUAL = "remote.example.com", "192.0.2.60"


def remotely(world: World, name: str) -> str:
    """Who answers, by mutual TLS through the gateway, a client that asks for a server name of the mesh."""
    pods = world.mesh.json("get", "pods", "-n", "istio-system")["items"]
    place = f"{{address: {pods[0]['status']['podIP']}, ports: {{http: 15443}}}}"
    port = "{number: 80, name: http, protocol: HTTP}"
    world.apply(
        "ServiceEntry",
        "remote",
        f"hosts: [{REMOTE}]\naddresses: [{VIRTUAL}]\nports: [{port}]\nresolution: STATIC\nendpoints: [{place}]",
    )
    world.apply(
        "DestinationRule", "remote", f"host: {REMOTE}\ntrafficPolicy: {{tls: {{mode: ISTIO_MUTUAL, sni: {name}}}}}"
    )
    answer = world.client.ask(REMOTE, to=VIRTUAL)
    return answer.body.split()[0] if answer.status == 200 else str(answer.status)


def test_the_meshs_own_tls_is_passed_on_by_its_names(world: World) -> None:
    server = "port: {number: 15443, name: tls, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}"
    world.apply(GW, "across", f"{SELECT}servers:\n- {{{server}, hosts: ['echo.default.svc.cluster.local']}}")

    assert eventually(lambda: remotely(world, "outbound_.80_.two_.echo.default.svc.cluster.local") == "two")
    assert remotely(world, "outbound_.80_.one_.echo.default.svc.cluster.local") == "one"
    assert remotely(world, "outbound_.80_._.echo.default.svc.cluster.local") in ("one", "two")
    assert remotely(world, "outbound_.8082_._.modern.default.svc.cluster.local") == "503"  # not a host of the server
