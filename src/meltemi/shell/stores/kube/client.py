"""Requests to a Kubernetes API server: sent until they are answered, and watches.

Place:  shell/stores/kube · store, reflector, apps → [client] → kube-apiserver
Source: Kubernetes, "Kubernetes API Concepts".

Who we are and whom we believe comes from a kubeconfig, as lightkube reads it; lightkube's typed objects are passed by,
since the store keeps objects as they are. A request is sent again while the server is away, starting or overloaded.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig

from meltemi.core.model.value import Value
from meltemi.ports.store import ConflictError, NotFoundError, RefusedError

FIRST_PAUSE, LAST_PAUSE = 0.05, 2.0
"""Seconds between attempts: doubled from the first to the last, each shortened by chance."""
PATIENCE = 15.0
"""Seconds that one answer may take."""
SILENCE = 150.0
"""Seconds without a word after which a watch is taken for dead: servers send bookmarks about every minute."""
AGAIN = frozenset({429, 500, 502, 503, 504})
"""Answers of a server that is starting, stopping or overloaded."""
JSON, JSON_PATCH, MERGE_PATCH, APPLY_PATCH = (
    "application/json",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
)


class GoneError(Exception):
    """The resourceVersion is no longer kept (410), or not known to this server: list anew."""


class _Status(Value, frozen=True, kw_only=True):
    message: str = ""
    reason: str = ""
    code: int = 0


class KubeClient:
    """One identity at one API server. Use as an async context manager."""

    def __init__(self, kubeconfig: Path) -> None:
        """Raises lightkube's ConfigError, OSError."""
        config = KubeConfig.from_file(kubeconfig).get()
        assert config is not None  # noqa: S101  (get() without a default raises instead)
        limits = ConnectionParams(timeout=httpx2.Timeout(PATIENCE, pool=None), trust_env=False)
        self._http: httpx2.AsyncClient = AsyncClient(config, limits)

    async def __aenter__(self) -> "KubeClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def call(
        self, method: str, path: str, body: object = None, *, content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> bytes:  # fmt: skip
        """The answer's body. Raises NotFoundError, ConflictError, GoneError, RefusedError."""
        pause = FIRST_PAUSE
        while True:
            try:
                response = await self._once(method, path, body, content_type, query)
            except httpx2.TransportError:
                pass
            else:
                if response.status_code not in AGAIN or _is_refusal(response.content):
                    raise_for(response.status_code, response.content)
                    return response.content
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (spreads load, keeps no secret)
            pause = min(2 * pause, LAST_PAUSE)

    async def _once(
        self, method: str, path: str, body: object, content_type: str, query: Mapping[str, str] | None
    ) -> httpx2.Response:
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": content_type} if content is not None else {}
        return await self._http.request(method, path, content=content, headers=headers, params=query)

    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Each event, a line of JSON, until the server ends the watch or is silent for too long.

        Raises OSError where the connection breaks, GoneError, RefusedError, NotFoundError.
        """
        async with self._stream(path, query) as response:
            if response.status_code in AGAIN:
                raise ConnectionError(f"the API server answers {response.status_code}")
            if response.status_code >= 400:
                raise_for(response.status_code, await response.aread())
            rest = b""
            async for part in _parts(response):
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    if line:
                        yield line

    @asynccontextmanager
    async def _stream(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[httpx2.Response]:
        timeout = httpx2.Timeout(PATIENCE, read=SILENCE, pool=None)
        try:
            async with self._http.stream("GET", path, params=query, timeout=timeout) as response:
                yield response
        except httpx2.TransportError as problem:
            raise ConnectionError(repr(problem)) from problem


async def _parts(response: httpx2.Response) -> AsyncIterator[bytes]:
    async for part in response.aiter_bytes():
        yield part


def raise_for(code: int, answer: bytes) -> None:
    """The exception that a server's answer stands for, if it is none of success."""
    if code < 400:
        return
    said = status_of(answer)
    text = said.message or f"the API server answered {code}"
    match code:
        case 404:
            raise NotFoundError(text)
        case 409:
            raise ConflictError(text)
        case 410:
            raise GoneError(text)
        case _:
            raise RefusedError(text)


def status_of(answer: bytes) -> _Status:
    """A Status object; an empty one where the answer is something else."""
    try:
        return msgspec.json.decode(answer, type=_Status)
    except msgspec.DecodeError:
        return _Status(message=answer[:200].decode(errors="replace"))


def _is_refusal(answer: bytes) -> bool:
    """A 500 that an admission webhook or a fault of the object causes does not pass by waiting."""
    return status_of(answer).reason in ("Invalid", "BadRequest", "Forbidden")


def decoded(answer: bytes) -> dict[str, Any]:
    """An object."""
    return msgspec.json.decode(answer, type=dict[str, Any])
