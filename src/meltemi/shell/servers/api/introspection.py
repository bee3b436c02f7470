"""`/metrics` and `/debug`: the control plane looked at from outside.

Place:  servers/api · app → [introspection] → shell/measures, shell/introspection, store
Source: Istio, "pilot-discovery", debug pages. Who may use the socket may look: all objects are there too.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meltemi.core.model.kinds import KINDS
from meltemi.ports.store import ConfigStore
from meltemi.shell.servers.api.problem import ApiError, bad_request
from meltemi.shell.servers.api.resources import answer


class Text(Protocol):
    """Measures, as shell/measures has them."""

    def text(self) -> bytes:
        """As Prometheus reads them."""
        ...


class Pages(Protocol):
    """Plain data for each page, as shell/introspection has it."""

    def syncz(self) -> object: ...
    def connections(self) -> object: ...
    def config_dump(self, proxy: str) -> object: ...
    def registryz(self) -> object: ...
    def endpointz(self) -> object: ...
    def cachez(self) -> object: ...


class IntrospectionRoutes:
    """One route for each page, and a list of them."""

    def __init__(self, store: ConfigStore, measures: Text, pages: Pages) -> None:
        self._store = store
        self._measures = measures
        self._pages = pages
        self._plain: dict[str, Callable[[], object]] = {
            "syncz": pages.syncz,
            "connections": pages.connections,
            "registryz": pages.registryz,
            "endpointz": pages.endpointz,
            "cachez": pages.cachez,
        }

    def routes(self) -> list[Route]:
        """All paths."""
        return [
            Route("/metrics", self.metrics),
            Route("/debug", self.index),
            Route("/debug/configz", self.configz),
            Route("/debug/config_dump", self.config_dump),
            Route("/debug/{page}", self.page),
        ]

    async def metrics(self, request: Request) -> Response:
        return Response(self._measures.text(), media_type=CONTENT_TYPE_LATEST)

    async def index(self, request: Request) -> Response:
        return answer({"pages": sorted(f"/debug/{name}" for name in (*self._plain, "configz", "config_dump"))})

    async def page(self, request: Request) -> Response:
        made = self._plain.get(request.path_params["page"])
        if made is None:
            raise ApiError(404, "NotFound", f"there is no page {request.url.path}: see /debug")
        return answer(made())

    async def configz(self, request: Request) -> Response:
        """Every document of the mesh's own kinds, as it is stored."""
        found: list[object] = []
        for kind in (one for one in KINDS if one.group.endswith("istio.io")):
            stored, _ = await self._store.list(kind.group, kind.kind, "")
            found += [msgspec.json.decode(one.body) for one in stored]
        return answer(found)

    async def config_dump(self, request: Request) -> Response:
        """Of the proxy that `proxyID` names (`pod.namespace`)."""
        proxy = request.query_params.get("proxyID", "")
        if not proxy:
            raise bad_request("say which proxy: ?proxyID=POD.NAMESPACE")
        found = self._pages.config_dump(proxy)
        if found is None:
            raise ApiError(404, "NotFound", f"no proxy {proxy!r} is connected")
        return answer(found)
