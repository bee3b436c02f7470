"""MeshConfig's tree → MeshConfig: settings that take effect are typed, the other known ones are kept as they are.

Place:  parse/yaml → [parse/mesh] → check/mesh
"""

from typing import cast

import msgspec

from meltemi.core.model.document import Path
from meltemi.core.model.finding import Severity
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.mesh_providers import ExtensionProvider
from meltemi.core.model.mesh_proxy import DefaultConfig, ProxyHeaders
from meltemi.core.model.tree import Tree, camel, field, item
from meltemi.core.model.value import Value
from meltemi.core.parse.decode import decode, fields_of
from meltemi.core.parse.faults import Faults, did_you_mean

ROOT = Path("")
PROXY = Path("defaultConfig")
_OWN = "rest"

KEPT = frozenset(
    {
        "ca",
        "caCertificates",
        "certificates",
        "configSources",
        "defaultProviders",
        "disableEnvoyListenerLog",
        "enableEnvoyAccessLogService",
        "hboneSettings",
        "ingressClass",
        "ingressControllerMode",
        "proxyHttpPort",
        "serviceScopeConfigs",
        "serviceSettings",
        "thriftConfig",
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

KEPT_OF_PROXIES = frozenset(
    {
        "availabilityZone",
        "binaryPath",
        "caCertificatesPem",
        "connectTimeout",
        "controlPlaneAuthPolicy",
        "customConfigFile",
        "discoveryAddress",
        "discoveryRefreshDelay",
        "envoyAccessLogService",
        "envoyMetricsService",
        "envoyMetricsServiceAddress",
        "extraStatTags",
        "meshId",
        "parentShutdownDuration",
        "privateKeyProvider",
        "proxyAdminPort",
        "proxyBootstrapTemplatePath",
        "readinessProbe",
        "sds",
        "statNameLength",
        "statsCompression",
        "statsFlushInterval",
        "statsdUdpAddress",
        "tracing",
        "tracingServiceName",
        "zipkinAddress",
    }
)
"""Settings of `defaultConfig` that Istio documents and that have no type here."""
KEPT_OF_PROVIDERS = frozenset(
    {
        "datadog",
        "envoyFileAccessLog",
        "envoyHttpAls",
        "envoyOtelAls",
        "envoyTcpAls",
        "lightstep",
        "opencensus",
        "opentelemetry",
        "prometheus",
        "sds",
        "skywalking",
        "stackdriver",
        "zipkin",
    }
)
"""Kinds of `extensionProviders` that Istio documents and that have no type here."""
KEPT_OF_HEADERS = frozenset({"metadataExchangeHeaders"})
"""The same of `defaultConfig.proxyHeaders`."""
_OLD = "a setting of Istio up to 1.4"
_INGRESS = "Ingresses of Kubernetes have no effect: write a Gateway"
_TELEMETRY = "proxies report to nobody yet: what they count is on their port 15090"
_BOOTSTRAP = "write an EnvoyFilter with 'applyTo: BOOTSTRAP'"
REASONS = {
    "serviceSettings": "the mesh is one cluster, to which every service is local",
    "serviceScopeConfigs": "there is no ambient mode, and the mesh is one cluster",
    "hboneSettings": "there is no ambient mode: proxies speak mutual TLS without a tunnel",
    "verifyCertificateAtClient": "servers' certificates are always verified",
    "disableEnvoyListenerLog": "listeners have no log of their own",
    "discoveryAddress": "a proxy has its control plane at a socket of its pod",
    "controlPlaneAuthPolicy": "a proxy has its control plane at a socket of its pod",
    "caCertificatesPem": "proxies get authorities from their control plane",
    "caCertificates": "workloads trust the mesh's own authority alone; 'meltemi ca' takes one of yours",
    "ca": "the control plane signs; 'meltemi ca' takes an authority of yours",
    "certificates": "no certificates are made but those of workloads: write a Secret",
    "configSources": "documents come from the mesh's API: 'meltemi apply'",
    "proxyHttpPort": "proxies take what interception leads to them; they are no forward proxies",
    "thriftConfig": "nothing reads Thrift: it is carried as bytes",
    "binaryPath": "the Envoy that comes with Meltemi is run",
    "customConfigFile": _BOOTSTRAP,
    "proxyBootstrapTemplatePath": _BOOTSTRAP,
    "proxyAdminPort": "it is 15000, where the agent and the tools find it",
    "parentShutdownDuration": "no Envoy hands over to another: its pod is replaced",
    "sds": "secrets come from the control plane and the pod's agent",
    "meshId": "there is one mesh, and nobody asks its name",
    "availabilityZone": "the labels of a pod and of its node say where it is",
    "readinessProbe": "it is for machines outside of the mesh, which have no agent here",
    "privateKeyProvider": "keys are used by the CPU itself, without a device",
    "statNameLength": "Envoy's names of metrics have no limit any more",
    "extraStatTags": "proxies make no metrics of requests yet that could have more tags",
    "statsFlushInterval": "proxies push metrics to nobody: who reads port 15090 gets them as they are",
    "statsCompression": "the page of metrics is not compressed",
    "metadataExchangeHeaders": "proxies do not exchange metadata by headers",
    **dict.fromkeys(("ingressService", "ingressSelector", "ingressClass", "ingressControllerMode"), _INGRESS),
    **dict.fromkeys(
        (
            *("defaultProviders", "enableEnvoyAccessLogService", "enableTracing", "envoyAccessLogService"),
            *("envoyMetricsService", "envoyMetricsServiceAddress", "statsdUdpAddress", "tracing"),
            *("tracingServiceName", "zipkinAddress", *(KEPT_OF_PROVIDERS - {"sds"})),
        ),
        _TELEMETRY,
    ),
    **dict.fromkeys(
        (
            *("authPolicy", "connectTimeout", "disableMixerHttpReports", "disablePolicyChecks", "disableReportBatch"),
            *("discoveryRefreshDelay", "enableClientSidePolicyCheck", "enableSdsTokenMount", "mixerAddress"),
            *("mixerCheckServer", "mixerReportServer", "policyCheckFailOpen", "rdsRefreshDelay"),
            *("reportBatchMaxEntries", "reportBatchMaxTime", "sdsRefreshDelay", "sdsUdsPath", "sdsUseK8sSaJwt"),
            "sidecarToTelemetrySessionAffinity",
        ),
        _OLD,
    ),
}
"""Why a setting has no effect, or what to do instead, where that is known."""
_PROXY, _HEADERS, _PROVIDERS = "defaultConfig", "proxyHeaders", "extensionProviders"


def decode_mesh_config(tree: Tree, faults: Faults) -> MeshConfig:
    """The settings, with defaults where nothing is written or what is written is at fault."""
    if not isinstance(tree, dict):
        faults.error("M1103", ROOT, "a mapping of settings is wanted here")
        return MeshConfig()
    typed, rest = _split(tree, MeshConfig, KEPT, ROOT, faults)
    for name, value in typed.items():
        if camel(name) in IDLE:
            _say(ROOT, camel(name), faults)
        if camel(name) == _PROXY and isinstance(value, dict):
            typed[name] = _of_proxies(value, faults)
            rest[_PROXY] = {camel(one): what for one, what in value.items()}
        if camel(name) == _PROVIDERS and isinstance(value, list):
            typed[name] = [_of_provider(one, i, faults) for i, one in enumerate(value)]
    config = decode(MeshConfig, cast("Tree", typed), ROOT, faults, strict=True) or MeshConfig()
    kept = tuple(sorted((name, msgspec.json.encode(value)) for name, value in rest.items()))
    return msgspec.structs.replace(config, rest=kept)


def _of_proxies(tree: dict[str, Tree], faults: Faults) -> Tree:
    """Of `defaultConfig`, what has a type."""
    typed, _ = _split(tree, DefaultConfig, KEPT_OF_PROXIES, PROXY, faults)
    for name, value in typed.items():
        if camel(name) == _HEADERS and isinstance(value, dict):
            typed[name] = _split(value, ProxyHeaders, KEPT_OF_HEADERS, field(PROXY, _HEADERS), faults)[0]
    return cast("Tree", typed)


def _of_provider(tree: Tree, i: int, faults: Faults) -> Tree:
    """Of one of `extensionProviders`, what has a type."""
    if not isinstance(tree, dict):
        return tree
    path = item(field(ROOT, _PROVIDERS), i)
    return cast("Tree", _split(tree, ExtensionProvider, KEPT_OF_PROVIDERS, path, faults)[0])


def _split(
    tree: dict[str, Tree], kind: type[Value], kept: frozenset[str], path: Path, faults: Faults
) -> tuple[dict[str, Tree], dict[str, Tree]]:
    """(fields that have a type, fields that are only known, which is told); unknown ones are faults."""
    known = {name for name, (attribute, _) in fields_of(kind).items() if attribute != _OWN}
    typed, rest = dict[str, Tree](), dict[str, Tree]()
    for name, value in tree.items():
        if name in known:
            typed[name] = value
        elif value is not None and camel(name) in kept:
            rest[camel(name)] = value
            _say(path, camel(name), faults)
        elif value is not None:
            tip = did_you_mean(name, {camel(one) for one in known} | kept)
            faults.error("M1101", field(path, name), f"unknown field {name!r}", tip, about_name=True)
    return typed, rest


def _say(path: Path, name: str, faults: Faults) -> None:
    tip = REASONS.get(name, "")
    faults.add(Severity.INFO, "M2502", field(path, name), f"setting {name!r} has no effect yet", tip, about_name=True)
