"""Where the public keys of an issuer come from, and what came.

Place:  model/security · KeySource from compose/request_authentication to shell/jwks; KeySet back as an engine input
"""

from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

PATIENCE = Seconds(5)
"""For one fetch, where a rule does not say (Istio's default)."""
DISCOVERY = "/.well-known/openid-configuration"
"""Behind an issuer's name. Source: OpenID Connect Discovery 1.0, section 4."""


class KeySource(Value, frozen=True, kw_only=True, order=True):
    """One address to fetch keys from."""

    uri: str
    issuer: str = ""
    """What is at the address names that of the keys, and must name this issuer; empty: the keys are there."""


class KeySet(Value, frozen=True, kw_only=True):
    """What is known of a source."""

    jwks: str = ""
    """The last sound key set, public halves only; empty where none ever came."""
    fault: str = ""
    """Why the last fetch failed; empty where it did not."""
    unused: tuple[str, ...] = ()
    """Keys of the set that no token can be verified with, and why."""
