"""Rules for the kinds of Kubernetes that the mesh reads: what an API server would refuse, as far as the mesh reads it.

Place:  parse → [check/kube] → check/document
Source: Kubernetes' API reference.
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_labels, check_port, is_label
from meltemi.core.check.report import at, error, required, warning
from meltemi.core.check.workloads import check_containers, check_cron_job, check_job, check_workload
from meltemi.core.model.document import Document, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.kube.pod import Pod
from meltemi.core.model.kube.service import Service, ServiceSpec
from meltemi.core.model.kube.workload import CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet
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
            yield from check_containers(spec, ROOT)
        case Deployment(spec=spec) | ReplicaSet(spec=spec) | DaemonSet(spec=spec) | StatefulSet(spec=spec):
            yield from check_workload(spec, old=document.version != "v1")
        case Job(spec=spec):
            yield from check_job(spec)
        case CronJob(spec=spec):
            yield from check_cron_job(spec)
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
