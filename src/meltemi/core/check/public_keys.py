"""Which public keys Envoy can verify a token with.

Place:  [check/public_keys] → check/jwks, shell/jwks/usable
Source: RFC 7517, RFC 7518 section 6, RFC 8037; Envoy, "JWT Authentication", for algorithms
"""

from collections.abc import Callable, Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from meltemi.core.check.jwks import bytes_of
from meltemi.core.model.tree import Tree

_CURVES: Mapping[str, tuple[ec.EllipticCurve, str]] = {
    "P-256": (ec.SECP256R1(), "ES256"),
    "P-384": (ec.SECP384R1(), "ES384"),
    "P-521": (ec.SECP521R1(), "ES512"),
}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_MOST_EXPONENT = 33
"""Bits; BoringSSL takes no longer one."""

Key = Mapping[str, Tree]


class UnfitError(Exception):
    """No token can be verified with a key; the text says why."""


def members(key: Key) -> dict[str, str]:
    """The members that say what a key of a known kind is. Raises UnfitError."""
    kind = key.get("kty")
    read = _KINDS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise UnfitError("of an unknown kind")
    try:
        return read(key)
    except (ValueError, UnsupportedAlgorithm):
        raise UnfitError("its numbers are no key") from None


def _rsa(key: Key) -> dict[str, str]:
    _algorithm(key, _RSA)
    n, e = number(key, "n"), number(key, "e")
    if e.bit_length() > _MOST_EXPONENT:
        raise UnfitError("its numbers are no key")
    rsa.RSAPublicNumbers(e, n).public_key()
    return {name: text(key, name) for name in ("n", "e")}


def _ec(key: Key) -> dict[str, str]:
    curve, algorithm = _CURVES.get(text(key, "crv"), (None, ""))
    if curve is None:
        raise UnfitError("of an unknown curve")
    _algorithm(key, (algorithm,))
    ec.EllipticCurvePublicNumbers(number(key, "x"), number(key, "y"), curve).public_key()
    return {name: text(key, name) for name in ("crv", "x", "y")}


def _okp(key: Key) -> dict[str, str]:
    if text(key, "crv") != "Ed25519":
        raise UnfitError("of an unknown curve")
    _algorithm(key, ("EdDSA",))
    ed25519.Ed25519PublicKey.from_public_bytes(_bytes(key, "x"))
    return {name: text(key, name) for name in ("crv", "x")}


_KINDS: Mapping[str, Callable[[Key], dict[str, str]]] = {"RSA": _rsa, "EC": _ec, "OKP": _okp}


def _algorithm(key: Key, possible: tuple[str, ...]) -> None:
    if "alg" in key and key["alg"] not in possible:
        raise UnfitError(f"not for {', '.join(possible)}")


def text(key: Key, name: str) -> str:
    """A member that is a text. Raises UnfitError."""
    value = key.get(name)
    if not isinstance(value, str):
        raise UnfitError(f"without {name!r}")
    return value


def number(key: Key, name: str) -> int:
    """A member that is a number. Raises UnfitError."""
    return int.from_bytes(_bytes(key, name), "big")


def _bytes(key: Key, name: str) -> bytes:
    found = bytes_of(text(key, name))
    if found is None:
        raise UnfitError(f"{name!r} is no base64url")
    return found
