"""Opens one connection, says on it what it reads, and ends when the connection ends; never opens a second one.

`python caller.py KIND HOST PORT`, KIND one of `requests` (each line is one), `bytes`, `socket` (an upgraded
connection), `events` (whatever comes, nothing is said) and `grpc` (a stream). Of each answer one line is printed: of
`requests` the status, of `events` and `socket` the status first.
"""

import http.client
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import BinaryIO, cast

Say = Callable[[bytes], object]
UPGRADE = b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
EVENTS = b"GET /events HTTP/1.1\r\nHost: %s\r\n\r\n"


def main() -> None:
    kind, host, port = sys.argv[1:]
    say = KINDS[kind](host, int(port))
    for line in sys.stdin.buffer:
        say(line)


def requests(host: str, port: int) -> Say:
    connection = http.client.HTTPConnection(host, port)
    connection.connect()
    connection.auto_open = 0

    def ask(_: bytes) -> None:
        try:
            connection.request("GET", "/")
            response = connection.getresponse()
            response.read()
            told(str(response.status))
        except (OSError, http.client.HTTPException):
            end()

    return ask


def lines(host: str, port: int) -> Say:
    return _kept(*_opened(host, port))


def upgraded(host: str, port: int) -> Say:
    connection, answers = _opened(host, port)
    connection.sendall(UPGRADE % host.encode())
    told(_head(answers))
    return _kept(connection, answers)


def events(host: str, port: int) -> Say:
    connection, answers = _opened(host, port)
    connection.sendall(EVENTS % host.encode())
    told(_head(answers))
    threading.Thread(target=_hear, args=(answers,), daemon=True).start()
    return lambda _: None


def stream(host: str, port: int) -> Say:
    import grpc

    said: SimpleQueue[bytes] = SimpleQueue()
    channel = grpc.insecure_channel(f"{host}:{port}", [("grpc.enable_retries", 0)])
    answers = cast("Iterator[bytes]", channel.stream_stream("/test.Echo/Talk")(iter(said.get, None)))

    def hear() -> None:
        try:
            for answer in answers:
                told(answer.decode().strip())
        except grpc.RpcError:
            pass
        end()

    threading.Thread(target=hear, daemon=True).start()
    return said.put


def _opened(host: str, port: int) -> tuple[socket.socket, BinaryIO]:
    connection = socket.create_connection((host, port))
    return connection, cast("BinaryIO", connection.makefile("rb"))


def _kept(connection: socket.socket, answers: BinaryIO) -> Say:
    threading.Thread(target=_hear, args=(answers,), daemon=True).start()
    return connection.sendall


def _head(answers: BinaryIO) -> str:
    """The status; what follows is no head any more."""
    status = answers.readline()
    while answers.readline().strip():
        pass
    return status.decode().split()[1]


def _hear(answers: BinaryIO) -> None:
    try:
        while line := answers.readline():
            if said := line.decode().strip():
                told(said)
    except OSError:
        pass
    end()


def told(what: str) -> None:
    print(what, flush=True)


def end() -> None:
    os._exit(0)  # the main thread waits for its input


KINDS: dict[str, Callable[[str, int], Say]] = {
    "requests": requests,
    "bytes": lines,
    "socket": upgraded,
    "events": events,
    "grpc": stream,
}

if __name__ == "__main__":
    main()
