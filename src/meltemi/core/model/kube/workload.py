"""Deployment and ReplicaSet: what makes pods.

Place:  model/kube → compose (workload names), node's controllers
API:    apps/v1; Deployment also apps/v1beta1, apps/v1beta2 and extensions/v1beta1
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
