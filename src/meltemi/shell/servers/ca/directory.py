"""Pods and service accounts as they are stored now: what proofs of identity are held against.

Place:  servers/ca · ports/store → [directory] → callers, admit
"""

from typing import Any

import msgspec

from meltemi.core.identity.token import PodFacts
from meltemi.core.inject.workload import workload_of
from meltemi.core.model.document import Key
from meltemi.ports.store import ConfigStore, NotFoundError
from meltemi.shell.servers.ca.callers import KnownPod

DONE = ("Succeeded", "Failed")
"""Phases in which no process of a pod is left."""


class StoreDirectory:
    """Asks the store each time: nothing that is gone is believed."""

    def __init__(self, store: ConfigStore) -> None:
        self._store = store

    async def pod(self, namespace: str, name: str) -> KnownPod | None:
        """A Pod that has not ended; None where there is none."""
        tree = await self._tree("Pod", namespace, name)
        status: dict[str, Any] = (tree or {}).get("status") or {}
        if tree is None or status.get("phase") in DONE:
            return None
        spec: dict[str, Any] = tree.get("spec") or {}
        account: str = spec.get("serviceAccountName") or "default"
        facts = PodFacts(
            uid=tree["metadata"].get("uid", ""),
            service_account=account,
            account_uid=await self.account_uid(namespace, account),
        )
        return KnownPod(facts=facts, workload=workload_of(tree["metadata"]).name)

    async def account_uid(self, namespace: str, name: str) -> str:
        """Of a ServiceAccount; empty where there is none."""
        tree = await self._tree("ServiceAccount", namespace, name)
        return "" if tree is None else tree["metadata"].get("uid", "")

    async def _tree(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            stored = await self._store.get(Key(group="", kind=kind, namespace=namespace, name=name))
        except NotFoundError:
            return None
        return msgspec.json.decode(stored.body)
