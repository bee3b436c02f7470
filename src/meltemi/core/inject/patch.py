"""The difference of two objects as RFC 6902 operations.

Place:  inject · inject → [patch] → the store or a webhook's answer
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

Operation = dict[str, Any]


def operations(old: Mapping[str, Any], new: Mapping[str, Any], at: str = "") -> Iterator[Operation]:
    """What turns `old` into `new`. Maps are entered; a list that differs is replaced as a whole, because positions in
    a list say nothing to someone who reads the patch."""
    for name in sorted(old.keys() | new.keys()):
        path = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        before, after = old.get(name), new.get(name)
        if name not in new:
            yield {"op": "remove", "path": path}
        elif name not in old:
            yield {"op": "add", "path": path, "value": after}
        elif isinstance(before, dict) and isinstance(after, dict):
            yield from operations(cast("Operation", before), cast("Operation", after), path)
        elif before != after:
            yield {"op": "replace", "path": path, "value": after}
