"""Templates that a workload had: ControllerRevisions, and which of them a pod is made of.

Place:  node · used by stateful_sets, daemon_sets
API:    apps/v1, ControllerRevision; its `data` is the part of the workload that it can be set back to
"""

from collections.abc import Iterable, Iterator, Sequence

from meltemi.core.model.document import Key
from meltemi.core.node.hashes import short_hash
from meltemi.core.node.objects import APPS, Action, Delete, Object, Put, Tree, labels_of, owner_reference, part, spec

HASH_LABEL = "controller-revision-hash"
HISTORY = 10
"""Default of revisionHistoryLimit."""


def newest_name(workload: Object) -> str:
    """The name of the revision with the template as it is now."""
    return f"{workload.key.name}-{short_hash(part(spec(workload.tree), 'template'), length=10)}"


def number_of(revision: Object) -> int:
    """How new it is."""
    return int(revision.tree.get("revision") or 0)


def template_of(workload: Object, name: str, revisions: Iterable[Object]) -> Tree:
    """The template of a revision; where it is not known, as it is now."""
    for one in revisions:
        if one.key.name == name:
            return part(part(part(one.tree, "data"), "spec"), "template")
    return part(spec(workload.tree), "template")


def revision_of(pod: Object) -> str:
    """The name of the revision that a pod was made of."""
    return labels_of(pod.tree).get(HASH_LABEL, "")


def revision_actions(workload: Object, revisions: Sequence[Object], used: Iterable[str]) -> Iterator[Action]:
    """Keep the template as it is now as the newest revision, and forget old ones that nobody uses."""
    name = newest_name(workload)
    last = max(map(number_of, revisions), default=0)
    same = next((one for one in revisions if one.key.name == name), None)
    if same is None:
        yield _revision(workload, name, last + 1)
    elif number_of(same) < last:
        yield Put(key=same.key, tree={**same.tree, "revision": last + 1}, expected=same.revision)
    limit = spec(workload.tree).get("revisionHistoryLimit")
    keep = {name, *used}
    idle = sorted((one for one in revisions if one.key.name not in keep), key=number_of)
    yield from (Delete(key=one.key) for one in idle[: max(0, len(idle) - (HISTORY if limit is None else int(limit)))])


def _revision(workload: Object, name: str, number: int) -> Put:
    template = part(spec(workload.tree), "template")
    key = Key(group=APPS, kind="ControllerRevision", namespace=workload.key.namespace, name=name)
    tree = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name,
            "namespace": key.namespace,
            "labels": {**labels_of(template), HASH_LABEL: name},
            "ownerReferences": [owner_reference(workload.tree)],
        },
        "data": {"spec": {"template": {**template, "$patch": "replace"}}},
        "revision": number,
    }
    return Put(key=key, tree=tree, expected=0)
