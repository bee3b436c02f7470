"""A Unix socket for every pod that has a proxy: opened when the Pod is stored, closed when it is gone.

Place:  shell · store → [doors] → servers/xds, with the identity of each pod
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from meltemi.core.model.document import Key
from meltemi.core.model.proxy import ISTIO_VERSION, Proxy, Role
from meltemi.ports.store import Batch, ChangeKind, ConfigStore
from meltemi.shell.servers.xds.server import XdsServer

PROXY = "istio-proxy"
"""The proxy's container."""
META = "ISTIO_META_"
INJECTED = "sidecar.istio.io/status"
"""The annotation by which the injector marks a pod."""


class Doors:
    """The sockets below STATE/xds, and who is behind each."""

    def __init__(self, server: XdsServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._pods: dict[Key, Mapping[str, Any]] = {}
        self.told = asyncio.Event()
        """Set when every pod that existed at the start is known."""

    def behind(self, namespace: str, name: str) -> Callable[[], Proxy | None]:
        """Who the proxy of a pod is, now; None where it has none."""
        return lambda: self._identity(Key(group="", kind="Pod", namespace=namespace, name=name))

    def serving(self) -> frozenset[str]:
        """Proxies, `pod.namespace`, of pods that run and shall go on running."""
        return frozenset(f"{key.name}.{key.namespace}" for key, pod in self._pods.items() if _serves(pod))

    async def run(self, store: ConfigStore) -> None:
        """Run until cancelled."""
        async for batch in store.changes(after=0):
            await self._take(batch)
            if batch.complete:
                self.told.set()

    async def _take(self, batch: Batch) -> None:
        for change in batch.changes:
            key = change.object.key
            if key.group or key.kind != "Pod":
                continue
            pod: dict[str, Any] = msgspec.json.decode(change.object.body)
            if change.kind is ChangeKind.DELETE:
                self._pods.pop(key, None)
                await self._server.close(self._path(key))
            elif INJECTED in (pod["metadata"].get("annotations") or {}):
                self._pods[key] = pod
                await self._server.open(self._path(key), self.behind(key.namespace, key.name))

    def _path(self, key: Key) -> Path:
        return self._folder / key.namespace / key.name / "xds.sock"

    def _identity(self, key: Key) -> Proxy | None:
        pod = self._pods.get(key)
        return proxy_of_pod(pod) if pod else None


def proxy_of_pod(pod: Mapping[str, Any]) -> Proxy:
    """The proxy of a stored Pod: what the pod says, not what its Envoy claims."""
    metadata: Mapping[str, Any] = pod["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    status: Mapping[str, Any] = pod.get("status") or {}
    address: str = status.get("podIP", "")
    return Proxy(
        role=Role.ROUTER if _is_router(pod) else Role.SIDECAR,
        id=f"{metadata['name']}.{metadata['namespace']}",
        namespace=metadata["namespace"],
        addresses=(address,) if address else (),
        labels=tuple(sorted(labels.items())),
        metadata=tuple(
            sorted({**_said(pod), "NAMESPACE": metadata["namespace"], "ISTIO_VERSION": ISTIO_VERSION}.items())
        ),
    )


def _said(pod: Mapping[str, Any]) -> dict[str, str]:
    """The node metadata that its proxy is given by variables."""
    env = [one for c in _proxies(pod) for one in c.get("env") or () if one["name"].startswith(META)]
    return {one["name"].removeprefix(META): one["value"] for one in env if one.get("value")}


def _proxies(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    spec = pod["spec"]
    return [c for c in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())) if c["name"] == PROXY]


def _serves(pod: Mapping[str, Any]) -> bool:
    status: Mapping[str, Any] = pod.get("status") or {}
    return status.get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def _is_router(pod: Mapping[str, Any]) -> bool:
    return any("router" in (one.get("args") or []) for one in _proxies(pod))
