"""The injector with what the mesh says at the moment.

Place:  apps · engine (MeshConfig, ProxyConfigs, EnvoyFilters) → [injection] → core/inject
        called by servers/api and servers/webhook
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.proxy_configs import as_fields, layers, proxy_config
from meltemi.core.compose.registry import hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.inject.config import InjectConfig
from meltemi.core.inject.inject import Injection, applied, inject
from meltemi.core.inject.patch import operations
from meltemi.core.inject.proxy_config import merged
from meltemi.core.model.document import Key
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.proxy import Discovery, Proxy, Role
from meltemi.core.pipeline.bootstrap import VARIABLE, bootstrap_text
from meltemi.core.pipeline.proxies import PROXY, node_metadata

Tree = dict[str, Any]

LARGE = 500
"""Hosts above which a mesh is large: a sidecar that holds so many takes half as much again as an empty one
(`scripts/bench ondemand`: 107 MB and 70 MB)."""


class Injector:
    """Decides about pods; `own` are the settings that hold whatever the mesh says, `discovery` that of `up`."""

    def __init__(self, engine: Engine, own: InjectConfig, discovery: Discovery = Discovery.AUTO) -> None:
        self._engine = engine
        self._own = own
        self._discovery = discovery

    def __call__(self, pod: Tree, *, namespace: str, namespace_labels: Mapping[str, str]) -> Injection:
        """The answer to one pod, which is not changed. What is written later is for pods that are made later."""
        metadata: Tree = pod.get("metadata") or {}
        labels: Mapping[str, str] = metadata.get("labels") or {}
        config = self._config(namespace, tuple(sorted(labels.items())))
        answer = inject(pod, namespace=namespace, namespace_labels=namespace_labels, config=config)
        return self._with_bootstrap(pod, answer, namespace)

    def _with_bootstrap(self, pod: Tree, answer: Injection, namespace: str) -> Injection:
        """The proxy is told of what EnvoyFilters change of what its Envoy starts with."""
        if answer.patch is None:
            return answer
        changed = applied(pod, answer.patch)
        spec: Tree = changed["spec"]
        every: list[Tree] = [*spec["containers"], *(spec.get("initContainers") or ())]
        own = next(one for one in every if one["name"] == PROXY)
        said = {one["name"]: one["value"] for one in own["env"] if one.get("value")}
        proxy = Proxy(
            role=Role.ROUTER if "router" in own["args"] else Role.SIDECAR,
            id="",
            namespace=namespace,
            labels=tuple(sorted(changed["metadata"]["labels"].items())),
            metadata=node_metadata(said, namespace),
        )
        if text := bootstrap_text(self._engine, proxy):
            own["env"].append({"name": VARIABLE, "value": text})
        return msgspec.structs.replace(answer, patch=tuple(operations(pod, changed)))

    def _config(self, namespace: str, labels: tuple[tuple[str, str], ...]) -> InjectConfig:
        settings, found = mesh(self._engine), layers(self._engine, namespace, labels)
        wide = merged(default_config(settings), *(self._fields(key) for key in found.wide))
        return msgspec.structs.replace(
            self._own,
            on_demand=self._on_demand(),
            outbound_port=settings.proxy_listen_port,
            inbound_port=settings.proxy_inbound_listen_port,
            merge_metrics=settings.enable_prometheus_merge,
            proxy_config=tuple(wide.items()),
            selected_proxy_config=tuple(self._fields(found.own).items()) if found.own else (),
        )

    def _on_demand(self) -> bool:
        if self._discovery is Discovery.AUTO:
            return len(self._engine.get(hosts)) > LARGE
        return self._discovery is Discovery.ONDEMAND

    def _fields(self, key: Key) -> Mapping[str, Any]:
        written = proxy_config(self._engine, key)
        return as_fields(written) if written else {}


def default_config(settings: MeshConfig) -> Mapping[str, Any]:
    """`defaultConfig` of the mesh as it is written, names in camelCase."""
    return msgspec.json.decode(dict(settings.rest).get("defaultConfig", b"{}"))
