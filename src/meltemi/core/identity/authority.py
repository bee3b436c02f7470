"""Who signs: a root of our own, or an intermediate that somebody plugged in; read and verified before it is used.

Place:  identity · four PEM files → [authority] → Authority | Refusal → certificate.sign, rotation
Source: RFC 5280, part 6; Istio, "Plug in CA certificates": ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from meltemi.core.identity import keys
from meltemi.core.identity.keys import PrivateKey, PublicKey
from meltemi.core.identity.refusal import Refusal, malformed
from meltemi.core.model.value import Value

DEEPEST = 8
"""Certificates between the signing one and the root."""


class Parts(Value, frozen=True, kw_only=True):
    """An authority as Istio's users keep it: PEM."""

    ca_cert: str
    ca_key: str
    root_cert: str
    cert_chain: str = ""
    """From the signing certificate upwards; with or without it and the root."""


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority that holds together: key, certificate, and the way to a root."""

    certificate: x509.Certificate
    key: PrivateKey
    intermediates: tuple[str, ...]
    """PEM, the signing certificate first; empty where that is the root."""
    roots: tuple[str, ...]
    """PEM of all that root-cert.pem holds; the one that the chain ends in is last."""
    not_before: datetime
    not_after: datetime
    """When the first certificate of the chain expires."""
    identifier: bytes
    """The subject key identifier: what leaves name as their authority key."""

    @property
    def name(self) -> str:
        """The identifier in hex."""
        return self.identifier.hex()


def load(parts: Parts, *, now: datetime | None) -> Authority | Refusal:
    """The authority, if its parts belong together and it may sign now. `now` None: whatever the time is."""
    try:
        certificate = x509.load_pem_x509_certificate(parts.ca_cert.encode())
        key = load_pem_private_key(parts.ca_key.encode(), None)
        roots = x509.load_pem_x509_certificates(parts.root_cert.encode())
        chain = x509.load_pem_x509_certificates(parts.cert_chain.encode()) if parts.cert_chain.strip() else []
        return _joined(certificate, key, roots, chain, now)
    except (ValueError, TypeError) as problem:
        return malformed(f"the authority cannot be read: {problem}")


def _joined(
    certificate: x509.Certificate, key: object, roots: list[x509.Certificate], chain: list[x509.Certificate],
    now: datetime | None,
) -> Authority | Refusal:  # fmt: skip
    public = certificate.public_key()
    if weak := keys.fault(public):
        return malformed(f"ca-cert.pem: {weak}")
    if not isinstance(public, PublicKey) or not isinstance(key, PrivateKey) or _spki(key.public_key()) != _spki(public):
        return malformed("ca-key.pem is not the key of ca-cert.pem")
    path = _path(certificate, chain, roots)
    if path is None:
        return malformed("cert-chain.pem does not lead from ca-cert.pem to a root of root-cert.pem")
    if fault := next(_path_faults(path, now), ""):
        return malformed(fault)
    ordered = [root for root in roots if root != path[-1]] + [path[-1]]
    return Authority(
        certificate=certificate,
        key=key,
        intermediates=tuple(_pem(one) for one in path[:-1]),
        roots=tuple(_pem(one) for one in ordered),
        not_before=max(one.not_valid_before_utc for one in path),
        not_after=min(one.not_valid_after_utc for one in path),
        identifier=_identifier(certificate, public),
    )


def _path(
    start: x509.Certificate, chain: list[x509.Certificate], roots: list[x509.Certificate]
) -> list[x509.Certificate] | None:
    """From the signing certificate to its root, each signed by the next."""
    path = [start]
    while path[-1] not in roots:
        following = next((one for one in (*roots, *chain) if one not in path and _issued(path[-1], one)), None)
        if following is None or len(path) > DEEPEST:
            return None
        path.append(following)
    return path if _issued(path[-1], path[-1]) else None


def _path_faults(path: list[x509.Certificate], now: datetime | None) -> Iterator[str]:
    for below, one in enumerate(path):
        name = one.subject.rfc4514_string() or f"serial {one.serial_number:x}"
        if now is not None and not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            yield f"the certificate '{name}' is valid from {one.not_valid_before_utc} to {one.not_valid_after_utc}"
        yield from (f"the certificate '{name}' {fault}" for fault in _constraints(one, below))


def _constraints(one: x509.Certificate, below: int) -> Iterator[str]:
    """`below`: how many authorities stand between it and the leaves."""
    try:
        basic = one.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        basic = x509.BasicConstraints(ca=False, path_length=None)
    if not basic.ca:
        yield "is not for an authority (basic constraints)"
    if basic.path_length is not None and basic.path_length < below:
        yield f"allows only {basic.path_length} authorities below it"
    try:
        usage = one.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.key_cert_sign:
        yield "may not sign certificates (key usage)"


def _issued(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _identifier(certificate: x509.Certificate, key: PublicKey) -> bytes:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return keys.identifier(key)


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
