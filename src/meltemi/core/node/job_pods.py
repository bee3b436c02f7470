"""The pods of a Job: how many have ended how, which are missing.

Place:  node · used by jobs
Source: Kubernetes, concepts/workloads/controllers/job, "Completion mode", "Parallel execution for Jobs"
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from meltemi.core.model.value import Value
from meltemi.core.node.availability import is_active
from meltemi.core.node.objects import Object, Put, Tree, annotations_of, is_ready, items, part, spec, status, uid_of
from meltemi.core.node.pods import generated, pod_of

INDEX = "batch.kubernetes.io/job-completion-index"
LABELS = ("batch.kubernetes.io/job-name", "job-name")
UID_LABELS = ("batch.kubernetes.io/controller-uid", "controller-uid")


class Tally(Value, frozen=True, kw_only=True, eq=False):
    """How the pods of one Job fare."""

    active: tuple[Object, ...]
    ready: int
    succeeded: int
    """Completions; of an indexed Job, indexes."""
    failed: int
    restarts: int
    """Of containers that are started again within their pod."""
    done: frozenset[int]
    """Indexes that have succeeded."""


def is_indexed(job: Tree) -> bool:
    """Each completion has a number."""
    return spec(job).get("completionMode") == "Indexed"


def tally(job: Object, pods: Sequence[Object]) -> Tally:
    """Count. Pods that a user removes after they ended stay counted by the status."""
    good = [pod for pod in pods if status(pod.tree).get("phase") == "Succeeded"]
    bad = [pod for pod in pods if status(pod.tree).get("phase") == "Failed"]
    active = tuple(pod for pod in pods if is_active(pod.tree))
    done = frozenset(index_of(pod) for pod in good) | _told_indexes(job)
    told = status(job.tree)
    succeeded = len(done) if is_indexed(job.tree) else max(len(good), int(told.get("succeeded") or 0))
    return Tally(
        active=active,
        ready=sum(is_ready(pod.tree) for pod in active),
        succeeded=succeeded,
        failed=max(len(bad), int(told.get("failed") or 0)),
        restarts=sum(_restarts(pod.tree) for pod in active),
        done=done if is_indexed(job.tree) else frozenset(),
    )


def index_of(pod: Object) -> int:
    """The number of the completion that a pod works on; 0 without one."""
    return int(annotations_of(pod.tree).get(INDEX) or 0)


def indexes(done: Iterable[int]) -> str:
    """`0,2-4`."""
    rows: list[list[int]] = []
    for number in sorted(done):
        if rows and number == rows[-1][-1] + 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    return ",".join(str(row[0]) if len(row) == 1 else f"{row[0]}-{row[-1]}" for row in rows)


def _told_indexes(job: Object) -> frozenset[int]:
    found: set[int] = set()
    for word in str(status(job.tree).get("completedIndexes") or "").split(","):
        first, dash, last = word.partition("-")
        if first:
            found.update(range(int(first), int(last if dash else first) + 1))
    return frozenset(found)


def _restarts(pod: Tree) -> int:
    return sum(int(one.get("restartCount") or 0) for one in items(status(pod), "containerStatuses"))


def new_pods(job: Object, counted: Tally, missing: int, suffixes: Iterator[str]) -> Iterator[Put]:
    """So many more pods."""
    if not is_indexed(job.tree):
        yield from (_pod(job, generated(job, next(suffixes))) for _ in range(missing))
        return
    taken = counted.done | {index_of(pod) for pod in counted.active}
    every = range(int(spec(job.tree).get("completions") or 1))
    for index in [index for index in every if index not in taken][: max(0, missing)]:
        yield _indexed_pod(job, index, next(suffixes))


def _pod(job: Object, name: str, **more: Any) -> Put:
    labels = {**dict.fromkeys(LABELS, job.key.name), **dict.fromkeys(UID_LABELS, uid_of(job.tree))}
    return pod_of(job, part(spec(job.tree), "template"), name, labels={**labels, **more.pop("labels", {})}, **more)


def _indexed_pod(job: Object, index: int, suffix: str) -> Put:
    stem = f"{job.key.name}-{index}"
    said = {INDEX: str(index)}
    number = {"name": "JOB_COMPLETION_INDEX", "value": str(index)}
    template = spec(part(spec(job.tree), "template"))
    more: dict[str, Any] = {"hostname": stem[:63]}
    for field in ("initContainers", "containers"):
        if listed := items(template, field):
            more[field] = [{**one, "env": [*(one.get("env") or ()), number]} for one in listed]
    return _pod(job, f"{stem}-{suffix}"[-63:], labels=said, annotations=said, more=more)
