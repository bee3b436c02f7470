"""Keep this node's pods running as the store says, and say in the store how they are.

Place:  shell/runtime · store → world → [kubelet] ⇄ sandboxes; status → store

A sandbox outlives this process: a new kubelet finds it by its control socket and goes on.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from meltemi.core.model.document import Key
from meltemi.core.node.addresses import NoAddressError
from meltemi.core.node.objects import is_finished
from meltemi.core.node.settings import NodeSettings
from meltemi.ports.store import ConfigStore, ConflictError, NotFoundError, Stored
from meltemi.ports.tokens import TokenRefusedError, TokenSource
from meltemi.shell.runtime.images import Image
from meltemi.shell.runtime.ipam import PodAddresses
from meltemi.shell.runtime.pod_spec import PodSpec
from meltemi.shell.runtime.pod_status import killed, merged_status, pod_status
from meltemi.shell.runtime.podspec import MissingError, Translator
from meltemi.shell.runtime.sandbox import CONTROL, PID, SPEC
from meltemi.shell.runtime.tokens import Tokens, write_volumes
from meltemi.shell.runtime.world import World
from meltemi.shell.sockets import short

log: Any = structlog.get_logger(__name__)

Tree = dict[str, Any]

QUIET = 0.01
"""Seconds that changes are gathered for."""
RETRY = 1.0
"""Seconds before a pod that could not be started is tried again."""
ATTEMPTS = 50
"""How often, every 0.1 s, a new sandbox's socket is looked for."""
MARGIN = 5.0
"""Seconds beyond its grace period after which a pod is ended from outside."""


class StatusStore(ConfigStore, TokenSource, Protocol):
    """A store behind the API, which makes tokens too."""

    async def update_status(self, key: Key, status: Mapping[str, Any], *, expected: int | None = None) -> Stored:
        """Write the status and nothing else."""
        ...


class SandboxGoneError(Exception):
    """The pod's first process has ended."""


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
        self._keepers: dict[str, _Keeper] = {}

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
        keeper = self._keepers[uid] = _Keeper(self, uid, pod)
        tasks.create_task(self._run(uid, keeper), name=f"pod {pod['metadata']['name']}")

    async def _run(self, uid: str, keeper: "_Keeper") -> None:
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


class Sandbox:
    """The other end of a pod's control socket."""

    def __init__(self, place: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._place = place
        self._reader = reader
        self._writer = writer

    @classmethod
    async def reach(cls, place: Path) -> "Sandbox":
        """Raises SandboxGoneError."""
        try:
            with short(place / CONTROL) as address:
                return cls(place, *await asyncio.open_unix_connection(address, limit=1 << 20))
        except OSError:
            raise SandboxGoneError(place.name) from None

    @classmethod
    async def start(cls, state: Path, spec: PodSpec) -> "Sandbox":
        """Write the spec, start the sandbox, wait for its socket. Raises SandboxGoneError."""
        place = state / "pods" / spec.uid
        _prepare(place, spec)
        with (place / "sandbox.log").open("ab") as out:
            first = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "meltemi.shell.runtime.sandbox", "--state", str(state), spec.uid,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env=os.environ | {"MELTEMI_STATE": str(state)},
            )  # fmt: skip
        if await first.wait():
            raise SandboxGoneError(f"{place}/sandbox.log says why it could not be started")
        for _ in range(ATTEMPTS):
            try:
                return await cls.reach(place)
            except SandboxGoneError:
                await asyncio.sleep(0.1)
        raise SandboxGoneError(place.name)

    async def status(self) -> Tree:
        """The next status. Raises SandboxGoneError."""
        try:
            line = await self._reader.readline()
        except OSError:
            line = b""
        if not line:
            raise SandboxGoneError(self._place.name)
        return msgspec.json.decode(line)

    async def stop(self, grace: float) -> None:
        """End the pod; returns when it has ended."""
        try:
            self._writer.write(json.dumps({"stop": grace}).encode() + b"\n")
            async with asyncio.timeout(grace + MARGIN):
                while True:
                    await self.status()
        except TimeoutError:
            _kill(self._place)
        except (SandboxGoneError, OSError):
            pass
        finally:
            self._writer.close()


