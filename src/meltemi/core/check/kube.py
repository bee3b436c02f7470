"""Rules for the kinds of Kubernetes that the mesh reads: what an API server would refuse, as far as the mesh reads it.

Place:  parse → [check/kube] → check/document
Source: Kubernetes' API reference.
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_labels, check_port, is_label
from meltemi.core.check.report import at, error, required, warning
from meltemi.core.model.document import Document, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.kube.pod import Container, Pod, PodSpec
from meltemi.core.model.kube.service import Service, ServiceSpec
from meltemi.core.model.kube.workload import Deployment, ReplicaSet, WorkloadSpec
from meltemi.core.model.value import Value

ROOT = Path("spec")
TRANSPORTS = ("TCP", "UDP", "SCTP")
TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")


def check_kube(document: Document[Value]) -> Iterator[Finding]:
    """Every fault of an object of Kubernetes that would make it unusable."""
    yield from check_labels(document.meta.labels, Path("metadata.labels"))
    match document.spec:
        case Service(spec=spec):
            yield from _check_service(spec)
        case Pod(spec=spec):
            yield from _check_containers(spec, ROOT)
        case Deployment(spec=spec) | ReplicaSet(spec=spec):
            yield from _check_workload(spec, old=document.version != "v1")
        case _:
            return


def _check_service(service: ServiceSpec) -> Iterator[Finding]:
    if service.type not in TYPES:
        yield error("M1104", at(ROOT, "type"), f"unknown value {service.type!r}", f"known: {', '.join(TYPES)}")
    if service.type == "ExternalName" and not service.external_name:
        yield required(ROOT, "externalName")
    if "IPv6" in service.ip_families:
        yield warning(
            "M1303", at(ROOT, "ipFamilies"), "'IPv6' has no effect yet", "the Service has an IPv4 address only"
        )
    names: set[str] = set()
    for i, port in enumerate(service.ports):
        path = at(ROOT, "ports", i)
        yield from check_port(port.port, at(path, "port"))
        if isinstance(port.target_port, int) and port.target_port:
            yield from check_port(port.target_port, at(path, "targetPort"))
        if port.protocol not in TRANSPORTS:
            tip = f"known: {', '.join(TRANSPORTS)}; what is spoken stands in 'name' or 'appProtocol'"
            yield error("M1104", at(path, "protocol"), f"unknown value {port.protocol!r}", tip)
        if len(service.ports) > 1 and not port.name:
            yield required(path, "name", "ports of a Service with several need names")
        elif port.name and not is_label(port.name):
            yield error("M2012", at(path, "name"), f"{port.name!r} is no name of a port")
        elif port.name in names:
            # Kubernetes refuses it; a mesh that is fed by other means can live with it.
            message = f"port name {port.name!r} is written twice"
            yield warning("M2405", at(path, "name"), message, "endpoints are looked up by it: give it another name")
        names.add(port.name)


def _check_workload(spec: WorkloadSpec, *, old: bool) -> Iterator[Finding]:
    if (spec.replicas or 0) < 0:
        yield error("M2014", at(ROOT, "replicas"), f"{spec.replicas} is negative")
    labels = spec.template.metadata.labels
    yield from check_labels(labels, at(ROOT, "template", "metadata", "labels"))
    if spec.selector is None and not old:
        yield required(ROOT, "selector", "write 'selector: {matchLabels: …}' with the labels of the template")
    elif spec.selector and not set(spec.selector.match_labels) <= set(labels):
        place = at(ROOT, "selector", "matchLabels")
        yield error(
            "M2801", place, "the pods of the template do not have the labels that are selected", "make them equal"
        )
    yield from _check_containers(spec.template.spec, at(ROOT, "template", "spec"))


def _check_containers(spec: PodSpec, path: Path) -> Iterator[Finding]:
    if not spec.containers:
        yield required(path, "containers")
    names: set[str] = set()
    for word, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for i, container in enumerate(containers):
            yield from _check_container(container, at(path, word, i), names)
            names.add(container.name)


def _check_container(container: Container, path: Path, names: set[str]) -> Iterator[Finding]:
    if not container.name:
        yield required(path, "name")
    elif container.name in names:
        yield error("M2802", at(path, "name"), f"container {container.name!r} is written twice", "give it another name")
    for i, port in enumerate(container.ports):
        yield from check_port(port.container_port, at(path, "ports", i, "containerPort"))
