"""What kube-controller-manager does for namespaces, where it is not at hand: their authority's certificate, their end.

Place:  shell/kube · the node's world → [namespaces] → kube-apiserver
Source: Kubernetes, "Namespaces", finalization; root CA publisher

Objects that the node follows are removed by its own controllers (core/node/garbage); here go those of all other kinds.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from meltemi.core.model.document import Key
from meltemi.core.model.kinds import Kind
from meltemi.core.node.objects import Object, is_deleting
from meltemi.ports.store import ConflictError, NotFoundError, RefusedError
from meltemi.shell.runtime.world import World
from meltemi.shell.stores.kube.client import KubeClient, decoded
from meltemi.shell.stores.kube.objects import collection

log: Any = structlog.get_logger(__name__)

POLL = 0.5
"""Seconds between two looks."""
AUTHORITY = "kube-root-ca.crt"
"""The ConfigMap by which pods know the API server; every pod mounts it."""


async def keep_namespaces(client: KubeClient, world: World, kinds: Sequence[Kind], authority: str) -> None:
    """Run until cancelled. `kinds`: all that may be in a namespace; `authority`: PEM."""
    while True:
        await asyncio.sleep(POLL)
        for namespace in [one for key, one in world.objects.items() if (key.group, key.kind) == ("", "Namespace")]:
            try:
                await _keep(client, world, kinds, namespace, authority)
            except (ConflictError, NotFoundError, RefusedError) as problem:
                log.info("a namespace is looked at again", namespace=namespace.key.name, why=str(problem))


async def _keep(client: KubeClient, world: World, kinds: Sequence[Kind], namespace: Object, authority: str) -> None:
    name = namespace.key.name
    if is_deleting(namespace.tree):
        if not any(key.namespace == name for key in world.objects):
            await _finish(client, kinds, name)
    elif Key(group="", kind="ConfigMap", namespace=name, name=AUTHORITY) not in world.objects:
        body = {"metadata": {"name": AUTHORITY}, "data": {"ca.crt": authority}}
        await client.call("POST", f"/api/v1/namespaces/{name}/configmaps", body)


async def _finish(client: KubeClient, kinds: Sequence[Kind], name: str) -> None:
    for kind in kinds:
        if kind.namespaced:
            await client.call("DELETE", collection(kind, name))
    path = f"/api/v1/namespaces/{name}"
    tree = decoded(await client.call("GET", path))
    await client.call("PUT", f"{path}/finalize", {**tree, "spec": {**tree["spec"], "finalizers": []}})
