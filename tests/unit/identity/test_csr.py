"""identity/csr gives a caller his own identity, and refuses everything beside it."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from meltemi.core.identity.csr import Caller, Leaf, Policy, decide
from meltemi.core.identity.refusal import Refusal, Why
from meltemi.core.model.units import Seconds
from unit.identity.pki import NOW, csr, dns, p256, rsa_key, uri

CALLER = Caller(namespace="shop", service_account="cart", workload="cart-v1")
OWN = "spiffe://cluster.local/ns/shop/sa/cart"


def ask(pem: bytes, asked: float = 0, policy: Policy | None = None) -> Leaf | Refusal:
    return decide(pem, CALLER, policy or Policy(), asked=Seconds(asked), now=NOW)


# fmt: off
ACCEPTED = {
    "no name":            csr(),
    "exactly his own":    csr(uri(OWN)),
    "P-384":              csr(key=ec.generate_private_key(ec.SECP384R1())),
    "RSA of 2048 bits":   csr(key=rsa_key(2048)),
}
_SIGN = x509.KeyUsage(digital_signature=True, key_cert_sign=True, content_commitment=False, key_encipherment=False,
                      data_encipherment=False, key_agreement=False, crl_sign=False, encipher_only=False,
                      decipher_only=False)
REFUSED = {
    "another's identity":       (csr(uri("spiffe://cluster.local/ns/shop/sa/admin")), Why.FORBIDDEN, "sa/admin"),
    "another trust domain":     (csr(uri("spiffe://other/ns/shop/sa/cart")), Why.FORBIDDEN, "spiffe://other"),
    "a DNS name":               (csr(dns("cart.shop")), Why.FORBIDDEN, "cart.shop"),
    "a name beside his own":    (csr(uri(OWN), dns("cart.shop")), Why.FORBIDDEN, "cart.shop"),
    "his own twice":            (csr(uri(OWN), uri(OWN)), Why.FORBIDDEN, "more than one"),
    "a common name":            (csr(uri(OWN), common_name="admin"), Why.FORBIDDEN, "CN=admin"),
    "an authority":             (csr(extensions=(x509.BasicConstraints(ca=True, path_length=None),)),
                                 Why.FORBIDDEN, "basic constraints"),
    "signing certificates":     (csr(extensions=(_SIGN,)), Why.FORBIDDEN, "key usage"),
    "RSA of 1024 bits":         (csr(key=rsa_key(1024)), Why.MALFORMED, "1024"),
    "P-224":                    (csr(key=ec.generate_private_key(ec.SECP224R1())), Why.MALFORMED, "secp224r1"),
    "P-521":                    (csr(key=ec.generate_private_key(ec.SECP521R1())), Why.MALFORMED, "secp521r1"),
    "Ed25519":                  (csr(key=ed25519.Ed25519PrivateKey.generate()), Why.MALFORMED, "EC or RSA"),
    "no PEM":                   (b"hello", Why.MALFORMED, "cannot be read"),
    "nothing":                  (b"", Why.MALFORMED, "cannot be read"),
    "too much":                 (b"x" * 100_000, Why.MALFORMED, "bytes"),
}
# fmt: on


@pytest.mark.parametrize("pem", ACCEPTED.values(), ids=ACCEPTED)
def test_the_caller_gets_his_own_identity(pem: bytes):
    leaf = ask(pem)

    assert isinstance(leaf, Leaf)
    assert (leaf.identity.uri, leaf.dns) == (OWN, "cart-v1.shop.workload")


@pytest.mark.parametrize(("pem", "why", "said"), REFUSED.values(), ids=REFUSED)
def test_refused(pem: bytes, why: Why, said: str):
    refusal = ask(pem)

    assert isinstance(refusal, Refusal)
    assert refusal.why is why
    assert said in refusal.message


def test_a_request_that_another_key_signed_is_refused():
    """One request with the public key of another in the place of its own: the bytes are as many."""
    one, other = p256(), p256()
    der = x509.load_pem_x509_csr(csr(key=one)).public_bytes(Encoding.DER)
    forged = der.replace(_point(one), _point(other))
    assert forged != der
    pem = x509.load_der_x509_csr(forged).public_bytes(Encoding.PEM)

    refusal = ask(pem)

    assert isinstance(refusal, Refusal)
    assert "own key" in refusal.message


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


# fmt: off
LIVES = {
    "not said":     (0,       86_400),
    "negative":     (-5,      86_400),
    "short":        (60,      60),
    "too long":     (10**9,   90 * 86_400),
}
# fmt: on


@pytest.mark.parametrize(("asked", "seconds"), LIVES.values(), ids=LIVES)
def test_life(asked: float, seconds: int):
    leaf = ask(csr(), asked)

    assert isinstance(leaf, Leaf)
    assert leaf.not_after - NOW == timedelta(seconds=seconds)
    assert leaf.not_before < NOW


def test_the_trust_domain_is_the_meshs():
    leaf = ask(csr(), policy=Policy(trust_domain="example.org"))

    assert isinstance(leaf, Leaf)
    assert leaf.identity.uri == "spiffe://example.org/ns/shop/sa/cart"


def test_a_workload_name_that_is_too_long_is_left_out():
    leaf = decide(
        csr(), Caller(namespace="shop", service_account="cart", workload="a" * 250), Policy(), asked=Seconds(0), now=NOW
    )

    assert isinstance(leaf, Leaf)
    assert leaf.dns == ""
