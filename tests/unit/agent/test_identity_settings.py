"""Keys and certificates as the environment asks for them, in Istio's words."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import load_pem_x509_csr

from meltemi.shell.agent import keys
from meltemi.shell.agent.settings import read

# fmt: off
KEYS: dict[str, tuple[dict[str, str], tuple[int, int]]] = {
    "nothing said":     ({},                                                                (256, 2048)),
    "elliptic":         ({"ECC_SIGNATURE_ALGORITHM": "ECDSA"},                              (256, 2048)),
    "P-384":            ({"ECC_SIGNATURE_ALGORITHM": "ECDSA", "ECC_CURVE": "P384"},         (384, 2048)),
    "RSA":              ({"ECC_SIGNATURE_ALGORITHM": ""},                                   (0, 2048)),
    "RSA by its size":  ({"WORKLOAD_RSA_KEY_SIZE": "3072"},                                 (0, 3072)),
    "elliptic wins":    ({"ECC_SIGNATURE_ALGORITHM": "ECDSA", "WORKLOAD_RSA_KEY_SIZE": "4096"}, (256, 2048)),
}
WRONG = {
    "curve":        ({"ECC_CURVE": "P521"},                         "ECC_CURVE"),
    "algorithm":    ({"ECC_SIGNATURE_ALGORITHM": "ED25519"},        "ECC_SIGNATURE_ALGORITHM"),
    "weak":         ({"WORKLOAD_RSA_KEY_SIZE": "1024"},             "WORKLOAD_RSA_KEY_SIZE"),
    "huge":         ({"WORKLOAD_RSA_KEY_SIZE": "65536"},            "WORKLOAD_RSA_KEY_SIZE"),
    "part":         ({"SECRET_GRACE_PERIOD_RATIO": "1.5"},          "SECRET_GRACE_PERIOD_RATIO"),
    "time":         ({"SECRET_TTL": "long"},                        "long"),
}
# fmt: on


@pytest.mark.parametrize(("env", "wanted"), KEYS.values(), ids=KEYS)
def test_which_key(env: dict[str, str], wanted: tuple[int, int]):
    found = read(role="sidecar", domain="", env=env).identity

    assert (found.curve, found.rsa_bits) == wanted


@pytest.mark.parametrize(("env", "word"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_said(env: dict[str, str], word: str):
    with pytest.raises(ValueError, match=word):
        read(role="sidecar", domain="", env=env)


def test_lives_and_renewal():
    env = {"SECRET_TTL": "1h30m", "SECRET_GRACE_PERIOD_RATIO": "0.2", "SECRET_GRACE_PERIOD_RATIO_JITTER": "0"}

    found = read(role="sidecar", domain="", env=env).identity

    assert (found.life, found.renew_at, found.jitter) == (5400, 0.8, 0.0)


@pytest.mark.parametrize(("curve", "bits", "kind"), [(256, 0, ec.SECP256R1), (384, 0, ec.SECP384R1), (0, 2048, None)])
def test_a_request_names_nobody_and_is_signed_by_its_key(curve: int, bits: int, kind: type[ec.EllipticCurve] | None):
    request = load_pem_x509_csr(keys.make(curve=curve, rsa_bits=bits).csr.encode())

    assert request.is_signature_valid
    assert not list(request.subject)
    assert not list(request.extensions)
    public = request.public_key()
    if kind is None:
        assert isinstance(public, rsa.RSAPublicKey)
        assert public.key_size == bits
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        assert isinstance(public.curve, kind)


def test_keys_are_not_shown():
    assert "PrivateKey" not in repr(keys.make(curve=256, rsa_bits=0))


@pytest.mark.parametrize("chain", [(), ("no certificate",)])
def test_what_is_no_certificate_is_said(chain: tuple[str, ...]):
    with pytest.raises(ValueError):
        keys.leaf(keys.make(curve=256, rsa_bits=0), chain)
