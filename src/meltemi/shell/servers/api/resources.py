"""Kubernetes' side of the API: /api and /apis.

Place:  servers/api · app → [resources] → objects, watch
Source: Kubernetes, API concepts.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from meltemi.core.model.kinds import KINDS, Kind
from meltemi.core.model.shown import Shown, rendered
from meltemi.shell.servers.api import requests
from meltemi.shell.servers.api.objects import Objects, Written
from meltemi.shell.servers.api.paths import Target, read_path
from meltemi.shell.servers.api.problem import ApiError, bad_request
from meltemi.shell.servers.api.rules import served
from meltemi.shell.servers.api.selectors import selector
from meltemi.shell.servers.api.trees import Object, part
from meltemi.shell.servers.api.watch import DEFAULT_SECONDS, Watch, watched


def answer(value: object, code: int = 200, findings: tuple[Shown, ...] = ()) -> Response:
    """JSON; findings that did not prevent the write go into Warning headers, as Kubernetes does it."""
    response = Response(msgspec.json.encode(value), code, media_type="application/json")
    for finding in findings[:50]:
        text = rendered(finding).replace("\n", " ").replace('"', "'").encode("ascii", "replace").decode()
        response.headers.append("Warning", f'299 - "{text[:500]}"')
    return response


@dataclass(frozen=True, slots=True)
class Resources:
    """One method for each verb."""

    objects: Objects

    async def handle(self, request: Request) -> Response:
        """Any request below /api and /apis. Raises ApiError."""
        words = request.path_params
        target = read_path(words.get("group", ""), words["version"], words["rest"])
        if target is None:
            raise ApiError(404, "NotFound", f"nothing is at {request.url.path}")
        verbs = _ONE if target.name else _ALL
        verb = verbs.get(request.method)
        if verb is None or (target.sub and request.method in ("POST", "DELETE")):
            raise ApiError(405, "MethodNotAllowed", f"{request.method} is not possible at {request.url.path}")
        return await verb(self, request, target)

    async def get(self, request: Request, target: Target) -> Response:
        stored = await self.objects.get(target)
        return answer(served(msgspec.json.decode(stored.body), target))

    async def list(self, request: Request, target: Target) -> Response:
        if requests.flag(request, "watch"):
            return await self.watch(request, target)
        target = await self.objects.resolved(target)
        matches = _selector(request)
        stored, revision = await self.objects.store.list(target.kind.group, target.kind.kind, target.namespace)
        trees: list[Object] = [msgspec.json.decode(one.body) for one in stored]
        items = [served(tree, target) for tree in trees if matches(tree)]
        head = {"kind": f"{target.kind.kind}List", "apiVersion": target.api_version}
        return answer({**head, "metadata": {"resourceVersion": str(revision)}, "items": items})

    async def watch(self, request: Request, target: Target) -> Response:
        target = await self.objects.resolved(target)
        after = requests.number(request, "resourceVersion") or 0
        seconds = requests.number(request, "timeoutSeconds") or DEFAULT_SECONDS
        watch = Watch(
            target=target, matches=_selector(request), bookmarks=requests.flag(request, "allowWatchBookmarks")
        )
        lines = watched(self.objects.store, watch, after, seconds)
        return StreamingResponse(lines, media_type="application/json")

    async def create(self, request: Request, target: Target) -> Response:
        tree = await requests.tree_of(request)
        return _written(await self.objects.create(target, tree, dry_run=requests.dry_run(request)), target, 201)

    async def replace(self, request: Request, target: Target) -> Response:
        tree = await requests.tree_of(request)
        return _written(await self.objects.replace(target, tree, dry_run=requests.dry_run(request)), target)

    async def patch(self, request: Request, target: Target) -> Response:
        patch = await requests.typed(request, object)
        content_type = request.headers.get("content-type", "").partition(";")[0].strip()
        written = await self.objects.patch(target, patch, content_type, dry_run=requests.dry_run(request))
        return _written(written, target)

    async def delete(self, request: Request, target: Target) -> Response:
        body = await requests.body_of(request)
        options: Object = msgspec.json.decode(body, type=dict[str, Any]) if body else {}
        grace = options.get("gracePeriodSeconds", requests.number(request, "gracePeriodSeconds"))
        seen = part(options, "preconditions").get("resourceVersion")
        tree = await self.objects.delete(
            target, expected=int(seen) if seen else None, grace=grace, dry_run=requests.dry_run(request)
        )
        return answer(served(tree, target))


_ALL = {"GET": Resources.list, "POST": Resources.create}
_ONE = {
    "GET": Resources.get,
    "PUT": Resources.replace,
    "PATCH": Resources.patch,
    "DELETE": Resources.delete,
}


def _written(written: Written, target: Target, code: int = 200) -> Response:
    return answer(served(written.tree, target), code, written.findings)


def _selector(request: Request) -> Any:
    query = request.query_params
    try:
        return selector(query.get("labelSelector", ""), query.get("fieldSelector", ""))
    except ValueError as problem:
        raise bad_request(str(problem)) from problem


async def versions(request: Request) -> Response:
    """GET /api."""
    return answer({"kind": "APIVersions", "versions": ["v1"]})


async def groups(request: Request) -> Response:
    """GET /apis."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        if kind.group:
            found.setdefault(kind.group, [])
            found[kind.group] += [v for v in kind.versions if v not in found[kind.group]]
    listed = [_group(group, names) for group, names in found.items()]
    return answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})


async def kinds(request: Request) -> Response:
    """GET /api/v1 and /apis/GROUP/VERSION."""
    group, version = request.path_params.get("group", ""), request.path_params["version"]
    found = [_resource(kind) for kind in KINDS if _serves(kind, group, version)]
    name = f"{group}/{version}" if group else version
    return answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found})


def _serves(kind: Kind, group: str, version: str) -> bool:
    return (kind.group == group and version in kind.versions) or (group, version) in kind.old_groups


def _group(group: str, names: list[str]) -> Object:
    listed = [{"groupVersion": f"{group}/{name}", "version": name} for name in names]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _resource(kind: Kind) -> Object:
    return {
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "shortNames": list(kind.short_names), "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
    }  # fmt: skip
