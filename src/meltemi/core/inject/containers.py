"""The containers that injection adds, as Kubernetes JSON.

Place:  inject · annotations, proxy_config, workload → [containers] → inject
"""

import json
from collections.abc import Mapping
from typing import Any

from meltemi.core.inject.annotations import READINESS, REROUTE, SIDECAR, TRAFFIC
from meltemi.core.inject.config import (
    METRICS_PORT,
    PROXY_MARK,
    PROXY_UID,
    READY_PORT,
    InjectConfig,
    Resources,
)
from meltemi.core.inject.probes import Pod
from meltemi.core.inject.proxy_config import captures_names
from meltemi.core.inject.workload import Workload
from meltemi.core.model.module import FOLDER
from meltemi.core.model.value import Value

INIT, PROXY = "istio-init", "istio-proxy"
MODULES_VOLUME = "meltemi-modules"
XDS_VOLUME, XDS_MOUNT = "meltemi-xds", "/var/run/meltemi"
STATE_VOLUME, STATE_MOUNT = "istio-envoy", "/etc/istio/proxy"
SDS_VOLUME, SDS_MOUNT = "workload-socket", "/var/run/secrets/workload-spiffe-uds"
TOKEN_VOLUME, TOKEN_MOUNT, TOKEN_PATH = "istio-token", "/var/run/secrets/tokens", "istio-token"
TOKEN_AUDIENCE, TOKEN_SECONDS = "istio-ca", 43200
"""For whom the token is, and how long it lives (Istio's)."""


class Subject(Value, frozen=True, kw_only=True):
    """One pod to be injected, with all that was found out about it."""

    namespace: str
    name: str
    """Empty in a template of pods."""
    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    workload: Workload
    proxy_config: Mapping[str, Any]
    mode: str
    """`REDIRECT` or `NONE`."""
    status_port: int
    hold: bool
    image: str


def init_container(subject: Subject, config: InjectConfig) -> Pod:
    """Runs `istio-iptables` as root in the pod's network namespace before anything else."""
    container: Pod = {
        "name": INIT,
        "image": subject.image,
        "args": interception_args(subject, config),
        "resources": resources(subject.annotations, config.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": False,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "runAsUser": 0,
        },
    }
    if extra := subject.proxy_config.get("proxyMetadata"):
        container["env"] = [{"name": k, "value": str(v)} for k, v in extra.items()]
    return container


def interception_args(subject: Subject, config: InjectConfig) -> list[str]:
    """Flags of `pilot-agent istio-iptables`, from the pod's `traffic.sidecar.istio.io` annotations."""
    said = subject.annotations
    excluded = [str(METRICS_PORT), str(READY_PORT)]
    excluded += filter(None, said.get(TRAFFIC + "excludeInboundPorts", config.exclude_inbound_ports).split(","))
    if str(subject.status_port) not in excluded:
        excluded.append(str(subject.status_port))
    args = ["istio-iptables", "-p", str(config.outbound_port), "-z", str(config.inbound_port)]
    args += ["--proxy-mark", str(PROXY_MARK)] if config.one_user else ["-u", str(PROXY_UID)]
    args += ["-m", subject.mode]
    args += ["-i", said.get(TRAFFIC + "includeOutboundIPRanges", config.include_outbound_ranges)]
    args += ["-x", said.get(TRAFFIC + "excludeOutboundIPRanges", config.exclude_outbound_ranges)]
    args += ["-b", said.get(TRAFFIC + "includeInboundPorts", config.include_inbound_ports)]
    args += ["-d", ",".join(excluded)]
    optional = (
        ("-q", said.get(TRAFFIC + "includeOutboundPorts", config.include_outbound_ports)),
        ("-o", said.get(TRAFFIC + "excludeOutboundPorts", config.exclude_outbound_ports)),
        ("-k", said.get(REROUTE, said.get(TRAFFIC + "kubevirtInterfaces", ""))),
        ("-c", said.get(TRAFFIC + "excludeInterfaces", "")),
    )
    args += [word for flag, value in optional if value for word in (flag, value)]
    args += ["--redirect-dns"] if captures_names(subject.proxy_config) else []
    return [*args, f"--log_output_level={said.get(SIDECAR + 'agentLogLevel', config.agent_log_level)}"]


