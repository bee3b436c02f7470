"""The mesh's own side of the API: /meltemi/v1.

Place:  servers/api · app → [mesh] → apply, findings, publisher, store
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from meltemi.core.model.document import Key
from meltemi.core.model.finding import Severity
from meltemi.core.model.kinds import kind_named, kind_or_unknown
from meltemi.core.model.shown import Resource
from meltemi.core.model.source import Source
from meltemi.core.model.value import Value
from meltemi.ports.store import ConfigStore, NotFoundError
from meltemi.shell.servers.api import requests
from meltemi.shell.servers.api.apply import ApplyRequest, apply
from meltemi.shell.servers.api.authority import Control
from meltemi.shell.servers.api.findings import Findings
from meltemi.shell.servers.api.objects import Objects
from meltemi.shell.servers.api.paths import Target, key_of
from meltemi.shell.servers.api.problem import ApiError, bad_request, not_found
from meltemi.shell.servers.api.publisher import Publisher
from meltemi.shell.servers.api.resources import answer
from meltemi.shell.servers.api.trees import Object

WAIT_SECONDS = 30.0


class StoreRequest(Value, frozen=True, kw_only=True):
    """One call of a ConfigStore in another process."""

    key: Key
    body: bytes = b""
    source: Source | None = None
    expected: int | None = None
    grace: int | None = 0
    """For deletions: 0 removes for good, None asks as a user does."""


@dataclass(slots=True)
class MeshRoutes:
    """One method for each path."""

    objects: Objects
    publisher: Publisher | None
    authority: Control | None = None
    _findings: Findings = field(init=False)

    def __post_init__(self) -> None:
        self._findings = Findings(self.objects.store, self.objects.admission.validate)

    def routes(self) -> list[Route]:
        """All paths below /meltemi/v1."""
        return [
            Route("/meltemi/v1/apply", self.apply, methods=["POST"]),
            Route("/meltemi/v1/findings", self.findings),
            Route("/meltemi/v1/proxies", self.proxies),
            Route("/meltemi/v1/wait", self.wait),
            Route("/meltemi/v1/changes", self.changes),
            Route("/meltemi/v1/store/get", self.store_get, methods=["POST"]),
            Route("/meltemi/v1/store/list", self.store_list),
            Route("/meltemi/v1/store/put", self.store_put, methods=["POST"]),
            Route("/meltemi/v1/store/delete", self.store_delete, methods=["POST"]),
        ]

    async def apply(self, request: Request) -> Response:
        said = await requests.typed(request, ApplyRequest, requests.APPLY_LIMIT)
        done = await apply(self.objects, said)
        return answer(done, 422 if done.refused else 200)

    async def findings(self, request: Request) -> Response:
        more = self.publisher.findings() if self.publisher else ()
        ends = self.authority.findings() if self.authority else ()
        return answer({"findings": await self._findings.all((*more, *ends))})

    async def proxies(self, request: Request) -> Response:
        found = self.publisher.proxies() if self.publisher else ()
        held: Mapping[str, object] = self.authority.certificates() if self.authority else {}
        return answer({"proxies": [{**one, "certificate": held.get(one["proxy"])} for one in found]})

    async def wait(self, request: Request) -> Response:
        """Until the proxies have an object: `kind`, `namespace`, `name`, `timeout` in seconds; `gone`: its deletion."""
        if self.publisher is None:
            raise ApiError(503, "ServiceUnavailable", "this server does not know the proxies")
        key = _asked(request)
        revision = await self._revision(key, gone=requests.flag(request, "gone"))
        late = False
        try:
            async with asyncio.timeout(_seconds(request)):
                await self.publisher.wait_for(revision)
        except TimeoutError:
            late = True
        about = Resource(kind=key.kind, namespace=key.namespace, name=key.name)
        found = [one for one in await self._findings.all(self.publisher.findings()) if one.resource == about]
        refused = any(one.severity is Severity.ERROR for one in found)
        return answer({
            "acknowledged": not late and not refused, "late": late, "refused": refused, "revision": revision,
            "findings": found, "proxies": list(self.publisher.proxies()),
        })  # fmt: skip

    async def changes(self, request: Request) -> Response:
        """ConfigStore.changes for other processes: a Batch a line."""
        after = requests.number(request, "after") or 0
        return StreamingResponse(_batches(self.objects.store, after), media_type="application/json")

    async def store_get(self, request: Request) -> Response:
        said = await requests.typed(request, StoreRequest)
        return answer(await self._stored(said.key))

    async def store_list(self, request: Request) -> Response:
        query = request.query_params
        found, revision = await self.objects.store.list(
            query.get("group", ""), query.get("kind", ""), query.get("namespace", "")
        )
        return answer({"objects": found, "revision": revision})

    async def store_put(self, request: Request) -> Response:
        said = await requests.typed(request, StoreRequest, requests.APPLY_LIMIT)
        tree: Object = msgspec.json.decode(said.body)
        await self.objects.put(_target(said.key, tree), tree, source=said.source, expected=said.expected)
        return answer(await self._stored(said.key))

    async def store_delete(self, request: Request) -> Response:
        said = await requests.typed(request, StoreRequest)
        last = await self._stored(said.key)
        await self.objects.delete(_target(said.key, {}), expected=said.expected, grace=said.grace)
        return answer(last)

    async def _stored(self, key: Key) -> object:
        try:
            return await self.objects.store.get(key)
        except NotFoundError as missing:
            raise ApiError(404, "NotFound", f"{key} is not there") from missing

    async def _revision(self, key: Key, *, gone: bool) -> int:
        """Of the object; of the whole store where its deletion is waited for."""
        try:
            stored = await self.objects.store.get(key)
            return stored.told or stored.revision
        except NotFoundError as missing:
            if not gone:
                raise not_found(kind_or_unknown(key.group, key.kind, "v1"), key.name) from missing
            return (await self.objects.store.list(key.group, key.kind))[1]


async def _batches(store: ConfigStore, after: int) -> AsyncIterator[bytes]:
    async for batch in store.changes(after=after):
        yield msgspec.json.encode(batch) + b"\n"


def _target(key: Key, tree: Object) -> Target:
    group, _, version = str(tree.get("apiVersion", "")).rpartition("/")
    kind = kind_or_unknown(key.group, key.kind, version or "v1")
    at = (group, version) if version else (kind.group, kind.versions[0])
    return Target(kind=kind, group=at[0], version=at[1], namespace=key.namespace, name=key.name)


def _asked(request: Request) -> Key:
    query = request.query_params
    kind = kind_named(query.get("kind", ""))
    if kind is None or not query.get("name"):
        raise bad_request("'kind' and 'name' say what is waited for")
    return key_of(kind, query.get("namespace", "default"), query["name"])


def _seconds(request: Request) -> float:
    said = request.query_params.get("timeout", "")
    try:
        return float(said) if said else WAIT_SECONDS
    except ValueError as problem:
        raise bad_request(f"timeout '{said}' is no number of seconds") from problem
