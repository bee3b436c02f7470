"""A small cluster for the tests of controllers: it carries plans out, and pods do what the test says.

Place:  tests/unit/node · used by test_stateful_sets, test_daemon_sets, test_jobs, test_cron_jobs
"""

from itertools import count
from typing import Any

from meltemi.core.model.document import Key
from meltemi.core.node.moments import rfc3339
from meltemi.core.node.objects import Delete, Object, merged, status
from meltemi.core.node.plan import plan
from unit.node.objects import NOW

Tree = dict[str, Any]


class World:
    """All objects; time is the test's."""

    def __init__(self) -> None:
        self.now = NOW
        self.objects: dict[Key, Object] = {}
        self.again: float | None = None
        self._numbers = count(1)

    def put(self, kind: str, name: str, spec: Tree, *, group: str = "apps") -> None:
        """As a user applies it: status and metadata stay."""
        key = Key(group=group, kind=kind, namespace="default", name=name)
        old: Tree = dict(self.objects[key].tree) if key in self.objects else {}
        self._store(key, {**old, "kind": kind, "metadata": {"name": name}, "spec": spec})

    def step(self) -> list[str]:
        """One plan, carried out; says what it did, without status and revisions."""
        made = plan(
            tuple(self.objects.values()), node_name="m", suffixes=(f"r{n}" for n in self._numbers), now=self.now
        )
        self.again = made.again
        done: list[str] = []
        for action in made.actions:
            existed = action.key in self.objects
            if isinstance(action, Delete):
                self._delete(action.key)
                done.append(f"-{action.key.name}")
                continue
            assert action.expected or not existed, f"{action.key} is made twice"
            self._store(action.key, dict(action.tree))
            if not existed and action.key.kind != "ControllerRevision":
                done.append(f"+{action.key.name}")
        return done

    def settle(self, *, ready: bool = True, limit: int = 50) -> list[str]:
        """Steps until nothing is left to do; new pods become ready, leaving ones go."""
        done: list[str] = []
        for _ in range(limit):
            before = {key: o.revision for key, o in self.objects.items()}
            done += self.step()
            self.leave()
            if ready:
                self.ready()
            if before == {key: o.revision for key, o in self.objects.items()}:
                return done
        raise AssertionError(f"never settles: {done[-10:]}")

    # === what the kubelet would say ===

    def pods(self) -> list[Object]:
        return sorted((o for o in self.objects.values() if o.key.kind == "Pod"), key=lambda o: o.key.name)

    def names(self) -> list[str]:
        return [pod.key.name for pod in self.pods()]

    def ready(self, *names: str) -> None:
        """These pods (all that have not ended, if none is named) become ready."""
        for pod in self.pods():
            if (not names or pod.key.name in names) and not status(pod.tree):
                ready = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(self.now)}
                self._store(pod.key, merged(pod.tree, "status", value={"phase": "Running", "conditions": [ready]}))

    def end(self, name: str, phase: str) -> None:
        """A pod ends now."""
        pod = next(pod for pod in self.pods() if pod.key.name == name)
        ended = {"state": {"terminated": {"finishedAt": rfc3339(self.now)}}}
        self._store(pod.key, merged(pod.tree, "status", value={"phase": phase, "containerStatuses": [ended]}))

    def leave(self) -> None:
        """Pods that are being deleted are gone."""
        for pod in self.pods():
            if "deletionTimestamp" in pod.tree["metadata"]:
                del self.objects[pod.key]

    def get(self, kind: str, name: str) -> Tree:
        return next(dict(o.tree) for o in self.objects.values() if (o.key.kind, o.key.name) == (kind, name))

    def has(self, kind: str) -> list[str]:
        return sorted(o.key.name for o in self.objects.values() if o.key.kind == kind)

    def _delete(self, key: Key) -> None:
        if key.kind == "Pod":
            tree = self.objects[key].tree
            self._store(key, merged(tree, "metadata", "deletionTimestamp", value=rfc3339(self.now)))
        else:
            del self.objects[key]

    def _store(self, key: Key, tree: Tree) -> None:
        metadata = {
            "uid": f"uid-{key.name}",
            "creationTimestamp": rfc3339(self.now),
            "namespace": "default",
            **tree["metadata"],
        }
        self.objects[key] = Object(key=key, revision=next(self._numbers), tree={**tree, "metadata": metadata})
