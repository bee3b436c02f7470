"""Services with the addresses behind them, as connections are to be led.

Place:  node · Services, EndpointSlices, Endpoints → [services] → nft, dns
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from meltemi.core.model.value import Value
from meltemi.core.node.endpoint_slices import SERVICE_LABEL
from meltemi.core.node.objects import DISCOVERY, Object, Tree, items, labels_of, part, spec


class Port(Value, frozen=True, kw_only=True):
    """A port under a name."""

    name: str = ""
    number: int
    protocol: str = "TCP"


class Endpoint(Value, frozen=True, kw_only=True):
    """One address behind a Service, with the Service's ports as they are there."""

    ip: str
    ports: tuple[Port, ...] = ()
    hostname: str = ""
    ready: bool = True
    serving: bool = True


class ServiceView(Value, frozen=True, kw_only=True):
    """A Service, less what no packet and no name depends on."""

    namespace: str
    name: str
    cluster_ip: str = ""
    """Empty for a headless Service, and until it has one."""
    headless: bool = False
    external_name: str = ""
    ports: tuple[Port, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def reachable(self) -> tuple[Endpoint, ...]:
        """Ready endpoints; if there is none, those that still serve while they leave.

        Source: Kubernetes, concepts/services-networking/service-traffic-policy, "Traffic to terminating endpoints".
        """
        return tuple(e for e in self.endpoints if e.ready) or tuple(e for e in self.endpoints if e.serving)


def service_views(objects: Iterable[Object]) -> tuple[ServiceView, ...]:
    """All Services by namespace and name, with their EndpointSlices; those without any by their Endpoints."""
    services: list[Object] = []
    found: defaultdict[tuple[str, str], list[Endpoint]] = defaultdict(list)
    written: dict[tuple[str, str], list[Endpoint]] = {}
    for o in objects:
        match o.key.group, o.key.kind:
            case "", "Service":
                services.append(o)
            case "", "Endpoints":
                written[o.key.namespace, o.key.name] = list(_of_endpoints(o.tree))
            case group, "EndpointSlice" if group == DISCOVERY:
                found[o.key.namespace, labels_of(o.tree).get(SERVICE_LABEL, "")].extend(_of_slice(o.tree))
            case _:
                pass
    views = (_view(s, found.get(k := (s.key.namespace, s.key.name)) or written.get(k, [])) for s in services)
    return tuple(sorted(views, key=lambda view: (view.namespace, view.name)))


def _view(service: Object, endpoints: Iterable[Endpoint]) -> ServiceView:
    said = spec(service.tree)
    external = said.get("type") == "ExternalName"
    address = "" if external else str(said.get("clusterIP") or "")
    headless = address == "None"
    return ServiceView(
        namespace=service.key.namespace,
        name=service.key.name,
        cluster_ip=address if is_ipv4(address) else "",
        headless=headless,
        external_name=str(said.get("externalName") or "").rstrip(".") if external else "",
        ports=tuple(_port(port) for port in items(said, "ports")),
        endpoints=tuple(sorted(endpoints, key=lambda e: e.ip)),
    )


def is_ipv4(text: object) -> bool:
    """Whether a text is an IPv4 address: nothing else may reach the packet rules."""
    try:
        IPv4Address(str(text))
    except AddressValueError:
        return False
    return True


def _of_slice(tree: Tree) -> Iterator[Endpoint]:
    if tree.get("addressType", "IPv4") != "IPv4":
        return
    ports = tuple(_port(port) for port in items(tree, "ports"))
    for endpoint in items(tree, "endpoints"):
        ready = part(endpoint, "conditions").get("ready") is not False
        serving = part(endpoint, "conditions").get("serving")
        for address in filter(is_ipv4, items(endpoint, "addresses")[:1]):
            yield Endpoint(
                ip=str(address),
                ports=ports,
                hostname=str(endpoint.get("hostname") or ""),
                ready=ready,
                serving=ready if serving is None else bool(serving),
            )


def _of_endpoints(tree: Tree) -> Iterator[Endpoint]:
    for subset in items(tree, "subsets"):
        ports = tuple(_port(port) for port in items(subset, "ports"))
        for address in items(subset, "addresses"):
            if is_ipv4(address.get("ip")):
                yield Endpoint(ip=str(address["ip"]), ports=ports, hostname=str(address.get("hostname") or ""))


def _port(port: Mapping[str, Any]) -> Port:
    return Port(
        name=str(port.get("name") or ""),
        number=int(port.get("port") or 0),
        protocol=str(port.get("protocol") or "TCP"),
    )
