"""Service-account tokens, asked for by whoever runs pods.

Place:  ports · implemented by shell/stores/remote (over the API), used by shell/runtime
"""

from collections.abc import Mapping
from typing import Any, Protocol


class TokenRefusedError(Exception):
    """No token is given; the text says why. Another try may succeed."""


class TokenSource(Protocol):
    """Makes tokens."""

    async def create_token(self, namespace: str, account: str, request: Mapping[str, Any]) -> str:
        """The token that a TokenRequest asks for. Waits while nobody answers. Raises TokenRefusedError."""
        ...
