"""The authority's side of the API: /meltemi/v1/ca.

Place:  servers/api · `meltemi ca` → [authority] → servers/ca/control
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meltemi.core.identity.authority import Parts
from meltemi.core.model.finding import Finding
from meltemi.core.model.value import Value
from meltemi.shell.authorities import AuthorityError
from meltemi.shell.servers.api import requests
from meltemi.shell.servers.api.problem import ApiError
from meltemi.shell.servers.api.resources import answer

PATIENCE = 30.0
"""Seconds that proxies have to follow, where the caller does not say."""


class Control(Protocol):
    """What the API asks of the authority: servers/ca/control."""

    def status(self) -> Mapping[str, Any]:
        """The step, authorities, certificates, and who is behind."""
        ...

    def certificates(self) -> Mapping[str, Mapping[str, Any]]:
        """Proxy → its certificate."""
        ...

    def findings(self) -> Iterable[Finding]:
        """What ends soon."""
        ...

    async def rotate(self, *, to: Parts | None, back: bool, seconds: float) -> Mapping[str, Any]:
        """One step. Raises TimeoutError where somebody has not followed, AuthorityError."""
        ...

    async def followed(self, seconds: float) -> object:
        """Wait until all have followed. Raises TimeoutError."""
        ...

    async def plug(self, parts: Parts) -> Mapping[str, Any]:
        """Another authority of the same root. Raises AuthorityError."""
        ...


class _Rotate(Value, frozen=True, kw_only=True):
    to: Parts | None = None
    back: bool = False
    timeout: float = PATIENCE


class AuthorityRoutes:
    """One method for each path."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def routes(self) -> list[Route]:
        """All paths below /meltemi/v1/ca."""
        return [
            Route("/meltemi/v1/ca", self.status),
            Route("/meltemi/v1/ca/rotate", self.rotate, methods=["POST"]),
            Route("/meltemi/v1/ca/follow", self.follow, methods=["POST"]),
            Route("/meltemi/v1/ca/plug", self.plug, methods=["POST"]),
        ]

    async def status(self, request: Request) -> Response:
        del request
        return answer(self._control.status())

    async def rotate(self, request: Request) -> Response:
        """One step; `done` says whether it was taken."""
        said = await requests.typed(request, _Rotate)
        try:
            status = await self._control.rotate(to=said.to, back=said.back, seconds=said.timeout)
        except TimeoutError:
            return answer({**self._control.status(), "done": False})
        except AuthorityError as problem:
            raise _impossible(problem) from problem
        return answer({**status, "done": True})

    async def follow(self, request: Request) -> Response:
        """Until all have followed the present step; `done` says whether they have."""
        said = await requests.typed(request, _Rotate)
        try:
            await self._control.followed(said.timeout)
        except TimeoutError:
            return answer({**self._control.status(), "done": False})
        return answer({**self._control.status(), "done": True})

    async def plug(self, request: Request) -> Response:
        """An intermediate of the same root."""
        try:
            return answer(await self._control.plug(await requests.typed(request, Parts)))
        except AuthorityError as problem:
            raise _impossible(problem) from problem


def _impossible(problem: AuthorityError) -> ApiError:
    return ApiError(409, "Conflict", str(problem))
