"""Rules for Sidecars.

Place:  parse → [check/sidecar] → check/document
Source: Istio, pkg/config/validation.
"""

from collections.abc import Iterator

from meltemi.core.check.connection_pool import check_connection_pool
from meltemi.core.check.context import Context
from meltemi.core.check.destination import check_destination
from meltemi.core.check.names import (
    check_address,
    check_port,
    check_port_name,
    check_selector,
    check_unix,
    host_fault,
    is_label,
)
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.check.server_tls import check_server_tls
from meltemi.core.check.values import TLS_PROTOCOLS, check_protocol
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.gateway import ServerTLSMode, ServerTLSSettings
from meltemi.core.model.traffic.sidecar import (
    CaptureMode,
    IstioEgressListener,
    IstioIngressListener,
    Sidecar,
    SidecarOutboundMode,
    SidecarPort,
)

UNIX = "unix://"
_OWN_ADDRESSES = ("", "127.0.0.1", "0.0.0.0", "[::1]", "[::]")


def check_sidecar(sidecar: Sidecar, context: Context) -> Iterator[Finding]:
    """Every fault of one Sidecar."""
    selector = sidecar.workload_selector
    if selector is not None:
        yield from check_selector(selector.labels, at(ROOT, "workloadSelector", "labels"))
        if not selector.labels:
            place = at(ROOT, "workloadSelector")
            yield warning("M2015", place, "the selector is empty: it selects all workloads of the namespace")
    written = (sidecar.egress, sidecar.ingress, sidecar.outbound_traffic_policy, sidecar.inbound_connection_pool)
    if not any(part is not None and part != () for part in written):
        yield error("M2601", ROOT, "the Sidecar says nothing", "write 'ingress', 'egress' or 'outboundTrafficPolicy'")
    yield from _check_ingress(sidecar.ingress)
    yield from check_connection_pool(sidecar.inbound_connection_pool, at(ROOT, "inboundConnectionPool"))
    yield from _check_egress(sidecar.egress, context)
    yield from _check_outbound(sidecar)


def _check_ingress(listeners: tuple[IstioIngressListener, ...]) -> Iterator[Finding]:
    seen: set[int] = set()
    for i, listener in enumerate(listeners):
        path = at(ROOT, "ingress", i)
        if listener.port is None:
            yield required(path, "port")
            continue
        yield from _check_port(listener.port, at(path, "port"))
        if listener.bind:
            yield from check_address(listener.bind, at(path, "bind"))
            if listener.capture_mode is not CaptureMode.NONE:
                tip = "write 'captureMode: NONE' for a listener that is not intercepted"
                yield warning("M1303", at(path, "bind"), "'bind' has no effect where traffic is intercepted", tip)
        if listener.port.number in seen:
            yield error("M2602", at(path, "port", "number"), f"port {listener.port.number} is written twice")
        seen.add(listener.port.number or 0)
        yield from _check_endpoint(listener.default_endpoint, at(path, "defaultEndpoint"))
        yield from _check_tls(listener.tls, listener.port, at(path, "tls"))
        yield from check_connection_pool(listener.connection_pool, at(path, "connectionPool"))


def _check_port(port: SidecarPort, path: Path, *, socket: bool = False) -> Iterator[Finding]:
    if port.name:
        yield from check_port_name(port.name, at(path, "name"))
    yield from check_protocol(port.protocol, at(path, "protocol"), may_be_empty=True)
    if not socket:
        yield from check_port(port.number, at(path, "number"))
    if port.target_port:
        yield error("M2310", at(path, "targetPort"), "a Sidecar's port has no target", "remove it")


def _check_endpoint(endpoint: str, path: Path) -> Iterator[Finding]:
    """Where the workload listens: on itself."""
    if endpoint.startswith(UNIX):
        yield from check_unix(endpoint.removeprefix(UNIX), path)
    elif endpoint:
        host, colon, port = endpoint.rpartition(":")
        if not colon or host not in _OWN_ADDRESSES:
            tip = "write '127.0.0.1:PORT', '0.0.0.0:PORT', '[::1]:PORT', ':PORT' or 'unix:///PATH'"
            yield error("M2603", path, f"{endpoint!r} is no address of the workload itself", tip)
        if not port.isdecimal():
            yield error("M2003", path, f"{port!r} is no port", "ports are 1 to 65535")
        else:
            yield from check_port(int(port), path)


def _check_tls(tls: ServerTLSSettings | None, port: SidecarPort, path: Path) -> Iterator[Finding]:
    if tls is None:
        return
    refused = {
        "subjectAltNames": tls.subject_alt_names,
        "httpsRedirect": tls.https_redirect,
        "credentialName": tls.credential_name,
    }
    for word, written in refused.items():
        if written:
            yield error("M2604", at(path, word), f"{word!r} is not possible in a Sidecar", "remove it")
    if tls.mode in (ServerTLSMode.ISTIO_MUTUAL, ServerTLSMode.AUTO_PASSTHROUGH):
        yield error(
            "M2604", at(path, "mode"), f"mode {tls.mode} is not possible in a Sidecar", "write 'SIMPLE' or 'MUTUAL'"
        )
    if port.protocol.upper() not in TLS_PROTOCOLS:
        yield error("M2305", path, f"protocol {port.protocol} has no TLS", "write protocol HTTPS or TLS")
    yield from check_server_tls(tls, path)


