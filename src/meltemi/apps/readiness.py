"""How far a mesh is that was just started or changed: pods, proxies, and what lists them.

Place:  apps · lifecycle → [readiness] → the control plane's API
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from meltemi.shell.client import Client
from meltemi.shell.doors import INJECTED

ENDED = ("Succeeded", "Failed")
"""Phases of pods whose proxies have ended with them."""
RULES = 0.3
"""Seconds after which the kernel's rules for Services have followed the EndpointSlices (measured: under 0.15)."""


class Readiness:
    """What is missing until every pod is ready and every proxy has acknowledged."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def progress(self) -> tuple[str, list[str]]:
        """A line that says how far things are, and what is missing."""
        wanted = [*self._unfinished_deployments()]
        pods = self._client.get("/api/v1/pods")["items"]
        unready = [f"pod {_name(pod)}: {why}" for pod in pods if (why := _unready(pod))]
        proxies = self._client.get("/meltemi/v1/proxies")["proxies"]
        running = [pod for pod in pods if _phase(pod) not in ENDED]
        expected = sum(INJECTED in (pod["metadata"].get("annotations") or {}) for pod in running)
        stale = [f"proxy {one['proxy']} has not acknowledged everything" for one in proxies if not one["current"]]
        silent = [f"{expected - len(proxies)} proxies are not connected"] if len(proxies) < expected else []
        good = min(expected, len(proxies) - len(stale))  # a proxy may stay a little longer than its pod is counted
        line = f"{len(pods) - len(unready)} of {len(pods)} pods are ready, {good} of {expected} proxies are up to date"
        return line, [*wanted, *unready, *self._unlisted(pods), *stale, *silent]

    def _unlisted(self, pods: Sequence[dict[str, Any]]) -> Iterator[str]:
        """Ready pods that no EndpointSlice of their Services lists yet: nobody would call them."""
        slices = self._client.get("/apis/discovery.k8s.io/v1/endpointslices")["items"]
        listed = {(_service(one), address) for one in slices for address in _addresses(one)}
        for service in self._client.get("/api/v1/services")["items"]:
            selector: dict[str, str] = service["spec"].get("selector") or {}
            for pod in pods if selector else ():
                place = (_name(service), _address(pod))
                if _selects(selector, service, pod) and not _unready(pod) and place not in listed:
                    yield f"service {_name(service)} does not list pod {_name(pod)} yet"

    def acknowledged(self, end: float) -> bool:
        """Every proxy has the youngest endpoints, and the kernel has had a moment to follow them."""
        slices = self._client.get("/apis/discovery.k8s.io/v1/endpointslices")["items"]
        youngest = max(slices, key=lambda one: int(one["metadata"]["resourceVersion"]), default=None)
        if youngest is None:
            return True
        query = {"kind": "endpointslice", "namespace": youngest["metadata"]["namespace"]}
        query |= {"name": youngest["metadata"]["name"], "timeout": max(1.0, end - time.monotonic())}
        late: bool = self._client.get("/meltemi/v1/wait", query)["late"]
        time.sleep(RULES)
        return not late

    def _unfinished_deployments(self) -> Iterator[str]:
        for one in self._client.get("/apis/apps/v1/deployments")["items"]:
            replicas: int = one["spec"].get("replicas", 1)
            status: dict[str, Any] = one.get("status") or {}
            seen = status.get("observedGeneration", 0) >= one["metadata"]["generation"]
            if not seen or status.get("availableReplicas", 0) < replicas:
                yield f"deployment {_name(one)}: {status.get('availableReplicas', 0)} of {replicas} pods are available"


def _address(pod: dict[str, Any]) -> str:
    status: dict[str, Any] = pod.get("status") or {}
    return str(status.get("podIP", ""))


def _service(endpoint_slice: dict[str, Any]) -> str:
    metadata: dict[str, Any] = endpoint_slice["metadata"]
    labels: dict[str, str] = metadata.get("labels") or {}
    return f"{metadata['namespace']}/{labels.get('kubernetes.io/service-name')}"


def _addresses(endpoint_slice: dict[str, Any]) -> Iterator[str]:
    for endpoint in endpoint_slice.get("endpoints") or ():
        conditions: dict[str, bool] = endpoint.get("conditions") or {}
        if conditions.get("ready"):
            yield from endpoint["addresses"]


def _selects(selector: dict[str, str], service: dict[str, Any], pod: dict[str, Any]) -> bool:
    labels: dict[str, str] = pod["metadata"].get("labels") or {}
    same = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and "deletionTimestamp" not in pod["metadata"] and selector.items() <= labels.items()


def _name(tree: dict[str, Any]) -> str:
    return f"{tree['metadata']['namespace']}/{tree['metadata']['name']}"


def _phase(pod: dict[str, Any]) -> str:
    status: dict[str, Any] = pod.get("status") or {}
    return str(status.get("phase") or "Pending")


def _unready(pod: dict[str, Any]) -> str:
    """Why a pod is not ready; empty if it is, or is done, or goes."""
    status: dict[str, Any] = pod.get("status") or {}
    if status.get("phase") == "Succeeded" or "deletionTimestamp" in pod["metadata"]:
        return ""
    if any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ())):
        return ""
    for one in status.get("containerStatuses", ()):
        if waiting := one.get("state", {}).get("waiting"):
            return f"{one['name']}: {waiting.get('reason')} {waiting.get('message', '')}".strip()
    return f"{status.get('phase', 'Pending')}"
