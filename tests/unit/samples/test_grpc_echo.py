"""grpc-echo answers on all three protocols, and calls others for who asks."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import grpc
import pytest

from meltemi.samples.grpc_echo.messages import SERVICE, message
from unit.samples.programs import ask, free_port, program


@contextmanager
def method(port: int, name: str) -> Generator[Callable[..., Any]]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield cast(
            "Callable[..., Any]",
            channel.unary_unary(
                f"/{SERVICE}/{name}",
                request_serializer=message(f"{name}Request").SerializeToString,
                response_deserializer=message(f"{name}Response").FromString,
            ),
        )


@pytest.fixture(scope="module")
def ports() -> Generator[tuple[int, int, int]]:
    """gRPC, HTTP, TCP."""
    http, tcp = free_port(), free_port()
    words = ("--grpc", "PORT", "--port", str(http), "--tcp", str(tcp), "--version", "v7", "--crt=/cert.crt")
    with program("grpc_echo", *words, HOSTNAME="pod-1") as port:
        yield port, http, tcp


def test_echo_says_how_it_was_reached(ports: tuple[int, int, int]) -> None:
    with method(ports[0], "Echo") as echo:
        said = echo(message("EchoRequest")(message="hello"), timeout=10, metadata=[("x-who", "me")]).message

    for line in ("StatusCode=200", "ServiceVersion=v7", "Echo=hello", "RequestHeader=x-who:me", "Hostname=pod-1"):
        assert line in said.splitlines()


def test_http(ports: tuple[int, int, int]) -> None:
    response, body = ask(ports[1], "/a?b=c", x_who="me")

    assert response.status == 200
    assert {"URL=/a?b=c", "ServiceVersion=v7", "RequestHeader=x-who:me"} <= set(body.decode().splitlines())


@pytest.mark.parametrize(("place", "scheme", "shown"), [(0, "grpc", "GRPC"), (1, "http", "HTTP"), (2, "tcp", "TCP")])
def test_forward_calls_others(ports: tuple[int, int, int], place: int, scheme: str, shown: str) -> None:
    asked = message("ForwardEchoRequest")(url=f"{scheme}://127.0.0.1:{ports[place]}", count=3, message="hi")
    with method(ports[0], "ForwardEcho") as forward:
        output = forward(asked, timeout=20).output

    assert len(output) == 3
    for index, text in enumerate(output):
        assert f"[{index} body] Protocol={shown}" in text.splitlines()


def test_an_unknown_scheme_is_the_callers_fault(ports: tuple[int, int, int]) -> None:
    with method(ports[0], "ForwardEcho") as forward, pytest.raises(grpc.RpcError) as refused:
        forward(message("ForwardEchoRequest")(url="xds:///echo:7070"), timeout=20)

    assert cast("grpc.Call", refused.value).code() == grpc.StatusCode.INVALID_ARGUMENT


def test_who_is_not_there_is_unavailable(ports: tuple[int, int, int]) -> None:
    with method(ports[0], "ForwardEcho") as forward, pytest.raises(grpc.RpcError) as refused:
        forward(message("ForwardEchoRequest")(url=f"tcp://127.0.0.1:{free_port()}"), timeout=20)

    assert cast("grpc.Call", refused.value).code() == grpc.StatusCode.UNAVAILABLE
