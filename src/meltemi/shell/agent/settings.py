"""What the agent is told: its flags, and the environment that the injector wrote.

Place:  shell/agent · flags and environment → [settings] → bootstrap, supervise, health, drain
Source: Istio's names of flags, variables and fields of ProxyConfig
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from meltemi.shell.agent.identity_settings import IdentitySettings, read_identity

XDS_SOCKET = "/var/run/meltemi/xds.sock"
SDS_SOCKET = "/var/run/secrets/workload-spiffe-uds/socket"
"""Where the agent serves the workload's certificate to its Envoy (Istio's path)."""
CONFIG_PATH = "/etc/istio/proxy"
ADMIN_PORT, STATUS_PORT, READY_PORT, METRICS_PORT = 15000, 15020, 15021, 15090
DEFAULT_CONCURRENCY = 1
"""Worker threads of Envoy. Istio's default is 2 or the CPU limit; here a whole mesh shares one machine, where a second
worker costs memory and wins nothing. `concurrency` of ProxyConfig decides; 0 means one a CPU."""

_META, _META_JSON = "ISTIO_META_", "ISTIO_METAJSON_"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the agent needs to know, read once."""

    role: str
    """`sidecar` or `router`."""
    pod: str
    namespace: str
    address: str
    """The pod's own address; empty if nobody said."""
    domain: str
    """`<namespace>.svc.<cluster domain>`."""
    service_cluster: str
    metadata: Mapping[str, object]
    """Of the Envoy node."""
    log_level: str = "warning"
    component_log_level: str = "misc:error"
    concurrency: int = DEFAULT_CONCURRENCY
    status_port: int = STATUS_PORT
    drain_seconds: float = 45.0
    """Envoy's own drain time: when listeners that are replaced close their connections."""
    minimum_drain: float = 5.0
    """Seconds that a proxy that is told to end keeps serving, until all others have heard of it."""
    stats: Mapping[str, tuple[str, ...]]
    """`prefixes`, `suffixes` and `regexps` of metrics kept beyond the default."""
    probers: Mapping[str, Mapping[str, Any]]
    """Path on the status port → the probe of the application that it stands for."""
    scrape: Mapping[str, str]
    """`port` and `path` of the application's metrics; empty: none."""
    xds_socket: str = XDS_SOCKET
    sds_socket: str = SDS_SOCKET
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    config_path: str = CONFIG_PATH
    runtime: Mapping[str, str] = field(default_factory=dict[str, str])
    """Envoy's runtime values, by name."""
    bootstrap: Sequence[Mapping[str, Any]] = ()
    """Changes of what Envoy starts with (overlay)."""
    flush_seconds: float = 1.0
    """How late, at most, a request is seen in a log; Istio's."""
    flush_kilobytes: int = 0
    """How much Envoy collects before it writes; 0 is Envoy's default."""
    mark: int = 0
    """Mark of Envoy's own connections, by which interception knows them; 0: it knows them by the user."""

    @property
    def node_id(self) -> str:
        """`sidecar~10.0.0.1~pod.namespace~namespace.svc.cluster.local`."""
        return "~".join((self.role, self.address or "127.0.0.1", f"{self.pod}.{self.namespace}", self.domain))


