"""What the program calls when it is told to: `grpc://HOST:PORT`, `http://…`, `tcp://HOST:PORT`.

Place:  samples/grpc_echo
"""

import socket
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import grpc

from meltemi.samples.grpc_echo.messages import SERVICE, message

DEFAULT_SECONDS = 5.0


class UnknownSchemeError(ValueError):
    """The address is of none of the known protocols; the text is the scheme."""


def forward(asked: Any) -> list[str]:
    """One text a call. Raises what the call raises (OSError, grpc.RpcError), UnknownSchemeError."""
    scheme = urlsplit(str(asked.url)).scheme
    call = CALLS.get(scheme)
    if call is None:
        raise UnknownSchemeError(scheme)
    seconds = asked.timeout_micros / 1e6 or DEFAULT_SECONDS
    return [_numbered(index, call(asked, seconds)) for index in range(asked.count or 1)]


def _numbered(index: int, answer: str) -> str:
    return "".join(f"[{index} body] {line}\n" for line in answer.splitlines())


def _grpc(asked: Any, seconds: float) -> str:
    with grpc.insecure_channel(urlsplit(str(asked.url)).netloc) as channel:
        echo = cast(
            "Callable[..., Any]",
            channel.unary_unary(
                f"/{SERVICE}/Echo",
                request_serializer=message("EchoRequest").SerializeToString,
                response_deserializer=message("EchoResponse").FromString,
            ),
        )
        metadata = [(header.key.lower(), header.value) for header in asked.headers]
        return echo(message("EchoRequest")(message=asked.message), timeout=seconds, metadata=metadata).message


def _http(asked: Any, seconds: float) -> str:
    headers = {header.key: header.value for header in asked.headers}
    request = Request(asked.url, headers=headers, method=asked.method or "GET")  # noqa: S310  (the schemes are CALLS' own)
    with urlopen(request, timeout=seconds) as response:  # noqa: S310
        return response.read().decode()


def _tcp(asked: Any, seconds: float) -> str:
    parts = urlsplit(str(asked.url))
    with socket.create_connection((parts.hostname or "", parts.port or 0), seconds) as connection:
        connection.sendall(f"{asked.message}\n".encode())
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile().read()


CALLS: dict[str, Callable[[Any, float], str]] = {"grpc": _grpc, "http": _http, "tcp": _tcp}
