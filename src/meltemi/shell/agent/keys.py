"""Private keys, made and kept in memory, and what a certificate says.

Place:  shell/agent · certificates → [keys]; imported late, for `cryptography` takes 0.1 s of every pod's start
Source: RFC 2986; the request names nobody, since the authority alone decides (docs/design/0007)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A new key and the request for its certificate."""

    key: PrivateKey = field(repr=False)
    csr: str
    """PEM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A certificate that was given, with its key."""

    chain: bytes
    """PEM: the leaf and intermediates, without the root."""
    key: bytes = field(repr=False)
    """PEM."""
    root: str
    """PEM: what the chain ends in."""
    serial: str
    """Hex, as `issuer`."""
    issuer: str
    """Authority key identifier; empty where the certificate names none."""
    not_before: datetime
    not_after: datetime


def make(*, curve: int, rsa_bits: int) -> Pair:
    """A new key: of an elliptic curve of so many bits, or, for 0, RSA."""
    key: PrivateKey
    if curve:
        key = ec.generate_private_key(ec.SECP384R1() if curve == 384 else ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return Pair(key, request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode())


def leaf(pair: Pair, chain: Sequence[str]) -> Leaf:
    """What the authority gave: the leaf, intermediates, the root last. Raises ValueError if it is not for this key."""
    if not chain:
        raise ValueError("the authority gave no certificate")
    certificate = x509.load_pem_x509_certificate(chain[0].encode())
    if _public(_key(certificate)) != _public(pair.key.public_key()):
        raise ValueError("the authority gave a certificate for another key")
    return Leaf(
        chain="".join(map(_line, chain[:-1] or chain)).encode(),
        key=pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        root=chain[-1],
        serial=f"{certificate.serial_number:x}",
        issuer=_issuer(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def ends(pem: str) -> datetime:
    """When the first of the certificates of a text expires. Raises ValueError."""
    return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(pem.encode()))


def _line(pem: str) -> str:
    return pem if pem.endswith("\n") else pem + "\n"


def _key(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except UnsupportedAlgorithm as problem:
        raise ValueError(str(problem)) from problem


def _public(key: object) -> bytes:
    if not isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)):
        raise ValueError("the authority gave a certificate for a key of another kind")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _issuer(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return ""
    return (found.key_identifier or b"").hex()
