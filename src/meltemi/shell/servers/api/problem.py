"""What an API caller did wrong, as Kubernetes says it: a Status object.

Place:  servers/api · raised by its parts, answered by app
Source: Kubernetes, API conventions, "Response Status Kind".
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from meltemi.core.model.finding import Severity
from meltemi.core.model.kinds import Kind
from meltemi.core.model.shown import Shown

T = TypeVar("T")
CONFLICT = 409


class ApiError(Exception):
    """A request that is answered with a Status. `code` is HTTP's, `reason` is Kubernetes' word for it."""

    def __init__(
        self, code: int, reason: str, message: str, *, kind: Kind | None = None, name: str = "",
        findings: Sequence[Shown] = (),
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.kind = kind
        self.name = name
        self.findings = tuple(findings)

    def status(self) -> dict[str, Any]:
        """The Status object."""
        details: dict[str, Any] = {}
        if self.name:
            details["name"] = self.name
        if self.kind:
            details |= {"group": self.kind.group, "kind": self.kind.plural}
        if self.findings:
            details["causes"] = [_cause(one) for one in self.findings if one.severity is Severity.ERROR]
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": details,
            "code": self.code,
        }


ATTEMPTS = 10
"""How often a change is made anew that others' writes have overtaken."""


async def retried(change: Callable[[], Awaitable[T]]) -> T:
    """Make a change that reads, decides and writes; anew where somebody else wrote in between. Raises ApiError."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await change()
        except ApiError as refusal:
            if refusal.code != CONFLICT:
                raise
    return await change()


def bad_request(message: str) -> ApiError:
    """The request itself makes no sense."""
    return ApiError(400, "BadRequest", message)


def not_found(kind: Kind, name: str) -> ApiError:
    """There is no such object."""
    return ApiError(404, "NotFound", f'{_resource(kind)} "{name}" not found', kind=kind, name=name)


def already_exists(kind: Kind, name: str) -> ApiError:
    """An object to be created is there."""
    return ApiError(409, "AlreadyExists", f'{_resource(kind)} "{name}" already exists', kind=kind, name=name)


def conflict(kind: Kind, name: str) -> ApiError:
    """The writer saw an older revision."""
    message = (
        f'Operation cannot be fulfilled on {_resource(kind)} "{name}": the object has been modified; read it again'
    )
    return ApiError(409, "Conflict", message, kind=kind, name=name)


def refused(kind: Kind, name: str, findings: Sequence[Shown]) -> ApiError:
    """The object has errors."""
    errors = [one for one in findings if one.severity is Severity.ERROR]
    said = "; ".join(f"{one.path}: {one.message}" if one.path else one.message for one in errors)
    message = f'{kind.kind} "{name}" is invalid: {said}'
    return ApiError(422, "Invalid", message, kind=kind, name=name, findings=findings)


def _cause(one: Shown) -> dict[str, str]:
    tip = f" ({one.help})" if one.help else ""
    return {"reason": one.code, "message": f"{one.message}{tip}", "field": one.path}


def _resource(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural
