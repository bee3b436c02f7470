"""What crosses between agents and the authority: Istio's messages for certificates, and JSON for trust.

Place:  shell · agent ⇄ [identity_wire] ⇄ servers/ca
Source: Istio, security/proto/istio/v1/auth/ca.proto; docs/design/0007 for Trust/Follow
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from meltemi.core.identity.rotation import Holding, Trust
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.shell.protobuf_wire import messages, number, parts, read, text, texts, write, write_number

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
    extra = write(4, _struct(request.metadata)) if request.metadata else b""
    return write(1, request.csr) + write_number(3, int(request.life)) + extra


def decode_request(data: bytes) -> CertificateRequest:
    """The message. Raises ValueError."""
    fields = read(data)
    metadata = _pairs(parts(fields, 4)[-1]) if 4 in fields else ()
    return CertificateRequest(csr=text(fields, 1), life=Seconds(number(fields, 3)), metadata=metadata)


def encode_response(chain: Sequence[str]) -> bytes:
    """Message IstioCertificateResponse: the leaf, intermediates, and the root last, each as PEM."""
    return messages(1, chain)


def decode_response(data: bytes) -> tuple[str, ...]:
    """The chain. Raises ValueError."""
    return texts(read(data), 1)


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


def _struct(pairs: Sequence[tuple[str, object]]) -> bytes:
    # Imported where it is needed: no agent of ours says anything of the kind, and the library takes 0.16 s.
    from google.protobuf import struct_pb2  # noqa: PLC0415

    message: Any = struct_pb2.Struct()
    message.update(dict(pairs))
    return bytes(message.SerializeToString())


def _pairs(data: bytes) -> tuple[tuple[str, object], ...]:
    """A google.protobuf.Struct, sorted. Raises ValueError."""
    from google.protobuf import json_format, struct_pb2  # noqa: PLC0415
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    try:
        found: Mapping[str, object] = json_format.MessageToDict(struct_pb2.Struct.FromString(data))
    except DecodeError as problem:
        raise ValueError(f"the metadata cannot be read: {problem}") from problem
    return tuple(sorted(found.items()))
