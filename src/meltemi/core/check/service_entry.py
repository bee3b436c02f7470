"""Rules for ServiceEntries.

Place:  parse → [check/service_entry] → compose/registry
Source: Istio, pkg/config/validation.
"""

from collections.abc import Iterator

from meltemi.core.check.context import Context
from meltemi.core.check.export import check_export_to
from meltemi.core.check.names import check_host, check_port, check_port_name, check_selector, check_subnet, host_fault
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.check.values import HTTP_PROTOCOLS, TCP_PROTOCOLS, TLS_PROTOCOLS, check_protocol
from meltemi.core.check.workload_entry import check_workload
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.service_entry import ServiceEntry, ServiceEntryResolution

NONE, STATIC, DYNAMIC = (
    ServiceEntryResolution.NONE,
    ServiceEntryResolution.STATIC,
    ServiceEntryResolution.DYNAMIC_DNS,
)
DNS = (ServiceEntryResolution.DNS, ServiceEntryResolution.DNS_ROUND_ROBIN)


def check_service_entry(entry: ServiceEntry, context: Context) -> Iterator[Finding]:
    """Every fault of one ServiceEntry."""
    yield from _check_selector(entry)
    yield from _check_hosts(entry)
    yield from _check_addresses(entry)
    yield from _check_ports(entry)
    yield from _check_endpoints(entry)
    yield from _check_dynamic(entry)
    yield from _check_shared(entry)
    yield from check_export_to(entry.export_to, at(ROOT, "exportTo"), namespace=context.namespace, may_hide=True)


def _check_selector(entry: ServiceEntry) -> Iterator[Finding]:
    selector = entry.workload_selector
    if selector is None:
        return
    path = at(ROOT, "workloadSelector")
    yield from check_selector(selector.labels, at(path, "labels"))
    if not selector.labels:
        yield warning("M2015", path, "the selector is empty: it selects all workloads of the namespace")
    if entry.endpoints:
        yield error("M2404", path, "'workloadSelector' and 'endpoints' exclude each other", "keep one of them")
    if entry.resolution in (NONE, *DNS):
        yield warning(
            "M2404", path, f"selected workloads are not used with resolution {entry.resolution}", "use STATIC"
        )


def _check_hosts(entry: ServiceEntry) -> Iterator[Finding]:
    if not entry.hosts:
        yield required(ROOT, "hosts")
    for i, host in enumerate(entry.hosts):
        path = at(ROOT, "hosts", i)
        if host == "*":
            yield error("M2401", path, "a service cannot be called '*'", "name a domain: '*.example.com'")
            continue
        yield from check_host(host, path)
        if "*" in host and not host.startswith("*."):
            yield warning("M2401", path, f"'*' is only a part of a label in {host!r}", "write '*.' and a domain")


def _check_addresses(entry: ServiceEntry) -> Iterator[Finding]:
    for i, address in enumerate(entry.addresses):
        path = at(ROOT, "addresses", i)
        yield from check_subnet(address, path)
        if "/" in address and entry.resolution not in (NONE, STATIC):
            yield error(
                "M2402", path, f"ranges are not possible with resolution {entry.resolution}", "name one address"
            )


def _check_ports(entry: ServiceEntry) -> Iterator[Finding]:
    names: set[str] = set()
    numbers: set[int] = set()
    for i, port in enumerate(entry.ports):
        path = at(ROOT, "ports", i)
        yield from check_port_name(port.name, at(path, "name"))
        yield from check_port(port.number, at(path, "number"))
        yield from check_protocol(port.protocol, at(path, "protocol"), may_be_empty=True)
        if port.name in names:
            yield error("M2405", at(path, "name"), f"port name {port.name!r} is written twice")
        if port.number in numbers:
            yield error("M2405", at(path, "number"), f"port {port.number} is written twice")
        names.add(port.name)
        numbers.add(port.number or 0)
        if port.target_port is not None:
            yield from check_port(port.target_port, at(path, "targetPort"))
        if port.protocol.upper() in ("", "TCP") and not entry.addresses:
            tip = "add 'addresses', or give callers names of the mesh (ISTIO_META_DNS_CAPTURE)"
            yield warning(
                "M2409", path, "without an address, raw TCP to this port cannot be told from other hosts", tip
            )


def _check_endpoints(entry: ServiceEntry) -> Iterator[Finding]:
    ports = frozenset(port.name for port in entry.ports)
    path = at(ROOT, "endpoints")
    if entry.resolution is NONE and entry.endpoints:
        yield error(
            "M2403", path, "resolution NONE calls the address that the client asked for", "write 'resolution: STATIC'"
        )
    if entry.resolution is ServiceEntryResolution.DNS_ROUND_ROBIN and len(entry.endpoints) > 1:
        yield error("M2403", path, "resolution DNS_ROUND_ROBIN takes one endpoint", "write 'resolution: DNS'")
    for i, endpoint in enumerate(entry.endpoints):
        names = entry.resolution in DNS
        yield from check_workload(endpoint, at(path, i), ports=ports, names=names, sockets=not names)
    if entry.resolution in DNS and not entry.endpoints:
        for i, host in enumerate(entry.hosts):
            if not host_fault(host, wildcard=True) and host_fault(host, wildcard=False):
                tip = "add 'endpoints', or name a full host"
                yield error("M2403", at(ROOT, "hosts", i), f"{host!r} cannot be resolved by DNS", tip)


def _check_dynamic(entry: ServiceEntry) -> Iterator[Finding]:
    """DYNAMIC_DNS resolves the host that each request names: one pattern, no addresses, no endpoints."""
    if entry.resolution is not DYNAMIC:
        return
    if not any(host.startswith("*") for host in entry.hosts):
        yield error(
            "M2403", at(ROOT, "hosts"), "resolution DYNAMIC_DNS is for wildcard hosts", "write 'resolution: DNS'"
        )
    for word, written in (("addresses", entry.addresses), ("endpoints", entry.endpoints)):
        if written:
            yield error("M2403", at(ROOT, word), f"resolution DYNAMIC_DNS reads no {word}", "remove them")
    for i, port in enumerate(entry.ports):
        if port.protocol.upper() not in HTTP_PROTOCOLS | TLS_PROTOCOLS:
            place = at(ROOT, "ports", i, "protocol")
            yield error(
                "M2403", place, "resolution DYNAMIC_DNS needs requests or server names", "use HTTP, GRPC or TLS"
            )


def _check_shared(entry: ServiceEntry) -> Iterator[Finding]:
    """Opaque TCP does not say which host it is for."""
    if len(entry.hosts) < 2 or entry.resolution is NONE:
        return
    for i, port in enumerate(entry.ports):
        protocol = port.protocol.upper()
        if protocol not in HTTP_PROTOCOLS | TLS_PROTOCOLS:
            place = at(ROOT, "ports", i)
            yield error(
                "M2408", place, "several hosts share a port whose traffic does not name its host", "split the entry"
            )
        elif protocol in TCP_PROTOCOLS and entry.addresses and entry.resolution in DNS:
            yield warning("M2408", at(ROOT, "ports", i), "several hosts share the addresses", "split the entry")
