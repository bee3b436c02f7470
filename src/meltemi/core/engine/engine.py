"""The engine: inputs, derived values, and what a change truly changes.

Place:  engine · put by shell/ingest and `compile`, read by every derived function of pipeline

A cell is an input or a derived function with its arguments. While a function runs, every cell that it reads is noted.
A put marks the direct readers of an input; `settle` recomputes marked cells lowest first (a cell stands above all that
it reads), marks the readers of a cell only where its value truly changed, and so does work in proportion to the change.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Concatenate, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
Cell = tuple[Callable[..., object], tuple[Hashable, ...]]
"""A derived function and its arguments."""

_NOTHING = object()
"""The value of a cell that was never computed: equal to no result."""


class CycleError(Exception):
    """A derived function reads itself, directly or by others."""


class _Node:
    """One cell. Inputs have no function, height 0 and nothing that they read."""

    __slots__ = (
        "cell",
        "dirty",
        "height",
        "key",
        "read",
        "readers",
        "reported",
        "running",
        "value",
        "verified",
        "watches",
    )

    def __init__(self, *, cell: Cell | None = None, key: Hashable = None, value: object = _NOTHING) -> None:
        self.cell = cell
        self.key = key
        self.value = value
        self.height = 0
        self.read: dict[_Node, None] = {}
        self.readers: set[_Node] = set()
        self.watches = 0
        self.reported: object = _NOTHING
        """What the last settle (or watch) told of a watched cell."""
        self.dirty = cell is not None
        self.running = False
        self.verified = 0
        """Tick at which the value was last known to be current."""


class Engine:
    """Holds inputs and derived values; `runs` counts computations by function name."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.failed: dict[Cell, Exception] = {}
        """What the last settle could not compute, and why."""
        self._inputs: dict[Hashable, _Node] = {}
        self._cells: dict[Cell, _Node] = {}
        self._running: list[_Node] = []
        self._dirty: set[_Node] = set()
        self._loose: set[_Node] = set()
        """Cells that lost their last reader or watch, or were only ever asked for: forgotten by the next settle."""
        self._moved: set[_Node] = set()
        """Watched cells whose value changed since the last settle."""
        self._tick = 1
        self._floor = 0
        """While settle runs: clean cells lower than this are current."""
        self._heap: list[tuple[int, int, _Node]] | None = None
        """While settle runs: marked cells, lowest first. A cell that is refreshed on the way marks its readers too."""

    def put(self, key: Hashable, value: object) -> None:
        """Set an input (None removes it). Only marks; nothing is computed. Not allowed inside a derived function."""
        if self._running:
            raise RuntimeError("a derived function must not put")
        node = self._inputs.get(key)
        if (node.value if node else None) == value:
            return
        if node is None:
            node = self._inputs[key] = _Node(key=key)
        self._tick += 1
        node.value = value
        self._mark(node.readers)
        if value is None and not node.readers:
            del self._inputs[key]

    def read(self, key: Hashable) -> object:
        """An input, or None; inside a derived function the read is noted, also of an input that is not there."""
        node = self._inputs.get(key)
        if not self._running:
            return node.value if node else None
        if node is None:
            node = self._inputs[key] = _Node(key=key, value=None)
        self._note(node)
        return node.value

    def get(self, function: "Callable[Concatenate[Engine, P], T]", *args: P.args, **_: P.kwargs) -> T:
        """A derived value, remembered by its arguments, which must be hashable and positional.

        Asked for outside of a derived function and not watched, it is forgotten by the next `settle`.
        Raises CycleError, and whatever the function raises (it runs again when it is asked for again).
        """
        # Lists of a large mesh ask for thousands of small cells: what is current costs no further call.
        cell: Cell = (function, args)  # pyright: ignore[reportAssignmentType]  (P says no more of its keywords)
        node = self._cells.get(cell)
        if node is None:
            node = self._cells[cell] = _Node(cell=cell)
        if node.running:
            raise CycleError(f"{function.__name__}{args!r} reads itself")
        if node.dirty or (self._dirty and node.height >= self._floor):
            self._refresh(node)
        if self._running:
            self._note(node)
        elif not node.watches and not node.readers:
            self._loose.add(node)
        return node.value  # pyright: ignore[reportReturnType]  (what the function returned)

    def watch(self, function: "Callable[Concatenate[Engine, P], T]", *args: P.args, **kwargs: P.kwargs) -> T:
        """As get, and keep the value current in every `settle` until `unwatch`. Watches are counted."""
        value = self.get(function, *args, **kwargs)
        node = self._cells[cast("Cell", (function, args))]
        if not node.watches:
            node.reported = value
        node.watches += 1
        return value

    def unwatch(self, function: Callable[..., object], *args: Hashable) -> None:
        """Undo one watch; with the last one the cell, and what only it needed, are forgotten by the next settle."""
        node = self._cells[(function, args)]
        node.watches -= 1
        if not node.watches:
            self._moved.discard(node)
            self._loose.add(node)

    def settle(self) -> Mapping[Cell, object]:
        """Recompute what changed inputs reach; return the watched cells that changed, with their new values.

        A cell whose function raises keeps its old value, is listed in `failed`, and runs again next time;
        the others are settled all the same.
        """
        self.failed = {}
        self._forget()
        self._heap = [(node.height, id(node), node) for node in self._dirty]
        heapq.heapify(self._heap)
        try:
            while self._heap:
                height, _, node = heapq.heappop(self._heap)
                if node.dirty and node.height == height:
                    self._floor = height
                    self._try(node)
                elif node.dirty:
                    heapq.heappush(self._heap, (node.height, id(node), node))
        finally:
            self._floor, self._heap = 0, None
        self._forget()
        return self._told()

    def __len__(self) -> int:
        """How many derived cells are remembered."""
        return len(self._cells)

    def _told(self) -> dict[Cell, object]:
        changed: dict[Cell, object] = {}
        for node in self._moved:
            if node.cell and node.value is not node.reported:
                changed[node.cell] = node.reported = node.value
        self._moved.clear()
        return changed

    def _refresh(self, node: _Node) -> None:
        """Make a cell current: by its mark, by its height while settling, or by looking at what it reads."""
        if node.dirty:
            self._recompute(node)
            return
        if not self._dirty or node.verified == self._tick or node.height < self._floor or node.cell is None:
            return
        for one in tuple(node.read):
            self._refresh(one)
            if node.dirty:  # what it read has changed, and said so
                self._recompute(node)
                return
        node.verified = self._tick

    def _recompute(self, node: _Node) -> None:
        """Run a cell's function; mark its readers unless the value is equal to the old one, which is kept then."""
        function, args = cast("Cell", node.cell)
        before, node.read = node.read, {}
        node.running = True
        self._running.append(node)
        self.runs[function.__name__] += 1
        try:
            value = function(self, *args)
        except BaseException:
            self._dirty.add(node)
            if not node.readers and not node.watches:
                self._loose.add(node)
            raise
        else:
            node.dirty = False
            self._dirty.discard(node)
        finally:
            self._running.pop()
            node.running = False
            self._left(node, before)
        node.verified = self._tick
        if node.value is not _NOTHING and node.value == value:
            return
        first, node.value = node.value is _NOTHING, value
        if node.watches:
            self._moved.add(node)
        if not first:
            self._mark(node.readers)

    def _try(self, node: _Node) -> None:
        try:
            self._recompute(node)
        except Exception as problem:
            if node.cell:
                self.failed[node.cell] = problem

    def _note(self, node: _Node) -> None:
        """The running function reads a cell: it stands above it from now on."""
        reader = self._running[-1]
        reader.read[node] = None
        node.readers.add(reader)
        if reader.height <= node.height:
            self._raise(reader, node.height + 1)

    def _raise(self, node: _Node, height: int) -> None:
        todo = [(node, height)]
        while todo:
            one, least = todo.pop()
            if one.height < least:
                one.height = least
                todo.extend((reader, least + 1) for reader in one.readers)

    def _mark(self, nodes: set[_Node]) -> None:
        for node in nodes:
            if node.dirty:
                continue
            node.dirty = True
            self._dirty.add(node)
            if self._heap is not None:
                heapq.heappush(self._heap, (node.height, id(node), node))

    def _left(self, node: _Node, before: dict[_Node, None]) -> None:
        """Take a cell off the readers of what it no longer reads."""
        for one in before:
            if one not in node.read:
                one.readers.discard(node)
                if not one.readers:
                    self._loose.add(one)

    def _forget(self) -> None:
        """Drop loose cells that nobody watches or reads, and then what only they read."""
        while self._loose:
            node = self._loose.pop()
            if node.watches or node.readers or node.running:
                continue
            if node.cell is None:
                self._drop_input(node)
                continue
            self._cells.pop(node.cell, None)
            self._dirty.discard(node)
            for one in node.read:
                one.readers.discard(node)
                if not one.readers:
                    self._loose.add(one)

    def _drop_input(self, node: _Node) -> None:
        """An input that is not there is remembered only while somebody reads it."""
        if node.value is None and self._inputs.get(node.key) is node:
            del self._inputs[node.key]
