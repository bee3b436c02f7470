"""Jobs: pods that are run until enough of them have succeeded.

Place:  node · cron_jobs → [jobs] → Pods
API:    batch/v1, Job
Source: Kubernetes, concepts/workloads/controllers/job
"""

from collections.abc import Iterator, Sequence
from typing import Any

from meltemi.core.node.job_pods import Tally, indexes, is_indexed, new_pods, tally
from meltemi.core.node.moments import moment, rfc3339
from meltemi.core.node.objects import (
    Action,
    Delete,
    Object,
    Put,
    Tree,
    condition,
    is_deleting,
    items,
    merged,
    part,
    spec,
    status,
)
from meltemi.core.node.pods import Round, soonest

BACKOFF_LIMIT = 6
BACK_OFF, LONGEST = 10.0, 360.0
"""Seconds before a failed pod is replaced; twice as many after each failure, up to the longest."""


def job_actions(job: Object, pods: Sequence[Object], *, suffixes: Iterator[str], now: float) -> Round:
    """What one Job needs done. `pods`: those that it owns; `now`: seconds since 1970."""
    if is_deleting(job.tree):
        return Round()
    if is_done(job.tree):
        return _after(job, now)
    counted = tally(job, pods)
    started = moment(str(status(job.tree).get("startTime") or "")) or now
    deadline = spec(job.tree).get("activeDeadlineSeconds")
    ends = None if deadline is None else started + float(deadline)
    suspended = bool(spec(job.tree).get("suspend"))
    verdict = None if suspended else _verdict(job.tree, counted, late=ends is not None and now >= ends)
    retry = _retry_at(pods, counted)
    room = 0 if verdict or suspended or (retry and now < retry) else _missing(job.tree, counted)
    # What is too much goes: a smaller parallelism, a Job that is suspended, or over.
    gone = counted.active[:] if verdict or suspended else counted.active[_most(job.tree, counted) :]
    actions: list[Action] = [Delete(key=pod.key) for pod in gone]
    actions += new_pods(job, counted, room, suffixes)
    actions += _status(job, counted, len(counted.active) - len(gone), verdict, now)
    return Round(actions=tuple(actions), again=soonest((ends, retry), now))


def is_done(job: Tree) -> bool:
    """It is complete or has failed."""
    return any(condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed"))


def _after(job: Object, now: float) -> Round:
    ttl = spec(job.tree).get("ttlSecondsAfterFinished")
    if ttl is None:
        return Round()
    ended = max(
        (moment(str(one.get("lastTransitionTime") or "")) for one in items(status(job.tree), "conditions")), default=now
    )
    end = ended + float(ttl)
    return Round(actions=(Delete(key=job.key),)) if now >= end else Round(again=soonest((end,), now))


def _verdict(job: Tree, counted: Tally, *, late: bool) -> tuple[str, str, str] | None:
    """Condition, reason and message of a Job that is over."""
    limit = spec(job).get("backoffLimit")
    allowed = BACKOFF_LIMIT if limit is None else int(limit)
    if counted.failed > allowed or (counted.restarts > allowed):
        return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    if late:
        return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
    wanted = _completions(job)
    if counted.succeeded >= wanted if wanted is not None else counted.succeeded and not counted.active:
        return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
    return None


def _completions(job: Tree) -> int | None:
    """None: the pods share a queue of work, and the first that succeeds says that it is empty."""
    written = spec(job).get("completions")
    if written is None:
        return None if spec(job).get("parallelism") is not None else 1
    return int(written)


def _most(job: Tree, counted: Tally) -> int:
    """How many pods may run now."""
    written = spec(job).get("parallelism")
    parallel = 1 if written is None else int(written)
    wanted = _completions(job)
    if wanted is None:
        return len(counted.active) if counted.succeeded else parallel
    return max(0, min(parallel, wanted - counted.succeeded))


def _missing(job: Tree, counted: Tally) -> int:
    return max(0, _most(job, counted) - len(counted.active))


def _retry_at(pods: Sequence[Object], counted: Tally) -> float | None:
    """When a pod that failed may be replaced; None where none has."""
    ends = [_ended(pod.tree) for pod in pods if status(pod.tree).get("phase") == "Failed"]
    delay = min(LONGEST, BACK_OFF * 2 ** max(0, counted.failed - 1))
    return max(ends) + delay if ends else None


def _ended(pod: Tree) -> float:
    states = [part(part(one, "state"), "terminated") for one in items(status(pod), "containerStatuses")]
    return max((moment(str(state.get("finishedAt") or "")) for state in states), default=0.0)


def _status(
    job: Object, counted: Tally, active: int, verdict: tuple[str, str, str] | None, now: float
) -> Iterator[Put]:
    old = status(job.tree)
    told: dict[str, Any] = {
        **old,
        "startTime": old.get("startTime") or rfc3339(now),
        "active": active,
        "ready": counted.ready,
        "succeeded": counted.succeeded,
        "failed": counted.failed,
    }
    if spec(job.tree).get("suspend"):
        told["startTime"] = None
    if is_indexed(job.tree):
        told["completedIndexes"] = indexes(counted.done)
    if verdict:
        kind, reason, message = verdict
        stamp = rfc3339(now)
        said = {
            "status": "True",
            "reason": reason,
            "message": message,
            "lastProbeTime": stamp,
            "lastTransitionTime": stamp,
        }
        told["conditions"] = [*items(old, "conditions"), {"type": kind, **said}]
        if kind == "Complete":
            told["completionTime"] = stamp
    if told != old:
        yield Put(key=job.key, tree=merged(job.tree, "status", value=told), expected=job.revision)
