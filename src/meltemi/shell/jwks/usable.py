"""Of a key set that came, the keys that Envoy can verify tokens with, public halves only.

Place:  shell/jwks · bytes → [usable] → KeySet
Source: RFC 7517, RFC 7518 section 6, RFC 8037; Envoy, "JWT Authentication", for algorithms

A key that does not count is left out and named; the others count. A shared secret never does: whoever may read an
address that is open to all could sign tokens with it.
"""

import json

from meltemi.core.check.jwks import keys_of
from meltemi.core.check.public_keys import UnfitError, members, number, text
from meltemi.core.model.security.keys import KeySet
from meltemi.core.model.tree import Tree

MOST_KEYS = 100
FEWEST_BITS, MOST_BITS = 2048, 8192
"""Of an RSA modulus. Source: RFC 7518, section 3.3; above it verification takes too long."""


class UnusableError(Exception):
    """What came is no key set with a key to verify tokens with; the text says why."""


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
        except UnfitError as why:
            unused.append(f"key {i}: {why}")
    if found and not keys:
        raise UnusableError(f"no key of the set can be used: {unused[0]}")
    keys.sort(key=lambda key: sorted(key.items()))
    return KeySet(jwks=json.dumps({"keys": keys}, sort_keys=True), unused=tuple(unused))


def _public(key: Tree) -> dict[str, str]:
    """The members that say what the key is. Raises UnfitError."""
    if not isinstance(key, dict):
        raise UnfitError("no JSON object")
    if key.get("use", "sig") != "sig":
        raise UnfitError("not for signatures")
    if key.get("kty") == "oct":
        raise UnfitError("a shared secret")
    found = members(key)
    if "n" in found:
        _check_length(number(found, "n").bit_length())
    return {"kty": text(key, "kty")} | found | {name: text(key, name) for name in ("kid", "alg") if name in key}


def _check_length(bits: int) -> None:
    if not FEWEST_BITS <= bits <= MOST_BITS:
        raise UnfitError(f"{bits} bits, and {FEWEST_BITS} to {MOST_BITS} are possible")
