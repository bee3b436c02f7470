"""What a store writes into an object's metadata: uid, resourceVersion, creationTimestamp, generation.

Place:  shell/stores · used by sqlite and by the fake, so that they cannot differ
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

Object = dict[str, Any]


def stamped(body: bytes, old: bytes | None, revision: int) -> bytes:
    """The object as it is stored: identity kept from `old`, or made; generation raised where the spec differs."""
    tree: Object = msgspec.json.decode(body)
    before: Object = msgspec.json.decode(old) if old else {}
    metadata: Object = tree.setdefault("metadata", {})
    kept: Object = before.get("metadata", {})
    metadata["uid"] = kept.get("uid") or str(uuid4())
    metadata["creationTimestamp"] = kept.get("creationTimestamp") or now()
    metadata["resourceVersion"] = str(revision)
    metadata["generation"] = kept.get("generation", 0) + (0 if before and _same(tree, before) else 1)
    return msgspec.json.encode(tree)


def now() -> str:
    """The time as Kubernetes writes it: RFC 3339, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _same(tree: Object, before: Object) -> bool:
    """Whether nothing but metadata and status differs."""
    return _content(tree) == _content(before)


def _content(tree: Object) -> Object:
    return {name: value for name, value in tree.items() if name not in ("metadata", "status", "apiVersion")}
