"""Certificates made: leaves, and the root that a mesh makes for itself.

Place:  identity · Leaf and Authority → [certificate] → PEM; Authority from identity/authority
Source: RFC 5280; SPIFFE X509-SVID, parts 3 and 4; Envoy refuses leaves without digitalSignature

Signatures of EC keys are deterministic (RFC 6979), so the same input makes the same certificate.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meltemi.core.identity import keys
from meltemi.core.identity.authority import Authority
from meltemi.core.identity.csr import SKEW, Leaf
from meltemi.core.identity.keys import PrivateKey, PublicKey

ROOT_LIFE = timedelta(days=3650)
"""As Istio's self-signed root."""
BOTH_USES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def sign(leaf: Leaf, authority: Authority, *, serial: int) -> bytes:
    """The certificate as PEM; it ends with its authority's at the latest.

    `serial`: positive, random, up to 159 bits.
    """
    key = load_der_public_key(leaf.public_key)
    assert isinstance(key, PublicKey)  # noqa: S101  (csr.decide has looked)
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(leaf.identity.uri)]
    names += [x509.DNSName(leaf.dns)] if leaf.dns else []
    ends = min(leaf.not_after, authority.not_after)
    builder = _builder(key, authority, serial, leaf.not_before, ends).subject_name(x509.Name([]))
    return _signed(builder.add_extension(x509.SubjectAlternativeName(names), critical=True), authority.key)


def sign_server(key: PublicKey, dns: tuple[str, ...], authority: Authority, *, serial: int, now: datetime,
                life: timedelta) -> bytes:  # fmt: skip
    """The certificate of the control plane itself, for its own ports: DNS names in place of a SPIFFE id."""
    ends = min(now + life, authority.not_after)
    builder = _builder(key, authority, serial, now - SKEW, ends)
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns])
    return _signed(builder.subject_name(x509.Name([])).add_extension(names, critical=True), authority.key)


def self_signed_root(key: PrivateKey, trust_domain: str, *, serial: int, now: datetime) -> bytes:
    """A root as PEM. Its name holds the key's identifier, so that two roots of one mesh are told apart by it."""
    mark = keys.identifier(key.public_key()).hex()[:16]
    name = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, trust_domain[:64]),
        x509.NameAttribute(NameOID.COMMON_NAME, f"meltemi root {mark}"),
    ])  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - SKEW)
        .not_valid_after(now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _signed(builder, key)


def _builder(
    key: PublicKey, authority: Authority, serial: int, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    usage = _usage(enciphers=isinstance(key, rsa.RSAPublicKey))
    return (
        x509.CertificateBuilder()
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(BOTH_USES), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(authority.identifier, None, None), critical=False)
    )


def _usage(*, authority: bool = False, enciphers: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_encipherment=enciphers, key_cert_sign=authority, crl_sign=authority,
        content_commitment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _signed(builder: x509.CertificateBuilder, key: PrivateKey) -> bytes:
    deterministic = True if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=deterministic).public_bytes(Encoding.PEM)
