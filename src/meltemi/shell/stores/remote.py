"""The store of the control plane, used from another process.

Place:  shell/stores · implements ports.ConfigStore over api.sock · used by the node

The control plane may be killed at any time and comes back: every call waits for it and is sent again, and a watch goes
on from the last revision it saw. A write that was cut off may have happened: sent again with `expected` it can then
raise ConflictError, upon which the caller looks and decides anew, as after any other conflict.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import h11
import msgspec

from meltemi.core.model.document import Key
from meltemi.core.model.kinds import kind_or_unknown
from meltemi.core.model.value import Value
from meltemi.ports.store import Batch, ConflictError, NotFoundError, RefusedError, Source, Stored
from meltemi.ports.tokens import TokenRefusedError
from meltemi.shell.sockets import short

FIRST_PAUSE, LAST_PAUSE = 0.05, 1.0
"""Seconds between attempts to reach the control plane: doubled from the first to the last."""

T = TypeVar("T")


class _Listed(Value, frozen=True, kw_only=True):
    objects: tuple[Stored, ...]
    revision: int


class _Status(Value, frozen=True, kw_only=True):
    message: str = ""
    reason: str = ""


class RemoteStore:
    """A ConfigStore behind a Unix socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)

    async def get(self, key: Key) -> Stored:
        """The object now. Raises NotFoundError."""
        return await self._call("POST", "/meltemi/v1/store/get", {"key": key}, Stored)

    async def list(self, group: str, kind: str, namespace: str = "") -> tuple[tuple[Stored, ...], int]:
        """Objects of a kind, sorted by key, and the store's revision."""
        query = urlencode({"group": group, "kind": kind, "namespace": namespace})
        found = await self._call("GET", f"/meltemi/v1/store/list?{query}", None, _Listed)
        return found.objects, found.revision

    async def put(self, key: Key, body: bytes, *, source: Source | None = None, expected: int | None = None) -> Stored:
        """Create or replace, status and all; admitted as any other. Raises ConflictError, RefusedError."""
        request = {"key": key, "body": body, "source": source, "expected": expected}
        return await self._call("POST", "/meltemi/v1/store/put", request, Stored)

    async def delete(self, key: Key, *, expected: int | None = None) -> Stored:
        """Remove for good; returns the last state. Raises NotFoundError, ConflictError."""
        request = {"key": key, "expected": expected, "grace": 0}
        return await self._call("POST", "/meltemi/v1/store/delete", request, Stored)

    async def delete_gracefully(self, key: Key) -> Stored:
        """As a user deletes: a Pod is marked, and gone when `delete` is called; all others go at once."""
        request: dict[str, object] = {"key": key, "grace": None}
        return await self._call("POST", "/meltemi/v1/store/delete", request, Stored)

    async def update_status(self, key: Key, status: Mapping[str, Any], *, expected: int | None = None) -> Stored:
        """Replace the status and nothing else. Raises NotFoundError, ConflictError, RefusedError."""
        metadata = {"resourceVersion": str(expected)} if expected else {}
        body = await self._call("PUT", f"{_path(key)}/status", {"metadata": metadata, "status": status}, dict[str, Any])
        revision = int(body["metadata"]["resourceVersion"])
        return Stored(key=key, revision=revision, body=msgspec.json.encode(body))

    async def create_token(self, namespace: str, account: str, request: Mapping[str, Any]) -> str:
        """The token that a TokenRequest asks for. Raises TokenRefusedError."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        try:
            answer = await self._call("POST", path, request, dict[str, Any])
            return str(answer["status"]["token"])
        except (NotFoundError, ConflictError, RefusedError, LookupError, msgspec.DecodeError) as problem:
            raise TokenRefusedError(f"ServiceAccount '{namespace}/{account}': {problem}") from problem

    async def changes(self, *, after: int) -> AsyncIterator[Batch]:
        """Every batch after a revision; goes on where it was when the control plane comes back."""
        seen, complete, pause = after, bool(after), FIRST_PAUSE
        while True:
            try:
                async for line in self._lines(f"/meltemi/v1/changes?after={seen}"):
                    batch = msgspec.json.decode(line, type=Batch)
                    seen, pause = batch.revision, FIRST_PAUSE
                    complete = batch.complete or (complete and not batch.restart)
                    yield batch
            except (OSError, EOFError, h11.ProtocolError):
                if seen and not complete:
                    # Cut off within a replay, whose end nobody would tell: begin anew.
                    seen = 0
                    yield Batch(revision=0, changes=(), restart=True)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    async def _call(self, method: str, path: str, body: object, wanted: type[T]) -> T:
        pause = FIRST_PAUSE
        while True:
            try:
                status, answer = await self._once(method, path, body)
            except (OSError, EOFError, h11.ProtocolError):
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_PAUSE)
            else:
                _raise_for(status, answer)
                return msgspec.json.decode(answer, type=wanted)

    async def _once(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        async with self._asked(method, path, body) as exchange:
            status = await exchange.status()
            return status, b"".join([part async for part in exchange.data()])

    async def _lines(self, path: str) -> AsyncIterator[bytes]:
        async with self._asked("GET", path, None) as exchange:
            if (status := await exchange.status()) != 200:
                raise EOFError(f"the control plane answered {status}")
            rest = b""
            async for part in exchange.data():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    yield line

    @asynccontextmanager
    async def _asked(self, method: str, path: str, body: object) -> AsyncGenerator["_Exchange"]:
        with short(Path(self._socket)) as address:
            reader, writer = await asyncio.open_unix_connection(address)
        try:
            exchange = _Exchange(reader, writer)
            await exchange.send(method, path, b"" if body is None else msgspec.json.encode(body))
            yield exchange
        finally:
            writer.close()


class _Exchange:
    """One request and its answer on a connection of their own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, method: str, path: str, body: bytes) -> None:
        headers = [
            ("Host", "meltemi"),
            ("Connection", "close"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ]
        request = h11.Request(method=method, target=path, headers=headers)
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def status(self) -> int:
        """Of the answer. Raises EOFError where there is none."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event.status_code

    async def data(self) -> AsyncIterator[bytes]:
        """The body, as it comes. Raises h11.ProtocolError where it is cut off."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(65536))
        if isinstance(event, h11.ConnectionClosed):
            raise EOFError("the control plane closed the connection")
        return event


def _raise_for(status: int, answer: bytes) -> None:
    if status < 400:
        return
    said = msgspec.json.decode(answer, type=_Status) if answer.startswith(b"{") else _Status(message=f"HTTP {status}")
    if status == 404:
        raise NotFoundError(said.message)
    if status == 409:
        raise ConflictError(said.message)
    raise RefusedError(said.message)


def _path(key: Key) -> str:
    kind = kind_or_unknown(key.group, key.kind, "v1")
    head = f"/apis/{kind.group}/{kind.versions[0]}" if kind.group else f"/api/{kind.versions[0]}"
    return head + (f"/namespaces/{key.namespace}" if key.namespace else "") + f"/{kind.plural}/{key.name}"
