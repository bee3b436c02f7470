"""Fields of DestinationRule towards servers outside of the mesh that the test itself is: TLS, pings, and silence."""

import base64
import json
import re
import socket
import ssl
import struct
from collections.abc import Callable, Generator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

from e2e.fields.shown import shows
from e2e.fields.test_destination_rule import ADDRESS, DR, HOST, rule
from e2e.fields.world import World
from e2e.mesh import eventually, host
from e2e.test_gateway_tls import Certificates

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FOR_CLIENT = "workloadSelector: {matchLabels: {app: client}}"


def outside(world: World, port: int) -> None:
    """HOST is at a port of this machine."""
    ports = "ports: [{number: 80, name: http, protocol: HTTP}]\n"
    place = f"[{{address: {host()}, ports: {{http: {port}}}}}]"
    world.apply(
        "ServiceEntry", "ext", f"hosts: [{HOST}]\naddresses: [{ADDRESS}]\n{ports}resolution: STATIC\nendpoints: {place}"
    )
    world.virtual_service(
        f"hosts: [{HOST}]\nhttp: [{{retries: {{attempts: 0}}, route: [{{destination: {{host: {HOST}}}}}]}}]", name="ext"
    )


@pytest.fixture(scope="module")
def certificates(folder: Path) -> Certificates:
    return Certificates(folder)


@pytest.fixture(scope="module")
def secured(certificates: Certificates) -> Generator[int]:
    """The port of a server that says who asks by his certificate."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            shown = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            found = re.search(r"'commonName', '([^']*)'", str(shown))
            body = found[1].encode() if found else b"nobody"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            return

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.make(HOST))
    context.load_verify_locations(certificates.root)
    context.verify_mode = ssl.CERT_OPTIONAL

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            return  # who did not like the certificate has gone

    server = Server((host(), 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def secrets(world: World, certificates: Certificates) -> Generator[None]:
    """`caller`: a certificate and who made the server's; `stranger`: an authority that made nobody's."""
    with TemporaryDirectory() as name:
        stranger = Certificates(Path(name)).root.read_bytes()
    certificate, key = certificates.make("caller.example.com")
    pair = {"tls.crt": certificate.read_bytes(), "tls.key": key.read_bytes(), "ca.crt": certificates.root.read_bytes()}
    for name, data in (("caller", pair), ("stranger", {"ca.crt": stranger})):
        kept = {field: base64.b64encode(body).decode() for field, body in data.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": kept}
        world.mesh.run("apply", "-f", "-", text=json.dumps(secret))
    yield
    for name in ("caller", "stranger"):
        world.mesh.run("delete", "secret", name)


def said(world: World) -> str:
    answer = world.client.ask(HOST, to=ADDRESS)
    return answer.body if answer.status == 200 else str(answer.status)


@shows(DR, "trafficPolicy.tls.credentialName")
@pytest.mark.usefixtures("secrets")
def test_certificates_from_a_secret(world: World, secured: int) -> None:
    outside(world, secured)
    rule(world, "{tls: {mode: MUTUAL, credentialName: caller}}", host=HOST, more=FOR_CLIENT)
    assert eventually(lambda: said(world) == "caller.example.com")
    rule(world, "{tls: {mode: SIMPLE, credentialName: caller}}", host=HOST, more=FOR_CLIENT)
    assert eventually(lambda: said(world) == "nobody")
    rule(world, "{tls: {mode: SIMPLE, credentialName: stranger}}", host=HOST, more=FOR_CLIENT)
    assert eventually(lambda: said(world) == "503")
    # Of a rule for all clients only gateways read it: here the system's authorities decide, who do not know the server.
    rule(world, "{tls: {mode: MUTUAL, credentialName: caller}}", host=HOST)
    assert said(world) == "503"


@shows(DR, "trafficPolicy.tls.caCrl")
def test_a_server_whose_certificate_was_taken_back(
    world: World, secured: int, certificates: Certificates, folder: Path
) -> None:
    nobody, server = folder / "nobody.crl", folder / "server.crl"
    nobody.write_bytes(certificates.revoking())
    server.write_bytes(certificates.revoking(folder / f"{HOST}.pem"))
    outside(world, secured)

    rule(world, f"{{tls: {{mode: SIMPLE, caCertificates: {certificates.root}, caCrl: {nobody}}}}}", host=HOST)
    assert eventually(lambda: said(world) == "nobody")
    rule(world, f"{{tls: {{mode: SIMPLE, caCertificates: {certificates.root}, caCrl: {server}}}}}", host=HOST)
    assert eventually(lambda: said(world) == "503")


@shows(DR, "trafficPolicy.connectionPool.tcp.connectTimeout")
def test_how_long_a_connection_may_take(world: World) -> None:
    """A queue that is full lets nobody in, and says nothing."""
    with socket.socket() as server:
        server.bind((host(), 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(server.getsockname())
        outside(world, server.getsockname()[1])
        rule(world, "{connectionPool: {tcp: {connectTimeout: 100s}}}", host=HOST)
        assert world.client.ask(HOST, to=ADDRESS, patience=3).status == 0
        rule(world, "{connectionPool: {tcp: {connectTimeout: 0.5s}}}", host=HOST)
        assert world.client.ask(HOST, to=ADDRESS, patience=50).status == 503
        for one in waiting:
            one.close()


PING, SETTINGS = 6, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Deaf:
    """Speaks HTTP/2 and answers no request; pings only if it is asked to."""

    def __init__(self, *, answers: bool) -> None:
        self.pings = 0
        self._answers = answers
        self._server = socket.create_server((host(), 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Deaf":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError), connection:
            read = _exactly(connection)
            assert read(len(PREFACE)) == PREFACE
            connection.sendall(bytes((0, 0, 0, SETTINGS, 0, 0, 0, 0, 0)))
            while True:
                head = read(9)
                kind, flags = head[3], head[4]
                body = read(struct.unpack("!I", b"\0" + head[:3])[0])
                if kind == SETTINGS and not flags:
                    connection.sendall(bytes((0, 0, 0, SETTINGS, 1, 0, 0, 0, 0)))
                if kind == PING and not flags:
                    self.pings += 1
                    if self._answers:
                        connection.sendall(bytes((0, 0, 8, PING, 1, 0, 0, 0, 0)) + body)


def _exactly(connection: socket.socket) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not (more := connection.recv(size - len(data))):
                raise EOFError
            data += more
        return data

    return read


@shows(DR, "interval", "timeout", under="trafficPolicy.connectionPool.http.http2KeepAlive.")
def test_connections_are_asked_whether_they_live(world: World) -> None:
    def asked(server: Deaf, keep: str, patience: float) -> int:
        outside(world, server.port)
        rule(world, f"{{connectionPool: {{http: {{h2UpgradePolicy: UPGRADE{keep}}}}}}}", host=HOST)
        return world.client.ask(HOST, to=ADDRESS, patience=patience).status

    with Deaf(answers=False) as server:
        assert asked(server, "", 4) == 0
        assert server.pings == 0
        assert asked(server, ", http2KeepAlive: {interval: 1s, timeout: 1s}", 50) in (502, 503)
    with Deaf(answers=True) as server:
        assert asked(server, ", http2KeepAlive: {interval: 0.5s, timeout: 20s}", 5) == 0
        assert server.pings > 1
