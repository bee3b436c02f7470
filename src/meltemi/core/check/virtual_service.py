"""Rules for VirtualServices: hosts, gateways, and each route.

Place:  parse → [check/virtual_service] → compose
Source: Istio, pkg/config/validation.
"""

from collections.abc import Iterator

from meltemi.core.check.context import Context
from meltemi.core.check.cors import check_cors
from meltemi.core.check.destination import check_destination, check_destinations
from meltemi.core.check.export import check_export_to
from meltemi.core.check.fault import check_fault
from meltemi.core.check.gateway_names import MESH, check_gateway_names
from meltemi.core.check.headers import check_authority, check_headers
from meltemi.core.check.match import check_http_match, check_tcp_match, check_tls_match
from meltemi.core.check.names import check_sni, is_address, overlap
from meltemi.core.check.report import ROOT, at, error, required
from meltemi.core.check.retry import check_retry
from meltemi.core.check.rewrite import check_direct_response, check_redirect, check_rewrite
from meltemi.core.check.unreachable import check_unreachable
from meltemi.core.check.values import check_duration, check_percent, check_share
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.attribute import claim_path
from meltemi.core.model.traffic.virtual_service import HTTPRoute, TCPRoute, TLSRoute, VirtualService


def check_virtual_service(service: VirtualService, context: Context) -> Iterator[Finding]:
    """Every fault of one VirtualService."""
    if not service.hosts:
        yield from _check_delegate(service)
    yield from check_gateway_names(service.gateways, at(ROOT, "gateways"), internal=context.internal)
    yield from _check_hosts(service)
    yield from _check_claims(service)
    if not (service.http or service.tls or service.tcp):
        yield error("M2101", ROOT, "there is no route", "write 'http', 'tls' or 'tcp'")
    for i, route in enumerate(service.http):
        yield from check_http_route(route, at(ROOT, "http", i), context, delegate=not service.hosts)
    for i, route in enumerate(service.tls):
        yield from _check_tls_route(route, at(ROOT, "tls", i), service, context)
    for i, route in enumerate(service.tcp):
        yield from _check_tcp_route(route, at(ROOT, "tcp", i), context)
    yield from check_export_to(service.export_to, at(ROOT, "exportTo"), namespace=context.namespace)
    yield from check_unreachable(service, ROOT)


def _check_delegate(service: VirtualService) -> Iterator[Finding]:
    """Without hosts, it can only be delegated to: the delegating one says for which hosts and where."""
    for word, written in (("gateways", service.gateways), ("tls", service.tls), ("tcp", service.tcp)):
        if written:
            yield error("M2110", at(ROOT, word), f"a VirtualService without hosts cannot have {word!r}", "add 'hosts'")


def _check_hosts(service: VirtualService) -> Iterator[Finding]:
    path = at(ROOT, "hosts")
    mesh = not service.gateways or MESH in service.gateways
    passed_on = any(match.sni_hosts for route in service.tls for match in route.match)
    sound = True
    for i, host in enumerate(service.hosts):
        faults = tuple(check_sni(host, at(path, i), gateway=passed_on and not mesh))
        if faults and not is_address(host):
            yield from faults
        elif mesh and host == "*":
            tip = "name the hosts, or bind it to gateways only"
            yield error("M2002", at(path, i), "'*' would catch all traffic of the mesh", tip)
        else:
            continue
        sound = False
    if sound:
        yield from _check_overlap(service.hosts, path)


def _check_overlap(hosts: tuple[str, ...], path: Path) -> Iterator[Finding]:
    for i, host in enumerate(hosts):
        for earlier in hosts[:i]:
            if overlap(earlier, host):
                yield error(
                    "M2108", at(path, i), f"host {host!r} is already covered by {earlier!r}", "keep one of them"
                )


def _check_claims(service: VirtualService) -> Iterator[Finding]:
    """Tokens are read at gateways, before routing; sidecars route first."""
    if any(name != MESH for name in service.gateways):
        return
    for i, route in enumerate(service.http):
        for j, match in enumerate(route.match):
            for word, pairs in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
                for name, _ in pairs:
                    if claim_path(name):
                        place = at(ROOT, "http", i, "match", j, word, name)
                        yield error("M2124", place, "claims of tokens are matched at gateways only", "add 'gateways'")


