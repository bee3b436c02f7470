"""Writes as a ConfigStore makes them, in the calls that an API server has for them.

Place:  shell/stores/kube · store → [writes] → client
Source: Kubernetes API reference: status and binding are resources of their own below an object.
"""

from collections.abc import Mapping
from typing import Any

from meltemi.core.model.document import Key
from meltemi.ports.store import ConflictError, NotFoundError
from meltemi.shell.stores.kube.client import JSON_PATCH, KubeClient, decoded
from meltemi.shell.stores.kube.objects import Tree, collection, fresh, kind_at, path_of, same_but_status

_WITHOUT_STATUS = frozenset({("", "ConfigMap"), ("", "Secret"), ("", "ServiceAccount"), ("", "Endpoints")})


async def write(client: KubeClient, key: Key, tree: Tree, expected: int | None) -> Tree:
    """Create or replace an object, status and all; the object as it is then. Raises ConflictError, RefusedError."""
    if expected == 0:
        return await _create(client, key, tree)
    while True:
        try:
            old = decoded(await client.call("GET", path_of(key)))
        except NotFoundError:
            if expected is not None:
                raise ConflictError(f"{key} does not exist") from None
            try:
                return await _create(client, key, tree)
            except ConflictError:
                continue  # somebody else was faster: replace it
        if expected is not None and int(old["metadata"]["resourceVersion"]) != expected:
            raise ConflictError(f"{key} is at revision {old['metadata']['resourceVersion']}, not at {expected}")
        try:
            return await _replace(client, key, tree, old)
        except ConflictError:
            if expected is not None:
                raise


async def _create(client: KubeClient, key: Key, tree: Tree) -> Tree:
    made = decoded(await client.call("POST", collection(kind_at(key), key.namespace), fresh(tree)))
    return await _with_status(client, key, tree, made)


async def _replace(client: KubeClient, key: Key, tree: Tree, old: Tree) -> Tree:
    metadata: Tree = {**tree["metadata"], "resourceVersion": old["metadata"]["resourceVersion"]}
    written = old
    if (node := _binding(key, tree, old)) is not None:
        await _bind(client, key, node)
        return decoded(await client.call("GET", path_of(key)))
    if not same_but_status(tree, old):
        metadata.pop("uid", None)
        written = decoded(await client.call("PUT", path_of(key), {**tree, "metadata": metadata}))
    return await _with_status(client, key, tree, written)


async def _with_status(client: KubeClient, key: Key, tree: Tree, written: Tree) -> Tree:
    """The status is a resource of its own: a write of the whole leaves it as it is."""
    if "status" not in tree or tree["status"] == written.get("status") or (key.group, key.kind) in _WITHOUT_STATUS:
        return written
    return await write_status(client, key, tree["status"], int(written["metadata"]["resourceVersion"]))


async def write_status(client: KubeClient, key: Key, status: Mapping[str, Any], expected: int | None) -> Tree:
    """Replace the status and nothing else. Raises NotFoundError, ConflictError, RefusedError."""
    patch: list[Tree] = [{"op": "add", "path": "/status", "value": status}]
    if expected:
        # A server takes a resourceVersion within a patch as the one that must be current.
        patch.append({"op": "replace", "path": "/metadata/resourceVersion", "value": str(expected)})
    return decoded(await client.call("PATCH", f"{path_of(key)}/status", patch, content_type=JSON_PATCH))


async def _bind(client: KubeClient, key: Key, node: str) -> None:
    body = {
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": key.name, "namespace": key.namespace},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }  # fmt: skip
    await client.call("POST", f"{path_of(key)}/binding", body)


async def remove(client: KubeClient, key: Key, expected: int | None, grace: int | None) -> None:
    """Delete. `grace`: seconds that a Pod gets, None as it says itself. Raises NotFoundError, ConflictError."""
    body: Tree = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if expected is not None:
        body["preconditions"] = {"resourceVersion": str(expected)}
    if grace is not None:
        body["gracePeriodSeconds"] = grace
    await client.call("DELETE", path_of(key), body)


def _binding(key: Key, tree: Tree, old: Tree) -> str | None:
    """The node that a pod is bound to by a write: a pod's node can be said in no other way."""
    if (key.group, key.kind) != ("", "Pod") or old["spec"].get("nodeName"):
        return None
    return tree["spec"].get("nodeName") or None