def read(*, role: str, domain: str, env: Mapping[str, str] = os.environ, **flags: str) -> Settings:
    """Settings from environment and flags. `flags`: `log_level`, `component_log_level`, `concurrency` where given."""
    namespace = env.get("POD_NAMESPACE", "default")
    proxy = _proxy_config(env.get("PROXY_CONFIG", ""))
    labels = _json(env.get(_META_JSON + "LABELS"))
    said = {k: v for k, v in flags.items() if v and k != "concurrency"}
    exits_on_zero = env.get("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "").lower() == "true"
    minimum = env.get("MINIMUM_DRAIN_DURATION", "5s") if exits_on_zero else proxy.get("terminationDrainDuration", "5s")
    workload = env.get(_META + "WORKLOAD_NAME", "istio-proxy")
    default_cluster = f"{labels.get('service.istio.io/canonical-name', workload)}.{namespace}"
    return Settings(
        role=role,
        pod=env.get("POD_NAME", "unknown"),
        namespace=namespace,
        address=env.get("INSTANCE_IP", ""),
        domain=domain if domain and "$(" not in domain else f"{namespace}.svc.cluster.local",
        service_cluster=str(proxy.get("serviceCluster") or default_cluster),
        metadata=_metadata(env, proxy),
        concurrency=_concurrency(flags.get("concurrency") or proxy.get("concurrency", DEFAULT_CONCURRENCY)),
        status_port=int(proxy.get("statusPort") or STATUS_PORT),
        drain_seconds=seconds(proxy.get("drainDuration", "45s")),
        minimum_drain=seconds(minimum),
        stats=_stats(env, proxy),
        probers=_json(env.get("ISTIO_KUBE_APP_PROBERS")),
        scrape=_json(env.get("ISTIO_PROMETHEUS_ANNOTATIONS")),
        xds_socket=env.get("MELTEMI_XDS_SOCKET", XDS_SOCKET),
        sds_socket=env.get("MELTEMI_SDS_SOCKET", SDS_SOCKET),
        identity=read_identity(env, seconds(env["SECRET_TTL"]) if "SECRET_TTL" in env else None),
        runtime=cast("dict[str, str]", proxy.get("runtimeValues") or {}),
        bootstrap=json.loads(env.get("MELTEMI_BOOTSTRAP") or "[]"),
        flush_seconds=seconds(proxy.get("fileFlushInterval", "1s")),
        flush_kilobytes=int(proxy.get("fileFlushMinSizeKb") or 0),
        mark=int(env.get("MELTEMI_PROXY_MARK", "0")),
        config_path=str(proxy.get("configPath") or CONFIG_PATH),
        **said,
    )


def seconds(text: object) -> float:
    """A Go duration (`1m30s`, `500ms`) in seconds. Raises ValueError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", str(text))
    if not parts or "".join(n + u for n, u in parts) != str(text):
        raise ValueError(f"'{text}' is no duration like 5s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _concurrency(said: object) -> int:
    return int(str(said)) or len(os.sched_getaffinity(0))


def _metadata(env: Mapping[str, str], proxy: Mapping[str, Any]) -> dict[str, object]:
    found: dict[str, object] = {
        "NAME": env.get("POD_NAME", ""),
        "NAMESPACE": env.get("POD_NAMESPACE", ""),
        "INSTANCE_IPS": env.get("INSTANCE_IP", ""),
        "SERVICE_ACCOUNT": env.get("SERVICE_ACCOUNT", ""),
        "ENVOY_STATUS_PORT": READY_PORT,
        "ENVOY_PROMETHEUS_PORT": METRICS_PORT,
        "PROXY_CONFIG": proxy,
    }
    for name, value in env.items():
        if name.startswith(_META_JSON):
            found[name.removeprefix(_META_JSON)] = json.loads(value)
        elif name.startswith(_META):
            found[name.removeprefix(_META)] = value
    return {k: v for k, v in found.items() if v != ""}


def _stats(env: Mapping[str, str], proxy: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    by_pod = _json(env.get(_META_JSON + "STATS"))
    matcher: Mapping[str, Any] = proxy.get("proxyStatsMatcher") or {}
    kinds = ("Prefixes", "Suffixes", "Regexps")
    return {
        kind.lower(): (
            *(matcher.get("inclusion" + kind) or ()),
            *filter(None, by_pod.get("statsInclusion" + kind, "").split(",")),
        )
        for kind in kinds
    }


def _json(text: str | None) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(text)) if text else {}


def _proxy_config(text: str) -> dict[str, Any]:
    """Our injector writes JSON; a manifest injected by others may hold YAML."""
    if not text.strip():
        return {}
    try:
        return cast("dict[str, Any]", json.loads(text))
    except ValueError:
        import yaml  # noqa: PLC0415 -- 50 ms that pods of our own injector do not pay

        return cast("dict[str, Any]", yaml.safe_load(text) or {})