def check_http_route(route: HTTPRoute, path: Path, context: Context, *, delegate: bool) -> Iterator[Finding]:
    """Every fault of one HTTP route. `delegate`: it stands in a VirtualService without hosts."""
    yield from _check_actions(route, path, delegate=delegate)
    for i, match in enumerate(route.match):
        yield from check_http_match(match, at(path, "match", i))
    yield from check_headers(route.headers, at(path, "headers"))
    for i, destination in enumerate(route.route):
        yield from check_headers(destination.headers, at(path, "route", i, "headers"))
    yield from check_cors(route.cors_policy, at(path, "corsPolicy"))
    yield from check_fault(route.fault, at(path, "fault"))
    yield from _check_mirrors(route, path)
    yield from check_redirect(route.redirect, route, path)
    yield from check_direct_response(route.direct_response, at(path, "directResponse"))
    yield from check_retry(route.retries, at(path, "retries"))
    yield from check_rewrite(route.rewrite, at(path, "rewrite"))
    yield from check_authority(route.rewrite, route.headers, path)
    yield from check_destinations(route.route, at(path, "route"), internal=context.internal)
    yield from check_duration(route.timeout, at(path, "timeout"))


def _check_actions(route: HTTPRoute, path: Path, *, delegate: bool) -> Iterator[Finding]:
    if route.delegate and not delegate:
        yield from _exclude(route, path, "delegate", ("redirect", "route"))
        return
    if route.delegate:
        yield error("M2110", at(path, "delegate"), "a delegate cannot delegate again")
    if route.redirect:
        yield from _exclude(route, path, "redirect", ("route", "fault", "rewrite", "directResponse"))
    elif route.direct_response:
        yield from _exclude(route, path, "directResponse", ("route", "fault", "rewrite"))
    elif not route.route:
        yield error("M2102", path, "the route leads nowhere", "write 'route', 'redirect' or 'directResponse'")


def _exclude(route: HTTPRoute, path: Path, action: str, others: tuple[str, ...]) -> Iterator[Finding]:
    written = {
        "route": route.route,
        "redirect": route.redirect,
        "fault": route.fault,
        "rewrite": route.rewrite,
        "directResponse": route.direct_response,
    }
    for other in others:
        if written[other]:
            yield error("M2103", at(path, other), f"{action!r} and {other!r} exclude each other", "keep one of them")


def _check_mirrors(route: HTTPRoute, path: Path) -> Iterator[Finding]:
    if route.mirror and route.mirrors:
        yield error("M2103", at(path, "mirror"), "'mirror' and 'mirrors' exclude each other", "keep 'mirrors'")
    yield from check_destination(route.mirror, at(path, "mirror"))
    yield from check_percent(route.mirror_percent, at(path, "mirrorPercent"))
    yield from check_share(route.mirror_percentage, at(path, "mirrorPercentage", "value"))
    for i, mirror in enumerate(route.mirrors):
        place = at(path, "mirrors", i)
        if mirror.destination is None:
            yield required(place, "destination")
        yield from check_destination(mirror.destination, at(place, "destination"))
        yield from check_share(mirror.percentage, at(place, "percentage", "value"))


def _check_tls_route(route: TLSRoute, path: Path, service: VirtualService, context: Context) -> Iterator[Finding]:
    if not route.match:
        yield required(path, "match", "a TLS route is chosen by server names: write 'sniHosts'")
    for i, match in enumerate(route.match):
        yield from check_tls_match(match, at(path, "match", i), service)
    if not route.route:
        yield error("M2102", path, "the route leads nowhere", "write 'route'")
    yield from check_destinations(route.route, at(path, "route"), internal=context.internal)


def _check_tcp_route(route: TCPRoute, path: Path, context: Context) -> Iterator[Finding]:
    for i, match in enumerate(route.match):
        yield from check_tcp_match(match, at(path, "match", i))
    if not route.route:
        yield error("M2102", path, "the route leads nowhere", "write 'route'")
    yield from check_destinations(route.route, at(path, "route"), internal=context.internal)