def _check_egress(listeners: tuple[IstioEgressListener, ...], context: Context) -> Iterator[Finding]:
    seen: set[int | str] = set()
    for i, listener in enumerate(listeners):
        path = at(ROOT, "egress", i)
        if listener.port is None:
            if i < len(listeners) - 1:
                yield error("M2602", path, "a listener without port takes all the rest, so it must be the last")
            yield from _check_rest(listener, path)
        else:
            yield from _check_egress_port(listener, listener.port, path)
            name = listener.port.number or listener.bind
            if name in seen:
                yield error("M2602", at(path, "port"), f"{name!r} is listened on twice")
            seen.add(name)
        if not listener.hosts:
            yield required(path, "hosts", "'*/*' stands for all")
        yield from _check_hosts(listener.hosts, at(path, "hosts"), context)


def _check_rest(listener: IstioEgressListener, path: Path) -> Iterator[Finding]:
    """A listener for all other ports stands for those of the services themselves."""
    for name, written in (("bind", listener.bind), ("captureMode", listener.capture_mode is CaptureMode.NONE)):
        if written:
            yield warning("M1303", at(path, name), f"{name!r} has no effect without 'port'", "write the port")


def _check_egress_port(listener: IstioEgressListener, port: SidecarPort, path: Path) -> Iterator[Finding]:
    if port.number:
        yield from _check_port(port, at(path, "port"))
        if listener.bind:
            yield from check_address(listener.bind, at(path, "bind"))
        return
    yield from _check_port(port, at(path, "port"), socket=True)
    if not listener.bind.startswith(UNIX):
        yield error(
            "M2309", at(path, "bind"), "a listener without port number is a Unix socket", "write 'unix:///PATH'"
        )
    else:
        yield from check_unix(listener.bind.removeprefix(UNIX), at(path, "bind"))
        tip = "listen on a port of 127.0.0.1, with captureMode NONE"
        yield warning("M1303", at(path, "bind"), "an egress listener on a Unix socket has no effect yet", tip)
    if listener.capture_mode is CaptureMode.IPTABLES:
        yield error("M2309", at(path, "captureMode"), "traffic to a Unix socket cannot be intercepted", "write 'NONE'")


def _check_hosts(hosts: tuple[str, ...], path: Path, context: Context) -> Iterator[Finding]:
    seen: dict[str, set[str]] = {}
    for i, entry in enumerate(hosts):
        place = at(path, i)
        namespace, slash, host = entry.partition("/")
        if not slash or not namespace or not host:
            yield error("M2303", place, f"{entry!r} is not of the form namespace/host", "'./*' is the own namespace")
            continue
        if namespace not in ("*", ".", "~") and not is_label(namespace):
            yield error("M2303", place, f"{namespace!r} in {entry!r} is no namespace", "write a name, '.', '*' or '~'")
        yield from _check_host(host, place)
        known = seen.setdefault(context.namespace if namespace == "." else namespace, set())
        if host in known or "*" in known or (host == "*" and known):
            yield warning("M2602", place, f"{entry!r} is covered by another entry")
        known.add(host)
    if "*" in seen.get("*", ()) and len(seen) > 1:
        yield warning("M2602", path, "'*/*' selects everything, the other entries add nothing")


def _check_host(host: str, path: Path) -> Iterator[Finding]:
    if host == "*":
        return
    fault = host_fault(host, wildcard=True)
    if fault:
        yield error("M2001", path, fault)
    if "." not in host:
        yield error("M2303", path, f"{host!r} is a short name", "write the full name, or '*'")
    if "*" in host and not host.startswith("*."):
        yield error("M2303", path, f"'*' is only a part of a label in {host!r}", "write '*.' and a domain")


def _check_outbound(sidecar: Sidecar) -> Iterator[Finding]:
    policy = sidecar.outbound_traffic_policy
    if policy is None or policy.egress_proxy is None:
        return
    path = at(ROOT, "outboundTrafficPolicy", "egressProxy")
    if policy.mode is not SidecarOutboundMode.ALLOW_ANY:
        yield error("M2605", path, "a proxy for unknown hosts needs mode ALLOW_ANY", "write 'mode: ALLOW_ANY'")
    if policy.egress_proxy.port is None:
        yield required(path, "port")
    fault = host_fault(policy.egress_proxy.host, wildcard=False)
    if fault:
        yield error("M2001", at(path, "host"), fault)
    else:
        yield from check_destination(policy.egress_proxy, path)
