"""What is spoken on a port: `appProtocol`, the port's name, or well-known numbers.

Place:  [compose/protocols] → compose/registry, compose/service_entries
Source: Istio, "Protocol Selection"; Kubernetes, "Application protocol"
"""

from meltemi.core.model.registry.service import AppProtocol

_WORDS = {p.value: p for p in AppProtocol if p is not AppProtocol.AUTO}

_APP = {
    "kubernetes.io/h2c": AppProtocol.HTTP2,
    "kubernetes.io/ws": AppProtocol.HTTP,
    "kubernetes.io/wss": AppProtocol.HTTPS,
}
"""Names that Kubernetes itself gives."""

_KNOWN_PORTS = {3306: AppProtocol.TCP}
"""Servers that speak first: to sniff them would stall both sides. Source: Istio (MySQL)."""


def protocol_of_name(name: str) -> AppProtocol | None:
    """By the port's name: the protocol, or the protocol, a dash and more. None where it says nothing."""
    lower = name.lower()
    if lower in _WORDS:
        return _WORDS[lower]
    # `grpc-web` has a dash itself, and no other word begins with it.
    if lower.startswith("grpc-web-"):
        return AppProtocol.GRPC_WEB
    return _WORDS.get(lower.partition("-")[0])


def kube_protocol(*, transport: str, app: str, name: str, number: int) -> AppProtocol:
    """Of a Service's port. `transport` is Kubernetes' `protocol`, `app` its `appProtocol`."""
    if transport.upper() == "UDP":
        return AppProtocol.UDP
    if app:
        return _APP.get(app.lower()) or _WORDS.get(app.lower()) or AppProtocol.AUTO
    return protocol_of_name(name) or _KNOWN_PORTS.get(number, AppProtocol.AUTO)


def entry_protocol(written: str, name: str, number: int) -> AppProtocol:
    """Of a ServiceEntry's port: the word that is written, else as for a Service."""
    word = _WORDS.get(written.lower())
    if word is not None:
        return word
    if written:
        return AppProtocol.AUTO
    return protocol_of_name(name) or _KNOWN_PORTS.get(number, AppProtocol.AUTO)