def proxy_container(subject: Subject, config: InjectConfig, *, role: str, env: list[Pod]) -> Pod:
    """Agent and Envoy. `role`: `sidecar` or `router`."""
    said = subject.annotations
    return {
        "name": PROXY,
        "image": subject.image,
        "args": [
            "proxy",
            role,
            "--domain",
            f"$(POD_NAMESPACE).svc.{config.domain}",
            f"--proxyLogLevel={said.get(SIDECAR + 'logLevel', config.log_level)}",
            f"--proxyComponentLogLevel={said.get(SIDECAR + 'componentLogLevel', config.component_log_level)}",
            f"--log_output_level={said.get(SIDECAR + 'agentLogLevel', config.agent_log_level)}",
        ],
        "ports": [{"containerPort": METRICS_PORT, "name": "http-envoy-prom", "protocol": "TCP"}],
        "env": env,
        **_health(said),
        **({"lifecycle": {"postStart": {"exec": {"command": ["pilot-agent", "wait"]}}}} if subject.hold else {}),
        "resources": resources(said, config.resources),
        "securityContext": _security_context(config),
        "volumeMounts": mounts(subject, config),
    }


def _health(said: Mapping[str, str]) -> Pod:
    probe: Pod = {"httpGet": {"path": "/healthz/ready", "port": READY_PORT}, "timeoutSeconds": 3}
    readiness: Pod = {**probe, "periodSeconds": 15, "failureThreshold": 4}
    for field in ("initialDelaySeconds", "periodSeconds", "failureThreshold"):
        if (value := said.get(READINESS + field)) is not None:
            readiness[field] = int(value)
    return {"readinessProbe": readiness, "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 600}}


def _security_context(config: InjectConfig) -> Pod:
    user = 0 if config.one_user else PROXY_UID
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], **({"add": ["NET_ADMIN"]} if config.one_user else {})},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": user,
        "runAsNonRoot": not config.one_user,
        "runAsUser": user,
    }


def resources(said: Mapping[str, str], default: Resources) -> Pod:
    """The pod's four annotations; the mesh's default only where none of them is given (as Istio)."""
    words = ("proxyCPU", "proxyMemory", "proxyCPULimit", "proxyMemoryLimit")
    if any(SIDECAR + w in said for w in words):
        cpu, memory, cpu_limit, memory_limit = (said.get(SIDECAR + w, "") for w in words)
    else:
        cpu, memory, cpu_limit, memory_limit = default.cpu, default.memory, default.cpu_limit, default.memory_limit
    parts = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu_limit, "memory": memory_limit}}
    kept = {part: {k: v for k, v in amounts.items() if v} for part, amounts in parts.items()}
    return {part: amounts for part, amounts in kept.items() if amounts}


def mounts(subject: Subject, config: InjectConfig) -> list[Pod]:
    """The sockets' directories, the agent's own directory, its token, and what the pod asks for."""
    xds: Pod = {"name": XDS_VOLUME, "mountPath": XDS_MOUNT}
    if not subject.name:
        xds["subPathExpr"] = "$(POD_NAMESPACE)/$(POD_NAME)"
    extra: dict[str, Pod] = json.loads(subject.annotations.get(SIDECAR + "userVolumeMount", "{}"))
    return [
        {"name": SDS_VOLUME, "mountPath": SDS_MOUNT},
        xds,
        {"name": STATE_VOLUME, "mountPath": STATE_MOUNT},
        {"name": TOKEN_VOLUME, "mountPath": TOKEN_MOUNT},
        *([{"name": MODULES_VOLUME, "mountPath": FOLDER, "readOnly": True}] if config.modules_dir else []),
        *({"name": name, **mount} for name, mount in extra.items()),
    ]


def volumes(subject: Subject, config: InjectConfig) -> list[Pod]:
    """A template of pods has no name yet: it mounts the whole directory of sockets by a sub-path."""
    place = f"{config.xds_dir}/{subject.namespace}/{subject.name}" if subject.name else config.xds_dir
    extra: dict[str, Pod] = json.loads(subject.annotations.get(SIDECAR + "userVolume", "{}"))
    modules = {"path": config.modules_dir, "type": "DirectoryOrCreate"}
    token = {"audience": TOKEN_AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": TOKEN_PATH}
    return [
        {"name": SDS_VOLUME, "emptyDir": {}},
        {"name": XDS_VOLUME, "hostPath": {"path": place, "type": "DirectoryOrCreate"}},
        {"name": STATE_VOLUME, "emptyDir": {"medium": "Memory"}},
        {"name": TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}},
        *([{"name": MODULES_VOLUME, "hostPath": modules}] if config.modules_dir else []),
        *({"name": name, **source} for name, source in extra.items()),
    ]
