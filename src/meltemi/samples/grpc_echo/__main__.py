"""The program: `python -m meltemi.samples.grpc_echo --grpc PORT --port PORT --tcp PORT --version V`.

Place:  samples/grpc_echo
Args:   --grpc, --port (HTTP) and --tcp as often as wanted; --version. Those of Istio's program that have no effect
        here are named in its output.
"""

import signal
import socketserver
import sys
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import grpc

from meltemi.samples.grpc_echo.calls import UnknownSchemeError, forward
from meltemi.samples.grpc_echo.messages import SERVICE, message
from meltemi.samples.grpc_echo.told import told
from meltemi.samples.server import Reply, Request, start

THREADS = 16
GRACE = 5.0
"""Seconds that calls under way have after SIGTERM."""


class Echo:
    """The service behind one port of gRPC."""

    def __init__(self, version: str, port: int) -> None:
        self._version = version
        self._port = port

    def echo(self, asked: Any, context: grpc.ServicerContext) -> Any:
        headers = [(name, str(value)) for name, value in context.invocation_metadata()]
        facts = [("Protocol", "GRPC"), ("IP", context.peer()), ("Echo", asked.message)]
        return message("EchoResponse")(message=told(self._version, self._port, facts, headers))

    def forward(self, asked: Any, context: grpc.ServicerContext) -> Any:
        try:
            return message("ForwardEchoResponse")(output=forward(asked))
        except UnknownSchemeError as problem:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"cannot call {str(problem)!r}: grpc, http or tcp")
        except (OSError, grpc.RpcError) as problem:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"{asked.url}: {problem}")


def serve_grpc(version: str, port: int) -> grpc.Server:
    """Start one port. Raises RuntimeError where it is taken."""
    echo = Echo(version, port)
    methods = {
        "Echo": grpc.unary_unary_rpc_method_handler(
            echo.echo, message("EchoRequest").FromString, message("EchoResponse").SerializeToString
        ),
        "ForwardEcho": grpc.unary_unary_rpc_method_handler(
            echo.forward, message("ForwardEchoRequest").FromString, message("ForwardEchoResponse").SerializeToString
        ),
    }
    server = grpc.server(ThreadPoolExecutor(THREADS), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    return server


def serve_http(version: str, port: int) -> None:
    def answer(request: Request) -> Reply:
        facts = [("Protocol", "HTTP"), ("Method", request.method), ("URL", request.target), ("IP", request.client)]
        return Reply(told(version, port, facts, request.pairs), content_type="text/plain")

    start(answer, port)


def serve_tcp(version: str, port: int) -> None:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                said = line.decode(errors="replace").rstrip("\n")
                facts = [("Protocol", "TCP"), ("IP", self.client_address[0]), ("Echo", said)]
                self.wfile.write(told(version, port, facts, ()).encode())

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    server = Server(("", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def arguments(words: Sequence[str]) -> tuple[Namespace, list[str]]:
    """What is understood, and the rest."""
    parser = ArgumentParser(allow_abbrev=False)
    for name in ("--grpc", "--port", "--tcp"):
        parser.add_argument(name, action="append", type=int, default=[])
    parser.add_argument("--version", default="")
    return parser.parse_known_args(words)


def main(words: Sequence[str]) -> None:
    """Serve on every port until SIGTERM."""
    known, rest = arguments(words)
    servers = [serve_grpc(known.version, port) for port in known.grpc]
    for port in known.port:
        serve_http(known.version, port)
    for port in known.tcp:
        serve_tcp(known.version, port)
    if rest:
        print(f"without effect here: {' '.join(rest)}", flush=True)
    print(f"listening: grpc {known.grpc}, http {known.port}, tcp {known.tcp}", flush=True)
    ended = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, stop)
    ended.wait()
    for stopping in [server.stop(GRACE) for server in servers]:
        stopping.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
