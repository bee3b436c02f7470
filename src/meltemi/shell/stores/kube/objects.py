"""Where an object lives at an API server, and how it is kept here.

Place:  shell/stores/kube · Key ↔ URL; an object of the server → Stored
"""

from typing import Any

import msgspec

from meltemi.core.model.document import Key
from meltemi.core.model.kinds import Kind, kind_or_unknown
from meltemi.ports.store import Source, Stored

Tree = dict[str, Any]

SERVER_FIELDS = ("uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "managedFields")
"""Of metadata: the server writes them; none may be sent with a new object."""


def kind_at(key: Key) -> Kind:
    """The kind of an object, also of one that nobody knows."""
    return kind_or_unknown(key.group, key.kind, "v1")


def collection(kind: Kind, namespace: str = "") -> str:
    """The path of all objects of a kind, or of those of one namespace."""
    head = f"/apis/{kind.group}/{kind.versions[0]}" if kind.group else f"/api/{kind.versions[0]}"
    return head + (f"/namespaces/{namespace}" if namespace and kind.namespaced else "") + f"/{kind.plural}"


def path_of(key: Key) -> str:
    """The path of one object."""
    return f"{collection(kind_at(key), key.namespace)}/{key.name}"


def stored(tree: Tree, kind: Kind, source: Source | None = None) -> Stored:
    """An object as it came: with its kind, which items of lists lack, and without what only the server needs."""
    metadata: Tree = tree["metadata"]
    metadata.pop("managedFields", None)
    tree["apiVersion"], tree["kind"] = kind.api_version, kind.kind
    key = Key(group=kind.group, kind=kind.kind, namespace=metadata.get("namespace", ""), name=metadata["name"])
    return Stored(
        key=key, revision=int(metadata["resourceVersion"]), body=msgspec.json.encode(tree), source=source or Source()
    )


def addressed(key: Key, body: bytes) -> Tree:
    """The object of a body, with the name that it is stored under."""
    tree: Tree = msgspec.json.decode(body)
    kind = kind_at(key)
    metadata: Tree = {**(tree.get("metadata") or {}), "name": key.name}
    if kind.namespaced:
        metadata["namespace"] = key.namespace
    return {**tree, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def fresh(tree: Tree) -> Tree:
    """The same as a new object."""
    metadata = {name: value for name, value in tree["metadata"].items() if name not in SERVER_FIELDS}
    return {**tree, "metadata": metadata}


def same_but_status(tree: Tree, old: Tree) -> bool:
    """Whether a write of the whole would change nothing but the status."""
    return _content(tree) == _content(old)


def _content(tree: Tree) -> Tree:
    metadata = {name: value for name, value in tree["metadata"].items() if name not in SERVER_FIELDS and value}
    return {**{name: value for name, value in tree.items() if name != "status"}, "metadata": metadata}