class _Keeper:
    """One pod from its binding to its end."""

    def __init__(self, kubelet: Kubelet, uid: str, pod: Tree) -> None:
        self._kubelet = kubelet
        self._uid = uid
        self._pod = pod
        self._ending = asyncio.Event()
        self._exists = True
        self._status: Tree = {}
        self._address = ""

    def told(self, pod: Tree | None) -> None:
        """What the store says of the pod now; None: it is gone."""
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            self._exists = pod is not None
            self._ending.set()
        if pod is not None:
            self._pod = pod

    async def run(self) -> None:
        """Start (or find) the sandbox, report, and end it when the pod is to go."""
        async with asyncio.TaskGroup() as tasks:
            living = tasks.create_task(self._live())
            await self._ending.wait()
            living.cancel()
        await self._end()

    async def _live(self) -> None:
        while not is_finished(self._pod):
            try:
                await self._attend(*await self._sandbox())
            except MissingError as problem:
                await self._report_waiting("CreateContainerConfigError", str(problem))
            except TokenRefusedError as problem:
                await self._report_waiting("ContainerCreating", f"no service-account token is given yet: {problem}")
            except SandboxGoneError as problem:
                log.warning("a sandbox has ended", pod=self._pod["metadata"]["name"], why=str(problem))
                if self._is_lost():
                    await self._report_lost()
                    return
                await self._report_waiting("SandboxChanged", "the pod's sandbox has ended, it is made again")
            await asyncio.sleep(RETRY)

    async def _sandbox(self) -> tuple[Sandbox, Tokens]:
        place = self._kubelet.folder(self._uid)
        try:
            sandbox = await Sandbox.reach(place)
            spec = msgspec.json.decode((place / SPEC).read_bytes(), type=PodSpec)
        except SandboxGoneError:
            if self._is_lost():
                raise
            spec = self._kubelet.translate(self._pod)
            await self._kubelet.tokens(spec).begin()
            sandbox = await Sandbox.start(place.parents[1], spec)
        self._address = spec.address
        return sandbox, self._kubelet.tokens(spec)

    async def _attend(self, sandbox: Sandbox, tokens: Tokens) -> None:
        gone: SandboxGoneError | None = None
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(tokens.keep())
            try:
                await self._follow(sandbox)
            except SandboxGoneError as problem:
                gone = problem
            keeping.cancel()
        if gone:
            raise gone

    async def _follow(self, sandbox: Sandbox) -> None:
        while True:
            said = await sandbox.status()
            self._status = pod_status(self._pod, said, self._address, self._kubelet.host_ip)
            await self._kubelet.write_status(self._pod, self._status)

    def _is_lost(self) -> bool:
        """It has run and its sandbox has ended, and nothing of it is to run twice."""
        said: Tree = self._status or self._pod.get("status") or {}
        begun = any("waiting" not in one["state"] for one in said.get("containerStatuses") or ())
        return begun and self._pod["spec"].get("restartPolicy") == "Never"

    async def _report_lost(self) -> None:
        status: Tree = self._status or self._pod["status"]
        said: Tree = {
            "initialized": True,
            "initContainerStatuses": status.get("initContainerStatuses") or [],
            "containerStatuses": [killed(one) for one in status["containerStatuses"]],
            "exitCodes": [],
        }
        address: str = self._address or status.get("podIP") or ""
        await self._kubelet.write_status(self._pod, pod_status(self._pod, said, address, self._kubelet.host_ip))

    async def _report_waiting(self, reason: str, message: str) -> None:
        containers = [
            {"name": one["name"], "image": one.get("image", ""), "imageID": "", "ready": False, "restartCount": 0}
            | {"state": {"waiting": {"reason": reason, "message": message}}, "lastState": {}, "started": False}
            for one in self._pod["spec"]["containers"]
        ]
        said: Tree = {"initialized": False, "containerStatuses": containers, "exitCodes": []}
        await self._kubelet.write_status(self._pod, pod_status(self._pod, said, self._address, self._kubelet.host_ip))

    async def _end(self) -> None:
        """Let everybody learn that the pod leaves, then stop it, then let its object go."""
        place = self._kubelet.folder(self._uid)
        metadata: Tree = self._pod["metadata"]
        grace = float(
            metadata.get("deletionGracePeriodSeconds", self._pod["spec"].get("terminationGracePeriodSeconds", 30))
        )
        try:
            sandbox = await Sandbox.reach(place)
            if self._exists:
                await asyncio.sleep(min(self._kubelet.endpoint_grace, grace))
            await sandbox.stop(grace)
        except SandboxGoneError:
            pass
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        await self._kubelet.forget(self._pod)


def _key(pod: Tree) -> Key:
    return Key(group="", kind="Pod", namespace=pod["metadata"]["namespace"], name=pod["metadata"]["name"])


def _prepare(place: Path, spec: PodSpec) -> None:
    for name in ("logs", "root"):
        (place / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    (place.parents[1] / "node").mkdir(exist_ok=True)
    write_volumes(spec)
    file = place / SPEC
    file.touch(mode=0o600)
    file.write_bytes(msgspec.json.encode(spec))


def _kill(place: Path) -> None:
    """PID 1 does not answer: with it everything of the pod goes."""
    try:
        os.kill(int((place / PID).read_text()), signal.SIGKILL)
    except (OSError, ValueError):
        return
