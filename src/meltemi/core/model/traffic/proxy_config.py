"""ProxyConfig: how the proxies of some workloads are started.

Place:  model/traffic → check/workload_group, compose/proxy_configs → core/inject
API:    networking.istio.io v1beta1
"""

from meltemi.core.model.security.peer_authentication import WorkloadSelector
from meltemi.core.model.value import Value


class ProxyImage(Value, frozen=True, kw_only=True):
    """Which build of the proxy."""

    image_type: str = ""
    """The end of the image's tag: `distroless`, `debug`; empty and `default` are the plain image."""


class ProxyConfig(Value, frozen=True, kw_only=True):
    """Settings of proxies at their start; a proxy that runs keeps those that it was started with."""

    selector: WorkloadSelector | None = None
    """Pods of the document's namespace. Without one: the namespace, in the root namespace the mesh."""
    concurrency: int | None = None
    """Worker threads of Envoy; 0 is one a CPU."""
    environment_variables: tuple[tuple[str, str], ...] = ()
    """Of the proxy's container; those of several documents are put together."""
    image: ProxyImage | None = None
