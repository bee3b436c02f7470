"""What is said of one proxy that changes while it runs: by the mesh's default and by the pod's annotations.

Place:  model/mesh, model/kube/pod → [pipeline/own_settings] → pipeline/scope
Source: Istio, ProxyConfig: each field of the annotation replaces the mesh's. Istio reads both when a pod is made, so
        that a change takes a restart; here it holds at once
"""

from meltemi.core.compose.inputs import document
from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Path
from meltemi.core.model.mesh_proxy import POLICY_HEADER, DefaultConfig, OwnSettings, ProxyHeaders, Topology
from meltemi.core.model.tree import camel
from meltemi.core.parse.decode import decode
from meltemi.core.parse.faults import Faults
from meltemi.core.parse.yaml import read

ANNOTATION = "proxy.istio.io/config"
_LIVE = ("gatewayTopology", "proxyHeaders")


def own_settings(e: Engine, key: Key) -> OwnSettings:
    """Of the proxy of one pod; without a pod what the mesh says."""
    default, written = mesh(e).default_config, annotated(e.get(annotation, key, ANNOTATION))
    return OwnSettings(
        topology=written.gateway_topology or default.gateway_topology or Topology(),
        headers=written.proxy_headers or default.proxy_headers or ProxyHeaders(),
        policy_header=e.get(annotation, key, POLICY_HEADER) == "true",
    )


def annotation(e: Engine, key: Key, name: str) -> str:
    """One annotation of a pod; stands between its many changes and its proxy."""
    found = document(e, key)
    return dict(found.meta.annotations).get(name, "") if found else ""


def annotated(text: str) -> DefaultConfig:
    """What an annotation says of these settings. What is wrong in it was told when the pod was made."""
    written, _ = read("", text.encode()) if text.strip() else ((), ())
    tree = written[0].tree if written else None
    if not isinstance(tree, dict):
        return DefaultConfig()
    live = {name: value for name, value in tree.items() if camel(name) in _LIVE}
    return decode(DefaultConfig, live, Path(""), Faults(), strict=False) or DefaultConfig()
