"""Which test shows which field: read by docs/reference/fields.md (e2e/fields/table).

Place:  tests/e2e/fields · every test that shows a field by real traffic through a real Envoy says so
"""

from collections.abc import Callable
from typing import TypeVar

SHOWN: dict[tuple[str, str], str] = {}
"""(kind, path in `spec` with `[]` for items and `*` for keys) → the test."""

Test = TypeVar("Test", bound=Callable[..., None])


def shows(kind: str, *paths: str, under: str = "") -> Callable[[Test], Test]:
    """Mark a test. `under`: what all paths begin with."""

    def mark(test: Test) -> Test:
        file = test.__module__.replace(".", "/") + ".py"
        for path in paths:
            SHOWN.setdefault((kind, under + path), f"{file}::{test.__name__}")
        return test

    return mark
