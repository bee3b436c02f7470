"""identity/certificate writes what peers demand; identity/authority takes only what holds together."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.verification import PolicyBuilder, Store
from msgspec.structs import replace

from meltemi.core.identity.authority import Authority, Parts, load
from meltemi.core.identity.certificate import sign
from meltemi.core.identity.csr import Caller, Leaf, Policy, decide
from meltemi.core.identity.keys import PrivateKey
from meltemi.core.identity.refusal import Refusal
from meltemi.core.model.units import Seconds
from unit.identity.pki import NOW, csr, intermediate, loaded, p256, root, root_parts, rsa_key

CALLER = Caller(namespace="shop", service_account="cart", workload="cart")
ROOT = root()


def issue(authority: Authority = ROOT, key: PrivateKey | None = None, seconds: float = 0) -> x509.Certificate:
    leaf = decide(csr(key=key), CALLER, Policy(), asked=Seconds(seconds), now=NOW)
    assert isinstance(leaf, Leaf)
    return x509.load_pem_x509_certificate(sign(leaf, authority, serial=99))


def test_a_leaf_says_what_spiffe_demands():
    leaf = issue()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)

    assert [one.value for one in names.value] == ["spiffe://cluster.local/ns/shop/sa/cart", "cart.shop.workload"]
    assert names.critical  # the subject is empty (RFC 5280, 4.2.1.6)
    assert len(list(leaf.subject)) == 0
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_encipherment
    assert not usage.value.key_cert_sign
    assert basic.value == x509.BasicConstraints(ca=False, path_length=None)
    assert issuer.value.key_identifier == ROOT.identifier
    assert (leaf.serial_number, leaf.not_valid_before_utc) == (99, NOW - timedelta(minutes=2))


def test_an_rsa_leaf_may_encipher_keys():
    leaf = issue(key=rsa_key())

    assert isinstance(leaf.public_key(), rsa.RSAPublicKey)
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment


def test_a_leaf_does_not_outlive_its_authority():
    ends = NOW + timedelta(hours=2)
    below = loaded(intermediate(ROOT, ends=ends))

    assert issue(below).not_valid_after_utc == ends


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_verifier_of_its_own_accepts_the_chain(depth: int):
    """The chain as a peer sees it: leaf, intermediates, and the root that he trusts."""
    authority = ROOT
    for _ in range(depth):
        authority = loaded(intermediate(authority))
    leaf = issue(authority)
    between = [x509.load_pem_x509_certificate(one.encode()) for one in authority.intermediates]
    trusted = Store([x509.load_pem_x509_certificate(ROOT.roots[0].encode())])

    found = PolicyBuilder().store(trusted).time(NOW).build_client_verifier().verify(leaf, between)

    assert found.chain[-1] == trusted_root(ROOT)
    assert len(between) == depth


def trusted_root(authority: Authority) -> x509.Certificate:
    return x509.load_pem_x509_certificate(authority.roots[-1].encode())


def test_equal_input_makes_the_equal_certificate():
    key = p256()
    request = csr(key=key)
    leaf = decide(request, CALLER, Policy(), asked=Seconds(0), now=NOW)
    assert isinstance(leaf, Leaf)

    assert sign(leaf, ROOT, serial=5) == sign(leaf, ROOT, serial=5)


def test_a_plugged_in_chain_may_hold_the_root_or_not():
    parts = intermediate(ROOT)

    for chain in (parts.cert_chain, parts.cert_chain + parts.root_cert, parts.root_cert + parts.cert_chain, ""):
        authority = loaded(replace(parts, cert_chain=chain))
        assert authority.intermediates == (parts.ca_cert,)
        assert authority.roots == (parts.root_cert,)


def test_other_roots_of_the_bundle_are_kept_before_the_own():
    parts, other = intermediate(ROOT), root_parts()

    authority = loaded(replace(parts, root_cert=parts.root_cert + other.ca_cert))

    assert authority.roots == (other.ca_cert, parts.root_cert)


_SOUND = intermediate(ROOT)
_SHALLOW = loaded(intermediate(ROOT, path_length=0))
# fmt: off
BROKEN: dict[str, tuple[Parts, str]] = {
    "another's key":           (replace(_SOUND, ca_key=root_parts().ca_key), "is not the key"),
    "another root":            (replace(_SOUND, root_cert=root_parts().root_cert), "does not lead"),
    "a part of the chain":     (replace(intermediate(loaded(_SOUND)), cert_chain=""), "does not lead"),
    "expired":                 (intermediate(ROOT, ends=NOW - timedelta(hours=1)), "valid from"),
    "not valid yet":           (intermediate(ROOT, begins=NOW + timedelta(hours=1)), "valid from"),
    "no authority":            (intermediate(ROOT, ca=False), "basic constraints"),
    "below one without any":   (intermediate(_SHALLOW), "allows only 0"),
    "a weak key":              (intermediate(ROOT, key=rsa_key(1024)), "1024"),
    "no PEM":                  (replace(_SOUND, ca_cert="hello"), "cannot be read"),
    "no key":                  (replace(_SOUND, ca_key=""), "cannot be read"),
}
# fmt: on


@pytest.mark.parametrize(("parts", "said"), BROKEN.values(), ids=BROKEN)
def test_an_authority_that_does_not_hold_together_is_refused(parts: Parts, said: str):
    refusal = load(parts, now=NOW)

    assert isinstance(refusal, Refusal)
    assert said in refusal.message
