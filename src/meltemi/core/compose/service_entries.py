"""ServiceEntries: the services and endpoints that they stand for.

Place:  model/traffic/service_entry → [compose/service_entries] → compose/registry
Source: Istio, "Service Entry"

`entry_head` is what the index reads of a document: changed endpoints leave it equal, and the index is not run again.
"""

from collections.abc import Mapping

from meltemi.core.compose.export import settled_export
from meltemi.core.compose.inputs import age_of, keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.peer_authentication import takes_tls
from meltemi.core.compose.protocols import entry_protocol
from meltemi.core.compose.workload_entries import endpoint_of, endpoints_selected
from meltemi.core.compose.workloads import Workload, selected_pods, workload
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.registry.automatic import Nameless, allocated, wanting
from meltemi.core.model.registry.service import Endpoint, Resolution, Service, ServicePort
from meltemi.core.model.traffic.service_entry import (
    Location,
    ServiceEntry,
    ServiceEntryResolution,
)
from meltemi.core.model.traffic.service_entry import ServicePort as WrittenPort
from meltemi.core.model.units import PortNumber
from meltemi.core.model.value import Value

GROUP = "networking.istio.io"
KIND = "ServiceEntry"

RESOLUTIONS = {
    ServiceEntryResolution.NONE: Resolution.PASSTHROUGH,
    ServiceEntryResolution.STATIC: Resolution.EDS,
    ServiceEntryResolution.DNS: Resolution.DNS,
    ServiceEntryResolution.DNS_ROUND_ROBIN: Resolution.DNS_ROUND_ROBIN,
    ServiceEntryResolution.DYNAMIC_DNS: Resolution.DYNAMIC,
}

UNLISTED = (Resolution.PASSTHROUGH, Resolution.DYNAMIC)
"""Whose endpoints nobody knows before the call."""


class EntryHead(Value, frozen=True, kw_only=True):
    """What decides which hosts a ServiceEntry stands for."""

    key: Key
    age: tuple[str, str, str]
    """Sort key, the oldest first: creation time, name, namespace."""
    hosts: tuple[str, ...]
    wanting: tuple[str, ...] = ()
    """Those that get an address of the mesh."""
    dialled: bool = False
    """Each call names the host that it is for."""


def entry(e: Engine, key: Key) -> ServiceEntry | None:
    """The content of one ServiceEntry."""
    found = read_as(e, key, ServiceEntry)
    return found.spec if found else None


def entry_head(e: Engine, key: Key) -> EntryHead | None:
    """The hosts of one ServiceEntry, in lower case as DNS compares them."""
    found = read_as(e, key, ServiceEntry)
    if found is None:
        return None
    spec, labels = found.spec, dict(found.meta.labels)
    return EntryHead(
        key=key,
        age=age_of(found),
        hosts=tuple(dict.fromkeys(h.lower() for h in spec.hosts)),
        dialled=RESOLUTIONS[spec.resolution] is Resolution.DYNAMIC,
        wanting=wanting(spec.hosts, addresses=bool(spec.addresses), resolution=spec.resolution, labels=labels),
    )


def entry_index(e: Engine) -> Mapping[str, tuple[Key, ...]]:
    """Host → the ServiceEntries that speak of it, the oldest first."""
    heads = (e.get(entry_head, key) for key in keys(e, GROUP, KIND))
    found: dict[str, list[Key]] = {}
    for head in sorted((h for h in heads if h is not None), key=lambda h: h.age):
        for host in head.hosts:
            found.setdefault(host, []).append(head.key)
    return {host: tuple(made) for host, made in sorted(found.items())}


def dialled_hosts(e: Engine) -> tuple[str, ...]:
    """Hosts of which some ServiceEntry says that each call names its own."""
    heads = (e.get(entry_head, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted({host for h in heads if h is not None and h.dialled for host in h.hosts}))


def automatic_addresses(e: Engine) -> Mapping[str, str]:
    """Host → the address by which workloads call it whose names the mesh answers."""
    heads = (e.get(entry_head, key) for key in keys(e, GROUP, KIND))
    return allocated(Nameless(age=h.age, hosts=h.wanting) for h in heads if h is not None)


def automatic_address(e: Engine, host: str) -> str:
    """Of one host; empty where it has none."""
    return e.get(automatic_addresses).get(host, "")


def entries_of(e: Engine, host: str) -> tuple[Key, ...]:
    """The ServiceEntries that speak of one host, the oldest first."""
    return e.get(entry_index).get(host, ())


def entry_service(e: Engine, host: str, key: Key) -> Service | None:
    """What one ServiceEntry makes of one of its hosts."""
    found = read_as(e, key, ServiceEntry)
    if found is None:
        return None
    spec = found.spec
    return Service(
        host=host,
        namespace=key.namespace,
        name=key.name,
        ports=tuple(_port(p) for p in spec.ports if p.number),
        addresses=spec.addresses,
        resolution=RESOLUTIONS[spec.resolution],
        mesh_external=spec.location is Location.MESH_EXTERNAL,
        export_to=settled_export(spec.export_to, mesh(e).default_service_export_to, key.namespace),
        selector=spec.workload_selector.labels if spec.workload_selector else (),
        labels=found.meta.labels,
        subject_alt_names=spec.subject_alt_names,
        created=found.meta.created,
        origin=Origin(key=key),
    )


def _port(written: WrittenPort) -> ServicePort:
    number = PortNumber(written.number or 0)
    return ServicePort(
        number=number,
        name=written.name,
        protocol=entry_protocol(written.protocol, written.name, number),
        target=PortNumber(written.target_port) if written.target_port else None,
    )


def entry_endpoints(e: Engine, host: str, port: int, key: Key) -> tuple[Endpoint, ...]:
    """Endpoints that one ServiceEntry gives to a port of one of its hosts."""
    spec = e.get(entry, key)
    written = next((p for p in spec.ports if p.number == port), None) if spec else None
    if spec is None or written is None or RESOLUTIONS[spec.resolution] in UNLISTED:
        return ()
    if spec.workload_selector is not None:
        return _selected(e, spec, written, key.namespace)
    if spec.endpoints:
        made = (endpoint_of(e, we, (written.name,), _target(written), key.namespace) for we in spec.endpoints)
        return tuple(x for x in made if x is not None)
    if RESOLUTIONS[spec.resolution] is Resolution.EDS or host.startswith("*"):
        return ()
    # Nothing but the name is known of the service: the name is asked for.
    return (Endpoint(address=host, port=_target(written), namespace=key.namespace),)


def _selected(e: Engine, spec: ServiceEntry, written: WrittenPort, namespace: str) -> tuple[Endpoint, ...]:
    labels = spec.workload_selector.labels if spec.workload_selector else ()
    target = _target(written)
    found = (e.get(workload, pod) for pod in e.get(selected_pods, namespace, labels))
    of_pods = tuple(_of_workload(e, w, target) for w in found if w is not None and w.ready and w.addresses)
    return of_pods + endpoints_selected(e, namespace, labels, (written.name,), target)


def _target(written: WrittenPort) -> PortNumber:
    return PortNumber(written.target_port or written.number or 0)


def _of_workload(e: Engine, found: Workload, port: PortNumber) -> Endpoint:
    return Endpoint(
        address=found.addresses[0],
        port=port,
        labels=found.labels,
        locality=found.locality,
        network=found.network,
        workload=found.name,
        namespace=found.namespace,
        service_account=found.service_account,
        tls=found.tls and takes_tls(e, found.namespace, found.labels, port),
    )
