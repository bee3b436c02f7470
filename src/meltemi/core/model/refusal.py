"""What an Envoy refused, and what takes its place.

Place:  xds/offer makes it → xds/refusals remembers it → ports/refusals keeps it over a restart
"""

from meltemi.core.model.resource import Resource
from meltemi.core.model.value import Value


class Refusal(Value, frozen=True, kw_only=True):
    """One version of a resource that no proxy is to be sent again."""

    resource: Resource
    reason: str
    """Envoy's words."""
    instead: Resource | None = None
    """The last version that proxies accepted; None where none is known."""
