"""What should not exist any more, because its owner or its namespace is gone.

Place:  node · all objects → [garbage] → deletions
"""

from collections.abc import Iterable, Sequence

from meltemi.core.model.document import Key
from meltemi.core.node.objects import Object, Put, is_deleting, owner_uids, uid_of

ACCOUNT = "default"
"""The ServiceAccount of every namespace."""


def garbage(objects: Sequence[Object]) -> frozenset[Key]:
    """Objects whose owners are all gone, and everything in namespaces that are gone or going."""
    uids = {uid_of(o.tree) for o in objects}
    gone = _gone_namespaces(objects)
    return frozenset(o.key for o in objects if o.key.namespace in gone or _orphan(o, uids))


def default_accounts(objects: Iterable[Object]) -> list[Put]:
    """The missing ServiceAccounts `default`. Their owner is the namespace, whose end is known by them."""
    namespaces = [o for o in objects if o.key.kind == "Namespace" and not o.key.group and not is_deleting(o.tree)]
    having = {o.key.namespace for o in objects if _is_account(o)}
    return [_account(namespace) for namespace in namespaces if namespace.key.name not in having]


def _orphan(o: Object, uids: set[str]) -> bool:
    owners = [uid for uid in owner_uids(o.tree) if uid]
    return bool(owners) and not any(uid in uids for uid in owners)


def _gone_namespaces(objects: Iterable[Object]) -> set[str]:
    """Namespaces that are being deleted, and those of which only the account is left to tell."""
    existing: dict[str, bool] = {}
    accounts: list[Object] = []
    for o in objects:
        if o.key.kind == "Namespace" and not o.key.group:
            existing[o.key.name] = is_deleting(o.tree)
        elif _is_account(o) and owner_uids(o.tree):
            accounts.append(o)
    left = {a.key.namespace for a in accounts if a.key.namespace not in existing}
    return left | {name for name, deleting in existing.items() if deleting}


def _is_account(o: Object) -> bool:
    return o.key.kind == "ServiceAccount" and not o.key.group and o.key.name == ACCOUNT


def _account(namespace: Object) -> Put:
    key = Key(group="", kind="ServiceAccount", namespace=namespace.key.name, name=ACCOUNT)
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": namespace.key.name, "uid": uid_of(namespace.tree)}
    metadata = {"name": ACCOUNT, "namespace": namespace.key.name, "ownerReferences": [owner]}
    return Put(key=key, tree={"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}, expected=0)
