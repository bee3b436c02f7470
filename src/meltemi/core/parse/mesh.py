"""MeshConfig's tree → MeshConfig: settings that take effect are typed, the other known ones are kept as they are.

Place:  parse/yaml → [parse/mesh] → check/mesh
"""

import msgspec

from meltemi.core.model.document import Path
from meltemi.core.model.finding import Severity
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.tree import Tree, camel, field
from meltemi.core.parse.decode import decode, fields_of
from meltemi.core.parse.faults import Faults, did_you_mean

ROOT = Path("")
_OWN = "rest"

KEPT = frozenset(
    {
        "accessLogEncoding",
        "ca",
        "caCertificates",
        "certificates",
        "configSources",
        "defaultConfig",
        "defaultHttpRetryPolicy",
        "defaultInboundHttpRetryPolicy",
        "defaultProviders",
        "defaultTrafficPolicy",
        "disableEnvoyListenerLog",
        "discoverySelectors",
        "enableEnvoyAccessLogService",
        "enablePrometheusMerge",
        "extensionProviders",
        "h2UpgradePolicy",
        "hboneSettings",
        "inboundClusterStatName",
        "ingressClass",
        "ingressControllerMode",
        "outboundClusterStatName",
        "pathNormalization",
        "proxyHttpPort",
        "serviceScopeConfigs",
        "serviceSettings",
        "thriftConfig",
        "tlsDefaults",
        "verifyCertificateAtClient",
        # Istio up to 1.4
        "authPolicy",
        "disableMixerHttpReports",
        "disablePolicyChecks",
        "disableReportBatch",
        "enableClientSidePolicyCheck",
        "enableSdsTokenMount",
        "mixerAddress",
        "mixerCheckServer",
        "mixerReportServer",
        "policyCheckFailOpen",
        "rdsRefreshDelay",
        "reportBatchMaxEntries",
        "reportBatchMaxTime",
        "sdsRefreshDelay",
        "sdsUdsPath",
        "sdsUseK8sSaJwt",
        "sidecarToTelemetrySessionAffinity",
    }
)
"""Settings that Istio documents and that have no type here. Source: istio.mesh.v1alpha1, releases 0.8 to 1.28."""

IDLE = frozenset({"ingressService", "ingressSelector", "enableTracing"})
"""Settings that have a type and no effect yet."""

QUIET = frozenset({"defaultConfig"})
"""Kept settings that other rooms read (injection): nothing is said of them."""


def decode_mesh_config(tree: Tree, faults: Faults) -> MeshConfig:
    """The settings, with defaults where nothing is written or what is written is at fault."""
    if not isinstance(tree, dict):
        faults.error("M1103", ROOT, "a mapping of settings is wanted here")
        return MeshConfig()
    typed = {name for name, (attribute, _) in fields_of(MeshConfig).items() if attribute != _OWN}
    effective = {name: value for name, value in tree.items() if name in typed}
    config = decode(MeshConfig, effective, ROOT, faults, strict=True) or MeshConfig()
    rest: list[tuple[str, bytes]] = []
    for name, value in tree.items():
        known = camel(name)
        if known in IDLE:
            _say(known, faults)
        if name in typed or value is None:
            continue
        if known in KEPT:
            rest.append((known, msgspec.json.encode(value)))
            _say(known, faults)
        else:
            tip = did_you_mean(name, {camel(one) for one in typed} | KEPT)
            faults.error("M1101", field(ROOT, name), f"unknown field {name!r}", tip, about_name=True)
    return msgspec.structs.replace(config, rest=tuple(sorted(rest)))


def _say(name: str, faults: Faults) -> None:
    if name not in QUIET:
        path = field(ROOT, name)
        faults.add(Severity.INFO, "M2502", path, f"setting {name!r} has no effect yet", about_name=True)
