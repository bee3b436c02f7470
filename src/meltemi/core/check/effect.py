"""Nothing is silent: fields that are written and have no effect yet, and old forms of fields.

Place:  [check/effect] → check/document
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.tree import Tree, camel, field, item

_POLICIES = ("trafficPolicy", "subsets[].trafficPolicy")
_PORT_POLICIES = tuple(f"{policy}.portLevelSettings[]" for policy in _POLICIES)


def _everywhere(*paths: str, why: str) -> dict[str, str]:
    return {f"{policy}.{path}": why for policy in (*_POLICIES, *_PORT_POLICIES) for path in paths}


WITHOUT_EFFECT: dict[str, dict[str, str]] = {
    "DestinationRule": {
        **_everywhere("loadBalancer.zoneAwareLbSetting.minClusterSize", why="zones of a region get equal shares"),
    },
    "WasmPlugin": {"verificationKey": "as in Istio"},
    "TrafficExtension": {"wasm.verificationKey": "as in Istio"},
    "Gateway": {
        "servers[].tls.tlsCertificates[].caCertificates": "write 'caCertificates' of 'tls' itself",
        "servers[].defaultEndpoint": "as in Istio: a VirtualService says where requests go",
    },
    "Policy": {
        "targets[].labels": "they never had any in Istio: a PeerAuthentication selects by labels",
    },
    "WorkloadGroup": {
        "probe": "nobody asks it: an entry of the group counts as healthy while it exists",
    },
}
"""Kind → path in `spec` (lists as `[]`) → what to do instead, or ""."""

DEPRECATED: dict[str, dict[str, tuple[Severity, str]]] = {
    "VirtualService": {
        "http[].mirrorPercent": (Severity.WARNING, "mirrorPercentage"),
        "http[].fault.delay.percent": (Severity.INFO, "percentage"),
        "http[].fault.abort.percent": (Severity.INFO, "percentage"),
        "http[].corsPolicy.allowOrigin": (Severity.INFO, "allowOrigins"),
        "http[].appendHeaders": (Severity.INFO, "headers.request.add"),
        "http[].appendRequestHeaders": (Severity.INFO, "headers.request.add"),
        "http[].removeRequestHeaders": (Severity.INFO, "headers.request.remove"),
        "http[].appendResponseHeaders": (Severity.INFO, "headers.response.add"),
        "http[].removeResponseHeaders": (Severity.INFO, "headers.response.remove"),
        "http[].websocketUpgrade": (Severity.INFO, ""),
    },
    "ServiceRoleBinding": {
        "subjects[].group": (Severity.INFO, "groups"),
    },
    **{kind: {"peers[].mtls.allowTls": (Severity.INFO, "mode: PERMISSIVE")} for kind in ("Policy", "MeshPolicy")},
    "DestinationRule": {
        f"{policy}.{path}": new
        for policy in (*_POLICIES, *_PORT_POLICIES)
        for path, new in (
            ("outlierDetection.consecutiveErrors", (Severity.WARNING, "consecutiveGatewayErrors")),
            ("outlierDetection.http", (Severity.WARNING, "outlierDetection")),
            ("loadBalancer.consistentHash.minimumRingSize", (Severity.WARNING, "ringHash.minimumRingSize")),
            ("loadBalancer.warmupDurationSecs", (Severity.INFO, "warmup.duration")),
        )
    },
}
"""Kind → path in `spec` → how loudly to say it, and the form of today ("" where none is needed)."""


def check_effect(kind: str, tree: Tree) -> Iterator[Finding]:
    """One finding for each written field without effect, and for each old form."""
    idle, old = WITHOUT_EFFECT.get(kind, {}), DEPRECATED.get(kind, {})
    spec = tree.get("spec") if isinstance(tree, dict) else None
    for pattern, path in _written(spec, "", ROOT):
        name = pattern.rpartition(".")[2]
        if pattern in idle:
            yield warning("M1303", path, f"{name!r} has no effect yet", idle[pattern])
        elif pattern in old:
            severity, new = old[pattern]
            tip = f"write {new!r}" if new else "remove it"
            yield Finding(
                code="M1304",
                severity=severity,
                message=f"{name!r} is an old form",
                help=tip,
                path=path,
                about_name=True,
            )


def _written(tree: Tree, pattern: str, path: Path) -> Iterator[tuple[str, Path]]:
    """Every field with a value: its path with all indexes left out, and its path."""
    if isinstance(tree, list):
        for i, child in enumerate(tree):
            yield from _written(child, f"{pattern}[]", item(path, i))
    elif isinstance(tree, dict):
        for name, child in tree.items():
            if child is None:
                continue
            below = f"{pattern}.{camel(name)}" if pattern else camel(name)
            yield below, field(path, camel(name))
            yield from _written(child, below, field(path, camel(name)))
