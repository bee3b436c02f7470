"""The services that can be called, and their endpoints: Kubernetes' and those of ServiceEntries, merged by host.

Place:  model/kube, compose/service_entries → [compose/registry] → compose/visibility, view, pipeline/scope
Source: Istio, "Service Registry": a Kubernetes Service comes before ServiceEntries, of these the oldest decides

Granularity: a Kubernetes Service is looked up by the name that its host is made of, so only ServiceEntries need an
index; changed endpoints of one service touch the cells of that service only.
"""

from collections.abc import Mapping

from msgspec import structs

from meltemi.core.compose.endpoint_slices import kube_endpoints
from meltemi.core.compose.export import settled_export
from meltemi.core.compose.hosts import CLUSTER_DOMAIN, home_of
from meltemi.core.compose.inputs import keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.protocols import kube_protocol
from meltemi.core.compose.service_entries import (
    automatic_address,
    entries_of,
    entry_endpoints,
    entry_index,
    entry_service,
)
from meltemi.core.compose.workload_entries import endpoints_selected
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Meta, Origin
from meltemi.core.model.kube.service import Service as KubeService
from meltemi.core.model.kube.service import ServicePort as KubePort
from meltemi.core.model.registry.service import Endpoint, Resolution, Service, ServicePort
from meltemi.core.model.units import PortNumber

EXPORT_ANNOTATION = "networking.istio.io/exportTo"
HEADLESS = "None"
MOST_ALIASES = 8
"""Where a chain of ExternalNames is taken for a circle."""


def hosts(e: Engine) -> tuple[str, ...]:
    """Every host that can be called, sorted."""
    kube = {host_of(key) for key in keys(e, "", "Service")}
    return tuple(sorted(kube | e.get(entry_index).keys()))


def hosts_by_home(e: Engine) -> Mapping[str, tuple[str, ...]]:
    """Namespace that the name of a host says (`home_of`; empty for none) → these hosts, sorted."""
    found: dict[str, list[str]] = {}
    for host in e.get(hosts):
        found.setdefault(home_of(host), []).append(host)
    return {namespace: tuple(own) for namespace, own in found.items()}


def near_hosts(e: Engine, namespace: str) -> tuple[str, ...]:
    """Hosts of one such namespace: what comes or goes in another does not touch them."""
    return e.get(hosts_by_home).get(namespace, ())


def homes(e: Engine) -> tuple[str, ...]:
    """All such namespaces."""
    return tuple(e.get(hosts_by_home))


def service(e: Engine, host: str) -> Service | None:
    """One host, merged over all documents that speak of it."""
    makers = e.get(makers_of, host)
    found = [s for key in makers if (s := e.get(made, host, key)) is not None]
    return _merged(found) if found else None


def alias(e: Engine, host: str) -> str:
    """The host that an ExternalName stands for; empty for every other host."""
    found = e.get(service, host)
    return found.alias_of if found and found.resolution is Resolution.ALIAS else ""


def real_host(e: Engine, host: str) -> str:
    """`host`, or what its ExternalNames lead to in the mesh."""
    for _ in range(MOST_ALIASES):
        to = e.get(alias, host)
        if not to or e.get(service, to) is None:
            return host
        host = to
    return host


def makers_of(e: Engine, host: str) -> tuple[Key, ...]:
    """Documents that speak of one host: the Kubernetes Service, then ServiceEntries, the oldest first."""
    kube = kube_key(host)
    own = (kube,) if kube is not None and e.get(has_service, kube) else ()
    return (*own, *e.get(entries_of, host))


def has_service(e: Engine, key: Key) -> bool:
    """Whether there is a Kubernetes Service."""
    return read_as(e, key, KubeService) is not None


def made(e: Engine, host: str, key: Key) -> Service | None:
    """What one document makes of a host."""
    return e.get(kube_service, key) if key.kind == "Service" else e.get(entry_service, host, key)


def host_of(key: Key) -> str:
    """The host of a Kubernetes Service."""
    return f"{key.name}.{key.namespace}.svc.{CLUSTER_DOMAIN}"


def kube_key(host: str) -> Key | None:
    """The Kubernetes Service whose host this could be."""
    name, dot, rest = host.partition(".")
    namespace = rest.removesuffix(f".svc.{CLUSTER_DOMAIN}")
    if not dot or namespace == rest or "." in namespace or not name or not namespace:
        return None
    return Key(group="", kind="Service", namespace=namespace, name=name)


