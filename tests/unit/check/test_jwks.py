"""check/jwks: a key beside others that no token can be verified with is named, and the others are left alone."""

import json
from typing import Any

import pytest

from e2e.fields.tokens import Signer, encoded
from meltemi.core.check.jwks import check_jwks
from meltemi.core.model.document import Path

RSA = Signer().key
EC = {
    "kty": "EC", "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}  # fmt: skip
"""Source: RFC 7515, appendix A.3."""
ED = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
"""Source: RFC 8037, appendix A.2."""


def said(*keys: dict[str, Any]) -> list[str]:
    return [f"{one.code}: {one.message}" for one in check_jwks(json.dumps({"keys": keys}), Path("spec.jwks"))]


UNUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another algorithm": (RSA | {"alg": "RSA-OAEP"}, "not for RS256, RS384, RS512, PS256, PS384, PS512"),
    "the algorithm of a secret": (RSA | {"alg": "HS256"}, "not for RS256, RS384, RS512, PS256, PS384, PS512"),
    "an algorithm of another curve": (EC | {"alg": "ES384"}, "not for ES256"),
    "another curve": (EC | {"crv": "secp256k1"}, "of an unknown curve"),
    "off the curve": (EC | {"y": EC["x"]}, "its numbers are no key"),
    "to agree with": (ED | {"crv": "X25519"}, "of an unknown curve"),
    "cut off": (ED | {"x": "11qYAYKx"}, "its numbers are no key"),
    "an even exponent": (RSA | {"e": "Ag"}, "its numbers are no key"),
}


@pytest.mark.parametrize(("key", "why"), UNUSED.values(), ids=UNUSED)
def test_a_key_that_is_passed_over_is_named(key: dict[str, Any], why: str) -> None:
    assert said(RSA, key, ED) == [f"M2917: not used, of the keys: key 1: {why}"]


@pytest.mark.parametrize(
    "key",
    [
        RSA | {"use": "enc"},
        RSA | {"n": encoded(b"\xff" * 128)},
        EC | {"alg": "ES256"},
        {name: value for name, value in EC.items() if name != "crv"},
        ED | {"alg": "EdDSA"},
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
    ],
)
def test_what_envoy_verifies_with_is_not(key: dict[str, Any]) -> None:
    assert said(RSA, key, ED) == []


def test_a_number_that_is_none_is_an_error_and_said_once() -> None:
    assert said(RSA | {"n": "a+b/"}) == ["M2912: 'n' of key 0 (RSA) is missing or no base64url"]
