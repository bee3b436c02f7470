"""Certificates that a workload must not believe, and one that it must: made by the mesh's own authority or by another.

Place:  tests/e2e · used by test_mutual_tls
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from meltemi.core.identity.authority import Authority, Parts, load
from meltemi.core.identity.certificate import self_signed_root, sign
from meltemi.core.identity.csr import Caller, Leaf, Policy, decide
from meltemi.core.model.units import Seconds


def own_authority(state: Path) -> Authority:
    """The mesh's, from its files: the last one made signs."""
    file = max((state / "ca").glob("authority-*.json"), key=lambda one: one.stat().st_mtime)
    return _loaded(msgspec.json.decode(file.read_bytes(), type=Parts))


def other_authority() -> Authority:
    """One that nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    root = self_signed_root(key, "cluster.local", serial=x509.random_serial_number(), now=datetime.now(UTC))
    return _loaded(Parts(ca_cert=root.decode(), ca_key=_pem(key), root_cert=root.decode()))


def credential(authority: Authority, trust_domain: str, folder: Path) -> Path:
    """A file with a certificate of workload `stranger` and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    leaf = decide(
        request.public_bytes(Encoding.PEM), Caller(namespace="default", service_account="stranger"),
        Policy(trust_domain=trust_domain), asked=Seconds(0), now=datetime.now(UTC),
    )  # fmt: skip
    assert isinstance(leaf, Leaf)
    file = folder / f"{trust_domain}-{authority.name[:8]}.pem"
    file.write_text(sign(leaf, authority, serial=x509.random_serial_number()).decode() + _pem(key))
    return file


def _loaded(parts: Parts) -> Authority:
    made = load(parts, now=datetime.now(UTC))
    assert isinstance(made, Authority)
    return made


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
