"""Rules for Gateways.

Place:  parse → [check/gateway] → compose
Source: Istio, pkg/config/validation.
"""

from collections.abc import Iterator

from meltemi.core.check.context import Context
from meltemi.core.check.names import (
    check_address,
    check_port,
    check_unix,
    host_fault,
    is_address,
    is_label,
)
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.check.server_tls import PASSED_ON, check_server_tls
from meltemi.core.check.values import HTTP_PROTOCOLS, PROTOCOLS, TLS_PROTOCOLS, check_protocol
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.gateway import Gateway, Port, Server

UNIX = "unix://"


def check_gateway(gateway: Gateway, context: Context) -> Iterator[Finding]:
    """Every fault of one Gateway."""
    if not is_label(context.meta.name) and not context.internal:
        place = Path("metadata.name")
        yield error(
            "M1205", place, f"{context.meta.name!r} is no name of a Gateway", "it must be one part of a DNS name"
        )
    if not gateway.servers:
        yield error("M2301", ROOT, "the gateway has no server", "add 'servers'")
    names: set[str] = set()
    for i, server in enumerate(gateway.servers):
        path = at(ROOT, "servers", i)
        yield from _check_server(server, path, context)
        if server.port and server.port.name:
            if server.port.name in names:
                yield error("M2302", at(path, "port", "name"), f"port name {server.port.name!r} is written twice")
            names.add(server.port.name)


def _check_server(server: Server, path: Path, context: Context) -> Iterator[Finding]:
    if not server.hosts:
        yield required(path, "hosts", "'*' stands for all")
    for i, host in enumerate(server.hosts):
        yield from check_server_host(host, at(path, "hosts", i), context)
    yield from _check_bind(server, path)
    yield from check_server_tls(server.tls, at(path, "tls"))
    if server.port is None:
        yield required(path, "port")
        return
    yield from _check_port(server.port, at(path, "port"))
    yield from _check_tls_wanted(server, server.port.protocol.upper(), path)


def _check_port(port: Port, path: Path) -> Iterator[Finding]:
    yield from check_protocol(port.protocol, at(path, "protocol"))
    yield from check_port(port.number, at(path, "number"))
    if not port.name:
        yield required(path, "name")
    if port.target_port:
        yield error(
            "M2310", at(path, "targetPort"), "a gateway's port has no target", "remove it; routes name destinations"
        )


def _check_bind(server: Server, path: Path) -> Iterator[Finding]:
    place = at(path, "bind")
    if server.bind.startswith(UNIX):
        yield from check_unix(server.bind.removeprefix(UNIX), place)
        if server.port and server.port.number:
            yield error("M2309", place, "a Unix socket has no port number", "write 'number: 0', or an IP address")
    elif server.bind:
        yield from check_address(server.bind, place)


def _check_tls_wanted(server: Server, protocol: str, path: Path) -> Iterator[Finding]:
    """TLS protocols need settings; plain HTTP takes nothing but the redirect."""
    if protocol not in PROTOCOLS:
        return
    tls = server.tls
    if protocol in TLS_PROTOCOLS:
        if tls is None:
            yield required(path, "tls", f"protocol {protocol} needs a mode, and certificates where it ends TLS")
        elif tls.https_redirect:
            yield warning("M2310", at(path, "tls", "httpsRedirect"), "only plain HTTP is redirected", "remove it")
    elif tls is None:
        return
    elif protocol not in HTTP_PROTOCOLS:
        yield error("M2305", at(path, "tls"), f"protocol {protocol} has no TLS", "write protocol TLS or HTTPS")
    elif tls.mode not in PASSED_ON or tls.ca_certificates or tls.private_key or tls.server_certificate:
        yield error(
            "M2305",
            at(path, "tls"),
            f"protocol {protocol} is plain text",
            "write protocol HTTPS, or 'httpsRedirect' alone",
        )


def check_server_host(entry: str, path: Path, context: Context) -> Iterator[Finding]:
    """`host` or `namespace/host`."""
    namespace, slash, host = entry.partition("/")
    if not slash:
        host = entry
    elif not namespace or not host:
        yield error("M2303", path, f"one side of {entry!r} is empty", "write 'namespace/host'")
        return
    elif namespace not in ("*", ".") and not is_label(namespace) and not (namespace == "~" and context.internal):
        yield error("M2303", path, f"{namespace!r} in {entry!r} is no namespace", "write a name, '.' or '*'")
    yield from _check_host(host, path)


def _check_host(host: str, path: Path) -> Iterator[Finding]:
    if host == "*":
        return
    fault = host_fault(host, wildcard=True)
    if fault and not is_address(host):
        yield error("M2001", path, fault)
    if "." not in host and ":" not in host:
        yield error("M2303", path, f"{host!r} is a short name", "write the full name, or '*'")
    if "*" in host and not host.startswith("*."):
        yield error("M2303", path, f"'*' is only a part of a label in {host!r}", "write '*.' and a domain")
