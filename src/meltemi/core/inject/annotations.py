"""Every annotation by which a pod speaks to the injector: read and checked, or named as having no effect.

Place:  inject · policy → [annotations] → sidecar | gateway → patch
Source: Istio, "Resource Annotations". Each one is in `CHECKS` or in `WITHOUT_EFFECT`; a name under Istio's domains
        that is in neither is a finding too, so nothing that a pod says is silent.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping

from meltemi.core.inject import policy
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.mesh_proxy import POLICY_HEADER

SIDECAR = "sidecar.istio.io/"
TRAFFIC = "traffic.sidecar.istio.io/"
READINESS = "readiness.status.sidecar.istio.io/"
STATUS_PORT = "status.sidecar.istio.io/port"
PROXY_CONFIG = "proxy.istio.io/config"
MERGE_METRICS = "prometheus.istio.io/merge-metrics"
REROUTE = "istio.io/reroute-virtual-interfaces"

BAD_VALUE, NO_EFFECT, UNKNOWN = "M7001", "M7002", "M7003"


def cidrs(text: str) -> str:
    """Fault of a list of address ranges; empty when sound."""
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            return f"'{part}' is no address range like 10.0.0.0/8"
    return ""


def cidrs_or_all(text: str) -> str:
    """Fault of a list of address ranges or `*`; empty when sound."""
    return "" if text.strip() == "*" else cidrs(text)


def ports(text: str) -> str:
    """Fault of a list of ports; empty when sound."""
    for part in filter(None, map(str.strip, text.split(","))):
        if not (part.isdigit() and 0 < int(part) < 65536):
            return f"'{part}' is no port"
    return ""


def ports_or_all(text: str) -> str:
    """Fault of a list of ports or `*`; empty when sound."""
    return "" if text.strip() == "*" else ports(text)


def boolean(text: str) -> str:
    """Fault of a switch; empty when sound."""
    return "" if text.lower() in policy.YES | policy.NO else f"'{text}' is neither 'true' nor 'false'"


def true_or_false(text: str) -> str:
    """Fault of a switch of our own, which knows these two words only; empty when sound."""
    return "" if text in {"true", "false"} else f"'{text}' is neither 'true' nor 'false'"


def number(text: str) -> str:
    """Fault of a count; empty when sound."""
    return "" if text.isdigit() else f"'{text}' is no whole number"


def quantity(text: str) -> str:
    """Fault of a Kubernetes quantity; empty when sound."""
    sound = re.fullmatch(r"\d+(\.\d+)?(m|k|Ki|[KMGTPE]i?|e\d+)?", text)
    return "" if sound else f"'{text}' is no quantity like 100m or 128Mi"


def json_object(text: str) -> str:
    """Fault of a JSON object; empty when sound."""
    try:
        sound = isinstance(json.loads(text), dict)
    except ValueError as e:
        return f"not JSON: {e}"
    return "" if sound else "no JSON object"


def interception(text: str) -> str:
    """Fault of an interception mode; empty when sound."""
    if text == "TPROXY":
        return "'TPROXY' is not supported: use REDIRECT (the application sees 127.0.0.6 as its client) or NONE"
    return "" if text in {"REDIRECT", "NONE"} else f"'{text}' is none of REDIRECT, NONE"


def text_of_any_kind(_text: str) -> str:
    """No fault: read elsewhere, or free text."""
    return ""


CHECKS: Mapping[str, Callable[[str], str]] = {
    TRAFFIC + "includeOutboundIPRanges": cidrs_or_all,
    TRAFFIC + "excludeOutboundIPRanges": cidrs,
    TRAFFIC + "includeInboundPorts": ports_or_all,
    TRAFFIC + "excludeInboundPorts": ports,
    TRAFFIC + "includeOutboundPorts": ports,
    TRAFFIC + "excludeOutboundPorts": ports,
    TRAFFIC + "excludeInterfaces": text_of_any_kind,
    TRAFFIC + "kubevirtInterfaces": text_of_any_kind,
    REROUTE: text_of_any_kind,
    POLICY_HEADER: true_or_false,
    SIDECAR + "inject": boolean,
    SIDECAR + "status": text_of_any_kind,
    SIDECAR + "interceptionMode": interception,
    SIDECAR + "rewriteAppHTTPProbers": boolean,
    SIDECAR + "proxyImage": text_of_any_kind,
    SIDECAR + "proxyCPU": quantity,
    SIDECAR + "proxyCPULimit": quantity,
    SIDECAR + "proxyMemory": quantity,
    SIDECAR + "proxyMemoryLimit": quantity,
    SIDECAR + "logLevel": text_of_any_kind,
    SIDECAR + "componentLogLevel": text_of_any_kind,
    SIDECAR + "agentLogLevel": text_of_any_kind,
    SIDECAR + "statsInclusionPrefixes": text_of_any_kind,
    SIDECAR + "statsInclusionSuffixes": text_of_any_kind,
    SIDECAR + "statsInclusionRegexps": text_of_any_kind,
    SIDECAR + "userVolume": json_object,
    SIDECAR + "userVolumeMount": json_object,
    READINESS + "initialDelaySeconds": number,
    READINESS + "periodSeconds": number,
    READINESS + "failureThreshold": number,
    STATUS_PORT: ports,
    PROXY_CONFIG: text_of_any_kind,
    MERGE_METRICS: boolean,
    policy.TEMPLATES: text_of_any_kind,
    policy.REVISION: text_of_any_kind,
}
"""Annotations that have an effect, each with the rule of its value."""

WITHOUT_EFFECT: Mapping[str, str] = {
    SIDECAR + "bootstrapOverride": "the agent writes the whole bootstrap",
    SIDECAR + "controlPlaneAuthPolicy": "the proxy is known by its socket",
    SIDECAR + "discoveryAddress": "the proxy is configured over the socket of its pod",
    SIDECAR + "enableCoreDump": "core dumps follow the settings of the node",
    SIDECAR + "extraStatTags": "tags of metrics are the control plane's matter",
    SIDECAR + "nativeSidecar": "the proxy is an ordinary container that starts first",
    SIDECAR + "proxyImageType": "there is one proxy image",
    SIDECAR + "statsHistogramBuckets": "histograms have Envoy's own buckets",
    SIDECAR + "statsCompression": "the metrics page is sent as it is",
    SIDECAR + "statsEvictionInterval": "metrics are kept while the proxy runs",
    READINESS + "applicationPorts": "readiness of the application is its own probe's matter",
    "proxy.istio.io/overrides": "a container named 'istio-proxy' in the pod is what overrides the proxy's fields",
    "istio.io/dataplane-mode": "there is no ambient data plane",
    "galley.istio.io/analyze-suppress": "it concerns analysis of configurations",
}
"""Annotations of Istio's that say nothing here, each with the reason."""

_DOMAINS = (
    SIDECAR,
    TRAFFIC,
    READINESS,
    "status.sidecar.istio.io/",
    "proxy.istio.io/",
    "inject.istio.io/",
    "meltemi.io/",
)


def findings(annotations: Mapping[str, str], key: Key) -> Iterator[Finding]:
    """Wrong values as errors; annotations without effect and unknown ones as warnings."""
    for name, value in sorted(annotations.items()):
        path = Path(f"metadata.annotations[{name}]")
        if (check := CHECKS.get(name)) is not None:
            if fault := check(value):
                yield Finding(
                    code=BAD_VALUE, severity=Severity.ERROR, key=key, path=path, message=f"annotation '{name}': {fault}"
                )
        elif reason := WITHOUT_EFFECT.get(name):
            message = f"annotation '{name}' has no effect: {reason}"
            yield Finding(code=NO_EFFECT, severity=Severity.WARNING, key=key, path=path, message=message)
        elif name.startswith(_DOMAINS):
            message = f"annotation '{name}' is unknown and has no effect"
            yield Finding(code=UNKNOWN, severity=Severity.WARNING, key=key, path=path, message=message)
