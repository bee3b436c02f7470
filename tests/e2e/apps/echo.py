"""An application that is in no sample: HTTP, gRPC, raw TCP and a protocol in which the server speaks first.

`python echo.py NAME HTTP_PORT GRPC_PORT TCP_PORT GREETING_PORT`; NAME comes back in every answer.
HTTP answers `NAME PATH`, with what was asked for to the letter as `x-target`, after `?delay=SECONDS` if asked, with
`?status=CODE`, the first `?fails=N` times of a `key` with 503, on /headers with the request's head, on /count with
how often a `key` was asked for, and lines after an upgrade or a CONNECT (the first says what was asked for), on
/events with an event every tenth of a second for ever;
gRPC answers `/test.Echo/Say` with NAME + the bytes sent, `/test.Echo/Talk` the same for each message of a stream;
TCP answers every line with `NAME LINE`, `push` with that every tenth of a second for ever (so do upgraded
connections); the greeting port says `220 NAME` before it is asked anything, then echoes.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from urllib.parse import parse_qs, urlsplit

import grpc

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def main() -> None:
    name, *ports = sys.argv[1:]
    asyncio.run(serve(name, *map(int, ports)))


async def serve(name: str, http: int, grpc_port: int, tcp: int, greeting: int) -> None:
    async def answer_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            if any(line.lower() == "upgrade: websocket" for line in head):
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                return await _echo(name, reader, writer)
            if head[0].startswith("CONNECT "):
                writer.write(f"HTTP/1.1 200 OK\r\n\r\n{name} {head[0]}\n".encode())
                return await _echo(name, reader, writer)
            if head[0].startswith("GET /events"):
                return await _events(writer)
            await _http(name, head, reader, writer)
        return None

    async def answer_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _echo(name, reader, writer)

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"220 {name}\n".encode())
        await _echo(name, reader, writer)

    server = _grpc_server(name, grpc_port)
    for handler, port in ((answer_http, http), (answer_lines, tcp), (greet, greeting)):
        await asyncio.start_server(handler, "0.0.0.0", port)
    await asyncio.get_running_loop().run_in_executor(None, server.wait_for_termination)


async def _head(reader: asyncio.StreamReader) -> list[str]:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return []


async def _http(name: str, head: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length = next((int(line.split(":")[1]) for line in head if line.lower().startswith("content-length:")), 0)
    await reader.readexactly(length)
    url = urlsplit(head[0].split()[1])
    asked = {key: values[0] for key, values in parse_qs(url.query).items()}
    await asyncio.sleep(float(asked.get("delay", "0")))
    body = _body(name, url.path, head, asked).encode("latin-1")
    status = _status(asked) if url.path != "/count" else 200
    served = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\nX-Served-By: {name}\r\n"
    target = f"X-Target: {head[0].split()[1]}\r\n\r\n"
    writer.write((served + target).encode("latin-1") + body)
    await writer.drain()


async def _events(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"a\r\ndata: on\n\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)


ASKED: Counter[str] = Counter()
"""How often each `key` was asked for."""


def _status(asked: dict[str, str]) -> int:
    key = asked.get("key", "")
    ASKED[key] += 1
    return 503 if ASKED[key] <= int(asked.get("fails", "0")) else int(asked.get("status", "200"))


def _body(name: str, path: str, head: list[str], asked: dict[str, str]) -> str:
    if path == "/count":
        return str(ASKED[asked["key"]])
    return "\n".join(head) if path == "/headers" else f"{name} {path}\n"


async def _echo(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(f"{name} ".encode() + line)
        await writer.drain()
        while line == b"push\n" and not writer.is_closing():
            await asyncio.sleep(0.1)
            writer.write(f"{name} ".encode() + line)
            await writer.drain()
    writer.close()


def _grpc_server(name: str, port: int) -> grpc.Server:
    def say(request: bytes, _context: grpc.ServicerContext) -> bytes:
        return f"{name} ".encode() + request

    def talk(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        return (say(request, context) for request in requests)

    server = grpc.server(ThreadPoolExecutor(8))
    once = cast("grpc.RpcMethodHandler[bytes, bytes]", grpc.unary_unary_rpc_method_handler(say))
    stream = cast("grpc.RpcMethodHandler[bytes, bytes]", grpc.stream_stream_rpc_method_handler(talk))
    handlers = {"Say": once, "Talk": stream}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    return server


if __name__ == "__main__":
    main()
