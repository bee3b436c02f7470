"""The little of HTTP/1.1 that the agent speaks, as server and as client, on h11.

Place:  shell/agent · under health, probes, metrics and drain
One request a connection: callers are probes and scrapers, seconds apart.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import h11

_CHUNK = 65536
BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of an answer; the metrics page of a large proxy has some tens of millions."""
_REQUEST_SECONDS = 10.0
"""Within which a caller must have sent its request."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller asks."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: Mapping[str, str]
    """Names in lower case; of several with one name, the last."""
    peer: str
    """The caller's address."""


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Handler = Callable[[Request], Awaitable[Response]]


async def serve(handler: Handler, *, host: str, port: int) -> asyncio.Server:
    """Listen and answer until the returned server is closed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _answer(handler, reader, writer)
        except (OSError, TimeoutError, h11.ProtocolError):
            pass  # The caller left, or spoke something else; there is nobody to tell.
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port)


async def _answer(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    conn = h11.Connection(h11.SERVER)
    async with asyncio.timeout(_REQUEST_SECONDS):
        asked = await _next(conn, reader)
        if not isinstance(asked, h11.Request):
            return
        while not isinstance(await _next(conn, reader), (h11.EndOfMessage, h11.ConnectionClosed)):
            pass  # Bodies say nothing here, but must be read before the answer.
    path, _, query = asked.target.decode().partition("?")
    peer = writer.get_extra_info("peername")
    headers = {k.decode(): v.decode("latin-1") for k, v in asked.headers}
    got = await handler(Request(asked.method.decode(), path, query, headers, str(peer[0]) if peer else ""))
    reply = {**got.headers, "content-length": str(len(got.body)), "connection": "close"}
    writer.write(conn.send(h11.Response(status_code=got.status, headers=list(reply.items()))) or b"")
    if asked.method != b"HEAD":
        writer.write(conn.send(h11.Data(data=got.body)) or b"")
    await writer.drain()


async def fetch(
    method: str,
    path: str,
    *,
    port: int,
    host: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
    timeout: float = 2.0,  # noqa: ASYNC109 -- a probe's own limit is part of what it asks
    source: str = "",
    tls: bool = False,
) -> Response:
    """Ask once. `source`: the local address to speak from; `tls`: without looking at the certificate, as probes do.

    Raises OSError, TimeoutError, h11.ProtocolError.
    """
    async with asyncio.timeout(timeout):
        reader, writer = await connect(host, port, source=source, tls=tls)
        try:
            conn = h11.Connection(h11.CLIENT)
            # Names of different case are one name; what the caller says wins.
            sent = {"host": f"{host}:{port}", "content-length": "0", "connection": "close"}
            sent |= {k.lower(): v for k, v in (headers or {}).items()}
            if method in {"GET", "HEAD"}:
                sent.pop("content-length")
            writer.write(conn.send(h11.Request(method=method, target=path, headers=list(sent.items()))) or b"")
            writer.write(conn.send(h11.EndOfMessage()) or b"")
            return await _response(conn, reader)
        finally:
            writer.close()


async def connect(
    host: str, port: int, *, source: str = "", tls: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection, spoken from `source` if given. Raises OSError."""
    local = (source, 0) if source else None
    return await asyncio.open_connection(host, port, local_addr=local, ssl=_any_certificate() if tls else None)


async def _response(conn: h11.Connection, reader: asyncio.StreamReader) -> Response:
    head = await _next(conn, reader)
    while isinstance(head, h11.InformationalResponse):
        head = await _next(conn, reader)
    if not isinstance(head, h11.Response):
        raise ConnectionResetError("the other side closed without an answer")
    body = bytearray()
    while isinstance(part := await _next(conn, reader), h11.Data):
        body += part.data
        if len(body) > BODY_LIMIT:
            raise ConnectionAbortedError(f"an answer of more than {BODY_LIMIT} bytes")
    headers = {k.decode(): v.decode("latin-1") for k, v in head.headers}
    return Response(head.status_code, bytes(body), headers)


async def _next(conn: h11.Connection, reader: asyncio.StreamReader) -> h11.Event | type[h11.PAUSED]:
    while True:
        event = conn.next_event()
        if event is not h11.NEED_DATA:
            return event  # pyright: ignore[reportReturnType] -- NEED_DATA is excluded just above
        conn.receive_data(await reader.read(_CHUNK))


def _any_certificate() -> object:
    import ssl  # noqa: PLC0415 -- only HTTPS probes need it

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
