"""view/tokens: which keys are in force, and whose tokens stand in one place."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from meltemi.core.check.jwks import bytes_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key, Meta
from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.core.model.security.request_authentication import JWTHeader, JWTRule, RequestAuthentication
from meltemi.core.pipeline.compile import fill
from meltemi.core.view.token_findings import token_findings
from meltemi.core.view.tokens import NOBODY, Tokens, tokens
from meshes import mesh_of

KEY = Key(group="security.istio.io", kind="RequestAuthentication", namespace="default", name="ours")


def settled(*rules: JWTRule, found: KeySet | None = None) -> Tokens:
    engine = Engine()
    spec = RequestAuthentication(jwt_rules=rules)
    fill(engine, [Document(key=KEY, version="v1", meta=Meta(name=KEY.name), spec=spec)])
    engine.put(("keys", KeySource(uri="https://keys")), found)
    return engine.get(tokens, (KEY,))


def keys_in_force(rule: JWTRule, found: KeySet | None = None) -> list[dict[str, str]]:
    return json.loads(settled(rule, found=found).groups[0][0].jwks)["keys"]


def test_nobody_has_the_key_that_stands_in_every_set() -> None:
    """Its x is a hash, so that whoever chose it knows no more of the private half than all others."""
    x, y = (int.from_bytes(bytes_of(NOBODY[name]) or b"", "big") for name in "xy")
    assert x == int.from_bytes(hashlib.sha256(b"nobody 3").digest(), "big")
    ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def test_without_keys_nobody_is_believed() -> None:
    fetched = JWTRule(issuer="i", jwks_uri="https://keys")
    assert keys_in_force(fetched) == [NOBODY]
    assert keys_in_force(fetched, KeySet(fault="down")) == [NOBODY]
    assert keys_in_force(fetched, KeySet(jwks='{"keys": [{"kid": "a"}]}', fault="down")) == [{"kid": "a"}, NOBODY]
    assert keys_in_force(JWTRule(issuer="i", jwks='{"keys": []}')) == [NOBODY]


def test_private_halves_go_no_further() -> None:
    members = {"kty": "RSA", "n": "AQ", "e": "AQAB"}
    written = members | dict.fromkeys(("d", "p", "q", "dp", "dq", "qi", "oth"), "AQ")
    assert keys_in_force(JWTRule(issuer="i", jwks=json.dumps({"keys": [written]}))) == [members, NOBODY]


def test_a_key_of_edwards_says_for_which_tokens_it_is() -> None:
    edwards, named = {"kty": "OKP", "x": "AQ"}, {"kty": "OKP", "alg": "EdDSA", "use": "sig"}
    rsa = {"kty": "RSA", "n": "AQ", "e": "AQAB"}
    written = JWTRule(issuer="i", jwks=json.dumps({"keys": [edwards, named, rsa]}))
    assert keys_in_force(written) == [edwards | {"alg": "EdDSA"}, named, rsa, NOBODY]


OLDER = """
---
apiVersion: authentication.istio.io/v1alpha1
kind: KIND
metadata: {name: default}
spec:
  origins:
  - jwt: {issuer: a, jwks: '{"keys": []}'}
  - jwt: {issuer: b, jwksUri: 'https://keys'}
  - jwt: {issuer: 'https://c'}
"""


@pytest.mark.parametrize("kind", ["Policy", "MeshPolicy"])
def test_keys_that_a_policy_asks_for_and_that_do_not_come_are_told(kind: str) -> None:
    text = OLDER.replace("KIND", kind)
    engine = mesh_of(text if kind == "MeshPolicy" else text.replace("default}", "default, namespace: shop}"))

    def said() -> list[tuple[str, str, str]]:
        return [(one.code, one.path, one.severity) for one in engine.get(token_findings)]

    discovered = ("M2915", "spec.origins[2].jwt.issuer", "info")
    assert said() == [("M2915", "spec.origins[1].jwt.jwksUri", "info"), discovered]
    engine.put(("keys", KeySource(uri="https://keys")), KeySet(fault="the server answers 404"))
    engine.settle()
    assert said() == [("M2915", "spec.origins[1].jwt.jwksUri", "warning"), discovered]
    engine.put(("keys", KeySource(uri="https://keys")), KeySet(jwks='{"keys": []}', unused=("key 0: short",)))
    engine.settle()
    assert said() == [("M2917", "spec.origins[1].jwt.jwksUri", "info"), discovered]


def test_issuers_with_a_place_in_common_stand_together() -> None:
    def at(issuer: str, *headers: str, params: tuple[str, ...] = ()) -> JWTRule:
        places = tuple(JWTHeader(name=name) for name in headers)
        return JWTRule(issuer=issuer, jwks="{}", from_headers=places, from_params=params)

    found = settled(
        at("a"), at("b", "X-B"), at("c", "x-c", params=("p",)), at("d", "AUTHORIZATION", "x-b"), at("e", "p")
    )
    groups = [[issuer.rule.issuer for issuer in group] for group in found.groups]
    assert groups == [["c"], ["a", "b", "d"], ["e"]]
