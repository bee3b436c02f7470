"""The issuer of service-account tokens: its key, and tokens made and checked with it.

Place:  shell · ports/keys → [issuer] → servers/api (TokenRequest), servers/ca (whose token is this)
"""

from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from meltemi.core.identity.refusal import Refusal
from meltemi.core.identity.token import Claims, Expected, check, key_id, make
from meltemi.ports.keys import Keys

NAME = "token-issuer.pem"


class Issuer:
    """One key, made on first start."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, name: str, now: Callable[[], datetime]) -> None:
        self._key = key
        self._keys = {key_id(key.public_key()): key.public_key()}
        self.name = name
        """Claim `iss`: a URL, which need not lead anywhere."""
        self._now = now

    def token(self, claims: Claims) -> str:
        """A signed token."""
        return make(claims, self._key)

    def check(self, token: str, audience: str) -> Claims | Refusal:
        """What a token says, if it is one of ours, for the audience and in force."""
        return check(token, self._keys, Expected(issuer=self.name, audience=audience), now=self._now().timestamp())


async def open_issuer(keys: Keys, *, domain: str, now: Callable[[], datetime]) -> Issuer:
    """The issuer of a mesh; its key is made where there is none. `domain`: of the cluster."""
    kept = await keys.read(NAME)
    if kept is None:
        made = ec.generate_private_key(ec.SECP256R1())
        kept = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        await keys.write(NAME, kept, new=True)
    key = load_pem_private_key(kept, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  (only this module writes it)
    return Issuer(key, issuer_name(domain), now)


def issuer_name(domain: str) -> str:
    """Claim `iss` of a cluster's tokens: Kubernetes' own."""
    return f"https://kubernetes.default.svc.{domain}"
