"""A server of keys on a real socket, that also behaves as none should.

Place:  tests · asked by shell/jwks, in its own tests and in e2e
"""

import json
import socket
import ssl
from collections.abc import Callable
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

Answer = bytes | str | Callable[[socket.socket], None]
"""A body, the address of a redirect, or what is done with the connection."""


class KeyServer:
    """Answers by path, each connection in a thread of its own; all others with 404."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.says: dict[str, Answer] = {}
        self.asked: list[str] = []
        """Paths, in order."""
        self._tls = tls
        served = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                served.serve(self.request)

        class Server(ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server((host, 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "KeyServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def url(self, path: str = "/keys", host: str = "") -> str:
        return f"{'https' if self._tls else 'http'}://{host or self.host}:{self.port}{path}"

    def serve(self, connection: socket.socket) -> None:
        """One request."""
        try:
            with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as wrapped:
                self._answer(wrapped)
        except OSError:
            return  # who asked has gone

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (read := connection.recv(4096)):
                return
            head += read
        path = head.split()[1].decode()
        self.asked.append(path)
        said = self.says.get(path)
        if said is None:
            connection.sendall(http(b"", "404 Not Found"))
        elif isinstance(said, bytes):
            connection.sendall(http(said))
        elif isinstance(said, str):
            connection.sendall(http(b"", "302 Found", f"Location: {said}\r\n"))
        else:
            said(connection)


def http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def discovery(issuer: str, jwks_uri: str) -> bytes:
    return json.dumps({"issuer": issuer, "jwks_uri": jwks_uri}).encode()