def _merged(found: list[Service]) -> Service:
    """The first decides; further ServiceEntries of its namespace and resolution add ports and addresses."""
    first, *others = found
    if first.kubernetes:
        return first
    ports = {p.number: p for p in first.ports}
    addresses = dict.fromkeys(first.addresses)
    for other in others:
        if joins(first, other):
            for port in other.ports:
                ports.setdefault(port.number, port)
            addresses |= dict.fromkeys(other.addresses)
    return structs.replace(first, ports=tuple(ports.values()), addresses=tuple(addresses))


def joins(first: Service, other: Service) -> bool:
    """Whether a second document for a host adds to the first one; otherwise it has no effect."""
    return not first.kubernetes and other.namespace == first.namespace and other.resolution is first.resolution


def kube_service(e: Engine, key: Key) -> Service | None:
    """What one Kubernetes Service is to the mesh."""
    found = read_as(e, key, KubeService)
    if found is None:
        return None
    spec, meta = found.spec.spec, found.meta
    headless = spec.cluster_ip == HEADLESS
    return Service(
        host=host_of(key),
        namespace=key.namespace,
        name=key.name,
        ports=tuple(_port(p) for p in spec.ports if p.port),
        addresses=() if headless else _addresses(found.spec),
        resolution=_resolution(found.spec, headless=headless),
        headless=headless,
        kubernetes=True,
        alias_of=spec.external_name.rstrip(".").lower() if spec.type == "ExternalName" else "",
        export_to=_export(e, meta),
        selector=spec.selector,
        labels=meta.labels,
        created=meta.created,
        origin=Origin(key=key),
    )


def _resolution(written: KubeService, *, headless: bool) -> Resolution:
    if written.spec.type == "ExternalName":
        return Resolution.ALIAS
    return Resolution.PASSTHROUGH if headless else Resolution.EDS


def _addresses(written: KubeService) -> tuple[str, ...]:
    spec = written.spec
    return tuple(dict.fromkeys(a for a in (spec.cluster_ip, *spec.cluster_ips) if a and a != HEADLESS))


def _export(e: Engine, meta: Meta) -> tuple[str, ...]:
    written = dict(meta.annotations).get(EXPORT_ANNOTATION, "")
    named = tuple(name for part in written.split(",") if (name := part.strip()))
    return settled_export(named, mesh(e).default_service_export_to, meta.namespace)


def _port(written: KubePort) -> ServicePort:
    target = written.target_port
    return ServicePort(
        number=PortNumber(written.port),
        name=written.name,
        protocol=kube_protocol(
            transport=written.protocol, app=written.app_protocol, name=written.name, number=written.port
        ),
        target=PortNumber(target) if isinstance(target, int) else target,
    )


def addresses_of(e: Engine, found: Service, *, named: bool) -> tuple[str, ...]:
    """Where clients call a service. `named`: the mesh answers their questions for names."""
    if found.addresses or found.kubernetes or not named:
        return found.addresses
    own = e.get(automatic_address, found.host)
    return (own,) if own else ()


def port_of(e: Engine, host: str, number: int) -> ServicePort | None:
    """One port of a service; stands between a service's many changes and its clusters."""
    found = e.get(service, host)
    return next((p for p in found.ports if p.number == number), None) if found else None


def endpoints(e: Engine, host: str, port: int) -> tuple[Endpoint, ...]:
    """What answers one port of a service, in a fixed order."""
    found = e.get(service, host)
    written = e.get(port_of, host, port)
    if found is None or written is None or found.resolution is Resolution.ALIAS:
        return ()
    if found.kubernetes:
        key = Key(group="", kind="Service", namespace=found.namespace, name=found.name)
        return e.get(kube_endpoints, key, written.name, port) + _entries_of(e, found, written)
    joined = (key for key in e.get(makers_of, host) if (one := e.get(made, host, key)) and joins(found, one))
    each = (x for key in joined for x in e.get(entry_endpoints, host, port, key))
    return tuple({(x.address, x.port): x for x in each}.values())


def _entries_of(e: Engine, found: Service, port: ServicePort) -> tuple[Endpoint, ...]:
    """WorkloadEntries that a Kubernetes Service selects, besides pods. Source: Istio, "Virtual Machines"."""
    if not found.selector:
        return ()
    named, default = ((port.target,), port.number) if isinstance(port.target, str) else ((), port.target or port.number)
    return endpoints_selected(e, found.namespace, found.selector, (port.name, *named), default)


def makers(e: Engine) -> Mapping[str, tuple[Key, ...]]:
    """Hosts that several documents speak of → these documents, the deciding one first."""
    return {host: found for host in e.get(entry_index) if len(found := e.get(makers_of, host)) > 1}
