"""A mesh's objects in a real API server, put together for the control plane and for the node.

Place:  apps · settings → [kube_store] → shell/stores/kube, shell/kube/install, servers/webhook
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from meltemi.apps.descriptions import describe
from meltemi.core.crds.definitions import definitions, is_ours
from meltemi.core.model.document import Key
from meltemi.core.model.kinds import KINDS, Kind, KindRole
from meltemi.core.node.settings import KubeSettings
from meltemi.ports.store import NotFoundError
from meltemi.shell.kube.install import apply, install_definitions
from meltemi.shell.kube.place import Place, place
from meltemi.shell.kube.webhooks import configurations
from meltemi.shell.servers.api.admission import Injector, Validate
from meltemi.shell.servers.webhook.app import create_app, serve_tls
from meltemi.shell.stores.kube.client import KubeClient
from meltemi.shell.stores.kube.memory import Memory
from meltemi.shell.stores.kube.store import KubeStore, opened

KUBE_KINDS = tuple(kind for kind in KINDS if kind.role is KindRole.KUBE)
NODE_KINDS = (*KUBE_KINDS, *(kind for kind in KINDS if kind.kind == "ServiceEntry"))
"""What the node reads; ServiceEntries for the names that it answers."""
MESH_KINDS = (*KUBE_KINDS, *(kind for kind in KINDS if is_ours(kind)))
"""What the control plane reads."""


@asynccontextmanager
async def store_of(state: Path, client: str, kinds: tuple[Kind, ...]) -> AsyncGenerator[tuple[KubeStore, KubeClient]]:
    """The store as a client of a mesh's API server sees it. The control plane's remembers over restarts."""
    files = place(state)
    async with KubeClient(files.kubeconfig(client)) as api:
        with Memory(files.memory if client == "control-plane" else None) as memory:
            async with opened(KubeStore(api, kinds, memory)) as store:
                yield store, api


@asynccontextmanager
async def control_plane_store(
    state: Path, kube: KubeSettings, inject: Injector, validate: Validate
) -> AsyncGenerator[KubeStore]:
    """The control plane's store, with our kinds in the server and the webhooks served while the block runs.

    Waits for the server.
    """
    files = place(state)
    async with KubeClient(files.kubeconfig("control-plane")) as api:
        await api.call("GET", "/readyz")
        await install_definitions(api, tuple(definitions(describe)))
    async with store_of(state, "control-plane", MESH_KINDS) as (store, api), asyncio.TaskGroup() as tasks:
        app = create_app(inject=inject, validate=validate, labels_of=lambda name: _labels(store, name))
        serving = tasks.create_task(
            serve_tls(app, kube.webhook_port, files.pki.crt("webhook"), files.pki.key("webhook")), name="webhooks"
        )
        await _configure(api, files, kube)
        try:
            yield store
        finally:
            serving.cancel()


async def _configure(api: KubeClient, files: Place, kube: KubeSettings) -> None:
    kinds = [kind for kind in KINDS if is_ours(kind)]
    for path, tree in configurations(kinds, kube.webhook_port, files.pki.crt("ca").read_bytes()):
        await apply(api, path, tree)


async def _labels(store: KubeStore, namespace: str) -> Mapping[str, str]:
    try:
        stored = await store.get(Key(group="", kind="Namespace", namespace="", name=namespace))
    except NotFoundError:
        return {}
    return msgspec.json.decode(stored.body)["metadata"].get("labels") or {}
