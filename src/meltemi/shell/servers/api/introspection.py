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
from meltemi.core.model.proxy import ISTIO_VERSION
from meltemi.ports.store import ConfigStore
from meltemi.shell.servers.api.problem import ApiError, bad_request
from meltemi.shell.servers.api.resources import answer
from meltemi.version import VERSION


class Text(Protocol):
    """Measures, as shell/measures has them."""

    def text(self) -> bytes:
        """As Prometheus reads them."""
        ...


class Pages(Protocol):
    """Plain data for each page, as shell/introspection has it."""

    def syncz(self) -> object: ...
    def connections(self) -> object: ...
    def adsz(self) -> object: ...
    def push_status(self) -> object: ...
    def mesh(self) -> object: ...
    def ready(self) -> bool: ...
    def config_dump(self, proxy: str) -> object: ...
    def edsz(self, proxy: str) -> object: ...
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
            "adsz": pages.adsz,
            "push_status": pages.push_status,
            "mesh": pages.mesh,
            "registryz": pages.registryz,
            "endpointz": pages.endpointz,
            "cachez": pages.cachez,
        }
        self._of_proxy: dict[str, Callable[[str], object]] = {"config_dump": pages.config_dump, "edsz": pages.edsz}

    def routes(self) -> list[Route]:
        """All paths."""
        return [
            Route("/metrics", self.metrics),
            Route("/ready", self.ready),
            Route("/version", self.version),
            Route("/debug", self.index),
            Route("/debug/list", self.index),
            Route("/debug/configz", self.configz),
            Route("/debug/authorizationz", self.authorizationz),
            Route("/debug/{page}", self.page),
        ]

    async def metrics(self, request: Request) -> Response:
        return Response(self._measures.text(), media_type=CONTENT_TYPE_LATEST)

    async def index(self, request: Request) -> Response:
        return answer({"pages": sorted(f"/debug/{name}" for name in self._names())})

    async def ready(self, request: Request) -> Response:
        """200 from when the mesh is known completely, 503 before."""
        return Response(status_code=200 if self._pages.ready() else 503)

    async def version(self, request: Request) -> Response:
        return answer({"version": VERSION, "istio": ISTIO_VERSION})

    async def page(self, request: Request) -> Response:
        name = request.path_params["page"]
        if name in self._of_proxy:
            return self._proxys(request, self._of_proxy[name])
        made = self._plain.get(name)
        if made is None:
            raise ApiError(404, "NotFound", f"there is no page {request.url.path}: see /debug")
        return answer(made())

    async def configz(self, request: Request) -> Response:
        """Every document of the mesh's own kinds, as it is stored."""
        return answer(await self._stored("istio.io"))

    async def authorizationz(self, request: Request) -> Response:
        """Every document that says who may, and how he shows who he is."""
        return answer(await self._stored("security.istio.io"))

    async def _stored(self, group: str) -> list[object]:
        found: list[object] = []
        for kind in (one for one in KINDS if one.group.endswith(group)):
            stored, _ = await self._store.list(kind.group, kind.kind, "")
            found += [msgspec.json.decode(one.body) for one in stored]
        return found

    def _names(self) -> list[str]:
        return [*self._plain, *self._of_proxy, "configz", "authorizationz"]

    def _proxys(self, request: Request, page: Callable[[str], object]) -> Response:
        """Of the proxy that `proxyID` names (`pod.namespace`)."""
        proxy = request.query_params.get("proxyID", "")
        if not proxy:
            raise bad_request("say which proxy: ?proxyID=POD.NAMESPACE")
        found = page(proxy)
        if found is None:
            raise ApiError(404, "NotFound", f"no proxy {proxy!r} is connected")
        return answer(found)
