"""Pods' addresses: what the stored Pods say is in use, and what was given since.

Place:  shell/runtime · used by the kubelet; nothing is written here, so a new node process knows as much as the old one
"""

from collections.abc import Iterable, Mapping
from typing import Any

from meltemi.core.node.addresses import free_address
from meltemi.core.node.objects import annotations_of, pod_ip, uid_of

ANNOTATION = "meltemi.dev/pod-ip"
"""Where a pod's address may be noted before its status has it."""


class PodAddresses:
    """The addresses of this node's pods. A pod is known by its uid."""

    def __init__(self, cidr: str, pods: Iterable[Mapping[str, Any]] = ()) -> None:
        self._cidr = cidr
        self._by_uid: dict[str, str] = {}
        self._last = ""
        for pod in pods:
            self.learn(pod)

    def learn(self, pod: Mapping[str, Any]) -> None:
        """Take over what a stored Pod (JSON tree) says of its own address."""
        address = pod_ip(pod) or annotations_of(pod).get(ANNOTATION, "")
        if address:
            self._by_uid[uid_of(pod)] = address

    def allocate(self, uid: str) -> str:
        """The pod's address; the same one however often it is asked. Raises NoAddressError."""
        if uid not in self._by_uid:
            self._last = free_address(self._cidr, frozenset(self._by_uid.values()), after=self._last)
            self._by_uid[uid] = self._last
        return self._by_uid[uid]

    def release(self, uid: str) -> None:
        """The pod is gone for good."""
        self._by_uid.pop(uid, None)
