"""Workloads beside Deployments: all of a kind, each with what it owns.

Place:  node · stateful_sets, daemon_sets, jobs, cron_jobs → [workloads] → plan
"""

from collections.abc import Iterator, Mapping, Sequence

from meltemi.core.node.cron_jobs import BATCH, cron_job_actions
from meltemi.core.node.daemon_sets import daemon_set_actions
from meltemi.core.node.jobs import job_actions
from meltemi.core.node.objects import APPS, Object, uid_of
from meltemi.core.node.pods import Round
from meltemi.core.node.stateful_sets import stateful_set_actions

Kinds = Mapping[tuple[str, str], Sequence[Object]]
"""(group, kind) → objects."""
Children = Mapping[str, Sequence[Object]]
"""uid → what such an object owns."""


def of(children: Children, owner: Object, kind: str) -> list[Object]:
    """What an object owns, of one kind."""
    return [o for o in children.get(uid_of(owner.tree), ()) if o.key.kind == kind]


def workload_rounds(kinds: Kinds, children: Children, suffixes: Iterator[str], now: float) -> Iterator[Round]:
    """What each of them needs done. `suffixes`: random ends of pods' names; `now`: seconds since 1970."""
    for cron in kinds.get((BATCH, "CronJob"), ()):
        yield cron_job_actions(cron, of(children, cron, "Job"), now=now)
    for job in kinds.get((BATCH, "Job"), ()):
        yield job_actions(job, of(children, job, "Pod"), suffixes=suffixes, now=now)
    for set_ in kinds.get((APPS, "StatefulSet"), ()):
        pods, revisions = of(children, set_, "Pod"), of(children, set_, "ControllerRevision")
        yield stateful_set_actions(set_, pods, revisions, now=now)
    for set_ in kinds.get((APPS, "DaemonSet"), ()):
        pods, revisions = of(children, set_, "Pod"), of(children, set_, "ControllerRevision")
        yield daemon_set_actions(set_, pods, revisions, next(suffixes), now=now)
