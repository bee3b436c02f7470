"""Of a key set that came, the keys that Envoy can verify tokens with, public halves only.

Place:  shell/jwks · bytes → [usable] → KeySet
Source: RFC 7517, RFC 7518 section 6, RFC 8037; Envoy, "JWT Authentication", for algorithms

A key that does not count is left out and named; the others count. A shared secret never does: whoever may read an
address that is open to all could sign tokens with it.
"""

import json
from collections.abc import Callable, Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from meltemi.core.check.jwks import bytes_of, keys_of
from meltemi.core.model.security.keys import KeySet
from meltemi.core.model.tree import Tree

MOST_KEYS = 100
FEWEST_BITS, MOST_BITS = 2048, 8192
"""Of an RSA modulus. Source: RFC 7518, section 3.3; above it verification takes too long."""
_MOST_EXPONENT = 33
"""Bits; BoringSSL takes no longer one."""
_CURVES: Mapping[str, tuple[ec.EllipticCurve, str]] = {
    "P-256": (ec.SECP256R1(), "ES256"),
    "P-384": (ec.SECP384R1(), "ES384"),
    "P-521": (ec.SECP521R1(), "ES512"),
}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

Key = Mapping[str, Tree]


class UnusableError(Exception):
    """What came is no key set with a key to verify tokens with; the text says why."""


class _LeftOutError(Exception):
    """One key does not count; the text says why."""


def usable(body: bytes) -> KeySet:
    """The keys that count, sorted. Raises UnusableError.

    A set that is empty as it came says that no token is sound; it counts. One without any key that counts does not.
    """
    try:
        found = keys_of(body.decode())
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise UnusableError("what came is no JSON Web Key Set")
    if len(found) > MOST_KEYS:
        raise UnusableError(f"the set has {len(found)} keys, and at most {MOST_KEYS} are read")
    keys: list[dict[str, str]] = []
    unused: list[str] = []
    for i, key in enumerate(found):
        try:
            keys.append(_public(key))
        except _LeftOutError as why:
            unused.append(f"key {i}: {why}")
    if found and not keys:
        raise UnusableError(f"no key of the set can be used: {unused[0]}")
    keys.sort(key=lambda key: sorted(key.items()))
    return KeySet(jwks=json.dumps({"keys": keys}, sort_keys=True), unused=tuple(unused))


def _public(key: Tree) -> dict[str, str]:
    """The members that say what the key is. Raises _LeftOutError."""
    if not isinstance(key, dict):
        raise _LeftOutError("no JSON object")
    if key.get("use", "sig") != "sig":
        raise _LeftOutError("not for signatures")
    kind = key.get("kty")
    read = _KINDS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise _LeftOutError("a shared secret" if kind == "oct" else "of an unknown kind")
    try:
        members = read(key)
    except (ValueError, UnsupportedAlgorithm):
        raise _LeftOutError("its numbers are no key") from None
    names = {name: _text(key, name) for name in ("kid", "alg") if name in key}
    return {"kty": str(kind)} | members | names


def _rsa(key: Key) -> dict[str, str]:
    _algorithm(key, _RSA)
    n, e = _number(key, "n"), _number(key, "e")
    if not FEWEST_BITS <= n.bit_length() <= MOST_BITS or e.bit_length() > _MOST_EXPONENT:
        raise _LeftOutError(f"{n.bit_length()} bits, and {FEWEST_BITS} to {MOST_BITS} are possible")
    rsa.RSAPublicNumbers(e, n).public_key()
    return {name: _text(key, name) for name in ("n", "e")}


def _ec(key: Key) -> dict[str, str]:
    curve, algorithm = _CURVES.get(_text(key, "crv"), (None, ""))
    if curve is None:
        raise _LeftOutError("of an unknown curve")
    _algorithm(key, (algorithm,))
    ec.EllipticCurvePublicNumbers(_number(key, "x"), _number(key, "y"), curve).public_key()
    return {name: _text(key, name) for name in ("crv", "x", "y")}


def _okp(key: Key) -> dict[str, str]:
    if _text(key, "crv") != "Ed25519":
        raise _LeftOutError("of an unknown curve")
    _algorithm(key, ("EdDSA",))
    ed25519.Ed25519PublicKey.from_public_bytes(_bytes(key, "x"))
    return {name: _text(key, name) for name in ("crv", "x")}


_KINDS: Mapping[str, Callable[[Key], dict[str, str]]] = {"RSA": _rsa, "EC": _ec, "OKP": _okp}


def _algorithm(key: Key, possible: tuple[str, ...]) -> None:
    if "alg" in key and key["alg"] not in possible:
        raise _LeftOutError(f"not for {', '.join(possible)}")


def _text(key: Key, name: str) -> str:
    value = key.get(name)
    if not isinstance(value, str):
        raise _LeftOutError(f"without {name!r}")
    return value


def _bytes(key: Key, name: str) -> bytes:
    found = bytes_of(_text(key, name))
    if found is None:
        raise _LeftOutError(f"{name!r} is no base64url")
    return found


def _number(key: Key, name: str) -> int:
    return int.from_bytes(_bytes(key, name), "big")
