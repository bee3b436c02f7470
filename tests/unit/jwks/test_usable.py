"""Of a set that came the keys that Envoy takes are left, without their private halves; the others are named."""

import json
from typing import Any

import pytest

from e2e.fields.tokens import Signer, encoded
from meltemi.shell.jwks.usable import UnusableError, usable

RSA = Signer().key
EC = {
    "kty": "EC", "crv": "P-256", "kid": "two",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}  # fmt: skip
"""Source: RFC 7517, appendix A.1 (as RFC 7515, A.3)."""
ED = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
"""Source: RFC 8037, appendix A.2."""


def of(*keys: Any) -> list[dict[str, str]]:
    return json.loads(usable(json.dumps({"keys": keys}).encode()).jwks)["keys"]


@pytest.mark.parametrize("key", [RSA, EC, ED, EC | {"alg": "ES256"}, ED | {"alg": "EdDSA"}, RSA | {"alg": "PS512"}])
def test_what_tokens_can_be_verified_with(key: dict[str, str]) -> None:
    said = {name: value for name, value in key.items() if name != "use"}
    assert of(key) == [said]
    assert of(key | {"use": "sig", "d": "c2VjcmV0", "p": "c2VjcmV0", "x5c": ["…"], "key_ops": ["verify"]}) == [said]


LEFT_OUT: dict[str, tuple[Any, str]] = {
    "a shared secret": ({"kty": "oct", "k": "c2VjcmV0"}, "a shared secret"),
    "no object": ("key", "no JSON object"),
    "no kind": ({"n": RSA["n"], "e": RSA["e"]}, "of an unknown kind"),
    "another kind": (RSA | {"kty": ["RSA"]}, "of an unknown kind"),
    "for secrets": (RSA | {"use": "enc"}, "not for signatures"),
    "another algorithm": (RSA | {"alg": "RSA-OAEP"}, "not for RS256, "),
    "the algorithm of a secret": (RSA | {"alg": "HS256"}, "not for RS256, "),
    "an algorithm of another curve": (EC | {"alg": "ES384"}, "not for ES256"),
    "no number": ({"kty": "RSA", "e": "AQAB"}, "without 'n'"),
    "a number that is none": (RSA | {"n": 7}, "without 'n'"),
    "no base64url": (RSA | {"n": "a+b/"}, "'n' is no base64url"),
    "short": (RSA | {"n": encoded(b"\xff" * 128)}, "1024 bits"),
    "long": (RSA | {"n": encoded(b"\xff" * 2048)}, "16384 bits"),
    "an even exponent": (RSA | {"e": "Ag"}, "its numbers are no key"),
    "another curve": (EC | {"crv": "secp256k1"}, "of an unknown curve"),
    "off the curve": (EC | {"y": EC["x"]}, "its numbers are no key"),
    "to agree with": (ED | {"crv": "X25519"}, "of an unknown curve"),
    "cut off": (ED | {"x": "11qYAYKx"}, "its numbers are no key"),
    "a kid that is none": (EC | {"kid": 1}, "without 'kid'"),
}


@pytest.mark.parametrize(("key", "why"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_left_out_is_named_and_the_others_count(key: Any, why: str) -> None:
    found = usable(json.dumps({"keys": [key, ED]}).encode())
    assert json.loads(found.jwks)["keys"] == [ED]
    assert len(found.unused) == 1
    assert found.unused[0].startswith(f"key 0: {why}")
    with pytest.raises(UnusableError, match="no key of the set can be used"):
        of(key)


def test_an_empty_set_is_an_answer() -> None:
    """The issuer takes all keys back."""
    assert of() == []


def test_the_order_of_the_server_changes_nothing() -> None:
    assert of(RSA, EC, ED) == of(ED, RSA, EC)
