"""YAML events → trees and places: no recursion without limit, no alias without limit, no duplicate key.

Place:  [parse/compose] → parse/yaml
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import yaml

from meltemi.core.model.document import Path
from meltemi.core.model.source import KEY
from meltemi.core.model.tree import Tree, field, item
from meltemi.core.parse.scalars import ScalarError, key_text, plain, tagged, whole_text

MAX_DEPTH = 100
MAX_NODES = 400_000
"""Of a document, aliases counted as what they stand for."""

Place: TypeAlias = tuple[int, int, int]
"""Line and column from 1, width."""


class DocumentError(Exception):
    """Why a document cannot be read. It stays inside parse: `read` makes it a finding."""

    def __init__(self, code: str, message: str, place: Place, tip: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.place, self.help = code, message, place, tip


class Node(NamedTuple):
    """A value with its place, and its children in the order written. Aliases share one node."""

    value: Tree
    """Of a scalar; None for a collection."""
    place: Place
    size: int = 1
    """Nodes in it, aliases counted as what they stand for."""
    height: int = 1
    """Levels in it."""
    items: "list[Node] | None" = None
    pairs: "list[tuple[str, Place, Node]] | None" = None


class Composer:
    """Builds the documents of one event stream. Raises DocumentError and yaml.YAMLError.

    Duplicate keys end up in `duplicates`: the first one stands, and reading goes on.
    """

    def __init__(self, events: Iterator[Any], offset: int) -> None:
        self._events = events
        self._offset = offset
        self._anchors: dict[str, Node | None] = {}
        """None while the anchored node is being read: it must not hold itself."""
        self.duplicates: list[DocumentError] = []

    def documents(self) -> Iterator[tuple[Tree, dict[str, Place]]]:
        """Trees with the places of their paths."""
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                root = self._node(next(self._events), 1)
                places: dict[str, Place] = {}
                yield _settle(root, Path(""), places), places

    def _node(self, event: Any, depth: int) -> Node:
        place = self._place(event)
        if depth > MAX_DEPTH:
            raise DocumentError("M1003", f"nested deeper than {MAX_DEPTH} levels", place)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place, depth)
        if event.anchor:
            self._anchors[event.anchor] = None
        node = self._fresh(event, place, depth)
        if node.size > MAX_NODES:
            raise DocumentError("M1003", f"more than {MAX_NODES} values", place)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _fresh(self, event: Any, place: Place, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return Node(self._scalar(event, place), place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place, depth)
        return self._mapping(place, depth)

    def _alias(self, name: str, place: Place, depth: int) -> Node:
        if name not in self._anchors:
            raise DocumentError("M1001", f"there is no anchor {name!r} before", place)
        node = self._anchors[name]
        if node is None:
            raise DocumentError("M1003", f"anchor {name!r} holds itself", place)
        if depth + node.height > MAX_DEPTH:
            raise DocumentError("M1003", f"nested deeper than {MAX_DEPTH} levels", place)
        return node._replace(place=place)

    def _scalar(self, event: Any, place: Place) -> Tree:
        try:
            if event.tag and event.tag != "!":
                return tagged(event.tag, event.value)
            return plain(event.value) if event.implicit[0] else whole_text(event.value)
        except ScalarError as e:
            raise DocumentError("M1001", str(e), place) from None

    def _sequence(self, place: Place, depth: int) -> Node:
        items: list[Node] = []
        size = 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node = _rejoined(event, self._node(event, depth + 1))
            items.append(node)
            size += node.size
            _bound(size, place)
        height = max((node.height for node in items), default=0)
        return Node(None, place, size, height + 1, items=items)

    def _mapping(self, place: Place, depth: int) -> Node:
        merged: list[tuple[str, Place, Node]] = []
        own: dict[str, tuple[str, Place, Node]] = {}
        size = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            merging = isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            size += value.size + 1
            _bound(size, place)
            if merging:
                merged += _merge(value)
                continue
            name = _key(key)
            if name in own:
                self.duplicates.append(_duplicate(name, own[name][1], key.place))
                continue
            own[name] = (name, key.place, value)
        pairs = [*(pair for pair in merged if pair[0] not in own), *own.values()]
        height = max((node.height for _, _, node in pairs), default=0)
        return Node(None, place, size, height + 1, pairs=pairs)

    def _place(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return start.line + 1 + self._offset, start.column + 1, max(width, 1)


def _rejoined(event: Any, node: Node) -> Node:
    """`[1::]` holds a text for kubectl; our scanners see a mapping whose key ends before the last colon."""
    start, end = event.start_mark, event.end_mark
    braces = start.index != end.index
    if not isinstance(event, yaml.MappingStartEvent) or braces or not node.pairs or len(node.pairs) > 1:
        return node
    name, place, value = node.pairs[0]
    line, column, width = place
    if width != len(name) or value.value is not None or value.items is not None or value.pairs is not None:
        return node
    joined = value.place[:2] == (line, column + width + 1)
    return Node(name + ":", (line, column, width + 1)) if joined else node


def _bound(size: int, place: Place) -> None:
    if size > MAX_NODES:
        raise DocumentError("M1003", f"more than {MAX_NODES} values, aliases counted as what they stand for", place)


def _duplicate(name: str, first: Place, second: Place) -> DocumentError:
    message = f"key {name!r} is already written in line {first[0]}"
    return DocumentError("M1002", message, second, "remove one of the two")


def _key(node: Node) -> str:
    if node.items is not None or node.pairs is not None:
        raise DocumentError("M1001", "a key must be a text", node.place)
    try:
        return key_text(node.value)
    except ScalarError as e:  # pragma: no cover - collections are refused above
        raise DocumentError("M1001", str(e), node.place) from None


def _merge(node: Node) -> list[tuple[str, Place, Node]]:
    """The pairs that `<<` brings: of a mapping, or of several, the first of which wins."""
    sources = node.items if node.items is not None else [node]
    found: dict[str, tuple[str, Place, Node]] = {}
    for source in sources:
        if source.pairs is None:
            raise DocumentError("M1001", "'<<' takes a mapping or a list of mappings", node.place)
        for pair in source.pairs:
            found.setdefault(pair[0], pair)
    return list(found.values())


def _settle(node: Node, path: Path, places: dict[str, Place]) -> Tree:
    places.setdefault(path, node.place)
    if node.items is not None:
        return [_settle(child, item(path, i), places) for i, child in enumerate(node.items)]
    if node.pairs is None:
        return node.value
    tree: dict[str, Tree] = {}
    for name, place, child in node.pairs:
        at = field(path, name)
        if child.pairs is None and child.items is None:
            places[at + KEY] = place
        else:
            places[at] = place
        tree[name] = _settle(child, at, places)
    return tree
