"""A resource that a scope gets: its name, and the derived call that makes its body.

Place:  pipeline · listed by `slots`, watched by shell/publish and run by `compile`
"""

from collections.abc import Callable, Hashable

from meltemi.core.engine.engine import Engine
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.value import Value


class Call(Value, frozen=True, kw_only=True):
    """A derived function and its arguments, not yet called."""

    function: Callable[..., Resource | None]
    args: tuple[Hashable, ...]

    def run(self, engine: Engine) -> Resource | None:
        """The body, remembered by the engine; None where the mesh has nothing for it any more."""
        return engine.get(self.function, *self.args)


class Slot(Value, frozen=True, kw_only=True):
    """One name in a scope's list. Lists hold names, bodies stand alone: equal calls are shared by scopes."""

    type: ResourceType
    name: str
    body: Call
    answers: tuple[str, ...] = ()
    """Of a virtual host on demand: the names that it was asked for by (`TABLE/NAME`)."""
