"""What was made lately and may be asked for again, within a weight.

Place:  xds · under wire (responses as bytes) and servers/xds (requests as values)
"""

from collections.abc import Callable
from typing import Generic, TypeVar

EACH = 1 << 10
"""What an entry weighs in bytes besides what its value does: a crowd's answers are small, and there are many."""
K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, those last used at the end; the first go when all weigh too much together."""

    def __init__(self, most: int, weigh: Callable[[V], int]) -> None:
        """`most`: bytes that they may weigh, with `EACH` for every one. One value stays however heavy it is."""
        self._most = most
        self._weigh = weigh
        self._weight = 0
        self._kept: dict[K, V] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value that is known, or is made now."""
        value = self._kept.pop(key, None)
        if value is None:
            value = make()
            self._weight += self._weigh(value) + EACH
        self._kept[key] = value
        while self._weight > self._most and len(self._kept) > 1:
            self._weight -= self._weigh(self._kept.pop(next(iter(self._kept)))) + EACH
        return value
