"""The node of a mesh that runs from a real API server: its store, and its registration.

Place:  apps · used by apps/node with `up --kube`
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from meltemi.apps.kube_store import MESH_KINDS, NODE_KINDS, store_of
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.kube.install import apply
from meltemi.shell.kube.namespaces import keep_namespaces
from meltemi.shell.kube.place import place
from meltemi.shell.runtime.kubelet_api.server import Certificates, KubeletApi
from meltemi.shell.runtime.registration import keep_registered
from meltemi.shell.runtime.world import World
from meltemi.shell.stores.kube.client import KubeClient
from meltemi.shell.stores.kube.store import KubeStore


@asynccontextmanager
async def node_store(state: Path, settings: NodeSettings) -> AsyncGenerator[KubeStore]:
    """The node's store; the Node object is kept alive while the block runs."""
    async with store_of(state, "node", NODE_KINDS) as (store, api), asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(
            keep_registered(lambda path, tree: apply(api, path, tree), settings), name="registration"
        )
        try:
            yield store
        finally:
            keeping.cancel()


async def run_cluster(state: Path, settings: NodeSettings, world: World) -> None:
    """What a node is for the cluster around it, until cancelled; nothing where there is none."""
    if settings.kube is None:
        return
    pki = place(state).pki
    files = Certificates(certificate=pki.crt("kubelet"), key=pki.key("kubelet"), authority=pki.crt("ca"))
    async with asyncio.TaskGroup() as tasks:
        api = KubeletApi(state, world)
        tasks.create_task(api.serve(settings.node_ip, settings.kube.kubelet_port, files), name="kubelet: port")
        if not settings.kube.controllers:
            tasks.create_task(_run_namespaces(state, world), name="namespaces")


async def _run_namespaces(state: Path, world: World) -> None:
    files = place(state)
    async with KubeClient(files.kubeconfig("node")) as client:
        await keep_namespaces(client, world, MESH_KINDS, files.pki.crt("ca").read_text())
