"""What is in force for a pod, and what becomes of a request to it: /meltemi/v1/authorization.

Place:  servers/api · engine (as a function), store → [authorization] → `meltemi x authz check`
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meltemi.core.explain.asked import Words
from meltemi.core.explain.told import documents, told
from meltemi.core.model.document import Key
from meltemi.core.model.source import Source
from meltemi.core.model.value import Value
from meltemi.core.view.guard import Guard
from meltemi.ports.store import ConfigStore, NotFoundError
from meltemi.shell.servers.api import requests
from meltemi.shell.servers.api.problem import ApiError, bad_request
from meltemi.shell.servers.api.resources import answer

GuardOf = Callable[[Key], tuple[Guard, tuple[str, ...]] | None]
"""A pod → what stands before it, and its addresses; None where it has no proxy."""


class Question(Value, frozen=True, kw_only=True):
    """What is asked."""

    namespace: str
    pod: str
    words: Words | None = None
    """The request to decide; None: only what is in force."""


class AuthorizationRoutes:
    """One method for each path."""

    def __init__(self, store: ConfigStore, guard_of: GuardOf) -> None:
        self._store = store
        self._guard_of = guard_of

    def routes(self) -> list[Route]:
        """The one path."""
        return [Route("/meltemi/v1/authorization", self.check, methods=["POST"])]

    async def check(self, request: Request) -> Response:
        said = await requests.typed(request, Question)
        key = Key(group="", kind="Pod", namespace=said.namespace, name=said.pod)
        found = self._guard_of(key)
        if found is None:
            raise ApiError(404, "NotFound", f"there is no pod {said.namespace}/{said.pod} with a proxy")
        guard, addresses = found
        sources = {one: await self._source(one) for one in documents(guard)}
        try:
            return answer(told(guard, said.words, sources, addresses))
        except ValueError as problem:
            raise bad_request(str(problem)) from problem

    async def _source(self, key: Key) -> Source:
        try:
            return (await self._store.get(key)).source
        except NotFoundError:
            return Source()  # it went while it was read
