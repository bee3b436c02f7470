"""Random changes of the load, one after the other, and what is in force after them.

Place:  bench/crowd · world → [changes] → churn (over the API), tests/property/test_churn (in one process)
"""

from random import Random

from bench.crowd import world
from meltemi.core.model.tree import Tree

Change = tuple[str, Tree]
"""`put` or `delete`, and the object."""


class Changes:
    """A world that changes at random; the same for a seed."""

    def __init__(self, services: int, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  (to be had again)
        self.services = services
        self._gone: set[int] = set()

    def first(self) -> list[Tree]:
        """Everything, before the first change."""
        return [*world.namespaces(), *world.objects(self.services)]

    def next(self) -> list[Change]:
        """One step: an endpoint, a timeout, or a service with all that belongs to it goes or comes back."""
        i = self._random.randrange(self.services)
        if i in self._gone:
            self._gone.discard(i)
            return [("put", tree) for tree in world.service(i)]
        sort = self._random.random()
        if sort < 0.1:
            self._gone.add(i)
            return [("delete", tree) for tree in world.service(i)]
        if sort < 0.5 and i < world.RULED:
            return [("put", world.routes(i, timeout=f"{self._random.randrange(1, 60)}s"))]
        return [("put", world.endpoint_slice(i, last=self._random.randrange(1, 200)))]
