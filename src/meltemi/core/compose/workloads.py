"""Pods as workloads: who stands behind an address.

Place:  model/kube/pod → [compose/workloads] → compose/{registry,service_entries}, pipeline/scope
"""

import re
from collections.abc import Mapping

from meltemi.core.compose.inputs import keys_in, read_as
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.kube.pod import Pod
from meltemi.core.model.topology import NETWORK_LABEL, TOPOLOGY_LABELS
from meltemi.core.model.value import Value

KIND = "Pod"
TLS_LABEL, TLS_ACCEPTED = "security.istio.io/tlsMode", "istio"
LOCALITY_LABEL = "istio-locality"
HASH_LABEL = "pod-template-hash"

_GENERATED = re.compile(r"(.+)-[a-z0-9]{5}")
"""A pod's name: its maker's, a dash and five random characters."""
_ORDINAL = re.compile(r"(.+)-\d+")
"""A StatefulSet's pod."""


class Workload(Value, frozen=True, kw_only=True):
    """What the mesh knows of one pod."""

    key: Key
    addresses: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    service_account: str
    name: str
    """Of the Deployment, as telemetry calls it."""
    locality: str
    """`region/zone/subzone`."""
    network: str
    tls: bool
    """Its sidecar accepts mutual TLS."""
    ready: bool
    ports: tuple[tuple[str, int], ...]
    """Container port names → numbers, in the order written."""

    @property
    def namespace(self) -> str:
        return self.key.namespace


def workload(e: Engine, key: Key) -> Workload | None:
    """One pod; None where there is none, or it has ended."""
    found = read_as(e, key, Pod)
    if found is None:
        return None
    pod = found.spec
    if pod.status.phase in ("Succeeded", "Failed"):
        return None
    labels = dict(found.meta.labels)
    addresses = tuple(p.ip for p in pod.status.pod_ips if p.ip) or ((pod.status.pod_ip,) if pod.status.pod_ip else ())
    return Workload(
        key=key,
        addresses=addresses,
        labels=found.meta.labels,
        service_account=pod.spec.service_account_name or pod.spec.service_account or "default",
        name=workload_name(key.name, labels),
        locality=locality_of(labels),
        network=labels.get(NETWORK_LABEL, ""),
        tls=labels.get(TLS_LABEL) == TLS_ACCEPTED,
        ready=not found.meta.deleted and _ready(pod),
        ports=tuple((p.name, p.container_port) for c in pod.spec.containers for p in c.ports if p.name),
    )


def _ready(pod: Pod) -> bool:
    """A pod without conditions was never run: it is taken as it is written."""
    return all(c.status == "True" for c in pod.status.conditions if c.type == "Ready")


def workload_name(pod: str, labels: Mapping[str, str]) -> str:
    """The name of what made a pod, read off the pod's own."""
    canonical = labels.get("service.istio.io/workload-name")
    if canonical:
        return canonical
    generated = _GENERATED.fullmatch(pod)
    base = generated[1] if generated else pod
    template = labels.get(HASH_LABEL, "")
    if template and base.endswith(f"-{template}"):
        return base.removesuffix(f"-{template}")
    ordinal = _ORDINAL.fullmatch(pod)
    return ordinal[1] if ordinal and not template else pod


def locality_of(labels: Mapping[str, str]) -> str:
    """`region/zone/subzone` that a pod's labels say; Istio's own label also separates by dots."""
    written = labels.get(LOCALITY_LABEL, "")
    if written:
        return written if "/" in written else written.replace(".", "/")
    return "/".join(labels.get(name, "") for name in TOPOLOGY_LABELS).rstrip("/")


def pods(e: Engine, namespace: str) -> tuple[Key, ...]:
    """All pods of a namespace."""
    return e.get(keys_in, "", KIND, namespace)


def pod_labels(e: Engine, key: Key) -> tuple[tuple[str, str], ...]:
    """The labels of one pod; stands between a pod's many changes and the selectors that read it."""
    found = e.get(workload, key)
    return found.labels if found else ()


def selected_pods(e: Engine, namespace: str, selector: tuple[tuple[str, str], ...]) -> tuple[Key, ...]:
    """Pods of a namespace by labels; an empty selector takes all."""
    wanted = set(selector)
    return tuple(key for key in e.get(pods, namespace) if wanted <= set(e.get(pod_labels, key)))


def pod_addresses(e: Engine, key: Key) -> tuple[str, ...]:
    """The addresses of one pod."""
    found = e.get(workload, key)
    return found.addresses if found else ()


def pods_at(e: Engine, namespace: str) -> Mapping[str, Key]:
    """Address → the pod of a namespace that has it, the first by name."""
    found: dict[str, Key] = {}
    for key in e.get(pods, namespace):
        for address in e.get(pod_addresses, key):
            found.setdefault(address, key)
    return found
