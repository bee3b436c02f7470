"""Service-account tokens: made as Kubernetes makes them, and checked.

Place:  identity · servers/api (TokenRequest) → [token] → a JWT;  servers/ca: a JWT → [token] → Claims | Refusal
Source: Kubernetes, "Managing Service Accounts", bound tokens; RFC 7515, 7518 (ES256), 7519

The token says by which key it is signed; with which algorithm is settled here and by nobody else.
"""

import base64
import binascii
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from meltemi.core.identity.refusal import Refusal, unproven
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

ALGORITHM = "ES256"
LONGEST_TOKEN = 16_384
"""Characters."""
LEEWAY = Seconds(60)
"""How far the clocks of who made a token and who checks it may be apart."""
AUDIENCE = "istio-ca"
"""Whom Istio's agents address their tokens to."""
_HALF = 32
"""Bytes of each half of an ES256 signature."""


class Named(Value, frozen=True, kw_only=True):
    """An object and which one of that name."""

    name: str
    uid: str = ""


class Bound(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Claim `kubernetes.io`: whom the token is for."""

    namespace: str
    serviceaccount: Named
    pod: Named | None = None


class Claims(Value, frozen=True, kw_only=True):
    """What a token says. Times are seconds since 1970."""

    iss: str
    sub: str
    """`system:serviceaccount:NAMESPACE:NAME`."""
    aud: tuple[str, ...]
    exp: int
    iat: int
    nbf: int
    jti: str = ""
    kubernetes: Bound = msgspec.field(name="kubernetes.io")


class _Header(Value, frozen=True, kw_only=True):
    alg: str
    kid: str = ""
    typ: str = "JWT"


class Expected(Value, frozen=True, kw_only=True):
    """What a token must say to be taken."""

    issuer: str
    audience: str = AUDIENCE
    leeway: Seconds = LEEWAY


class PodFacts(Value, frozen=True, kw_only=True):
    """The pod of that name, as it is now."""

    uid: str
    service_account: str
    account_uid: str = ""
    """Of the service account of that name; empty where there is none."""


def subject(namespace: str, service_account: str) -> str:
    """How a service account is called in tokens."""
    return f"system:serviceaccount:{namespace}:{service_account}"


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """The name of a signing key: a hash of it."""
    return _b64(sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest())


def make(claims: Claims, key: ec.EllipticCurvePrivateKey) -> str:
    """The signed token. `key` is of P-256; equal input makes the equal token."""
    header = _Header(alg=ALGORITHM, kid=key_id(key.public_key()))
    said = f"{_b64(msgspec.json.encode(header))}.{_b64(msgspec.json.encode(claims))}"
    r, s = decode_dss_signature(key.sign(said.encode(), ec.ECDSA(SHA256(), deterministic_signing=True)))
    return f"{said}.{_b64(r.to_bytes(_HALF, 'big') + s.to_bytes(_HALF, 'big'))}"


def check(
    text: str, keys: Mapping[str, ec.EllipticCurvePublicKey], expected: Expected, *, now: float
) -> Claims | Refusal:
    """What a token says, if it is one of ours, for us and in force. `keys`: by key id; `now`: seconds since 1970."""
    try:
        said, signature, header, body = _split(text)
    except (ValueError, binascii.Error, UnicodeEncodeError, msgspec.DecodeError):
        return unproven("the token cannot be read")
    if header.alg != ALGORITHM:
        return unproven(f"the token is signed with '{header.alg}', not with {ALGORITHM}")
    key = keys.get(header.kid)
    if key is None:
        return unproven("the token is signed by a key that is not known here")
    if not _verified(key, signature, said):
        return unproven("the token's signature is wrong")
    try:
        claims = msgspec.json.decode(_flat(body), type=Claims)
    except msgspec.DecodeError as problem:
        return unproven(f"the token's claims cannot be read: {problem}")
    return _in_force(claims, expected, now)


def check_pod(claims: Claims, pod: PodFacts | None) -> Refusal | None:
    """Whether the pod that a token is bound to is still that pod. `pod`: what is known of the name; None: nothing."""
    bound = claims.kubernetes
    if bound.pod is None:
        return unproven("the token is not bound to a pod")
    name = f"{bound.namespace}/{bound.pod.name}"
    if pod is None:
        return unproven(f"the token is bound to the pod '{name}', which is gone")
    if not bound.pod.uid or pod.uid != bound.pod.uid:
        return unproven(f"the token is bound to an earlier pod of the name '{name}'")
    if pod.service_account != bound.serviceaccount.name:
        return unproven(f"the pod '{name}' runs as another service account than the token's")
    if not pod.account_uid or pod.account_uid != bound.serviceaccount.uid:
        return unproven(f"the service account '{bound.namespace}/{bound.serviceaccount.name}' is gone, or another")
    return None


def _in_force(claims: Claims, expected: Expected, now: float) -> Claims | Refusal:
    bound = claims.kubernetes
    if claims.iss != expected.issuer:
        return unproven(f"the token is of the issuer '{claims.iss}'")
    if expected.audience not in claims.aud:
        return unproven(f"the token is for {list(claims.aud)}, not for '{expected.audience}'")
    if now > claims.exp + expected.leeway:
        return unproven("the token has expired")
    if now < max(claims.nbf, claims.iat) - expected.leeway:
        return unproven("the token is not valid yet")
    if claims.sub != subject(bound.namespace, bound.serviceaccount.name):
        return unproven("the token's subject is not its service account")
    return claims


def _split(text: str) -> tuple[bytes, bytes, _Header, bytes]:
    """What is signed, the signature, and the two parts of what is signed. Raises ValueError and its like."""
    if len(text) > LONGEST_TOKEN:
        raise ValueError("too long")
    head, body, signature = text.split(".")
    header = msgspec.json.decode(_unb64(head), type=_Header)
    return f"{head}.{body}".encode("ascii"), _unb64(signature), header, _unb64(body)


def _verified(key: ec.EllipticCurvePublicKey, signature: bytes, said: bytes) -> bool:
    if len(signature) != 2 * _HALF:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:_HALF], signature[_HALF:]))
    try:
        key.verify(encode_dss_signature(r, s), said, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _flat(body: bytes) -> bytes:
    """`aud` is a list or, with one element, may be a text (RFC 7519, 4.1.3)."""
    tree: Any = msgspec.json.decode(body)
    if isinstance(tree, dict) and isinstance(tree.get("aud"), str):  # pyright: ignore[reportUnknownMemberType]
        tree["aud"] = [tree["aud"]]
    return msgspec.json.encode(tree)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
