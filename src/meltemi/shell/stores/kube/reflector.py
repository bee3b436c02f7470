"""All objects of one kind, followed for ever: list, watch from there, list anew where the server has forgotten.

Place:  shell/stores/kube · client → [reflector] → cache
Source: Kubernetes, "Kubernetes API Concepts", "Efficient detection of changes"; client-go's Reflector.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import structlog

from meltemi.core.model.kinds import Kind
from meltemi.core.model.value import Value
from meltemi.ports.store import ChangeKind, NotFoundError, RefusedError, Stored
from meltemi.shell.stores.kube.client import GoneError, KubeClient, decoded, status_of
from meltemi.shell.stores.kube.objects import Tree, collection, stored

log: Any = structlog.get_logger(__name__)

PAGE = 500
"""Objects listed at a time."""
LONGEST = 300
"""Seconds after which a watch is ended by the server, up to twice as many: connections do not stay for ever."""
FIRST_PAUSE, LAST_PAUSE = 0.05, 2.0
"""Seconds before the server is asked again after a failure."""
UNSERVED = 2.0
"""Seconds before a kind is asked for again that the server does not serve (yet)."""


class Sink(Protocol):
    """Where what is heard goes."""

    def listed(self, kind: Kind, objects: Sequence[Stored], revision: int) -> None:
        """Everything of a kind that there is, at a revision; what is not in it is gone."""
        ...

    def heard(self, kind: Kind, change: ChangeKind, one: Stored) -> None:
        """One change; it may have been told before, or come after a later one."""
        ...

    def reached(self, kind: Kind, revision: int) -> None:
        """There is no change up to a revision that has not been told."""
        ...


class _Event(Value, frozen=True, kw_only=True):
    type: str
    object: msgspec.Raw = msgspec.Raw()


class Reflector:
    """Follows one kind."""

    def __init__(self, client: KubeClient, kind: Kind, sink: Sink) -> None:
        self._client = client
        self._kind = kind
        self._sink = sink
        self._path = collection(kind)
        self._seen = ""
        """The resourceVersion to go on from; empty: list first."""

    async def run(self) -> None:
        """Run until cancelled, whatever becomes of the server."""
        pause = FIRST_PAUSE
        while True:
            try:
                if not self._seen:
                    await self._list()
                await self._watch()
                pause = FIRST_PAUSE
                continue
            except GoneError:
                self._seen = ""
                continue
            except NotFoundError:
                self._seen, pause = "", UNSERVED
                self._sink.listed(self._kind, (), 0)
            except (OSError, msgspec.DecodeError):
                pass
            except RefusedError as problem:
                self._seen = ""
                log.warning("a kind cannot be followed", kind=self._kind.kind, why=str(problem))
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (spreads load, keeps no secret)
            pause = min(2 * pause, LAST_PAUSE)

    async def _list(self) -> None:
        """Pages may belong to one revision only; where it is forgotten meanwhile the list begins anew (GoneError)."""
        found: list[Stored] = []
        query = {"limit": str(PAGE)}
        while True:
            page = decoded(await self._client.call("GET", self._path, query=query))
            found += [stored(tree, self._kind) for tree in page.get("items") or ()]
            metadata: Tree = page["metadata"]
            if not metadata.get("continue"):
                break
            query = {"limit": str(PAGE), "continue": metadata["continue"]}
        self._seen = metadata["resourceVersion"]
        self._sink.listed(self._kind, found, int(self._seen))

    async def _watch(self) -> None:
        seconds = int(random.uniform(1, 2) * LONGEST)  # noqa: S311  (spreads load, keeps no secret)
        query = {
            "watch": "1", "allowWatchBookmarks": "true", "resourceVersion": self._seen, "timeoutSeconds": str(seconds),
        }  # fmt: skip
        async for line in self._client.watch(self._path, query):
            self._take(msgspec.json.decode(line, type=_Event))

    def _take(self, event: _Event) -> None:
        if event.type == "ERROR":
            said = status_of(bytes(event.object))
            raise GoneError(said.message) if said.code in (410, 504) else RefusedError(said.message)
        tree: Tree = msgspec.json.decode(event.object)
        if event.type == "BOOKMARK":
            self._seen = tree["metadata"]["resourceVersion"]
            self._sink.reached(self._kind, int(self._seen))
            return
        one = stored(tree, self._kind)
        self._seen = max(self._seen, str(one.revision), key=int)
        self._sink.heard(self._kind, ChangeKind.DELETE if event.type == "DELETED" else ChangeKind.PUT, one)
