"""The fetcher takes keys from whom it may ask, and from nobody else; what a server does to it is bounded."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from e2e.fields.tokens import Signer
from key_server import Answer, KeyServer, discovery, http
from meltemi.core.model.security.keys import DISCOVERY, KeySource
from meltemi.core.model.units import Seconds
from meltemi.core.node.dns_table import DnsTable, Name, encode
from meltemi.shell.fetching.reach import Reach
from meltemi.shell.fetching.web import FetchError
from meltemi.shell.jwks.fetch import BOUNDS, Fetcher

SIGNER = Signer()
KEYS = SIGNER.jwks().encode()
OURS = ("127.0.0.1/32",)
SERVICE = "keys.default.svc.cluster.local"


@pytest.fixture
def server() -> Generator[KeyServer]:
    with KeyServer() as made:
        made.says["/keys"] = KEYS
        yield made


def fetched(
    source: KeySource,
    *,
    also: tuple[str, ...] = OURS,
    table: Path = Path("none"),
    tls: ssl.SSLContext | None = None,
    patience: float = 10,
) -> list[str]:
    """The `kid` of each key."""

    async def run() -> list[str]:
        found = await Fetcher(Reach(table, also=also), tls).fetch(source, Seconds(patience))
        return [key["kid"] for key in json.loads(found.jwks)["keys"]]

    return asyncio.run(run())


def refused(uri: str, also: tuple[str, ...] = OURS, patience: float = 10, issuer: str = "") -> str:
    """Why nothing is fetched."""
    with pytest.raises(FetchError) as caught:
        fetched(KeySource(uri=uri, issuer=issuer), also=also, patience=patience)
    return str(caught.value)


def test_by_address(server: KeyServer) -> None:
    assert fetched(KeySource(uri=server.url("/keys"))) == ["one"]


def test_by_discovery(server: KeyServer) -> None:
    issuer = server.url("/a")
    server.says[f"/a{DISCOVERY}"] = discovery(issuer, server.url("/keys"))
    assert fetched(KeySource(uri=issuer + DISCOVERY, issuer=issuer)) == ["one"]
    assert server.asked == [f"/a{DISCOVERY}", "/keys"]


def test_redirects_are_followed_where_the_server_may_lead(server: KeyServer) -> None:
    server.says |= {"/a": "b", "/b": server.url("/c"), "/c": "//" + server.url("/keys").partition("//")[2]}
    assert fetched(KeySource(uri=server.url("/a"))) == ["one"]


def test_a_service_is_known_by_its_names(server: KeyServer, tmp_path: Path) -> None:
    """The table that the node writes; other names have no addresses there."""
    table = tmp_path / "dns.json"
    names = {SERVICE: Name(addresses=("127.0.0.1",)), "to.default.svc.cluster.local": Name(alias=SERVICE)}
    table.write_bytes(encode(DnsTable(zones=("cluster.local",), names=names, pointers={})))
    for host in (SERVICE, SERVICE + ".", "KEYS.default.svc", "keys.default", "to.default.svc"):
        assert fetched(KeySource(uri=server.url(host=host)), table=table) == ["one"], host
    with pytest.raises(FetchError, match="is not known"):
        fetched(KeySource(uri=server.url(host="other.default.svc")), table=table)


@pytest.mark.parametrize(
    ("host", "why"),
    {
        "127.0.0.1": "127.0.0.1 is a loopback address",
        "localhost": "is a loopback address",
        "2130706433": "127.0.0.1 is a loopback address",
        "0x7f.1": "127.0.0.1 is a loopback address",
        "[::1]": "::1 is a loopback address",
        "[::ffff:127.0.0.1]": "is a ",
        "[64:ff9b::7f00:1]": "is a loopback address",
        "[2002:7f00:1::]": "is a loopback address",
        "169.254.169.254": "is an address of the link",
        "[fe80::1]": "is an address of the link",
        "[fe80::1%25lo]": "",
        "[fd00:ec2::254]": "is where a cloud tells its secrets",
        "0.0.0.0": "is no address of a host",
        "0.1.2.3": "is no address of a host",
        "[::]": "is no address of a host",
        "224.0.0.1": "is a multicast address",
        "255.255.255.255": "is a reserved address",
        "no.such.name.invalid": "is not known",
    }.items(),
)
def test_where_nobody_is_asked(server: KeyServer, host: str, why: str) -> None:
    assert why in refused(server.url(host=host), also=())
    assert server.asked == []


@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest", "http://127.0.0.2:PORT/keys", "http://[::1]:PORT/keys"]
)
def test_a_redirect_leads_nowhere_else(server: KeyServer, to: str) -> None:
    server.says["/a"] = to.replace("PORT", str(server.port))
    assert "cannot be fetched from" in refused(server.url("/a"))
    issuer = server.url("/i")
    server.says[f"/i{DISCOVERY}"] = discovery(issuer, str(server.says["/a"]))
    assert "cannot be fetched from" in refused(issuer + DISCOVERY, issuer=issuer)
    assert "/keys" not in server.asked


def test_the_address_that_was_judged_is_the_one_that_is_asked(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means another host the second time is not looked up a second time."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, *rest: int, **more: int) -> object:
        if not str(host).startswith("rebound"):
            return real(host, *rest, **more)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) == 1 else "127.0.0.2", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert fetched(KeySource(uri=server.url(host="rebound.example"))) == ["one"]
    assert len(asked) == 1
    assert "127.0.0.2 is a loopback address" in refused(server.url(host="rebound.example"))


def endless(head: bytes, chunk: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        with suppress(OSError):
            while True:
                connection.sendall(chunk)

    return answer


def raw(answer: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(answer)


def silent(connection: socket.socket) -> None:
    """Says nothing until the other side goes."""
    connection.recv(1)


def drop_by_drop(connection: socket.socket) -> None:
    """A byte whenever nobody has gone for a moment."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    connection.settimeout(0.05)
    while True:
        try:
            connection.sendall(b"x")
            if not connection.recv(1):
                return
        except TimeoutError:
            continue


