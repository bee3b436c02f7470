"""The API: routes, and how errors are answered.

Place:  servers/api · made by apps/control_plane, served by servers/api/serve
"""

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meltemi.ports.store import ConfigStore, RefusedError
from meltemi.shell.servers.api import resources
from meltemi.shell.servers.api.admission import Admission
from meltemi.shell.servers.api.authority import AuthorityRoutes, Control
from meltemi.shell.servers.api.authorization import AuthorizationRoutes, GuardOf
from meltemi.shell.servers.api.introspection import IntrospectionRoutes
from meltemi.shell.servers.api.mesh import MeshRoutes
from meltemi.shell.servers.api.objects import Objects
from meltemi.shell.servers.api.problem import ApiError
from meltemi.shell.servers.api.publisher import Publisher
from meltemi.shell.servers.api.tokens import TokenRoutes

_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(
    store: ConfigStore, *, admission: Admission | None = None, publisher: Publisher | None = None,
    authority: Control | None = None, tokens: TokenRoutes | None = None, guard_of: GuardOf | None = None,
    introspection: IntrospectionRoutes | None = None,
) -> Starlette:  # fmt: skip
    """The API over a store. Without a publisher nothing is known of proxies, without an authority no certificates,
    without `guard_of` nothing of what is in force."""
    objects = Objects(store, admission or Admission())
    kube = resources.Resources(objects)
    mesh = MeshRoutes(objects, publisher, authority)
    routes = [
        *(tokens.routes() if tokens else ()),
        *(AuthorizationRoutes(store, guard_of).routes() if guard_of else ()),
        *(AuthorityRoutes(authority).routes() if authority else ()),
        *(introspection.routes() if introspection else ()),
        Route("/api", resources.versions),
        Route("/apis", resources.groups),
        Route("/api/{version}", resources.kinds),
        Route("/apis/{group}/{version}", resources.kinds),
        Route("/api/{version}/{rest:path}", kube.handle, methods=_VERBS),
        Route("/apis/{group}/{version}/{rest:path}", kube.handle, methods=_VERBS),
        *mesh.routes(),
    ]
    handlers = {ApiError: _refuse, msgspec.DecodeError: _unreadable, RefusedError: _refused_below}
    return Starlette(routes=routes, exception_handlers=handlers)


async def _refuse(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiError)  # noqa: S101  (starlette types all handlers alike)
    return resources.answer(problem.status(), problem.code)


async def _refused_below(request: Request, problem: Exception) -> Response:
    """A real API server will not have the object."""
    return await _refuse(request, ApiError(422, "Invalid", str(problem)))


async def _unreadable(request: Request, problem: Exception) -> Response:
    return await _refuse(request, ApiError(400, "BadRequest", f"the body cannot be read: {problem}"))
