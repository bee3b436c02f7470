"""Tokens that are asked for by path: what authentication Policies say, in the words of RequestAuthentications.

Place:  model/security · legacy/authentication → compose/authentication → view/tokens
"""

from msgspec import structs

from meltemi.core.model.security.request_authentication import JWTRule
from meltemi.core.model.value import Value


class Region(Value, frozen=True, kw_only=True):
    """Paths where the same is asked for: one, or all that begin so. The first that fits counts."""

    path: str
    exact: bool = False
    rules: tuple[int, ...] = ()
    """Of which one token must be sound; nothing is asked for without any."""


class Origins(Value, frozen=True, kw_only=True):
    """Issuers of which one is asked for."""

    rules: tuple[JWTRule, ...]
    regions: tuple[Region, ...]
    """The last one has all paths that are left."""
    optional: bool = False
    """Requests without a sound token pass."""

    def counted_from(self, first: int) -> "Origins":
        """The same, where other rules stand before these."""
        moved = (structs.replace(one, rules=tuple(i + first for i in one.rules)) for one in self.regions)
        return structs.replace(self, regions=tuple(moved))
