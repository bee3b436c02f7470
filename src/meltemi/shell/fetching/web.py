"""Ask servers of the web, which are strangers.

Place:  shell/fetching · reach → [web] → jwks/fetch, modules/{fetch,registry}
Source: RFC 9110

How long it takes, how much they say and where they send us is bounded.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, cast
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import h11

from meltemi.core.model.tree import Tree
from meltemi.core.model.units import Seconds
from meltemi.shell.fetching.reach import Reach, UnreachableError

MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=~?-._[]"
"""What stays as it is in a target."""
_CHUNK = 1 << 16
_CREDENTIALS = "authorization"


class FetchError(Exception):
    """Nothing came; the text says why. It is the same as long as the reason is."""


class Bounds(NamedTuple):
    """What a stranger may take."""

    size: int
    """Bytes of one answer, its head included."""
    pieces: int
    """Of one answer: each costs time that nobody else has."""
    at_once: int
    """Fetches at a time."""


class Answer(NamedTuple):
    """What came."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of several with one name the first."""
    body: bytes
    """Of status 200 alone."""
    address: SplitResult
    """Who said it in the end."""


class Web:
    """Asks, as many at a time as are let, within bounds."""

    def __init__(self, reach: Reach, bounds: Bounds, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: whom to believe; the machine's own authorities by default (`SSL_CERT_FILE` adds others)."""
        self._reach = reach
        self._bounds = bounds
        self._tls = tls or ssl.create_default_context()
        self._places = asyncio.Semaphore(bounds.at_once)

    @asynccontextmanager
    async def within(self, limit: Seconds) -> AsyncGenerator[None]:
        """One fetch, of one answer or several. What goes wrong in it raises FetchError."""
        async with self._places:
            try:
                async with asyncio.timeout(limit):
                    yield
            except TimeoutError:
                raise FetchError(f"no whole answer within {limit:g} s") from None
            except UnreachableError as why:
                raise FetchError(str(why)) from None
            except ssl.SSLError as why:
                raise FetchError(f"TLS: {getattr(why, 'verify_message', '') or why.reason}") from None
            except OSError as why:
                raise FetchError(f"no connection: {why.strerror or type(why).__name__}") from None
            except (EOFError, h11.ProtocolError):
                raise FetchError("the answer is no whole answer of HTTP") from None

    async def get(
        self,
        uri: str,
        headers: Mapping[str, str] | None = None,
        *,
        after: SplitResult | None = None,
        but: Collection[int] = (),
    ) -> Answer:
        """What is at an address. `after`: the one that named this one; `but`: answers that are none of fault.

        Credentials go to the host that they are for, not to where it sends us. Raises FetchError, and what `within`
        makes one of.
        """
        said = dict(headers or {})
        for _ in range(1 + MOST_REDIRECTS):
            address = _parsed(uri, after)
            answer = await self._ask(address, said)
            if answer.status == 200 or answer.status in but:
                return answer
            location = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not location:
                raise FetchError(f"the server answers {answer.status}")
            uri, after = _joined(uri, location), address
            if _parsed(uri, after)[:2] != address[:2]:
                said = {name: value for name, value in said.items() if name.lower() != _CREDENTIALS}
        raise FetchError(f"the server redirects more than {MOST_REDIRECTS} times")

    async def _ask(self, address: SplitResult, headers: Mapping[str, str]) -> Answer:
        reader, writer = await self._connected(address)
        try:
            exchange = h11.Connection(h11.CLIENT)
            for event in (_request(address, headers), h11.EndOfMessage()):
                writer.write(exchange.send(event) or b"")
            return await self._answer(exchange, reader, address)
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

    async def _answer(self, exchange: h11.Connection, reader: asyncio.StreamReader, address: SplitResult) -> Answer:
        """Raises EOFError, h11.ProtocolError, FetchError."""
        head: h11.Response | None = None
        body = bytearray()
        read = 0
        for _ in range(self._bounds.pieces):
            event = exchange.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(_CHUNK)
                read += len(data)
                if read > self._bounds.size:
                    raise FetchError(f"the answer is larger than {self._bounds.size >> 20} MiB")
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
        headers: dict[str, str] = {}
        for name, value in head.headers:
            headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        return Answer(head.status_code, headers, bytes(body), address)


def object_in(body: bytes, whose: str) -> dict[str, Tree]:
    """The JSON object that a stranger's answer is; `whose` as in "what … is no JSON object". Raises FetchError."""
    try:
        found = cast("Tree", json.loads(body))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise FetchError(f"what {whose} is no JSON object")
    return found


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


def _request(address: SplitResult, headers: Mapping[str, str]) -> h11.Request:
    """h11 refuses what does not belong in a head."""
    target = quote(address.path or "/", safe=_SAFE) + (f"?{quote(address.query, safe=_SAFE)}" if address.query else "")
    every = [
        ("Host", address.netloc),
        ("Accept-Encoding", "identity"),
        ("User-Agent", "meltemi"),
        ("Connection", "close"),
        *headers.items(),
    ]
    try:
        return h11.Request(method="GET", target=target, headers=every)
    except (h11.LocalProtocolError, UnicodeError):
        raise FetchError("the address is none") from None
