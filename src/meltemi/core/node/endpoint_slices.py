"""EndpointSlices: the pods behind each Service that has a selector.

Place:  node · Services, Pods → [endpoint_slices] → compose (endpoints), services (nft), dns
API:    discovery.k8s.io/v1, EndpointSlice
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from meltemi.core.model.document import Key
from meltemi.core.node.hashes import short_hash
from meltemi.core.node.objects import (
    DISCOVERY,
    Action,
    Delete,
    Object,
    Put,
    Tree,
    is_deleting,
    is_finished,
    is_ready,
    items,
    labels_of,
    meta,
    owner_reference,
    pod_ip,
    spec,
    uid_of,
)
from meltemi.core.node.selectors import has_all

SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"


def endpoint_slice_actions(service: Object, pods: Iterable[Object], slices: Sequence[Object]) -> Iterator[Action]:
    """What one Service needs done. `pods`: at least those that it selects; `slices`: those that it owns."""
    if is_deleting(service.tree):
        return
    wanted = {tree["metadata"]["name"]: tree for tree in slices_of(service, pods)}
    existing = {s.key.name: s for s in slices}
    for name, tree in wanted.items():
        old = existing.get(name)
        if old is None:
            yield Put(key=_key(service, name), tree=tree, expected=0)
        elif any(old.tree.get(part) != tree[part] for part in ("endpoints", "ports")):
            yield Put(key=old.key, tree={**tree, "metadata": meta(old.tree)}, expected=old.revision)
    yield from (Delete(key=s.key) for name, s in existing.items() if name not in wanted)


def slices_of(service: Object, pods: Iterable[Object]) -> list[dict[str, Any]]:
    """The EndpointSlices of one Service: one for each way in which its named ports resolve, at least one."""
    selector: Mapping[str, str] = spec(service.tree).get("selector") or {}
    if not selector or spec(service.tree).get("type") == "ExternalName":
        return []
    groups: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    for pod in pods:
        if pod.key.namespace == service.key.namespace and _serves(pod.tree, selector):
            ports = ports_of(service.tree, pod.tree)
            groups.setdefault(short_hash(ports, length=5), (ports, []))[1].append(_endpoint(service, pod))
    if not groups:
        ports = ports_of(service.tree, {})
        groups[short_hash(ports, length=5)] = (ports, [])
    return [_slice(service, suffix, ports, found) for suffix, (ports, found) in groups.items()]


def ports_of(service: Tree, pod: Tree) -> list[dict[str, Any]]:
    """The Service's ports as this pod has them; a port whose name the pod does not know is left out."""
    found: list[dict[str, Any]] = []
    for port in items(spec(service), "ports"):
        protocol = port.get("protocol") or "TCP"
        number = _target(port.get("targetPort") or port.get("port"), protocol, pod)
        if number is None:
            continue
        entry = {"name": port.get("name") or "", "port": number, "protocol": protocol}
        if port.get("appProtocol"):
            entry["appProtocol"] = port["appProtocol"]
        found.append(entry)
    return found


def _target(target: int | str | None, protocol: str, pod: Tree) -> int | None:
    if not isinstance(target, str) or target.isdecimal():
        return int(target) if target is not None else None
    spec_ = spec(pod)
    # Sidecars are init containers that go on running; their ports have names too.
    for container in (*items(spec_, "containers"), *items(spec_, "initContainers")):
        for port in items(container, "ports"):
            if port.get("name") == target and (port.get("protocol") or "TCP") == protocol:
                return int(port["containerPort"])
    return None


def _serves(pod: Tree, selector: Mapping[str, str]) -> bool:
    return bool(pod_ip(pod)) and not is_finished(pod) and has_all(selector, labels_of(pod))


def _endpoint(service: Object, pod: Object) -> dict[str, Any]:
    """One pod. It is not ready from the moment on in which it is to be deleted.

    Source: Kubernetes, concepts/services-networking/endpoint-slices, "Conditions".
    """
    serving, leaving = is_ready(pod.tree), is_deleting(pod.tree)
    anyway = bool(spec(service.tree).get("publishNotReadyAddresses"))
    found: dict[str, Any] = {
        "addresses": [pod_ip(pod.tree)],
        "conditions": {"ready": anyway or (serving and not leaving), "serving": serving, "terminating": leaving},
        "targetRef": {"kind": "Pod", "name": pod.key.name, "namespace": pod.key.namespace, "uid": uid_of(pod.tree)},
    }
    if spec(pod.tree).get("nodeName"):
        found["nodeName"] = spec(pod.tree)["nodeName"]
    if spec(pod.tree).get("hostname") and spec(pod.tree).get("subdomain") == service.key.name:
        found["hostname"] = spec(pod.tree)["hostname"]
    return found


def _slice(
    service: Object, suffix: str, ports: list[dict[str, Any]], endpoints: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service.key.name}-{suffix}",
            "namespace": service.key.namespace,
            "labels": {**labels_of(service.tree), SERVICE_LABEL: service.key.name, MANAGED_LABEL: MANAGER},
            "ownerReferences": [{**owner_reference(service.tree), "apiVersion": "v1", "kind": "Service"}],
        },
        "addressType": "IPv4",
        "endpoints": sorted(endpoints, key=lambda e: str(e["targetRef"]["name"])),
        "ports": ports,
    }


def _key(service: Object, name: str) -> Key:
    return Key(group=DISCOVERY, kind="EndpointSlice", namespace=service.key.namespace, name=name)
