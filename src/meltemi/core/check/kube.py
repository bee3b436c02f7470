"""Rules for the kinds of Kubernetes that the mesh reads: what an API server would refuse, as far as the mesh reads it.

Place:  parse → [check/kube] → check/document
Source: Kubernetes' API reference.
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_labels, check_port, is_label
from meltemi.core.check.report import at, error, note, required, warning
from meltemi.core.check.workloads import check_containers, check_cron_job, check_job, check_workload
from meltemi.core.model.document import Document, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.kube.pod import Pod
from meltemi.core.model.kube.service import Service, ServiceSpec
from meltemi.core.model.kube.workload import CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet
from meltemi.core.model.value import Value

ROOT = Path("spec")
TRANSPORTS = ("TCP", "UDP", "SCTP")
WAY_IN = "a Gateway leads in from outside; 'up --gateway-port' serves it on 127.0.0.1"
GATEWAY = "istio"
"""The label of gateways, by which Gateways find them; `--gateway-port` leads in to the mesh's own."""
AFFINITY = "a DestinationRule's 'consistentHash: {useSourceIp: true}' keeps a client at its pod"
TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")


def check_kube(document: Document[Value]) -> Iterator[Finding]:
    """Every fault of an object of Kubernetes that would make it unusable."""
    yield from check_labels(document.meta.labels, Path("metadata.labels"))
    match document.spec:
        case Service(spec=spec):
            yield from _check_service(spec)
            if spec.type == "LoadBalancer" and GATEWAY not in dict(document.meta.labels):
                yield note("M1303", at(ROOT, "type"), "the embedded node gives no address outside the mesh", WAY_IN)
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


def _outside(service: ServiceSpec) -> Iterator[Finding]:
    """What would lead to the Service from outside the mesh, and does not."""
    if service.type == "NodePort":
        message = "the embedded node opens no port of this machine: the Service is reached at its address in the mesh"
        yield note("M1303", at(ROOT, "type"), message, WAY_IN)
    for i, port in enumerate(service.ports):
        if port.node_port and service.type in ("NodePort", "LoadBalancer"):
            message = f"the embedded node does not open port {port.node_port} of this machine"
            yield note("M1303", at(ROOT, "ports", i, "nodePort"), message, WAY_IN)
        elif port.node_port:
            message = f"a Service of type {service.type} has no port of the machine"
            yield error("M1104", at(ROOT, "ports", i, "nodePort"), message, "leave it out, or write 'type: NodePort'")
    if service.external_ips:
        message = "the embedded node leads nothing from other addresses to a Service"
        yield note("M1303", at(ROOT, "externalIPs"), message, WAY_IN)
    if service.session_affinity not in ("", "None"):
        message = f"{service.session_affinity!r} has no effect: each connection goes to any pod"
        yield warning("M1303", at(ROOT, "sessionAffinity"), message, AFFINITY)


def _check_service(service: ServiceSpec) -> Iterator[Finding]:
    if service.type not in TYPES:
        yield error("M1104", at(ROOT, "type"), f"unknown value {service.type!r}", f"known: {', '.join(TYPES)}")
    if service.type == "ExternalName" and not service.external_name:
        yield required(ROOT, "externalName")
    if "IPv6" in service.ip_families:
        yield warning(
            "M1303", at(ROOT, "ipFamilies"), "'IPv6' has no effect yet", "the Service has an IPv4 address only"
        )
    yield from _outside(service)
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
