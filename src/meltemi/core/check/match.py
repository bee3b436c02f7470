"""Rules for conditions of routes: HTTP requests, TLS and TCP connections.

Place:  model/traffic → [check/match] → view/match → envoy/match
"""

from collections.abc import Iterator

from meltemi.core.check.gateway_names import MESH, check_gateway_names
from meltemi.core.check.headers import check_header_name
from meltemi.core.check.names import (
    check_labels,
    check_port,
    check_sni,
    check_subnet,
    covered,
    host_fault,
    is_address,
    is_label,
)
from meltemi.core.check.report import at, error, required, warning
from meltemi.core.check.values import check_match
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.attribute import claim_path
from meltemi.core.model.traffic.common import StringMatch
from meltemi.core.model.traffic.virtual_service import (
    HTTPMatchRequest,
    L4MatchAttributes,
    TLSMatchAttributes,
    VirtualService,
)


def check_http_match(match: HTTPMatchRequest, path: Path) -> Iterator[Finding]:
    """One alternative of an HTTP route."""
    yield from _check_headers(match.headers, at(path, "headers"), present=False)
    yield from _check_headers(match.without_headers, at(path, "withoutHeaders"), present=True)
    yield from check_match(match.uri, at(path, "uri"), empty_prefix=True)
    for word, value in (("scheme", match.scheme), ("method", match.method), ("authority", match.authority)):
        yield from check_match(value, at(path, word))
    for name, value in match.query_params:
        yield from check_match(value, at(path, "queryParams", name))
    yield from _check_source(match, path)
    if match.source_namespace and not is_label(match.source_namespace):
        yield error("M2109", at(path, "sourceNamespace"), f"{match.source_namespace!r} is no namespace")


def _check_headers(matches: tuple[tuple[str, StringMatch], ...], path: Path, *, present: bool) -> Iterator[Finding]:
    """`present`: the expression `*` asks whether the header is there at all."""
    for name, value in matches:
        if not claim_path(name):
            yield from check_header_name(name, at(path, name))
        if not (present and value.regex == "*"):
            yield from check_match(value, at(path, name))


def _check_source(match: HTTPMatchRequest | TLSMatchAttributes | L4MatchAttributes, path: Path) -> Iterator[Finding]:
    if match.port:
        yield from check_port(match.port, at(path, "port"))
    yield from check_labels(match.source_labels, at(path, "sourceLabels"))
    yield from check_gateway_names(match.gateways, at(path, "gateways"))


def check_tcp_match(match: L4MatchAttributes | TLSMatchAttributes, path: Path) -> Iterator[Finding]:
    """One alternative of a TCP route, and what TLS routes share with it."""
    for i, subnet in enumerate(match.destination_subnets):
        yield from check_subnet(subnet, at(path, "destinationSubnets", i))
    if match.source_subnet:
        yield from check_subnet(match.source_subnet, at(path, "sourceSubnet"))
    yield from _check_source(match, path)


def check_tls_match(match: TLSMatchAttributes, path: Path, service: VirtualService) -> Iterator[Finding]:
    """One alternative of a TLS route: its server names must be among the hosts."""
    if not match.sni_hosts:
        yield required(path, "sniHosts", "a TLS route is chosen by the server names that clients ask for")
    for i, name in enumerate(match.sni_hosts):
        yield from _check_sni_host(name, at(path, "sniHosts", i), service)
    yield from check_tcp_match(match, path)


def _check_sni_host(name: str, path: Path, service: VirtualService) -> Iterator[Finding]:
    gateway = MESH not in service.gateways
    faults = tuple(check_sni(name, path, gateway=gateway))
    if faults and is_address(name):
        yield warning("M2119", path, f"server name {name!r} is an IP address, which clients do not send")
    elif faults or host_fault(name, wildcard=True):
        yield from faults
    if faults:
        return
    if not any(covered(name, host) for host in service.hosts):
        yield error("M2119", path, f"server name {name!r} is not among the hosts", f"hosts: {', '.join(service.hosts)}")
