"""A small HTTP server that the samples share.

Place:  samples · used by Bookinfo's services, httpbin, helloworld, websockets, echo
"""

import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from types import FrameType
from urllib.parse import parse_qs, urlsplit

MAX_BODY = 1024 * 1024
Body = bytes | str | Mapping[str, object] | list[object] | Iterator[bytes]
Pairs = tuple[tuple[str, str], ...]


class Request:
    """What a service is asked: method, path without query, headers by lower-case name, the body's bytes."""

    def __init__(self, method: str, target: str, pairs: Pairs, body: bytes, client: str = "") -> None:
        self.method = method
        self.target = target
        """Path and query, as they came."""
        self.path = urlsplit(target).path
        self.query = parse_qs(urlsplit(target).query, keep_blank_values=True)
        self.pairs = pairs
        """Every header line, in order."""
        self.headers = {name.lower(): value for name, value in pairs}
        self.body = body
        self.client = client
        """The address of who connected."""


class Reply:
    """What a service answers. Mappings and lists are sent as JSON, iterators piece by piece."""

    def __init__(
        self,
        body: Body,
        status: int = 200,
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
        more: Pairs = (),
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.more = more
        """Header lines besides, whose names may come more than once."""
        if isinstance(body, Mapping | list):
            self.body: bytes | Iterator[bytes] = json.dumps(body).encode()
            default = "application/json"
        else:
            self.body = body.encode() if isinstance(body, str) else body
            default = "text/html; charset=utf-8"
        self.headers.setdefault("Content-Type", content_type or default)


Service = Callable[[Request], Reply]
Upgrade = Callable[[Request, socket.socket, BufferedIOBase], bool]
"""Takes a connection over until it ends (true), or leaves the request to the service (false)."""


def serve(service: Service, port: int, upgrade: Upgrade | None = None) -> None:
    """Answer on all addresses of the pod until SIGTERM; requests under way are finished."""
    server = _Server(("", port), _handler(service, upgrade))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    print(f"listening on port {port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


def start(service: Service, port: int) -> None:
    """Answer in the background as long as the program lives."""
    server = _Server(("", port), _handler(service, None))
    threading.Thread(target=server.serve_forever, daemon=True).start()


def port_argument(default: int = 9080) -> int:
    """The port: the first argument, or the default without one."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else default


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def _handler(service: Service, upgrade: Upgrade | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        # Headers leave in one piece with a short body, not in a packet of their own that waits for an acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def handle_expect_100(self) -> bool:
            going_on = super().handle_expect_100()
            self.wfile.flush()
            return going_on

        def _answer(self) -> None:
            try:
                body = _body(self.headers.get("Transfer-Encoding", ""), self.headers.get("Content-Length"), self.rfile)
            except ValueError:
                self.close_connection = True
                self.send_error(413)
                return
            request = Request(self.command, self.path, tuple(self.headers.items()), body, self.client_address[0])
            if upgrade and upgrade(request, self.connection, self.rfile):
                self.close_connection = True
                return
            self._send(service(request))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in (*reply.headers.items(), *reply.more):
                self.send_header(name, value)
            if reply.status in (204, 304):
                self.end_headers()
            elif isinstance(reply.body, bytes):
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else reply.body)
            else:
                self._stream(reply.body)

        def _stream(self, pieces: Iterator[bytes]) -> None:
            chunked = self.request_version != "HTTP/1.0"
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in () if self.command == "HEAD" else pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
            if chunked and self.command != "HEAD":
                self.wfile.write(b"0\r\n\r\n")

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815  (names that http.server looks for)

    return Handler


def _body(encoding: str, length: str | None, source: BufferedIOBase) -> bytes:
    """A request's body. Raises ValueError where it is longer than MAX_BODY, or not framed as HTTP says."""
    if encoding.lower() == "chunked":
        return _chunks(source)
    size = int(length or 0)
    if not 0 <= size <= MAX_BODY:
        raise ValueError(size)
    return source.read(size)


def _chunks(source: BufferedIOBase) -> bytes:
    body = b""
    while size := int(source.readline(100).partition(b";")[0], 16):
        if not 0 < size <= MAX_BODY - len(body):
            raise ValueError(size)
        body += source.read(size)
        source.readline(3)
    while source.readline(8192).strip():
        pass
    return body
