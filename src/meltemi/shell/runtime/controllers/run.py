"""Make the objects that should exist: plan, write, wait until the writes are seen, plan again.

Place:  shell/runtime · world → core/node/plan → [controllers] → store
"""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import structlog

from meltemi.core.model.document import Key
from meltemi.core.node.hashes import ALPHABET
from meltemi.core.node.objects import Action, Delete
from meltemi.core.node.plan import plan
from meltemi.core.node.settings import NodeSettings
from meltemi.ports.store import ConfigStore, ConflictError, NotFoundError, Stored
from meltemi.shell.runtime.controllers.duties import ours
from meltemi.shell.runtime.world import World, follow

log = structlog.get_logger()

QUIET = 0.01
"""Seconds that changes are gathered for."""
WRITE_LIMIT = 10.0
"""Seconds for one write."""
RETRY = 1.0
"""Seconds before what was refused is tried again, if nothing happens earlier."""


class GracefulStore(ConfigStore, Protocol):
    """A store behind the API, where pods take their time to go."""

    async def delete_gracefully(self, key: Key) -> Stored:
        """As a user deletes: a Pod is marked, and the kubelet removes it; all others go at once."""
        ...


async def run_controllers(store: GracefulStore, settings: NodeSettings) -> None:
    """Run until cancelled. One process at a time may do so."""
    world = World()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow(store, world), name="controllers: follow")
        await _control(store, world, settings)


async def _control(store: GracefulStore, world: World, settings: NodeSettings) -> None:
    own: dict[Key, int] = {}
    again: float | None = None
    while True:
        await world.changed(quiet=QUIET, at_most=again)
        if not world.complete or not world.shows(own):
            # A plan on a world without our own last writes would make everything twice.
            continue
        now = datetime.now(UTC).timestamp()
        wanted = plan(tuple(world.objects.values()), node_name=settings.node_name, suffixes=_suffixes(), now=now)
        written, failed = await carry_out(store, ours(wanted.actions, settings.kube))
        own = written
        again = RETRY if failed else wanted.again


async def carry_out(store: GracefulStore, actions: Sequence[Action]) -> tuple[dict[Key, int], bool]:
    """Write; returns the revisions written and whether anything has to be tried again."""
    written: dict[Key, int] = {}
    failed = False
    for action in actions:
        try:
            async with asyncio.timeout(WRITE_LIMIT):
                written[action.key] = await _write(store, action)
        except NotFoundError:
            continue
        except ConflictError:
            failed = True
        except TimeoutError:
            return written, True  # the control plane is away; what is left of the plan will be out of date
        except Exception as fault:  # one object that is refused must not hold up the others
            log.warning("not written", key=str(action.key), fault=repr(fault))
            failed = True
    return written, failed


async def _write(store: GracefulStore, action: Action) -> int:
    if isinstance(action, Delete):
        await store.delete_gracefully(action.key)
        return 0
    stored = await store.put(action.key, msgspec.json.encode(action.tree), expected=action.expected)
    return stored.revision


def _suffixes() -> Iterator[str]:
    while True:
        yield "".join(secrets.choice(ALPHABET) for _ in range(5))
