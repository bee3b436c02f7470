"""MeshConfig and what stands beside it: bytes → settings of the mesh, with the findings about them.

Place:  parse/yaml → [check/mesh] → engine input `("mesh",)`, `validate --kind`
API:    istio.mesh.v1alpha1, MeshConfig and MeshNetworks; also as ConfigMap `istio`, key `mesh`
"""

from collections.abc import Iterator

from meltemi.core.check.locality import check_locality
from meltemi.core.check.mesh_logs import check_log_format, check_selectors
from meltemi.core.check.names import check_host, check_port, is_label
from meltemi.core.check.providers import check_networks, check_providers
from meltemi.core.check.proxy_config import check_default_config
from meltemi.core.check.report import at, error
from meltemi.core.check.retry import check_retry
from meltemi.core.check.traffic_policy import check_traffic_policy
from meltemi.core.check.values import check_duration
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.kube.namespace import ConfigMap
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.source import placed
from meltemi.core.model.traffic.destination_rule import OutlierDetection
from meltemi.core.model.traffic.virtual_service import HTTPRetry
from meltemi.core.model.tree import Tree
from meltemi.core.model.units import Seconds
from meltemi.core.parse.faults import Faults
from meltemi.core.parse.mesh import decode_mesh_config
from meltemi.core.parse.yaml import Written, read

ROOT = Path("")
MAP_NAME, MAP_KEY = "istio", "mesh"
"""ConfigMap in the root namespace, and the key in it, that hold the MeshConfig, as in Istio."""
LONGEST_CONNECT = Seconds(3600)


def read_mesh_config(file: str, text: bytes) -> tuple[MeshConfig, tuple[Finding, ...]]:
    """The settings in a file (Istio's defaults for what it leaves out), and findings with their lines.

    With errors among the findings the settings are incomplete. An empty file is all defaults.
    """
    written, findings = read(file, text)
    one = written[0] if written else Written(tree={})
    faults = Faults()
    config = decode_mesh_config(one.tree, faults)
    found = (*one.findings, *faults.found, *_rules(config, one.tree))
    return config, findings + tuple(placed(finding, one.source) for finding in found)


def check_mesh_map(key: Key, config_map: ConfigMap) -> Iterator[Finding]:
    """Findings about the settings in the ConfigMap of the whole mesh; none about any other ConfigMap.

    The settings are a text in a text: findings stand at the text, and say where in it.
    """
    if not is_mesh_map(key):
        return
    text = dict(config_map.data).get(MAP_KEY, "")
    for one in read_mesh_config("", text.encode())[1]:
        where = f"line {one.span.line}" + (f" ({one.path})" if one.path else "")
        yield Finding(
            code=one.code,
            severity=one.severity,
            message=f"{one.message}, in {where}",
            help=one.help,
            path=at(Path("data"), MAP_KEY),
        )


def is_mesh_map(key: Key) -> bool:
    """Whether a document is the ConfigMap that holds the settings of the whole mesh."""
    return (key.kind, key.namespace, key.name) == ("ConfigMap", MeshConfig().root_namespace, MAP_NAME)


def validate_settings(file: str, text: bytes, *, kind: str) -> tuple[Finding, ...]:
    """Findings about a MeshConfig, MeshNetworks, or MeshConfig that is looked at for its ExtensionProviders only."""
    if kind == "MeshConfig":
        return read_mesh_config(file, text)[1]
    rules = check_networks if kind == "MeshNetworks" else check_providers
    written, findings = read(file, text)
    return findings + tuple(placed(f, one.source) for one in written for f in (*one.findings, *rules(one.tree)))


def _rules(config: MeshConfig, tree: Tree) -> Iterator[Finding]:
    yield from check_port(config.proxy_listen_port, at(ROOT, "proxyListenPort"))
    yield from check_port(config.proxy_inbound_listen_port, at(ROOT, "proxyInboundListenPort"))
    yield from _check_times(config)
    yield from _check_trust_domain(config.trust_domain, at(ROOT, "trustDomain"))
    for i, alias in enumerate(config.trust_domain_aliases):
        yield from _check_trust_domain(alias, at(ROOT, "trustDomainAliases", i))
    yield from check_locality(config.locality_lb_setting, OutlierDetection(), at(ROOT, "localityLbSetting"))
    yield from _check_policies(config)
    yield from check_log_format(config)
    yield from check_selectors(config.discovery_selectors, at(ROOT, "discoverySelectors"))
    if isinstance(tree, dict):
        yield from _check_service_settings(tree.get("serviceSettings"), at(ROOT, "serviceSettings"))
        yield from check_default_config(tree.get("defaultConfig"), at(ROOT, "defaultConfig"))


def _check_policies(config: MeshConfig) -> Iterator[Finding]:
    """What Istio's other kinds say too."""
    for name, policy in (
        ("defaultHttpRetryPolicy", config.default_http_retry_policy),
        ("defaultInboundHttpRetryPolicy", config.default_inbound_http_retry_policy),
    ):
        if policy is not None:
            yield from _check_default_retry(policy, at(ROOT, name))
    if config.default_traffic_policy:
        yield from check_traffic_policy(config.default_traffic_policy, at(ROOT, "defaultTrafficPolicy"))


def _check_times(config: MeshConfig) -> Iterator[Finding]:
    path = at(ROOT, "connectTimeout")
    yield from check_duration(config.connect_timeout, path)
    if config.connect_timeout > LONGEST_CONNECT:
        yield error("M2501", path, "the time to connect is longer than an hour")
    if config.protocol_detection_timeout:
        yield from check_duration(config.protocol_detection_timeout, at(ROOT, "protocolDetectionTimeout"))


def _check_trust_domain(domain: str, path: Path) -> Iterator[Finding]:
    parts = domain.removesuffix(".").split(".")
    if not all(is_label(part) for part in parts):
        yield error("M2501", path, f"{domain!r} is no trust domain", "parts of letters, digits and '-', joined by dots")


def _check_service_settings(tree: Tree, path: Path) -> Iterator[Finding]:
    for i, setting in enumerate(tree if isinstance(tree, list) else ()):
        hosts = setting.get("hosts") if isinstance(setting, dict) else None
        for j, host in enumerate(hosts if isinstance(hosts, list) else ()):
            yield from check_host(str(host), at(path, i, "hosts", j))


def _check_default_retry(policy: HTTPRetry, path: Path) -> Iterator[Finding]:
    yield from check_retry(policy, path)
    if policy.backoff is not None and not policy.attempts:
        yield error("M2105", at(path, "backoff"), "retries are off without 'attempts'", "write 'attempts: 2'")
