"""A mesh of N services, each with ports, endpoints, a DestinationRule and a VirtualService.

Place:  bench · YAML text as a user writes it → bench/{compile,push}
"""

from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.tree import Tree

ENDPOINTS = 3
"""Of each service."""


def trees(services: int) -> list[Tree]:
    """The objects of the mesh."""
    return [tree for i in range(services) for tree in (_service(i), slice_of(i), _rule(i), virtual_service(i))]


def proxy(number: int = 0) -> Proxy:
    """A sidecar of namespace default that sees the whole mesh; those of different numbers have one scope."""
    return Proxy(role=Role.SIDECAR, id=f"client-{number}.default", namespace="default", addresses=("198.18.200.1",))


def slice_of(i: int, last: int = 0) -> Tree:
    """The endpoints of service i; `last` is added to the last one's address."""
    numbers = (i * ENDPOINTS + n + (last if n == ENDPOINTS - 1 else 0) for n in range(ENDPOINTS))
    return _object(
        "discovery.k8s.io/v1", "EndpointSlice", f"service-{i}-x", {"kubernetes.io/service-name": f"service-{i}"}
    ) | {
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [
            {"addresses": [f"198.18.{n // 250}.{n % 250 + 1}"], "conditions": {"ready": True}} for n in numbers
        ],
    }


def virtual_service(i: int, timeout: str = "5s") -> Tree:
    """The routes of service i: a header to one subset, the rest to two, by weight."""
    host = f"service-{i}"
    routes = [
        {
            "match": [{"headers": {"end-user": {"exact": "jason"}}}],
            "route": [{"destination": {"host": host, "subset": "v2"}}],
        },
        {
            "timeout": timeout,
            "retries": {"attempts": 2, "retryOn": "connect-failure"},
            "route": [
                {"destination": {"host": host, "subset": "v1"}, "weight": 90},
                {"destination": {"host": host, "subset": "v2"}, "weight": 10},
            ],
        },
    ]
    return _object("networking.istio.io/v1", "VirtualService", host) | {"spec": {"hosts": [host], "http": routes}}


def _service(i: int) -> Tree:
    spec = {
        "clusterIP": f"198.19.{i // 250}.{i % 250 + 1}",
        "selector": {"app": f"service-{i}"},
        "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
    }
    return _object("v1", "Service", f"service-{i}") | {"spec": spec}


def _rule(i: int) -> Tree:
    subsets = [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]
    spec = {"host": f"service-{i}", "subsets": subsets}
    return _object("networking.istio.io/v1", "DestinationRule", f"service-{i}") | {"spec": spec}


def _object(version: str, kind: str, name: str, labels: dict[str, str] | None = None) -> dict[str, Tree]:
    metadata: dict[str, Tree] = {"name": name, "namespace": "default", "labels": labels or {}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
