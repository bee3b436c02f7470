"""helloworld, tcp-echo and websockets, as Istio's samples have them."""

import json
import socket
from io import BufferedReader

from meltemi.samples.websockets.frames import CLOSE, PING, PONG, TEXT, Frame, accept_key, read, written
from unit.samples.programs import ask, free_port, program


def test_helloworld() -> None:
    with program("helloworld", SERVICE_VERSION="v2", HOSTNAME="pod-1") as port:
        assert ask(port, "/hello")[1] == b"Hello version: v2, instance: pod-1\n"
        assert ask(port, "/health")[1] == b"Helloworld is healthy"
        assert ask(port, "/")[0].status == 404


def test_tcp_echo_on_every_port() -> None:
    other = free_port()
    with program("tcp_echo", f"{other},PORT", "one") as port:
        for each in (port, other):
            with socket.create_connection(("127.0.0.1", each), 10) as connection:
                connection.sendall(b"hello\nworld\nhalf")
                connection.shutdown(socket.SHUT_WR)
                assert connection.makefile().read() == "one hello\none world\n"


def opened(port: int) -> tuple[socket.socket, BufferedReader]:
    """A WebSocket, after the handshake."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    lines = ["GET /ws HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())
    source = connection.makefile("rb")
    head = iter(source.readline, b"\r\n")
    assert next(head).startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in list(head)
    return connection, source


def test_the_key_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_what_is_sent_to_the_api_reaches_every_websocket() -> None:
    with program("websockets") as port:
        one, two = opened(port), opened(port)
        value = "v" * 300
        ask(port, f"/api?id=7&value={value}")

        for connection, source in (one, two):
            frame = read(source)
            assert frame
            assert (frame.kind, json.loads(frame.body)) == (TEXT, {"id": "7", "value": value})
            connection.sendall(written(Frame(PING, b"x" * 200), b"mask"))
            assert read(source) == Frame(PONG, b"x" * 200)
            connection.sendall(written(Frame(CLOSE, b"\x03\xe8"), b"mask"))
            assert read(source) == Frame(CLOSE, b"\x03\xe8")
            assert read(source) is None
            connection.close()


def test_a_plain_request_gets_the_page() -> None:
    with program("websockets") as port:
        assert b"new WebSocket" in ask(port, "/")[1]
        assert ask(port, "/ws")[0].status == 404
