"""A source of tokens that keeps the port's promises, and can be told to refuse."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from meltemi.ports.tokens import TokenRefusedError


class FakeTokens:
    """Tokens without a signature; each is another one."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []
        self.refusing = ""
        self.made_before = 0.0
        """Seconds by which the next token is older than it is."""

    async def create_token(self, namespace: str, account: str, request: Mapping[str, Any]) -> str:
        """As the port says."""
        self.asked.append((namespace, account, request))
        if self.refusing:
            raise TokenRefusedError(self.refusing)
        made = datetime.now(UTC).timestamp() - self.made_before
        claims = {"iat": made, "exp": made + request["spec"]["expirationSeconds"], "jti": len(self.asked)}
        return f"e30.{_part(claims)}.signature"


def _part(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
