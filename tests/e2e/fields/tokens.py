"""Tokens that a test signs itself.

Place:  tests/e2e/fields · RFC 7515, RFC 7519
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER = "https://issuer.example.com/a"


def now() -> int:
    """Seconds since 1970."""
    return int(datetime.now(UTC).timestamp())


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """An issuer with one key."""

    def __init__(self, kid: str = "one", issuer: str = ISSUER) -> None:
        self.kid, self.issuer = kid, issuer
        self._key = rsa.generate_private_key(65537, 2048)

    @property
    def key(self) -> dict[str, str]:
        """The public half."""
        numbers = self._key.public_key().public_numbers()
        n, e = (encoded(i.to_bytes((i.bit_length() + 7) // 8, "big")) for i in (numbers.n, numbers.e))
        return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "n": n, "e": e}

    def jwks(self, *others: "Signer") -> str:
        return json.dumps({"keys": [self.key, *(one.key for one in others)]})

    def payload(self, **claims: Any) -> dict[str, Any]:
        """Claims of a sound token; None leaves one out."""
        written = {"iss": self.issuer, "sub": "ann", "exp": now() + 3600} | claims
        return {name: value for name, value in written.items() if value is not None}

    def token(self, head: dict[str, Any] | None = None, **claims: Any) -> str:
        said = f"{_part({'alg': 'RS256', 'kid': self.kid} | (head or {}))}.{_part(self.payload(**claims))}"
        return f"{said}.{encoded(self._key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def unsigned(self, **claims: Any) -> str:
        """A token that says that it needs no signature."""
        return f"{_part({'alg': 'none'})}.{_part(self.payload(**claims))}."

    def by_public_key(self, **claims: Any) -> str:
        """A token that takes the public key for a shared secret."""
        said = f"{_part({'alg': 'HS256', 'kid': self.kid})}.{_part(self.payload(**claims))}"
        secret = json.dumps(self.key).encode()
        return f"{said}.{encoded(hmac.new(secret, said.encode(), hashlib.sha256).digest())}"

    def bearer(self, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(**claims)}"}


def _part(tree: dict[str, Any]) -> str:
    return encoded(json.dumps(tree).encode())


def indented(jwks: str) -> str:
    """A key set as a YAML text in one line."""
    return "'" + jwks.replace("'", "''") + "'"
