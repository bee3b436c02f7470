"""Every setting that Istio documents today is typed, or told to have no effect: none is unknown, none is passed over.

Source: istio.mesh.v1alpha1, release 1.28, messages MeshConfig, ProxyConfig, ProxyHeaders, Topology, ExtensionProvider
"""

import pytest

from e2e.fields.table import fields, load, shown_by
from meltemi.core.check.mesh import read_mesh_config
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.mesh_providers import ExtensionProvider
from meltemi.core.model.mesh_proxy import DefaultConfig, ProxyHeaders, Topology
from meltemi.core.model.tree import camel
from meltemi.core.model.value import Value
from meltemi.core.parse.decode import fields_of
from meltemi.core.parse.mesh import (
    IDLE,
    KEPT,
    KEPT_OF_HEADERS,
    KEPT_OF_PROVIDERS,
    KEPT_OF_PROXIES,
    REASONS,
)

NOTHING = frozenset[str]()
MESH = """
accessLogEncoding accessLogFile accessLogFormat ca caCertificates certificates configSources connectTimeout
defaultConfig defaultDestinationRuleExportTo defaultHttpRetryPolicy defaultProviders defaultServiceExportTo
defaultVirtualServiceExportTo disableEnvoyListenerLog discoverySelectors dnsRefreshRate enableAutoMtls
enableEnvoyAccessLogService enablePrometheusMerge enableTracing extensionProviders h2UpgradePolicy hboneSettings
inboundClusterStatName inboundTrafficPolicy ingressClass ingressControllerMode ingressSelector ingressService
localityLbSetting meshMTLS outboundClusterStatName outboundTrafficPolicy pathNormalization protocolDetectionTimeout
proxyHttpPort proxyInboundListenPort proxyListenPort rootNamespace serviceScopeConfigs serviceSettings tcpKeepalive
thriftConfig tlsDefaults trustDomain trustDomainAliases verifyCertificateAtClient
"""
PROXY = """
availabilityZone binaryPath caCertificatesPem concurrency configPath controlPlaneAuthPolicy customConfigFile
discoveryAddress discoveryRefreshDelay drainDuration envoyAccessLogService envoyMetricsService
envoyMetricsServiceAddress extraStatTags fileFlushInterval fileFlushMinSizeKb gatewayTopology
holdApplicationUntilProxyStarts image interceptionMode meshId parentShutdownDuration privateKeyProvider proxyAdminPort
proxyBootstrapTemplatePath proxyHeaders proxyMetadata proxyStatsMatcher readinessProbe runtimeValues sds
serviceCluster statNameLength statsCompression statsFlushInterval statsdUdpAddress statusPort
terminationDrainDuration tracing tracingServiceName zipkinAddress
"""
HEADERS = """
attemptCount envoyDebugHeaders forwardedClientCert metadataExchangeHeaders preserveHttp1HeaderCase requestId server
setCurrentClientCertDetails xForwardedHost xForwardedPort
"""
PROVIDER = """
datadog envoyExtAuthzGrpc envoyExtAuthzHttp envoyFileAccessLog envoyHttpAls envoyOtelAls envoyTcpAls lightstep name
opencensus opentelemetry prometheus sds skywalking stackdriver zipkin
"""
MESSAGES: dict[str, tuple[str, type[Value], frozenset[str]]] = {
    "MeshConfig": (MESH, MeshConfig, KEPT),
    "ProxyConfig": (PROXY, DefaultConfig, KEPT_OF_PROXIES),
    "ProxyHeaders": (HEADERS, ProxyHeaders, KEPT_OF_HEADERS),
    "Topology": ("forwardClientCertDetails numTrustedProxies proxyProtocol", Topology, NOTHING),
    "ExtensionProvider": (PROVIDER, ExtensionProvider, KEPT_OF_PROVIDERS),
}


@pytest.mark.parametrize(("documented", "model", "kept"), MESSAGES.values(), ids=MESSAGES)
def test_every_setting_is_known(documented: str, model: type[Value], kept: frozenset[str]) -> None:
    typed = {camel(name) for name in fields_of(model)}

    assert set(documented.split()) - typed - kept == set()
    assert typed & kept == set()


def test_what_is_typed_takes_effect_or_is_told() -> None:
    load()

    assert [path for path in fields("MeshConfig") if not shown_by("MeshConfig", path)] == []


@pytest.mark.parametrize("name", sorted(KEPT_OF_PROVIDERS))
def test_a_provider_without_effect_is_told(name: str) -> None:
    found = read_mesh_config("mesh.yaml", f"extensionProviders: [{{name: a, {name}: {{}}}}]".encode())[1]

    assert ("M2502", f"extensionProviders[0].{name}") in {(f.code, f.path) for f in found}


def test_why_is_said_of_all() -> None:
    idle = KEPT | KEPT_OF_PROXIES | KEPT_OF_HEADERS | KEPT_OF_PROVIDERS | IDLE

    assert set(REASONS) == idle
    assert all(REASONS.values())
