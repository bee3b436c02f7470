"""Fetch one key set: by its address, or by OpenID Connect discovery.

Place:  shell/jwks · KeySource → [fetch] → usable → keeper
Source: OpenID Connect Discovery 1.0, section 4; RFC 9110

The other side is a stranger: how long it takes, how much it says and where it sends us is bounded, and nothing of what
it says is repeated to anybody but as keys.
"""

import asyncio
import json
import ssl
from typing import NamedTuple, cast
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import h11

from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.core.model.tree import Tree
from meltemi.core.model.units import Seconds
from meltemi.shell.jwks.reach import Reach, UnreachableError
from meltemi.shell.jwks.usable import UnusableError, usable

MOST_BYTES = 1 << 20
"""Of one answer, its head included."""
MOST_PIECES = 1 << 12
"""Of one answer: each costs time that nobody else has."""
MOST_PATIENCE = Seconds(30)
"""Whatever a rule says: who waits keeps others from fetching."""
MOST_REDIRECTS = 3
AT_ONCE = 64
"""Fetches at a time."""
_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=~?-._[]"
"""What stays as it is in a target."""
_CHUNK = 1 << 16


class FetchError(Exception):
    """No keys came; the text says why. It is the same as long as the reason is."""


class _Answer(NamedTuple):
    status: int
    location: str
    body: bytes


class Fetcher:
    """Fetches keys, as many sources at a time as are asked for, within bounds."""

    def __init__(self, reach: Reach, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: whom to believe; the machine's own authorities by default (`SSL_CERT_FILE` adds others)."""
        self._reach = reach
        self._tls = tls or ssl.create_default_context()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, source: KeySource, patience: Seconds) -> KeySet:
        """The keys of a source. Raises FetchError."""
        limit = min(patience, MOST_PATIENCE)
        async with self._places:
            try:
                async with asyncio.timeout(limit):
                    return usable(await self._set_of(source))
            except TimeoutError:
                raise FetchError(f"no whole answer within {limit:g} s") from None
            except (UnreachableError, UnusableError) as why:
                raise FetchError(str(why)) from None
            except ssl.SSLError as why:
                raise FetchError(f"TLS: {getattr(why, 'verify_message', '') or why.reason}") from None
            except OSError as why:
                raise FetchError(f"no connection: {why.strerror or type(why).__name__}") from None
            except (EOFError, h11.ProtocolError):
                raise FetchError("the answer is no whole answer of HTTP") from None

    async def _set_of(self, source: KeySource) -> bytes:
        address, body = await self._get(source.uri)
        if not source.issuer:
            return body
        told = _object(body)
        if told.get("issuer") != source.issuer:
            raise FetchError("what is told there is of another issuer")
        uri = told.get("jwks_uri")
        if not isinstance(uri, str):
            raise FetchError("what is told there has no 'jwks_uri'")
        _, body = await self._get(uri, after=address)
        return body

    async def _get(self, uri: str, after: SplitResult | None = None) -> tuple[SplitResult, bytes]:
        """What is at an address, and which one that is in the end. `after`: the one that named this one."""
        for _ in range(1 + MOST_REDIRECTS):
            address = _parsed(uri, after)
            answer = await self._ask(address)
            if answer.status == 200:
                return address, answer.body
            if answer.status not in (301, 302, 303, 307, 308) or not answer.location:
                raise FetchError(f"the server answers {answer.status}")
            uri, after = _joined(uri, answer.location), address
        raise FetchError(f"the server redirects more than {MOST_REDIRECTS} times")

    async def _ask(self, address: SplitResult) -> _Answer:
        reader, writer = await self._connected(address)
        try:
            exchange = h11.Connection(h11.CLIENT)
            for event in (_request(address), h11.EndOfMessage()):
                writer.write(exchange.send(event) or b"")
            return await _answer(exchange, reader)
        finally:
            writer.transport.abort()

    async def _connected(self, address: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the first of the host's addresses that takes a connection: those that were judged, not the name."""
        host, secure = address.hostname or "", address.scheme == "https"
        fault: OSError | None = None
        for one in await self._reach.addresses(host):
            try:
                return await asyncio.open_connection(
                    one,
                    address.port or _PORTS[address.scheme],
                    ssl=self._tls if secure else None,
                    server_hostname=host if secure else None,
                )
            except OSError as why:
                fault = fault or why
        raise fault or OSError("no address")


def _joined(uri: str, location: str) -> str:
    try:
        return urljoin(uri, location)
    except ValueError:
        raise FetchError("the address is none") from None


def _parsed(uri: str, after: SplitResult | None) -> SplitResult:
    """An address that may be asked. Raises FetchError."""
    try:
        address = urlsplit(uri)
        host, _ = address.hostname, address.port
    except ValueError:
        raise FetchError("the address is none") from None
    if address.scheme not in _PORTS or not host:
        raise FetchError("the address is none of the web")
    if address.username or address.password:
        raise FetchError("the address has a password")
    if after and (after.scheme, address.scheme) == ("https", "http"):
        raise FetchError("the server leads from https to http")
    return address


def _request(address: SplitResult) -> h11.Request:
    """h11 refuses what does not belong in a head."""
    target = quote(address.path or "/", safe=_SAFE) + (f"?{quote(address.query, safe=_SAFE)}" if address.query else "")
    headers = [
        ("Host", address.netloc),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "meltemi"),
        ("Connection", "close"),
    ]
    try:
        return h11.Request(method="GET", target=target, headers=headers)
    except (h11.LocalProtocolError, UnicodeError):
        raise FetchError("the address is none") from None


async def _answer(exchange: h11.Connection, reader: asyncio.StreamReader) -> _Answer:
    """Raises EOFError, h11.ProtocolError, FetchError."""
    head: h11.Response | None = None
    body = bytearray()
    read = 0
    for _ in range(MOST_PIECES):
        event = exchange.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_CHUNK)
            read += len(data)
            if read > MOST_BYTES:
                raise FetchError(f"the answer is larger than {MOST_BYTES >> 20} MiB")
            exchange.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
            if event.status_code != 200:
                break
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError
    else:
        raise FetchError("the answer is in too many pieces")
    if head is None:
        raise EOFError
    location = next((value.decode("latin-1") for name, value in head.headers if name == b"location"), "")
    return _Answer(head.status_code, location, bytes(body))


def _object(body: bytes) -> dict[str, Tree]:
    try:
        found = cast("Tree", json.loads(body))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise FetchError("what is told there is no JSON object")
    return found
