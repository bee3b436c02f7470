"""Certificates and keys of the API server and of those who talk to it, made once for each mesh.

Place:  shell/kube · `up --kube` → [pki] → STATE/kube/pki (0700, files 0600) → processes, kubeconfigs

They live as long as the mesh: `down` removes them. There are two authorities: who may speak to the API must not
thereby reach etcd.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=3650)
SLACK = timedelta(minutes=5)
"""By which a certificate is valid earlier: clocks differ."""
MASTERS = "system:masters"
"""The group that may do everything."""
CLIENTS = {
    "admin": ("kubernetes-admin", MASTERS),
    "control-plane": ("meltemi:control-plane", MASTERS),
    "node": ("meltemi:node", MASTERS),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kubelet-client": ("kube-apiserver-kubelet-client", ""),
}
"""File → user and group, as the API server reads them from certificates."""


@dataclass(frozen=True, slots=True)
class Pki:
    """The folder of a mesh's certificates: NAME.crt and NAME.key."""

    folder: Path

    def crt(self, name: str) -> Path:
        """A certificate."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Its private key."""
        return self.folder / f"{name}.key"


def make_pki(folder: Path, *, node_ip: str, service_ip: str, domain: str, now: datetime) -> Pki:
    """Make what is missing. `service_ip`: of the Service `kubernetes`; `domain`: of the cluster. Raises OSError."""
    pki = Pki(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if pki.crt("complete").exists():
        return pki
    authority, etcd = _Authority("kubernetes", now), _Authority("etcd", now)
    for name, one in (("ca", authority), ("etcd-ca", etcd)):
        _write(pki, name, one.certificate, one.key)
    names = ["localhost", *(f"kubernetes{end}" for end in ("", ".default", ".default.svc", f".default.svc.{domain}"))]
    server = _names(names, ["127.0.0.1", node_ip, service_ip])
    _write(pki, "apiserver", *authority.issue("kube-apiserver", "", server, ExtendedKeyUsageOID.SERVER_AUTH))
    kubelet = _names(["localhost"], ["127.0.0.1", node_ip])
    _write(pki, "kubelet", *authority.issue("meltemi:kubelet", "", kubelet, ExtendedKeyUsageOID.SERVER_AUTH))
    _write(pki, "webhook", *authority.issue("meltemi:webhook", "", kubelet, ExtendedKeyUsageOID.SERVER_AUTH))
    local = _names(["localhost"], ["127.0.0.1"])
    both = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    _write(pki, "etcd", *etcd.issue("etcd", "", local, *both))
    _write(pki, "etcd-client", *etcd.issue("kube-apiserver", "", None, ExtendedKeyUsageOID.CLIENT_AUTH))
    for name, (user, group) in CLIENTS.items():
        _write(pki, name, *authority.issue(user, group, None, ExtendedKeyUsageOID.CLIENT_AUTH))
    _private(pki.crt("complete"), b"")
    return pki


def write_public_key(private: Path, public: Path) -> None:
    """The public half of a PEM key file, as a file of its own. Raises OSError, ValueError."""
    key = load_pem_private_key(private.read_bytes(), None)
    _private(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


class _Authority:
    def __init__(self, name: str, now: datetime) -> None:
        self._now = now
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(name, "")
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        self.certificate = (
            self._builder(subject, subject, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, SHA256())
        )

    def issue(
        self, user: str, group: str, names: x509.SubjectAlternativeName | None, *usages: x509.ObjectIdentifier
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(_subject(user, group), self.certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, SHA256()), key

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - SLACK)
            .not_valid_after(self._now + LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(signer, critical=False)
        )


def _subject(user: str, group: str) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _names(hosts: Sequence[str], addresses: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [*map(x509.DNSName, hosts), *(x509.IPAddress(IPv4Address(one)) for one in addresses)]
    )


def _write(pki: Pki, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    _private(pki.crt(name), certificate.public_bytes(Encoding.PEM))
    _private(pki.key(name), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _private(file: Path, content: bytes) -> None:
    """Never readable for anybody else, not even for a moment."""
    file.unlink(missing_ok=True)
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as opened:
        opened.write(content)
