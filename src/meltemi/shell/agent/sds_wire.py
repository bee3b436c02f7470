"""The messages of secret discovery, as far as the agent speaks them.

Place:  shell/agent · Envoy ⇄ [sds_wire] ⇄ secrets
Source: Envoy, api/envoy/service/discovery/v3/discovery.proto, extensions/transport_sockets/tls/v3/{secret,common}.proto

Made from their description, fields that are not used left out: the generated modules import half of Envoy's API, for
0.15 s of processor time in each pod.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
_PACKAGE = "meltemi.sds"
# Message → field → (number, type); `*` marks a list, a type in capitals is one of these messages.
# fmt: off
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Any":              {"type_url": (1, "string"), "value": (2, "bytes")},
    "Status":           {"message": (2, "string")},
    "Entry":            {"key": (1, "string"), "value": (2, "string")},
    "Request":          {"version_info": (1, "string"), "resource_names": (3, "string*"), "type_url": (4, "string"),
                         "response_nonce": (5, "string"), "error_detail": (6, "Status")},
    "Response":         {"version_info": (1, "string"), "resources": (2, "Any*"), "type_url": (4, "string"),
                         "nonce": (5, "string")},
    "DeltaRequest":     {"type_url": (2, "string"), "subscribe": (3, "string*"), "unsubscribe": (4, "string*"),
                         "initial": (5, "Entry*"), "response_nonce": (6, "string"), "error_detail": (7, "Status")},
    "Resource":         {"version": (1, "string"), "resource": (2, "Any"), "name": (3, "string")},
    "DeltaResponse":    {"version_info": (1, "string"), "resources": (2, "Resource*"), "type_url": (4, "string"),
                         "nonce": (5, "string"), "removed": (6, "string*")},
    "Source":           {"inline_bytes": (2, "bytes")},
    "Certificate":      {"certificate_chain": (1, "Source"), "private_key": (2, "Source")},
    "Validation":       {"trusted_ca": (1, "Source")},
    "Secret":           {"name": (1, "string"), "tls_certificate": (2, "Certificate"),
                         "validation_context": (4, "Validation")},
}
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What Envoy says, of either protocol."""

    nonce: str = ""
    """Of the response that it answers; empty in the first message."""
    error: str = ""
    """Why it refuses that response."""
    names: tuple[str, ...] = ()
    """All that it wants (state of the world), or what it wants besides (delta)."""
    unwanted: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict[str, str])
    """Delta: name → version, from an earlier stream."""


def read_full(data: bytes) -> Said:
    """A DiscoveryRequest. Raises google.protobuf.message.DecodeError."""
    message = _CLASSES["Request"].FromString(data)
    return Said(nonce=message.response_nonce, error=_error(message), names=tuple(message.resource_names))


def read_delta(data: bytes) -> Said:
    """A DeltaDiscoveryRequest. Raises google.protobuf.message.DecodeError."""
    message = _CLASSES["DeltaRequest"].FromString(data)
    return Said(
        nonce=message.response_nonce,
        error=_error(message),
        names=tuple(message.subscribe),
        unwanted=tuple(message.unsubscribe),
        held={entry.key: entry.value for entry in message.initial},
    )


def write_full(bodies: Mapping[str, bytes], *, version: str, nonce: str) -> bytes:
    """A DiscoveryResponse with these secrets, by name."""
    listed = [{"type_url": TYPE, "value": body} for body in bodies.values()]
    return _bytes("Response", version_info=version, resources=listed, type_url=TYPE, nonce=nonce)


def write_delta(bodies: Mapping[str, bytes], versions: Mapping[str, str], *, removed: list[str], nonce: str) -> bytes:
    """A DeltaDiscoveryResponse with these secrets, by name."""
    listed = [
        {"name": name, "version": versions[name], "resource": {"type_url": TYPE, "value": body}}
        for name, body in bodies.items()
    ]
    return _bytes("DeltaResponse", resources=listed, type_url=TYPE, nonce=nonce, removed=removed)


def certificate(name: str, *, chain: bytes, key: bytes) -> bytes:
    """A Secret with a certificate and its key, both PEM."""
    body = {"certificate_chain": {"inline_bytes": chain}, "private_key": {"inline_bytes": key}}
    return _bytes("Secret", name=name, tls_certificate=body)


def authorities(name: str, roots: bytes) -> bytes:
    """A Secret with whom to trust, PEM."""
    return _bytes("Secret", name=name, validation_context={"trusted_ca": {"inline_bytes": roots}})


def _error(message: Any) -> str:
    return (message.error_detail.message or "no reason given") if message.HasField("error_detail") else ""


def _bytes(kind: str, /, **fields: object) -> bytes:
    return _CLASSES[kind](**fields).SerializeToString(deterministic=True)


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="meltemi/sds.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for label, (number, kind) in fields.items():
            _add(message, label, number, kind)
    pool: Any = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{n}")) for n in _MESSAGES}


def _add(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    of = descriptor_pb2.FieldDescriptorProto
    label = of.LABEL_REPEATED if kind.endswith("*") else of.LABEL_OPTIONAL
    plain = {"string": of.TYPE_STRING, "bytes": of.TYPE_BYTES}.get(kind.rstrip("*"))
    if plain is not None:
        message.field.add(name=name, number=number, label=label, type=plain)
    else:
        place = f".{_PACKAGE}.{kind.rstrip('*')}"
        message.field.add(name=name, number=number, label=label, type=of.TYPE_MESSAGE, type_name=place)


_CLASSES = _classes()
