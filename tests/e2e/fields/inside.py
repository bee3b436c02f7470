"""Requests from inside a pod: a thread of the test that lives in the pod's network namespace.

Place:  tests/e2e/fields · what it sends is intercepted as what the application sends, without the cost of a process
"""

import ctypes
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in lower case; of several with one name all, joined by a comma."""
    body: str


class Inside:
    """One pod's network, as its application has it. Names are looked up by the test: `hosts`."""

    def __init__(self, state: Path, uid: str, hosts: Callable[[str], str]) -> None:
        pid = (state / "pods" / uid / "sandbox.pid").read_text().strip()
        self._hosts = hosts
        self._thread = ThreadPoolExecutor(1, initializer=_enter, initargs=(f"/proc/{pid}/ns/net",))

    def close(self) -> None:
        self._thread.shutdown()

    def address(self, host: str) -> str:
        """Of a service."""
        return self._hosts(host)

    def do(self, work: Callable[[], Result]) -> Result:
        """Run something in the namespace."""
        return self._thread.submit(work).result(timeout=60)

    def ask(
        self,
        host: str,
        path: str = "/",
        *,
        method: str = "GET",
        port: int = 80,
        headers: dict[str, str] | None = None,
        to: str = "",
        patience: float = 20.0,
        body: bytes | None = None,
    ) -> Answer:
        """One request on a connection of its own. `to`: an address other than that of the host.

        Status 0: no answer within `patience` seconds.
        """
        address = to or self._hosts(host)

        def work() -> Answer:
            connection = HTTPConnection(address, port, timeout=patience)
            try:
                name = host if port == 80 else f"{host}:{port}"
                connection.request(method, path, body, headers={"Host": name} | (headers or {}))
                response = connection.getresponse()
                found: dict[str, str] = {}
                for key, value in response.getheaders():
                    found[key.lower()] = f"{found[key.lower()]},{value}" if key.lower() in found else value
                return Answer(response.status, found, response.read().decode())
            except TimeoutError:
                return Answer(0, {}, "")
            finally:
                connection.close()

        return self.do(work)

    def seen(self, host: str, path: str = "/headers", **more: object) -> dict[str, str]:
        """The headers that the server was sent; `:path` is the path."""
        lines = self.ask(host, path, **more).body.split("\n")  # pyright: ignore[reportArgumentType]
        found = {":path": lines[0].split()[1]}
        for line in lines[1:]:
            key, _, value = line.partition(": ")
            found[key.lower()] = f"{found[key.lower()]},{value}" if key.lower() in found else value
        return found

    def line(self, host: str, port: int, said: str = "hello", to: str = "") -> str:
        """One line there and back over TCP; empty where the connection is closed."""
        address = to or self._hosts(host)

        def work() -> str:
            try:
                with socket.create_connection((address, port), 10) as sock:
                    sock.sendall(said.encode() + b"\n")
                    return sock.makefile().readline().strip()
            except OSError:
                return ""

        return self.do(work)

    def first(self, host: str, port: int, said: bytes) -> bytes:
        """The first bytes that come back over TCP."""
        address = self._hosts(host)

        def work() -> bytes:
            with socket.create_connection((address, port), 10) as sock:
                sock.sendall(said)
                return sock.recv(100)

        return self.do(work)

    def raw(self, host: str, said: bytes, port: int = 80) -> Answer:
        """What is answered to bytes; status 0 where nothing is."""
        address = self._hosts(host)
        return self.do(lambda: exchanged(address, port, said))

    def hello(self, name: str, host: str, port: int) -> str:
        """Who answers a TLS handshake for a server name with a line of its own (nobody speaks TLS there)."""
        address = self._hosts(host)

        def work() -> str:
            try:
                with socket.create_connection((address, port), 10) as sock:
                    sock.sendall(client_hello(name) + b"\n")
                    return sock.recv(4).decode().strip()
            except OSError:
                return ""

        return self.do(work)


def exchanged(address: str, port: int, said: bytes) -> Answer:
    """Say bytes on a connection of their own, and read to the end of the first answer."""
    try:
        with socket.create_connection((address, port), 10) as sock:
            sock.sendall(said)
            response = HTTPResponse(sock)
            response.begin()
            headers = {key.lower(): value for key, value in response.getheaders()}
            return Answer(response.status, headers, response.read().decode("latin-1"))
    except (OSError, HTTPException):
        return Answer(0, {}, "")


def client_hello(name: str) -> bytes:
    """The first bytes of a TLS client that asks for a server name."""
    context = ssl.create_default_context()
    out = ssl.MemoryBIO()
    wrapped = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        wrapped.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("nobody answered")


def _enter(path: str) -> None:
    with Path(path).open("rb") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
