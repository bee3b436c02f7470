"""Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob: what makes pods.

Place:  model/kube → compose (workload names), node's controllers
API:    apps/v1; Deployment also apps/v1beta1, apps/v1beta2 and extensions/v1beta1; batch/v1
"""

from meltemi.core.model.kube.pod import PodSpec
from meltemi.core.model.value import Value


class LabelSelector(Value, frozen=True, kw_only=True):
    """Pods by labels."""

    match_labels: tuple[tuple[str, str], ...] = ()


class TemplateMeta(Value, frozen=True, kw_only=True):
    """Metadata of the pods to be made."""

    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


class PodTemplate(Value, frozen=True, kw_only=True):
    """Message PodTemplateSpec: the pods to be made."""

    metadata: TemplateMeta = TemplateMeta()
    spec: PodSpec = PodSpec()


class WorkloadSpec(Value, frozen=True, kw_only=True):
    """The part of DeploymentSpec and ReplicaSetSpec that the mesh reads."""

    replicas: int | None = None
    """None is 1."""
    selector: LabelSelector | None = None
    """None, only in the old API versions, is the template's labels."""
    template: PodTemplate = PodTemplate()


class Deployment(Value, frozen=True, kw_only=True):
    """Pods, replaced step by step when their template changes."""

    spec: WorkloadSpec = WorkloadSpec()


class ReplicaSet(Value, frozen=True, kw_only=True):
    """A number of equal pods."""

    spec: WorkloadSpec = WorkloadSpec()


class DaemonSet(Value, frozen=True, kw_only=True):
    """A pod on each machine."""

    spec: WorkloadSpec = WorkloadSpec()


class Unread(Value, frozen=True, kw_only=True):
    """A message of which only the presence is of interest."""


class StatefulSetSpec(WorkloadSpec, frozen=True, kw_only=True):
    """The part of StatefulSetSpec that the mesh reads."""

    service_name: str = ""
    """The headless Service below which each pod has a name."""
    volume_claim_templates: tuple[Unread, ...] = ()


class StatefulSet(Value, frozen=True, kw_only=True):
    """Pods with names of their own."""

    spec: StatefulSetSpec = StatefulSetSpec()


class JobSpec(Value, frozen=True, kw_only=True):
    """The part of JobSpec that the mesh reads."""

    parallelism: int | None = None
    completions: int | None = None
    completion_mode: str = ""
    """`Indexed`, or `NonIndexed`, the default."""
    template: PodTemplate = PodTemplate()
    pod_failure_policy: Unread | None = None
    success_policy: Unread | None = None
    backoff_limit_per_index: int | None = None
    pod_replacement_policy: str = ""


class Job(Value, frozen=True, kw_only=True):
    """Pods that run to an end."""

    spec: JobSpec = JobSpec()


class JobTemplate(Value, frozen=True, kw_only=True):
    """Message JobTemplateSpec."""

    spec: JobSpec = JobSpec()


class CronJobSpec(Value, frozen=True, kw_only=True):
    """The part of CronJobSpec that the mesh reads."""

    schedule: str = ""
    time_zone: str = ""
    job_template: JobTemplate = JobTemplate()


class CronJob(Value, frozen=True, kw_only=True):
    """A Job at each moment of a schedule."""

    spec: CronJobSpec = CronJobSpec()
