"""An application that is in no sample: HTTP, gRPC, raw TCP and a protocol in which the server speaks first.

`python echo.py NAME HTTP_PORT GRPC_PORT TCP_PORT GREETING_PORT`; NAME comes back in every answer.
HTTP answers `NAME PATH`, after `?delay=SECONDS` if asked, on /headers with the request's head, and lines after an
upgrade; gRPC answers `/test.Echo/Say` with NAME + the bytes sent;
TCP answers every line with `NAME LINE`; the greeting port says `220 NAME` before it is asked anything, then echoes.
"""

import asyncio
import sys
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
        return (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except asyncio.IncompleteReadError:
        return []


async def _http(name: str, head: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length = next((int(line.split(":")[1]) for line in head if line.lower().startswith("content-length:")), 0)
    await reader.readexactly(length)
    url = urlsplit(head[0].split()[1])
    await asyncio.sleep(float(parse_qs(url.query).get("delay", ["0"])[0]))
    body = ("\n".join(head) if url.path == "/headers" else f"{name} {url.path}\n").encode()
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Served-By: %s\r\n\r\n" % (len(body), name.encode()) + body
    )
    await writer.drain()


async def _echo(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(f"{name} ".encode() + line)
        await writer.drain()
    writer.close()


def _grpc_server(name: str, port: int) -> grpc.Server:
    def say(request: bytes, _context: grpc.ServicerContext) -> bytes:
        return f"{name} ".encode() + request

    server = grpc.server(ThreadPoolExecutor(4))
    handler = cast("grpc.RpcMethodHandler[bytes, bytes]", grpc.unary_unary_rpc_method_handler(say))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Say": handler}),))
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    return server


if __name__ == "__main__":
    main()
