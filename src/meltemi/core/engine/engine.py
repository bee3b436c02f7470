"""The engine: inputs, derived values, and what a change truly changes.

Place:  engine · put by ingest and `compile`, read by every derived function of pipeline

First, simple form: every `put` forgets all derived values. The interface is the lasting part.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Concatenate, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
Cell = tuple[Callable[..., object], tuple[Hashable, ...]]
"""A derived function and its arguments."""


class Engine:
    """Holds inputs and derived values; `runs` counts computations by function name."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self._inputs: dict[Hashable, object] = {}
        self._memo: dict[Cell, object] = {}
        self._watched: dict[Cell, object] = {}

    def put(self, key: Hashable, value: object) -> None:
        """Set an input (None removes it). Only marks; nothing is computed."""
        if self._inputs.get(key) == value:
            return
        self._inputs[key] = value
        self._memo.clear()

    def read(self, key: Hashable) -> object:
        """An input, or None; inside a derived function the read is noted."""
        return self._inputs.get(key)

    def get(self, function: "Callable[Concatenate[Engine, P], T]", *args: P.args, **kwargs: P.kwargs) -> T:
        """A derived value, remembered by its arguments. Arguments must be hashable and positional."""
        cell = cast(Cell, (function, args))
        if cell not in self._memo:
            self.runs[function.__name__] += 1
            self._memo[cell] = function(self, *args, **kwargs)
        return cast(T, self._memo[cell])

    def watch(self, function: "Callable[Concatenate[Engine, P], T]", *args: P.args, **kwargs: P.kwargs) -> T:
        """As get, and keep the value current in every `settle` until `unwatch`. Watches are counted."""
        value = self.get(function, *args, **kwargs)
        self._watched[cast(Cell, (function, args))] = value
        return value

    def unwatch(self, function: Callable[..., object], *args: Hashable) -> None:
        """Undo one watch; with the last one the cell and what only it needed are forgotten."""
        self._watched.pop((function, args), None)

    def settle(self) -> Mapping[Cell, object]:
        """Recompute what changed inputs reach; return the watched cells that changed, with their new values."""
        changed: dict[Cell, object] = {}
        for cell, old in list(self._watched.items()):
            new = self.get(cell[0], *cell[1])
            if new != old:
                changed[cell] = self._watched[cell] = new
        return changed
