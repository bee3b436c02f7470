"""Keep this node's pods running as the store says, and say in the store how they are.

Place:  shell/runtime · store → world → [kubelet] → keepers ⇄ sandboxes; status → store

A sandbox outlives this process: a new kubelet finds it by its control socket and goes on.
"""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from meltemi.core.model.document import Key
from meltemi.core.node.addresses import NoAddressError
from meltemi.core.node.settings import NodeSettings
from meltemi.ports.store import ConfigStore, ConflictError, NotFoundError, Stored
from meltemi.ports.tokens import TokenSource
from meltemi.shell.runtime.images import Image
from meltemi.shell.runtime.ipam import PodAddresses
from meltemi.shell.runtime.keeper import RETRY, Keeper
from meltemi.shell.runtime.pod_spec import PodSpec
from meltemi.shell.runtime.pod_status import merged_status
from meltemi.shell.runtime.pod_values import MissingError
from meltemi.shell.runtime.podspec import Translator
from meltemi.shell.runtime.sandbox_client import Sandbox, SandboxGoneError
from meltemi.shell.runtime.tokens import Tokens
from meltemi.shell.runtime.world import World

log: Any = structlog.get_logger(__name__)

Tree = dict[str, Any]

QUIET = 0.01
"""Seconds that changes are gathered for."""


class StatusStore(ConfigStore, TokenSource, Protocol):
    """A store behind the API, which makes tokens too."""

    async def update_status(self, key: Key, status: Mapping[str, Any], *, expected: int | None = None) -> Stored:
        """Write the status and nothing else."""
        ...


class Kubelet:
    """All pods of this node, a task each."""

    def __init__(
        self, store: StatusStore, world: World, *, settings: NodeSettings, state: Path, images: tuple[Image, ...]
    ) -> None:
        self._store = store
        self._world = world
        self._settings = settings
        self._state = state
        self._images = images
        self._addresses: PodAddresses | None = None
        self._keepers: dict[str, Keeper] = {}

    async def run(self) -> None:
        """Run until cancelled; pods go on."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._world.changed(quiet=QUIET)
                if not self._world.complete:
                    continue
                pods = self._pods()
                if self._addresses is None:
                    self._addresses = PodAddresses(self._settings.pod_cidr, pods.values())
                    self._adopt_strays(pods, tasks)
                for uid, pod in pods.items():
                    if uid not in self._keepers:
                        self._keep(uid, pod, tasks)
                    self._keepers[uid].told(pod)
                for uid in self._keepers.keys() - pods.keys():
                    self._keepers[uid].told(None)

    def _pods(self) -> dict[str, Tree]:
        """Pods bound to this node, by uid."""
        found: dict[str, Tree] = {}
        for key, one in self._world.objects.items():
            if key.kind == "Pod" and not key.group:
                tree = dict(one.tree)
                if tree["spec"].get("nodeName") == self._settings.node_name:
                    found[tree["metadata"]["uid"]] = tree
        return found

    def _adopt_strays(self, pods: Mapping[str, Tree], tasks: asyncio.TaskGroup) -> None:
        """Sandboxes of pods that were deleted while no kubelet ran."""
        folder = self._state / "pods"
        for place in folder.iterdir() if folder.is_dir() else ():
            if place.name not in pods:
                tasks.create_task(self._end_stray(place))

    async def _end_stray(self, place: Path) -> None:
        try:
            sandbox = await Sandbox.reach(place)
            await sandbox.stop(1.0)
        except SandboxGoneError:
            pass
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    def _keep(self, uid: str, pod: Tree, tasks: asyncio.TaskGroup) -> None:
        keeper = self._keepers[uid] = Keeper(self, uid, pod)
        tasks.create_task(self._run(uid, keeper), name=f"pod {pod['metadata']['name']}")

    async def _run(self, uid: str, keeper: Keeper) -> None:
        try:
            while True:
                try:
                    await keeper.run()
                    break
                except Exception:  # whatever is wrong with one pod, the others must not learn of it
                    log.exception("a pod is looked at again", uid=uid)
                await asyncio.sleep(RETRY)
        finally:
            self._keepers.pop(uid, None)
        if self._addresses:
            self._addresses.release(uid)

    # === for keepers ===

    def folder(self, uid: str) -> Path:
        return self._state / "pods" / uid

    @property
    def endpoint_grace(self) -> float:
        return self._settings.endpoint_grace

    @property
    def host_ip(self) -> str:
        return self._settings.node_ip

    def tokens(self, spec: PodSpec) -> Tokens:
        return Tokens(self._store, self.folder(spec.uid), spec)

    def translate(self, pod: Tree) -> PodSpec:
        """Raises MissingError."""
        namespace: str = pod["metadata"]["namespace"]

        def lookup(kind: str, name: str) -> Mapping[str, Any] | None:
            found = self._world.objects.get(Key(group="", kind=kind, namespace=namespace, name=name))
            return found.tree if found else None

        if self._addresses is None:
            raise RuntimeError("no pod is started before the store is known")
        try:
            address = self._addresses.allocate(pod["metadata"]["uid"])
            return Translator(
                pod, address, settings=self._settings, state=self._state, images=self._images, lookup=lookup
            ).translate()
        except (NoAddressError, LookupError, TypeError, ValueError, AttributeError) as problem:
            raise MissingError(f"the pod cannot be understood: {problem!r}") from problem

    async def write_status(self, pod: Tree, status: Tree) -> None:
        """Write a pod's status; a store that is away or disagrees is tried again by the next change."""
        key = _key(pod)
        try:
            stored = await self._store.get(key)
            current: Tree = msgspec.json.decode(stored.body)
            if current["metadata"]["uid"] != pod["metadata"]["uid"]:
                return
            wanted = merged_status(current.get("status") or {}, status)
            if wanted != current.get("status"):
                await self._store.update_status(key, wanted)
        except NotFoundError:
            return
        except (ConflictError, OSError) as problem:
            log.info("a status was not written", pod=str(key), problem=repr(problem))

    async def forget(self, pod: Tree) -> None:
        """The pod has ended: remove its object."""
        try:
            await self._store.delete(_key(pod))
        except (NotFoundError, ConflictError):
            return


def _key(pod: Tree) -> Key:
    return Key(group="", kind="Pod", namespace=pod["metadata"]["namespace"], name=pod["metadata"]["name"])
