"""Which keys are strong enough, and how they are named.

Place:  identity · used by csr and certificate
Source: SPIFFE X509-SVID, part 4; NIST SP 800-57: 112 bits of strength and more
"""

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import SubjectKeyIdentifier

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CURVES = ("secp256r1", "secp384r1")
"""P-256 and P-384: what Envoy negotiates and Istio offers."""
RSA_BITS = (2048, 8192)
"""At least, for strength; at most, so that nobody makes us calculate for long."""


def fault(key: object) -> str:
    """Why a public key is refused; empty if it is taken."""
    match key:
        case ec.EllipticCurvePublicKey():
            return "" if key.curve.name in CURVES else f"the curve '{key.curve.name}' is none of P-256, P-384"
        case rsa.RSAPublicKey():
            good = RSA_BITS[0] <= key.key_size <= RSA_BITS[1]
            return "" if good else f"RSA keys have {RSA_BITS[0]} to {RSA_BITS[1]} bits, this one has {key.key_size}"
        case _:
            return f"keys are EC or RSA, this one is of type '{type(key).__name__.removesuffix('PublicKey')}'"


def identifier(key: PublicKey) -> bytes:
    """SHA-1 of the key's bits: the key identifier of RFC 5280, 4.2.1.2 (1). Not a matter of secrecy."""
    return SubjectKeyIdentifier.from_public_key(key).digest
