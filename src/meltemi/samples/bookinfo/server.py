"""A small HTTP server and client that the four services share.

Place:  samples/bookinfo · used by details, ratings, reviews, productpage
"""

import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from urllib.parse import urlsplit

MAX_BODY = 64 * 1024
Body = bytes | str | Mapping[str, object] | list[object]


class Request:
    """What a service is asked: method, path without query, headers by lower-case name, the body's bytes."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.path = urlsplit(path).path
        self.headers = headers
        self.body = body


class Reply:
    """What a service answers. Mappings and lists are sent as JSON."""

    def __init__(
        self, body: Body, status: int = 200, content_type: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        if isinstance(body, bytes | str):
            self.body = body.encode() if isinstance(body, str) else body
            self.headers["Content-Type"] = content_type or "text/html; charset=utf-8"
        else:
            self.body = json.dumps(body).encode()
            self.headers["Content-Type"] = "application/json"


Service = Callable[[Request], Reply]


def serve(service: Service, port: int) -> None:
    """Answer on all addresses of the pod until SIGTERM; requests under way are finished."""
    server = _Server(("", port), _handler(service))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    print(f"listening on port {port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


def port_argument() -> int:
    """The port: the first argument, 9080 without one."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else 9080


def call(url: str, headers: Mapping[str, str], timeout: float) -> tuple[int, bytes]:
    """GET a plain HTTP address. Returns status and body; (0, b"") if nobody answered within `timeout` seconds."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        connection.request("GET", parts.path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > MAX_BODY:
                self.send_error(413)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(length))
            reply = service(request)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  (names that http.server looks for)

    return Handler
