"""What callers have begun to say and nobody has read: how much of it is kept, of a connection and of all.

Place:  shell/rpc · call tells [kept]; server has one for each connection, within one for all

Where it is too much, the call that keeps most ends, and not the one that came last: who keeps half a message, and
another half on each further connection, ends himself and nobody who only wants to be heard.
"""

from typing import Protocol


class Keeper(Protocol):
    """A call of which bytes are kept."""

    def too_much(self, message: str) -> None:
        """It ends; what is kept of it goes, and it says so."""
        ...


class Kept:
    """Bytes that wait, by call."""

    def __init__(self, most: int, of: str, within: "Kept | None" = None) -> None:
        """`most`: bytes; `of`: whom they are of, in words; `within`: a wider bound that holds too."""
        self._most = most
        self._of = of
        self._within = within
        self._keepers: dict[Keeper, int] = {}
        self.bytes = 0

    def note(self, one: Keeper, more: int) -> None:
        """So many bytes more are kept of a call, or less: below 0."""
        self.bytes += more
        left = self._keepers.pop(one, 0) + more
        if left:
            self._keepers[one] = left
        if self._within is not None:
            self._within.note(one, more)
        while self.bytes > self._most:
            largest = max(self._keepers, key=self._keepers.__getitem__)
            largest.too_much(f"{self._of} keep {self.bytes} bytes of what is not said to its end or not read yet, of"
                f" {self._most} at most, and this call most of them")  # fmt: skip
