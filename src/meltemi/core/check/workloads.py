"""Rules for what makes pods: Deployments and their like, Jobs, CronJobs.

Place:  check/kube → [check/workloads]
Source: Kubernetes' API reference.
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_labels, check_port
from meltemi.core.check.report import at, error, note, required, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.kube.pod import Container, PodSpec
from meltemi.core.model.kube.schedule import ScheduleError, schedule
from meltemi.core.model.kube.workload import CronJobSpec, JobSpec, StatefulSetSpec, WorkloadSpec

ROOT = Path("spec")
MODES = ("", "Indexed", "NonIndexed")
INJECTED = ("istio-init", "istio-proxy")
"""Containers that nobody wrote: their limits are the injector's."""
ENDING = ("Never", "OnFailure")
MEDIUMS = ("", "Memory")


def check_workload(spec: WorkloadSpec, *, old: bool) -> Iterator[Finding]:
    """Deployment, ReplicaSet, StatefulSet, DaemonSet. `old`: an API version that may leave the selector out."""
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
    yield from check_containers(spec.template.spec, at(ROOT, "template", "spec"))
    if isinstance(spec, StatefulSetSpec) and spec.volume_claim_templates:
        message = "the embedded node has no persistent volumes: each pod gets an empty directory, which goes with it"
        yield warning("M1303", at(ROOT, "volumeClaimTemplates"), message, "use a 'hostPath' volume for what must stay")


def check_job(spec: JobSpec, path: Path = ROOT) -> Iterator[Finding]:
    """A Job, or a CronJob's template of one."""
    for name, number in (("parallelism", spec.parallelism), ("completions", spec.completions)):
        if (number or 0) < 0:
            yield error("M2014", at(path, name), f"{number} is negative")
    if spec.completion_mode not in MODES:
        message = f"unknown value {spec.completion_mode!r}"
        yield error("M1104", at(path, "completionMode"), message, "known: Indexed, NonIndexed")
    elif spec.completion_mode == "Indexed" and spec.completions is None:
        yield required(path, "completions", "an indexed Job has a number of completions")
    pod = at(path, "template", "spec")
    if spec.template.spec.restart_policy not in ENDING:
        message = f"pods with 'restartPolicy: {spec.template.spec.restart_policy or 'Always'}' never end"
        yield error("M1104", at(pod, "restartPolicy"), message, "known: Never, OnFailure")
    yield from _without_effect(spec, path)
    yield from check_containers(spec.template.spec, pod)


def _without_effect(spec: JobSpec, path: Path) -> Iterator[Finding]:
    said = {
        "podFailurePolicy": spec.pod_failure_policy,
        "successPolicy": spec.success_policy,
        "backoffLimitPerIndex": spec.backoff_limit_per_index,
        "podReplacementPolicy": spec.pod_replacement_policy or None,
    }
    for name, value in said.items():
        if value is not None:
            yield warning("M1303", at(path, name), f"{name!r} has no effect yet")


def check_cron_job(spec: CronJobSpec) -> Iterator[Finding]:
    """A CronJob."""
    try:
        schedule(spec.schedule)
    except ScheduleError as problem:
        tip = "five fields: minute, hour, day of month, month, day of week"
        yield error("M1104", at(ROOT, "schedule"), str(problem), tip)
    if spec.time_zone not in ("", "UTC", "Etc/UTC"):
        yield warning("M1303", at(ROOT, "timeZone"), "'timeZone' has no effect yet: moments are in UTC")
    yield from check_job(spec.job_template.spec, at(ROOT, "jobTemplate", "spec"))


def check_containers(spec: PodSpec, path: Path) -> Iterator[Finding]:
    """The containers of a pod."""
    if not spec.containers:
        yield required(path, "containers")
    yield from _check_volumes(spec, path)
    names: set[str] = set()
    for word, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for i, container in enumerate(containers):
            yield from _check_container(container, at(path, word, i), names)
            names.add(container.name)


def _check_volumes(spec: PodSpec, path: Path) -> Iterator[Finding]:
    """What is said of empty directories that the node does not do."""
    for i, volume in enumerate(spec.volumes):
        if (empty := volume.empty_dir) is None:
            continue
        place = at(path, "volumes", i, "emptyDir")
        if empty.medium not in MEDIUMS:
            message = f"medium {empty.medium!r} has no effect: the directory is on the disk"
            yield warning("M1303", at(place, "medium"), message, "write 'Memory', or leave it out")
        if empty.size_limit is not None and empty.medium != "Memory":
            message = "the embedded node holds only directories in memory to their size"
            yield note("M1303", at(place, "sizeLimit"), message, "with 'medium: Memory' it takes effect")


def _check_container(container: Container, path: Path, names: set[str]) -> Iterator[Finding]:
    if not container.name:
        yield required(path, "name")
    elif container.name in names:
        yield error("M2802", at(path, "name"), f"container {container.name!r} is written twice", "give it another name")
    for i, port in enumerate(container.ports):
        yield from check_port(port.container_port, at(path, "ports", i, "containerPort"))
