"""CronJobs: a Job at each moment of a schedule.

Place:  node · [cron_jobs] → jobs
API:    batch/v1, CronJob; moments are in UTC
Source: Kubernetes, concepts/workloads/controllers/cron-jobs
"""

from collections.abc import Iterator, Sequence

from meltemi.core.model.document import Key
from meltemi.core.model.kube.schedule import Schedule, ScheduleError, schedule
from meltemi.core.node.jobs import is_done
from meltemi.core.node.moments import moment, rfc3339
from meltemi.core.node.objects import (
    Action,
    Delete,
    Object,
    Put,
    annotations_of,
    condition,
    is_deleting,
    labels_of,
    merged,
    meta,
    owner_reference,
    part,
    spec,
    status,
)
from meltemi.core.node.pods import Round, soonest

BATCH = "batch"
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
NAME_LIMIT = 52
"""So that a dash and the minutes since 1970 fit."""
KEPT = {"Complete": ("successfulJobsHistoryLimit", 3), "Failed": ("failedJobsHistoryLimit", 1)}
"""Condition → the field that says how many such Jobs stay, and its default."""


def cron_job_actions(cron: Object, jobs: Sequence[Object], *, now: float) -> Round:
    """What one CronJob needs done. `jobs`: those that it owns; `now`: seconds since 1970."""
    if is_deleting(cron.tree):
        return Round()
    try:
        times = schedule(str(spec(cron.tree).get("schedule") or ""))
    except ScheduleError:
        return Round()  # a finding has said so
    active = [job for job in jobs if not is_done(job.tree) and not is_deleting(job.tree)]
    due = _due(cron, times, now)
    policy = spec(cron.tree).get("concurrencyPolicy") or "Allow"
    actions: list[Action] = list(_forgotten(cron, jobs))
    started: list[Put] = []
    if due is not None and not (active and policy == "Forbid"):
        if policy == "Replace":
            actions += [Delete(key=job.key) for job in active]
            active = []
        started = [job for job in (_job(cron, due),) if job.key not in {one.key for one in jobs}]
    actions += [*started, *_status(cron, active, due if started else None, jobs)]
    again = None if spec(cron.tree).get("suspend") else soonest((times.after(now),), now)
    return Round(actions=tuple(actions), again=again)


def _due(cron: Object, times: Schedule, now: float) -> float | None:
    """The last moment of the schedule that has no Job yet and is not too long ago."""
    if spec(cron.tree).get("suspend"):
        return None
    last = status(cron.tree).get("lastScheduleTime") or meta(cron.tree).get("creationTimestamp") or rfc3339(now)
    found = times.until(now)
    if found is None or found <= moment(str(last)):
        return None
    limit = spec(cron.tree).get("startingDeadlineSeconds")
    return None if limit is not None and now - found > float(limit) else found


def _job(cron: Object, due: float) -> Put:
    template = part(spec(cron.tree), "jobTemplate")
    name = f"{cron.key.name[:NAME_LIMIT]}-{int(due // 60)}"
    metadata = {
        "name": name,
        "namespace": cron.key.namespace,
        "labels": dict(labels_of(template)),
        "annotations": {**annotations_of(template), SCHEDULED: rfc3339(due)},
        "ownerReferences": [owner_reference(cron.tree)],
    }
    tree = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": dict(spec(template))}
    return Put(key=Key(group=BATCH, kind="Job", namespace=cron.key.namespace, name=name), tree=tree, expected=0)


def _forgotten(cron: Object, jobs: Sequence[Object]) -> Iterator[Delete]:
    """Jobs that are over, the oldest first, beyond those that are kept."""
    for kind, (field, default) in KEPT.items():
        over = [job for job in jobs if condition(job.tree, kind).get("status") == "True" and not is_deleting(job.tree)]
        written = spec(cron.tree).get(field)
        keep = default if written is None else int(written)
        over.sort(key=lambda job: annotations_of(job.tree).get(SCHEDULED, ""))
        yield from (Delete(key=job.key) for job in over[: max(0, len(over) - keep)])


def _status(cron: Object, active: Sequence[Object], started: float | None, jobs: Sequence[Object]) -> Iterator[Put]:
    old = status(cron.tree)
    ends = [str(status(job.tree).get("completionTime") or "") for job in jobs]
    told = {
        **old,
        "active": [
            {"apiVersion": "batch/v1", "kind": "Job", "name": job.key.name, "namespace": job.key.namespace}
            for job in active
        ],
    }
    if started is not None:
        told["lastScheduleTime"] = rfc3339(started)
    if last := max([*filter(None, ends), str(old.get("lastSuccessfulTime") or "")], default=""):
        told["lastSuccessfulTime"] = last
    if told != {"active": [], **old}:
        yield Put(key=cron.key, tree=merged(cron.tree, "status", value=told), expected=cron.revision)
