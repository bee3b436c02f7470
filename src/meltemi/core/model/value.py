"""The base of every value in core.

Place:  model · imported by all stages
"""

from typing import ClassVar

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """An immutable value: compared and hashed by its fields, never changed after it is made."""

    ONEOFS: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of fields of which at most one may be written (protobuf's oneof)."""
