"""TokenRequest: a service-account token, bound to a pod.

Place:  servers/api · POST …/serviceaccounts/NAME/token → [tokens] → shell/issuer
Source: Kubernetes, API reference, TokenRequest; pkg/registry/core/serviceaccount/storage/token.go
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meltemi.core.identity.token import Bound, Claims, Named, subject
from meltemi.core.model.document import Key
from meltemi.core.model.kinds import Kind, kind_of
from meltemi.core.model.value import Value
from meltemi.ports.store import ConfigStore, NotFoundError
from meltemi.shell.servers.api import requests
from meltemi.shell.servers.api.problem import ApiError, bad_request, not_found
from meltemi.shell.servers.api.resources import answer
from meltemi.shell.servers.api.trees import part

SHORTEST, USUAL, LONGEST = 600, 3600, 48 * 3600
"""Seconds that a token lives: at least and usually as Kubernetes', at most two days."""


class TokenMaker(Protocol):
    """shell/issuer."""

    @property
    def name(self) -> str:
        """Claim `iss`; the audience where none is asked for."""
        ...

    def token(self, claims: Claims) -> str:
        """A signed token."""
        ...


class _Bound(Value, frozen=True, kw_only=True, rename="camel"):
    kind: str = ""
    api_version: str = "v1"
    name: str = ""
    uid: str = ""


class _Spec(Value, frozen=True, kw_only=True, rename="camel"):
    audiences: tuple[str, ...] = ()
    expiration_seconds: int | None = None
    bound_object_ref: _Bound | None = None


class _TokenRequest(Value, frozen=True, kw_only=True):
    spec: _Spec = _Spec()


class TokenRoutes:
    """The one path."""

    def __init__(self, store: ConfigStore, maker: TokenMaker, now: Callable[[], datetime]) -> None:
        self._store = store
        self._maker = maker
        self._now = now

    def routes(self) -> list[Route]:
        """To be asked before those of all objects."""
        path = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        return [Route(path, self.create, methods=["POST"])]

    async def create(self, request: Request) -> Response:
        """Raises ApiError."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        spec = (await requests.typed(request, _TokenRequest)).spec
        account = await self._object("ServiceAccount", namespace, name)
        pod = await self._pod(namespace, name, spec.bound_object_ref)
        begins = int(self._now().timestamp())
        ends = begins + _life(spec)
        claims = Claims(
            iss=self._maker.name, sub=subject(namespace, name), aud=spec.audiences or (self._maker.name,),
            iat=begins, nbf=begins, exp=ends, jti=secrets.token_hex(16),
            kubernetes=Bound(namespace=namespace, serviceaccount=_named(account), pod=pod),
        )  # fmt: skip
        return answer(_answer(namespace, name, spec, self._maker.token(claims), claims), 201)

    async def _pod(self, namespace: str, account: str, bound: _Bound | None) -> Named | None:
        """Whom the token is bound to, if that is a pod of the service account."""
        if bound is None:
            return None
        if (bound.kind, bound.api_version) != ("Pod", "v1"):
            raise bad_request(f"tokens are bound to a Pod, not to '{bound.kind}' of '{bound.api_version}'")
        tree = await self._object("Pod", namespace, bound.name)
        if bound.uid and tree["metadata"]["uid"] != bound.uid:
            said = f"the UID in the bound object reference ({bound.uid}) is not that of the pod '{bound.name}'"
            raise ApiError(409, "Conflict", said)
        runs_as = part(tree, "spec").get("serviceAccountName") or "default"
        if runs_as != account:
            raise bad_request(f"cannot bind a token of '{account}' to a pod that runs as '{runs_as}'")
        return _named(tree)

    async def _object(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        try:
            stored = await self._store.get(Key(group="", kind=kind, namespace=namespace, name=name))
        except NotFoundError as missing:
            known: Kind | None = kind_of("", kind)
            assert known is not None  # noqa: S101  (both kinds are Kubernetes' own)
            raise not_found(known, name) from missing
        return msgspec.json.decode(stored.body)


def _life(spec: _Spec) -> int:
    asked = spec.expiration_seconds
    if asked is None:
        return USUAL
    if asked < SHORTEST:
        raise ApiError(422, "Invalid", f"spec.expirationSeconds: a token lives {SHORTEST} seconds or more")
    return min(asked, LONGEST)


def _named(tree: dict[str, Any]) -> Named:
    return Named(name=tree["metadata"]["name"], uid=tree["metadata"]["uid"])


def _answer(namespace: str, name: str, spec: _Spec, token: str, claims: Claims) -> dict[str, Any]:
    ends = datetime.fromtimestamp(claims.exp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    said: dict[str, Any] = {"audiences": claims.aud, "expirationSeconds": claims.exp - claims.iat}
    if spec.bound_object_ref is not None:
        said["boundObjectRef"] = spec.bound_object_ref
    return {
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace}, "spec": said,
        "status": {"token": token, "expirationTimestamp": ends},
    }  # fmt: skip
