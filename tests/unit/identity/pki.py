"""Keys, requests and authorities for tests."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from meltemi.core.identity.authority import Authority, Parts, load
from meltemi.core.identity.certificate import self_signed_root
from meltemi.core.identity.keys import PrivateKey

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIFE = timedelta(days=365)
Key = PrivateKey | ed25519.Ed25519PrivateKey


_SIGNS = x509.KeyUsage(
    digital_signature=False, key_cert_sign=True, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def dns(text: str) -> x509.GeneralName:
    return x509.DNSName(text)


def csr(
    *names: x509.GeneralName, key: Key | None = None, common_name: str = "",
    extensions: tuple[x509.ExtensionType, ...] = (),
) -> bytes:  # fmt: skip
    """A request as PEM."""
    key = key or p256()
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)


def pem_of(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def root_parts(now: datetime = NOW, domain: str = "cluster.local") -> Parts:
    """A root of its own, as four files."""
    key = p256()
    pem = self_signed_root(key, domain, serial=7, now=now).decode()
    return Parts(ca_cert=pem, ca_key=pem_of(key), root_cert=pem)


def root(now: datetime = NOW) -> Authority:
    return loaded(root_parts(now), now)


def loaded(parts: Parts, now: datetime = NOW) -> Authority:
    authority = load(parts, now=now)
    assert isinstance(authority, Authority), authority
    return authority


def intermediate(
    above: Authority, *, key: PrivateKey | None = None, ca: bool = True, path_length: int | None = None,
    begins: datetime = NOW - timedelta(days=1), ends: datetime = NOW + LIFE,
) -> Parts:  # fmt: skip
    """An authority below another one."""
    key = key or p256()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"below {above.name[:8]}")]))
        .issuer_name(above.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length if ca else None), critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(above.identifier, None, None), critical=False)
        .sign(above.key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM).decode()
    chain = "".join((pem, *above.intermediates))
    return Parts(ca_cert=pem, ca_key=pem_of(key), root_cert=above.roots[-1], cert_chain=chain)
