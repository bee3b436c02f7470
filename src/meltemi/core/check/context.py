"""What a rule may know of a document besides its content.

Place:  [check/context] → all of check
"""

from meltemi.core.model.document import Key, Meta
from meltemi.core.model.value import Value

SEMANTICS = "internal.istio.io/gateway-semantics"
"""Set to `gateway` by translators of the Gateway API: names and hosts then follow its rules."""


class Context(Value, frozen=True, kw_only=True):
    """Name and annotations of the document."""

    key: Key
    meta: Meta

    @property
    def namespace(self) -> str:
        return self.meta.namespace

    @property
    def internal(self) -> bool:
        """The document was made by a translator of the Gateway API."""
        return (SEMANTICS, "gateway") in self.meta.annotations
