"""Probes and lifecycle hooks that would meet the proxy are turned over to the agent.

Place:  inject · sidecar → [probes] → patch; the agent reads ISTIO_KUBE_APP_PROBERS (shell/agent/probes)
Source: Istio, "Health Checking of Istio Services": the kubelet has no identity in the mesh, so its probes go to the
        agent at `/app-health/<container>/{livez,readyz,startupz}`, which asks the application from inside the pod.
"""

from typing import Any

Pod = dict[str, Any]
"""A Kubernetes object as JSON."""

_PROBES = (("livenessProbe", "livez"), ("readinessProbe", "readyz"), ("startupProbe", "startupz"))
_HOOKS = (("postStart", "poststartz"), ("preStop", "prestopz"))
_KINDS = ("httpGet", "tcpSocket", "grpc")


def rewrite(containers: list[Pod], *, status_port: int) -> dict[str, Pod]:
    """Point every probe and hook over the network at the agent (in place). Returns path → what the agent has to ask."""
    asked: dict[str, Pod] = {}
    for container in containers:
        for field, word in _PROBES:
            path = f"/app-health/{container['name']}/{word}"
            _take(container, container.get(field), path, status_port, asked)
        hooks: Pod = container.get("lifecycle") or {}
        for field, word in _HOOKS:
            path = f"/app-lifecycle/{container['name']}/{word}"
            _take(container, hooks.get(field), path, status_port, asked)
    return asked


def _take(container: Pod, probe: Pod | None, path: str, status_port: int, asked: dict[str, Pod]) -> None:
    kind = next((k for k in _KINDS if probe and k in probe), None)
    if probe is None or kind is None:
        return
    port = _number(probe[kind].get("port"), container)
    if port is None or port == status_port:
        return  # A name that no port carries is a fault of the pod, which Kubernetes reports in its own words.
    asked[path] = {kind: {**_without_host(probe.pop(kind)), "port": port}}
    if "timeoutSeconds" in probe:
        asked[path]["timeoutSeconds"] = probe["timeoutSeconds"]
    probe["httpGet"] = {"path": path, "port": status_port}


def _without_host(action: Pod) -> Pod:
    # The agent asks the pod itself whatever `host` says: it must not become a way to reach other addresses.
    return {k: v for k, v in action.items() if k != "host"}


def _number(port: object, container: Pod) -> int | None:
    if isinstance(port, int):
        return port
    text = str(port)
    if text.isdigit():
        return int(text)
    return next((p["containerPort"] for p in container.get("ports") or () if p.get("name") == text), None)
