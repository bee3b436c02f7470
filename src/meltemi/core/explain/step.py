"""What is met on the way to a workload: a rule that was looked at, and a gate.

Place:  [explain/step] → explain/{decide,tokens,told}
"""

from http import HTTPStatus

from meltemi.core.explain.truth import Truth
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.model.value import Value


class Looked(Value, frozen=True, kw_only=True):
    """One rule, looked at."""

    key: Key
    action: Action
    tried: bool
    name: str
    origin: Origin
    matches: Truth
    why: str = ""
    """Why it does not match, or on what that depends."""


class Step(Value, frozen=True, kw_only=True):
    """One gate on the way."""

    passes: Truth
    why: str
    by: Looked | None = None
    origin: Origin | None = None
    status: int = HTTPStatus.FORBIDDEN
