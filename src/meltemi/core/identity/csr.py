"""Whether a certificate signing request is answered, and what the certificate will say.

Place:  identity · CSR, caller, policy → [csr] → Leaf | Refusal → certificate.sign
Source: SPIFFE X509-SVID, part 4; Istio, security/proto/istio/v1/auth/ca.proto

Nothing is copied from the request but the public key: what it says beyond that must agree, or it is refused.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from meltemi.core.identity import keys
from meltemi.core.identity.keys import PublicKey
from meltemi.core.identity.refusal import Refusal, forbidden, malformed
from meltemi.core.identity.spiffe import Identity
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

LONGEST_CSR = 32_768
"""Bytes of PEM: an RSA key of 8192 bits takes 3 KiB."""
SKEW = timedelta(minutes=2)
"""Certificates are valid from so long ago, for peers whose clocks are behind."""
LONGEST_NAME = 253
"""Characters of a DNS name."""


class Caller(Value, frozen=True, kw_only=True):
    """Who asks, as he has proven it."""

    namespace: str
    service_account: str
    workload: str = ""
    """Name of the Deployment (or the like) that runs the pod; empty where it is not known."""


class Policy(Value, frozen=True, kw_only=True):
    """What the mesh decides about certificates."""

    trust_domain: str = "cluster.local"
    default_life: Seconds = Seconds(24 * 3600)
    longest_life: Seconds = Seconds(90 * 24 * 3600)
    """Who asks for more gets this (Istio's bound)."""


class Leaf(Value, frozen=True, kw_only=True):
    """What a certificate will say; the rest follows from who signs it."""

    identity: Identity
    dns: str
    """Empty: none."""
    public_key: bytes
    """DER, SubjectPublicKeyInfo."""
    not_before: datetime
    not_after: datetime


def decide(pem: bytes, caller: Caller, policy: Policy, *, asked: Seconds, now: datetime) -> Leaf | Refusal:
    """What the caller gets. `asked`: the life that he would like; 0 or less for the mesh's default."""
    try:
        request = _read(pem)
        identity = identity_of(caller, policy)
        fault = next(_faults(request, identity), None)
    except ValueError as problem:
        return malformed(f"the request cannot be read: {problem}")
    if fault is not None:
        return fault
    life = min(asked if asked > 0 else policy.default_life, policy.longest_life)
    return Leaf(
        identity=identity,
        dns=workload_name(caller),
        public_key=_der(request),
        not_before=now - SKEW,
        not_after=now + timedelta(seconds=life),
    )


def identity_of(caller: Caller, policy: Policy) -> Identity:
    """Who the caller is in this mesh."""
    return Identity(
        trust_domain=policy.trust_domain, namespace=caller.namespace, service_account=caller.service_account
    )


def workload_name(caller: Caller) -> str:
    """The DNS name by which telemetry knows the workload; empty without a workload, or if it is too long."""
    name = f"{caller.workload}.{caller.namespace}.workload"
    return name if caller.workload and len(name) <= LONGEST_NAME else ""


def _read(pem: bytes) -> x509.CertificateSigningRequest:
    if len(pem) > LONGEST_CSR:
        raise ValueError(f"it has more than {LONGEST_CSR} bytes")
    return x509.load_pem_x509_csr(pem)


def _faults(request: x509.CertificateSigningRequest, identity: Identity) -> Iterator[Refusal]:
    """The key is looked at before the signature, which a strange key cannot verify."""
    if weak := keys.fault(request.public_key()):
        yield malformed(weak)
    if not request.is_signature_valid:
        yield malformed("the request is not signed by its own key")
    for attribute in request.subject:
        if attribute.oid != NameOID.ORGANIZATION_NAME and attribute.value:
            yield forbidden(f"the request names a subject '{attribute.rfc4514_string()}': only the authority names")
    for extension in request.extensions:
        yield from _extension(extension.value, identity)


def _extension(value: x509.ExtensionType, identity: Identity) -> Iterator[Refusal]:
    match value:
        case x509.SubjectAlternativeName():
            yield from _names(list(value), identity)
        case x509.BasicConstraints(ca=True):
            yield forbidden("the request is for an authority (basic constraints)")
        case x509.KeyUsage() if value.key_cert_sign or value.crl_sign:
            yield forbidden("the request is for an authority (key usage)")
        case _:
            return


def _names(names: list[x509.GeneralName], identity: Identity) -> Iterator[Refusal]:
    for name in names:
        if not isinstance(name, x509.UniformResourceIdentifier) or name.value != identity.uri:
            yield forbidden(f"the request names '{name.value}', the caller is '{identity.uri}'")
    if len(names) > 1:
        yield forbidden("the request has more than one name")


def _der(request: x509.CertificateSigningRequest) -> bytes:
    key = request.public_key()
    assert isinstance(key, PublicKey)  # noqa: S101  (keys.fault has looked)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
