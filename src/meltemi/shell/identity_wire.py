"""What crosses between agents and the authority: Istio's messages for certificates, and JSON for trust.

Place:  shell · agent ⇄ [identity_wire] ⇄ servers/ca
Source: Istio, security/proto/istio/v1/auth/ca.proto; docs/design/0007 for Trust/Follow
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, struct_pb2

from meltemi.core.identity.rotation import Holding, Trust
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

CERTIFICATES = "istio.v1.auth.IstioCertificateService"
CREATE = "CreateCertificate"
TRUST = "meltemi.identity.v1.Trust"
FOLLOW = "Follow"
AUTHORIZATION = "authorization"
"""The metadata that holds `Bearer TOKEN`."""
BEARER = "Bearer "


class CertificateRequest(Value, frozen=True, kw_only=True):
    """Message IstioCertificateRequest."""

    csr: str
    """PEM."""
    life: Seconds = Seconds(0)
    """0: the authority's default."""
    metadata: tuple[tuple[str, object], ...] = ()
    """What else the agent says, sorted."""


def encode_request(request: CertificateRequest) -> bytes:
    """The message's bytes."""
    message: Any = _request()
    message.csr = request.csr
    message.validity_duration = int(request.life)
    if request.metadata:
        message.metadata.update(dict(request.metadata))
    return message.SerializeToString()


def decode_request(data: bytes) -> CertificateRequest:
    """The message. Raises google.protobuf.message.DecodeError."""
    message: Any = _request.FromString(data)
    metadata: Mapping[str, object] = json_format.MessageToDict(message.metadata)
    return CertificateRequest(
        csr=message.csr, life=Seconds(message.validity_duration), metadata=tuple(sorted(metadata.items()))
    )


def encode_response(chain: Sequence[str]) -> bytes:
    """Message IstioCertificateResponse: leaf, intermediates, and last all roots in one text; PEM."""
    return _response(cert_chain=chain).SerializeToString()


def decode_response(data: bytes) -> tuple[str, ...]:
    """The chain. Raises google.protobuf.message.DecodeError."""
    message: Any = _response.FromString(data)
    return tuple(message.cert_chain)


class _Said(Value, frozen=True, kw_only=True, rename="camel"):
    """A Holding as JSON; what is not there is empty."""

    roots: str = ""
    issuer: str = ""
    serial: str = ""
    not_before: str = ""
    not_after: str = ""


def encode_holding(holding: Holding) -> bytes:
    """What an agent says of itself."""
    said = _Said(
        roots=holding.roots, issuer=holding.issuer, serial=holding.serial,
        not_before=_moment(holding.not_before), not_after=_moment(holding.not_after),
    )  # fmt: skip
    return msgspec.json.encode(said)


def decode_holding(data: bytes) -> Holding:
    """What an agent says of itself. Raises ValueError."""
    said = msgspec.json.decode(data, type=_Said)
    return Holding(
        roots=said.roots, issuer=said.issuer.lower(), serial=said.serial.lower(),
        not_before=_read_moment(said.not_before), not_after=_read_moment(said.not_after),
    )  # fmt: skip


def encode_trust(trust: Trust) -> bytes:
    """What the authority says."""
    return msgspec.json.encode(trust)


def decode_trust(data: bytes) -> Trust:
    """What the authority says. Raises ValueError."""
    return msgspec.json.decode(data, type=Trust)


def _moment(when: datetime | None) -> str:
    return "" if when is None else when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_moment(text: str) -> datetime | None:
    return msgspec.convert(text, datetime).astimezone(UTC) if text else None


def _messages() -> tuple[Any, Any]:
    """The classes of both messages, made from their description: no generated code is shipped for two of them."""
    file = descriptor_pb2.FileDescriptorProto(
        name="meltemi/istio_ca.proto", package="istio.v1.auth", syntax="proto3",
        dependency=["google/protobuf/struct.proto"],
    )  # fmt: skip
    field = descriptor_pb2.FieldDescriptorProto
    asked = file.message_type.add(name="IstioCertificateRequest")
    asked.field.add(name="csr", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    asked.field.add(name="validity_duration", number=3, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL)
    asked.field.add(
        name="metadata", number=4, type=field.TYPE_MESSAGE, label=field.LABEL_OPTIONAL,
        type_name=f".{struct_pb2.Struct.DESCRIPTOR.full_name}",
    )  # fmt: skip
    answered = file.message_type.add(name="IstioCertificateResponse")
    answered.field.add(name="cert_chain", number=1, type=field.TYPE_STRING, label=field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)  # pyright: ignore[reportUnknownMemberType]
    found: Any = pool
    names = ("istio.v1.auth.IstioCertificateRequest", "istio.v1.auth.IstioCertificateResponse")
    one, other = (message_factory.GetMessageClass(found.FindMessageTypeByName(name)) for name in names)
    return one, other


_request, _response = _messages()
