"""Why somebody does not get what he asks for.

Place:  identity · returned by csr, token and certificate; servers/ca answers it as a status of gRPC
"""

from enum import StrEnum

from meltemi.core.model.value import Value


class Why(StrEnum):
    """Whose fault it is: what was asked, or who asked."""

    MALFORMED = "malformed"
    """What was sent cannot be read, or is too weak: another try with the same will fail too."""
    UNPROVEN = "unproven"
    """The caller has not shown who he is."""
    FORBIDDEN = "forbidden"
    """The caller is known, and asks for what is not his."""


class Refusal(Value, frozen=True, kw_only=True):
    """One refusal. The text is for the log and for the caller; it holds nothing secret."""

    why: Why
    message: str
    """Lower case, names quoted, no full stop."""


def malformed(message: str) -> Refusal:
    """What was sent cannot be taken."""
    return Refusal(why=Why.MALFORMED, message=message)


def unproven(message: str) -> Refusal:
    """The proof of identity does not hold."""
    return Refusal(why=Why.UNPROVEN, message=message)


def forbidden(message: str) -> Refusal:
    """The caller may not have it."""
    return Refusal(why=Why.FORBIDDEN, message=message)
