"""What an object's status says: is it accepted, do the proxies have it, what is wrong with it.

Place:  findings, progress → [crds/status] → shell/kube/statuses, which applies it
Source: Kubernetes API conventions, conditions; the names are the Gateway API's (Accepted, Programmed)
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meltemi.core.model.finding import Severity
from meltemi.core.model.shown import Shown
from meltemi.core.model.value import Value

Tree = dict[str, Any]


class Progress(Value, frozen=True, kw_only=True):
    """How many of the connected proxies have what follows from an object."""

    acknowledged: int
    connected: int


def progress_at(revision: int, *, settled: int, connected: int, owing: Sequence[int]) -> Progress:
    """How far the proxies are with what came with a store revision.

    `settled`: the revision up to which they have been told; `owing`: of each that owes an answer the revision with
    which it was told something last, sorted. Who owes an older one only has this.
    """
    late = connected if settled < revision else len(owing) - bisect_left(owing, revision)
    return Progress(acknowledged=connected - late, connected=connected)


def is_urgent(wanted: Tree, old: Mapping[str, Any]) -> bool:
    """Whether a new status says more than that proxies have come or gone: such news can wait until that is over."""
    if any(wanted[name] != old.get(name) for name in ("observedGeneration", "findings")):
        return True
    before = {one["type"]: one["status"] for one in old.get("conditions") or ()}
    now = {one["type"]: one["status"] for one in wanted["conditions"]}
    return before.get("Accepted") != now["Accepted"] or (before.get("Programmed"), now["Programmed"]) == (
        "False",
        "True",
    )


def status_of(tree: Mapping[str, Any], findings: Sequence[Shown], progress: Progress, *, now: str) -> Tree:
    """The status of a stored object. `now`: RFC 3339, the time of conditions that turn."""
    metadata: Mapping[str, Any] = tree["metadata"]
    generation: int = metadata.get("generation", 0)
    said: Mapping[str, Any] = tree.get("status") or {}
    before: dict[str, Mapping[str, Any]] = {one["type"]: one for one in said.get("conditions") or ()}
    conditions = (_accepted(findings), _programmed(findings, progress))
    return {
        "observedGeneration": generation,
        "conditions": [
            _timed({**one, "observedGeneration": generation}, before.get(one["type"]), now) for one in conditions
        ],
        "findings": [_plain(one) for one in findings],
    }


def _accepted(findings: Iterable[Shown]) -> Tree:
    errors = [one for one in findings if one.severity is Severity.ERROR]
    if not errors:
        return {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
    return {"type": "Accepted", "status": "False", "reason": "Invalid", "message": errors[0].message}


def _programmed(findings: Iterable[Shown], progress: Progress) -> Tree:
    """`n/m`: so many of the connected proxies have acknowledged it, or it says nothing to them."""
    text = f"{progress.acknowledged}/{progress.connected}"
    if any(one.severity is Severity.ERROR for one in findings):
        return {"type": "Programmed", "status": "False", "reason": "Invalid", "message": text}
    done = progress.acknowledged == progress.connected
    status, reason = ("True", "Programmed") if done else ("False", "Pending")
    return {"type": "Programmed", "status": status, "reason": reason, "message": text}


def _timed(condition: Tree, before: Mapping[str, Any] | None, now: str) -> Tree:
    turned = before is None or before.get("status") != condition["status"]
    return {**condition, "lastTransitionTime": now if before is None or turned else before["lastTransitionTime"]}


def _plain(one: Shown) -> Tree:
    return {
        "code": one.code, "severity": str(one.severity), "path": one.path, "message": one.message, "help": one.help,
    }  # fmt: skip
