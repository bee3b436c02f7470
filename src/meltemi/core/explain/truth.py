"""Yes, no, and what depends on something that nobody has said.

Place:  [explain/truth] → explain/{fits,decide}
Source: Kleene's logic of three values
"""

from collections.abc import Iterable
from typing import TypeAlias

Truth: TypeAlias = bool | None
"""None: it depends."""


def every(truths: Iterable[Truth]) -> Truth:
    """Whether all hold."""
    found = set(truths)
    return False if False in found else None if None in found else True


def some(truths: Iterable[Truth]) -> Truth:
    """Whether one holds."""
    found = set(truths)
    return True if True in found else None if None in found else False


def opposite(truth: Truth) -> Truth:
    """Whether it does not hold."""
    return None if truth is None else not truth