CHUNKS = b"1\r\nx\r\n" * 9999
BROKEN: dict[str, tuple[Answer, str]] = {
    "endless body": (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536), "larger than 1 MiB"),
    "endless chunks": (endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKS), "in too many pieces"),
    "endless head": (endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 9999), "no whole answer of HTTP"),
    "endless patience": (endless(b"", b"HTTP/1.1 103 Early\r\n\r\n" * 999), "in too many pieces"),
    "huge": (http(b" " * BOUNDS.size), "larger than 1 MiB"),
    "announced and cut off": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), "no whole answer of HTTP"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH\r\n"), "no whole answer of HTTP"),
    "nothing": (lambda _: None, "no whole answer of HTTP"),
    "refusal": (raw(http(KEYS, "503 Unavailable")), "the server answers 503"),
    "no content": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), "the server answers 204"),
    "redirect to nowhere": (raw(http(b"", "302 Found")), "the server answers 302"),
    "redirect to itself": ("/a", "redirects more than 3 times"),
    "redirect to a file": ("file:///etc/passwd", "the address is none of the web"),
    "redirect with a password": ("http://u:p@127.0.0.1/", "the address has a password"),
    "redirect to no address": ("http://[", "the address is none"),
    "no JSON": (b"<html>", "what came is no JSON Web Key Set"),
    "no set": (b"[]", "what came is no JSON Web Key Set"),
    "no text": (b"\xff\xfe", "what came is no JSON Web Key Set"),
    "deep": (b"[" * 100_000, "what came is no JSON Web Key Set"),
    "many": (json.dumps({"keys": [{}] * 101}).encode(), "the set has 101 keys, and at most 100 are read"),
    "shared secret": (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "key 0: a shared secret"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "why"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_answer(server: KeyServer, answer: Answer, why: str) -> None:
    server.says["/a"] = answer if not isinstance(answer, bytes) or answer[:4] != b"HTTP" else raw(answer)
    assert why in refused(server.url("/a"))


@pytest.mark.parametrize("answer", [silent, drop_by_drop])
def test_a_slow_answer_is_not_waited_for(server: KeyServer, answer: Answer) -> None:
    server.says["/a"] = answer
    assert refused(server.url("/a"), patience=0.3) == "no whole answer within 0.3 s"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"issuer": "https://other", "jwks_uri": "KEYS"}, "of another issuer"),
        ({"jwks_uri": "KEYS"}, "of another issuer"),
        ({"issuer": "OURS"}, "no 'jwks_uri'"),
        ({"issuer": "OURS", "jwks_uri": ["KEYS"]}, "no 'jwks_uri'"),
        ([], "no JSON object"),
    ],
)
def test_discovery_that_does_not_fit(server: KeyServer, told: object, why: str) -> None:
    issuer = server.url("/i")
    said = json.dumps(told).replace("OURS", issuer).replace("KEYS", server.url("/keys"))
    server.says[f"/i{DISCOVERY}"] = said.encode()
    assert why in refused(issuer + DISCOVERY, issuer=issuer)
    assert "/keys" not in server.asked


@pytest.mark.parametrize(
    "uri", ["ann@example.com" + DISCOVERY, "file:///etc/passwd", "http://", "https://[a", "http://a b/"]
)
def test_what_is_no_address(uri: str) -> None:
    assert "cannot be fetched" in (said := refused(uri)) or "address" in said or "not known" in said


def test_nobody_serves_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "no connection" in refused(f"http://127.0.0.1:{port}/")


class Certified:
    """Contexts of TLS: a server that is `localhost`, and who believes it."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        chain = folder / "server.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain.write_bytes(private + made.public_bytes(Encoding.PEM))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(chain)
        self.believer = ssl.create_default_context(cadata=made.public_bytes(Encoding.PEM).decode())


def test_https_is_verified(tmp_path: Path) -> None:
    certified = Certified(tmp_path)
    with KeyServer(tls=certified.server) as server:
        server.says |= {"/keys": KEYS, "/down": server.url().replace("https", "http")}
        ours, other = server.url(host="localhost"), server.url()
        local = (*OURS, "::1/128")

        assert fetched(KeySource(uri=ours), also=local, tls=certified.believer) == ["one"]
        assert "TLS: " in refused(ours, also=local)  # of an authority that the machine does not know
        for uri, why in ((other, "TLS: .*mismatch"), (server.url("/down", "localhost"), "from https to http")):
            with pytest.raises(FetchError, match=why):
                fetched(KeySource(uri=uri), also=local, tls=certified.believer)
