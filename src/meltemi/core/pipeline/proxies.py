"""The proxies of all pods, as they will connect.

Place:  model/kube/pod → [pipeline/proxies] → pipeline/patch_findings; shell/doors says the same of a connected one
"""

from collections.abc import Mapping

from meltemi.core.compose.inputs import keys, read_as
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.kube.pod import Pod
from meltemi.core.model.proxy import ISTIO_VERSION, Proxy, Role, Scope
from meltemi.core.pipeline.scope import scope_of

PROXY = "istio-proxy"
INJECTED = "sidecar.istio.io/status"
META = "ISTIO_META_"


def pod_scopes(e: Engine) -> tuple[Scope, ...]:
    """The scopes of all pods that have a proxy; each once."""
    found = (e.get(pod_scope, key) for key in keys(e, "", "Pod"))
    return tuple(dict.fromkeys(scope for scope in found if scope is not None))


def pod_scope(e: Engine, key: Key) -> Scope | None:
    """The scope of one pod's proxy, with all that it may call; None where it has none, or has ended."""
    proxy = e.get(pod_proxy, key)
    return e.get(scope_of, proxy).whole if proxy else None


def pod_proxy(e: Engine, key: Key) -> Proxy | None:
    """The proxy of one pod; stands between a pod's many changes and what is made for its proxy."""
    found = read_as(e, key, Pod)
    if found is None or found.spec.status.phase in ("Succeeded", "Failed"):
        return None
    return proxy_of(found) if INJECTED in dict(found.meta.annotations) else None


def proxy_of(found: Document[Pod]) -> Proxy:
    """What the pod says, not what its Envoy claims."""
    own = [c for c in (*found.spec.spec.containers, *found.spec.spec.init_containers) if c.name == PROXY]
    said = {e.name: e.value for c in own for e in c.env}
    address = found.spec.status.pod_ip
    return Proxy(
        role=Role.ROUTER if any("router" in c.args for c in own) else Role.SIDECAR,
        id=f"{found.key.name}.{found.key.namespace}",
        namespace=found.key.namespace,
        addresses=(address,) if address else (),
        labels=tuple(sorted(found.meta.labels)),
        metadata=node_metadata(said, found.key.namespace),
    )


def node_metadata(variables: Mapping[str, str], namespace: str) -> tuple[tuple[str, str], ...]:
    """What the node of a proxy says of itself, from the environment of its container."""
    said = {n.removeprefix(META): v for n, v in variables.items() if n.startswith(META) and v}
    return tuple(sorted({**said, "NAMESPACE": namespace, "ISTIO_VERSION": ISTIO_VERSION}.items()))
