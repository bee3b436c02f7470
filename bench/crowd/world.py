"""The load: services in ten namespaces, every endpoint of its own address, some with routes and subsets.

Place:  bench/crowd · trees → [the control plane's API]
"""

from collections.abc import Sequence

from bench.mesh import virtual_service
from meltemi.core.model.tree import Tree

NAMESPACES = tuple(f"ns-{number}" for number in range(10))
ENDPOINTS = 10
"""Of each service."""
RULED = 100
"""Services that have a VirtualService and a DestinationRule of two subsets."""


def namespaces() -> list[Tree]:
    """The namespaces themselves, which outlive what is in them."""
    return [_object("v1", "Namespace", name, "") for name in NAMESPACES]


def objects(services: int, of: Sequence[str] = NAMESPACES) -> list[Tree]:
    """Everything that is in these namespaces."""
    return [tree for i in range(services) if namespace(i) in of for tree in service(i)]


def service(i: int) -> list[Tree]:
    """Service i and all that belongs to it."""
    return [_service(i), endpoint_slice(i)] + ([_rule(i), routes(i)] if i < RULED else [])


def namespace(i: int) -> str:
    """Where service i is."""
    return NAMESPACES[i % len(NAMESPACES)]


def endpoint_slice(i: int, last: int = 0) -> Tree:
    """The endpoints of service i; `last` is added to the last octet of the last one."""
    octets = [n + (last if n == ENDPOINTS else 0) for n in range(1, ENDPOINTS + 1)]
    labels = {"kubernetes.io/service-name": f"service-{i}"}
    return _object("discovery.k8s.io/v1", "EndpointSlice", f"service-{i}-x", namespace(i), labels) | {
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [
            {"addresses": [f"10.{100 + i // 250}.{i % 250}.{n}"], "conditions": {"ready": True}} for n in octets
        ],
    }


def routes(i: int, timeout: str = "5s") -> Tree:
    """The VirtualService of service i."""
    tree = virtual_service(i, timeout)
    assert isinstance(tree, dict)  # noqa: S101  (a Tree may be anything)
    return tree | {"metadata": {"name": f"service-{i}", "namespace": namespace(i)}}


def _service(i: int) -> Tree:
    spec: Tree = {"selector": {"app": f"service-{i}"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return _object("v1", "Service", f"service-{i}", namespace(i)) | {"spec": spec}


def _rule(i: int) -> Tree:
    subsets: Tree = [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]
    return _object("networking.istio.io/v1", "DestinationRule", f"service-{i}", namespace(i)) | {
        "spec": {"host": f"service-{i}", "subsets": subsets}
    }


def _object(
    version: str, kind: str, name: str, namespace: str, labels: dict[str, Tree] | None = None
) -> dict[str, Tree]:
    metadata: dict[str, Tree] = {"name": name, "labels": labels or {}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata | ({"namespace": namespace} if namespace else {})}
