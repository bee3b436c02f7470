"""Rules for JSON Web Key Sets.

Place:  [check/jwks] → check/{public_keys,request_authentication}, view/tokens, shell/jwks
Source: RFC 7517, RFC 7518 section 6, RFC 8037
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import cast

from meltemi.core.check.report import error, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.tree import Tree

MAX_SET = 1 << 20
"""Characters."""
MEMBERS = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",), "oct": ("k",)}
"""Kind of key → members that are numbers as base64url."""
_BASE64URL = re.compile(r"[-_A-Za-z0-9]+={0,2}\Z")
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
"""Members of private keys of all kinds that have a public half."""


def check_jwks(text: str, path: Path) -> Iterator[Finding]:
    """A set of public keys."""
    keys = keys_of(text)
    if keys is None:
        tip = 'write {"keys": […]} with the issuer\'s public keys'
        yield error("M2912", path, "this is no JSON Web Key Set", tip)
        return
    if not keys:
        yield warning("M2912", path, "the set is empty: no token of this issuer can be sound")
    for i, key in enumerate(keys):
        yield from _check_key(key, i, path)


def keys_of(text: str) -> list[Tree] | None:
    """The keys of a set; None for what is no set, or is too large."""
    if len(text) > MAX_SET:
        return None
    try:
        found = cast("Tree", json.loads(text))
    except (ValueError, RecursionError):
        return None
    keys = found.get("keys") if isinstance(found, dict) else None
    return keys if isinstance(keys, list) else None


def _check_key(key: Tree, i: int, path: Path) -> Iterator[Finding]:
    kind = key.get("kty") if isinstance(key, dict) else None
    if not isinstance(key, dict) or not isinstance(kind, str) or kind not in MEMBERS:
        yield error("M2912", path, f"key {i} is of no known kind", f"known: {', '.join(MEMBERS)}")
        return
    wrong = [name for name in MEMBERS[kind] if bytes_of(key.get(name)) is None]
    for name in wrong:
        yield error("M2912", path, f"{name!r} of key {i} ({kind}) is missing or no base64url")
    if not wrong and kind != "oct" and (why := _unfit(key)):
        yield warning("M2917", path, f"not used, of the keys: key {i}: {why}", "see: meltemi code M2917")
    if public_half(key) != key:
        message = f"key {i} is a private one: who reads the configuration can sign tokens"
        yield warning("M2913", path, message, "replace the key, and write its public half only")


def _unfit(key: dict[str, Tree]) -> str:
    """Why Envoy passes over a key; empty where it does not. It takes a key without `crv` for one of P-256."""
    from meltemi.core.check.public_keys import UnfitError, members  # noqa: PLC0415  (0.2 s, for who writes keys)

    try:
        members({"crv": "P-256", **key})
    except UnfitError as why:
        return str(why)
    return ""


def public_half(key: Tree) -> Tree:
    """A key without what would let its readers sign tokens; a shared secret has nothing else."""
    if not isinstance(key, dict) or key.get("kty") == "oct":
        return key
    return {name: value for name, value in key.items() if name not in PRIVATE}


def bytes_of(written: Tree) -> bytes | None:
    """What a member says as base64url; None where it does not."""
    if not isinstance(written, str) or not _BASE64URL.match(written):
        return None
    try:
        return base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
    except binascii.Error:
        return None
