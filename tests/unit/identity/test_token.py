"""identity/token makes tokens as Kubernetes does, and takes no other."""

import base64
import json
from typing import Any

import pytest
from msgspec.structs import replace

from meltemi.core.identity.refusal import Refusal
from meltemi.core.identity.token import Bound, Claims, Expected, Named, PodFacts, check, check_pod, key_id, make
from unit.identity.pki import p256

NOW = 1_800_000_000
ISSUER = "https://kubernetes.default.svc.cluster.local"
KEY = p256()
KEYS = {key_id(KEY.public_key()): KEY.public_key()}
CLAIMS = Claims(
    iss=ISSUER,
    sub="system:serviceaccount:shop:cart",
    aud=("istio-ca",),
    iat=NOW,
    nbf=NOW,
    exp=NOW + 3600,
    jti="1",
    kubernetes=Bound(
        namespace="shop", serviceaccount=Named(name="cart", uid="sa-1"), pod=Named(name="cart-1", uid="pod-1")
    ),
)
EXPECTED = Expected(issuer=ISSUER)


def checked(token: str, now: float = NOW) -> Claims | Refusal:
    return check(token, KEYS, EXPECTED, now=now)


def parts(token: str) -> list[Any]:
    return [json.loads(base64.urlsafe_b64decode(one + "==")) for one in token.split(".")[:2]]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(algorithm: str) -> str:
    header, body = parts(make(CLAIMS, KEY))
    return f"{b64(json.dumps(header | {'alg': algorithm}).encode())}.{b64(json.dumps(body).encode())}."


def test_a_token_is_read_as_it_was_made():
    assert checked(make(CLAIMS, KEY)) == CLAIMS


def test_claims_are_kubernetes():
    header, body = parts(make(CLAIMS, KEY))

    assert header == {"alg": "ES256", "kid": key_id(KEY.public_key()), "typ": "JWT"}
    assert body["kubernetes.io"] == {
        "namespace": "shop",
        "serviceaccount": {"name": "cart", "uid": "sa-1"},
        "pod": {"name": "cart-1", "uid": "pod-1"},
    }


# fmt: off
_GOOD = make(CLAIMS, KEY)
_HEAD, _BODY, _SIGNATURE = _GOOD.split(".")
BAD = {
    "algorithm none":           (unsigned("none"), "'none'"),
    "algorithm HS256":          (unsigned("HS256") + b64(b"x" * 32), "'HS256'"),
    "another key":              (make(CLAIMS, p256()), "not known"),
    "another's signature":      (f"{_HEAD}.{_BODY}.{make(replace(CLAIMS, jti='2'), KEY).split('.')[2]}", "signature"),
    "no signature":             (f"{_HEAD}.{_BODY}.", "signature"),
    "a signature of zeros":     (f"{_HEAD}.{_BODY}.{b64(bytes(64))}", "signature"),
    "other claims":             (f"{_HEAD}.{make(replace(CLAIMS, sub='x'), KEY).split('.')[1]}.{_SIGNATURE}",
                                 "signature"),
    "wrong audience":           (make(replace(CLAIMS, aud=("vault",)), KEY), "vault"),
    "no audience":              (make(replace(CLAIMS, aud=()), KEY), "istio-ca"),
    "wrong issuer":             (make(replace(CLAIMS, iss="https://evil"), KEY), "evil"),
    "expired":                  (make(replace(CLAIMS, exp=NOW - 61), KEY), "expired"),
    "not valid yet":            (make(replace(CLAIMS, nbf=NOW + 61), KEY), "not valid yet"),
    "issued in the future":     (make(replace(CLAIMS, iat=NOW + 61), KEY), "not valid yet"),
    "another's subject":        (make(replace(CLAIMS, sub="system:serviceaccount:shop:admin"), KEY), "subject"),
    "nothing":                  ("", "cannot be read"),
    "two parts":                ("a.b", "cannot be read"),
    "not base64":               (f"{_HEAD}!.{_BODY}.{_SIGNATURE}", "cannot be read"),
    "not ASCII":                ("é.é.é", "cannot be read"),
    "too long":                 ("a" * 20_000, "cannot be read"),
    "no claims of Kubernetes'": (make(CLAIMS, KEY)[:0] + "e30.e30.e30", "cannot be read"),
}
# fmt: on


@pytest.mark.parametrize(("token", "said"), BAD.values(), ids=BAD)
def test_refused(token: str, said: str):
    refusal = checked(token)

    assert isinstance(refusal, Refusal)
    assert said in refusal.message


@pytest.mark.parametrize("now", [NOW - 59, NOW + 3600 + 59])
def test_clocks_may_be_a_minute_apart(now: int):
    assert checked(_GOOD, now) == CLAIMS


# fmt: off
PODS = {
    "the pod":                  (PodFacts(uid="pod-1", service_account="cart", account_uid="sa-1"), ""),
    "gone":                     (None, "is gone"),
    "another of that name":     (PodFacts(uid="pod-2", service_account="cart"), "earlier pod"),
    "another account":          (PodFacts(uid="pod-1", service_account="admin"), "another service account"),
    "no account":               (PodFacts(uid="pod-1", service_account="cart"), "is gone, or another"),
    "a later account":          (PodFacts(uid="pod-1", service_account="cart", account_uid="sa-2"), "or another"),
}
# fmt: on


@pytest.mark.parametrize(("pod", "said"), PODS.values(), ids=PODS)
def test_the_pod_must_be_there_still(pod: PodFacts | None, said: str):
    refusal = check_pod(CLAIMS, pod)

    assert (refusal is None) == (said == "")
    assert refusal is None or said in refusal.message


def test_a_token_without_a_pod_proves_no_workload():
    claims = replace(CLAIMS, kubernetes=replace(CLAIMS.kubernetes, pod=None))

    refusal = check_pod(claims, PodFacts(uid="pod-1", service_account="cart", account_uid="sa-1"))

    assert isinstance(refusal, Refusal)
