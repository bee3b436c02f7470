"""Endpoints go ahead: inputs of the engine that can be settled before the rest of a burst, and the rest, held back.

Place:  shell · ingest → [ahead] → engine inputs

The order of facts stays true. Stores promise the order within a kind only (ports/store), and that is kept. An endpoint
of a Service that is not known yet changes nothing. Where a Service itself changes, endpoints wait for it with the rest:
who is deleted with all that he had is gone at once, and is not first a service without endpoints.
"""

from collections.abc import Hashable

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key

_ENDPOINTS = "EndpointSlice"
_SERVICE = "Service"
_ASKED_FOR = frozenset({"ConfigMap", "EnvoyFilter", "ProxyConfig"})
"""Kinds that the injector reads in the engine when a pod is made, maybe right after they were written: never held."""


class Ahead:
    """Inputs of one burst."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: dict[Hashable, object] = {}
        self._with_services = False
        self._put = False
        self.now = 0.0
        """When what is put came."""
        self.since = 0.0
        """When the first endpoints came of those that are not settled."""

    @property
    def goes(self) -> bool:
        """Whether there are endpoints to settle, and others that would delay them."""
        return self._put and bool(self._held)

    def put(self, key: Key, name: Hashable, value: object) -> None:
        """An input that a document of this key makes."""
        ahead = key.kind == _ENDPOINTS and not self._with_services
        if ahead or key.kind in _ASKED_FOR:
            self._engine.put(name, value)
            self._held.pop(name, None)
            self._begun(ahead)
        else:
            self._held[name] = value
            self._with_services |= key.kind == _SERVICE

    def settled(self) -> None:
        """What was put is settled."""
        self._put = False

    def _begun(self, ahead: bool) -> None:
        if ahead and not self._put:
            self._put, self.since = True, self.now

    def release(self) -> None:
        """What was held goes into the engine."""
        held, self._held = self._held, {}
        for name, value in held.items():
            self._engine.put(name, value)
        self._with_services = False
