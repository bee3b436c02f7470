"""EndpointSlices and Endpoints: the addresses behind a Kubernetes Service.

Place:  model/kube/endpoints, compose/workloads → [compose/endpoint_slices] → compose/registry
Source: Kubernetes, "EndpointSlices": the label `kubernetes.io/service-name` names the Service; slices come before
        Endpoints
"""

from collections.abc import Iterator, Mapping

from meltemi.core.compose.inputs import keys_in, read_as
from meltemi.core.compose.peer_authentication import takes_tls
from meltemi.core.compose.workloads import pods_at, workload
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.kube.endpoints import EndpointPort, Endpoints, EndpointSlice, ObjectReference
from meltemi.core.model.registry.service import Endpoint
from meltemi.core.model.units import PortNumber
from meltemi.core.model.value import Value

GROUP = "discovery.k8s.io"
KIND = "EndpointSlice"
SERVICE_LABEL = "kubernetes.io/service-name"


class Backend(Value, frozen=True, kw_only=True):
    """One address with one port, as Kubernetes lists it."""

    address: str
    port: int
    pod: Key | None
    zone: str = ""


def slice_service(e: Engine, key: Key) -> str:
    """The Service that a slice belongs to; stands between a slice's many changes and the index."""
    found = read_as(e, key, EndpointSlice)
    return dict(found.meta.labels).get(SERVICE_LABEL, "") if found else ""


def slice_index(e: Engine, namespace: str) -> Mapping[str, tuple[Key, ...]]:
    """Service of a namespace → its slices."""
    found: dict[str, list[Key]] = {}
    for key in e.get(keys_in, GROUP, KIND, namespace):
        name = e.get(slice_service, key)
        if name:
            found.setdefault(name, []).append(key)
    return {name: tuple(slices) for name, slices in found.items()}


def slices_of(e: Engine, namespace: str, name: str) -> tuple[Key, ...]:
    """The slices of one Service."""
    return e.get(slice_index, namespace).get(name, ())


def kube_endpoints(e: Engine, service: Key, name: str, port: int) -> tuple[Endpoint, ...]:
    """Endpoints of one port of a Service, by the port's name. `port` counts where neither side has a name."""
    slices = e.get(slices_of, service.namespace, service.name)
    if slices:
        backends = [b for key in slices for b in _of_slice(e, key, name)]
    else:
        backends = list(_of_endpoints(e, service, name))
    distinct = {(b.address, b.port): b for b in backends}
    return tuple(_endpoint(e, distinct[place], service.namespace) for place in sorted(distinct))


def _of_slice(e: Engine, key: Key, name: str) -> Iterator[Backend]:
    found = read_as(e, key, EndpointSlice)
    if found is None:
        return
    for port in _ports(found.spec.ports, name):
        for x in found.spec.endpoints:
            if x.addresses and x.conditions.ready is not False:
                pod = _pod(x.target_ref, key.namespace)
                yield Backend(address=x.addresses[0], port=port, pod=pod, zone=x.zone)


def _of_endpoints(e: Engine, service: Key, name: str) -> Iterator[Backend]:
    key = Key(group="", kind="Endpoints", namespace=service.namespace, name=service.name)
    found = read_as(e, key, Endpoints)
    if found is None:
        return
    for subset in found.spec.subsets:
        for port in _ports(subset.ports, name):
            for x in subset.addresses:
                if x.ip:
                    yield Backend(address=x.ip, port=port, pod=_pod(x.target_ref, service.namespace))


def _ports(written: tuple[EndpointPort, ...], name: str) -> tuple[int, ...]:
    return tuple(p.port for p in written if p.port and p.name == name)


def _pod(reference: ObjectReference | None, namespace: str) -> Key | None:
    if reference is None or reference.kind != "Pod" or not reference.name:
        return None
    return Key(group="", kind="Pod", namespace=reference.namespace or namespace, name=reference.name)


def _endpoint(e: Engine, backend: Backend, namespace: str) -> Endpoint:
    key = backend.pod or e.get(pods_at, namespace).get(backend.address)
    found = e.get(workload, key) if key else None
    if found is None:
        locality = f"/{backend.zone}" if backend.zone else ""
        return Endpoint(address=backend.address, port=PortNumber(backend.port), namespace=namespace, locality=locality)
    return Endpoint(
        address=backend.address,
        port=PortNumber(backend.port),
        labels=found.labels,
        locality=found.locality or (f"/{backend.zone}" if backend.zone else ""),
        network=found.network,
        workload=found.name,
        namespace=found.namespace,
        service_account=found.service_account,
        tls=found.tls and takes_tls(e, found.namespace, found.labels, backend.port),
    )
