"""One pod from its binding to its end.

Place:  shell/runtime · kubelet → [keeper] ⇄ sandbox_client; status → store
"""

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from meltemi.core.node.objects import is_finished
from meltemi.ports.tokens import TokenRefusedError
from meltemi.shell.runtime.cgroups import remove_groups
from meltemi.shell.runtime.pod_spec import PodSpec
from meltemi.shell.runtime.pod_status import killed, pod_status
from meltemi.shell.runtime.pod_values import MissingError
from meltemi.shell.runtime.sandbox import SPEC
from meltemi.shell.runtime.sandbox_client import Sandbox, SandboxGoneError
from meltemi.shell.runtime.tokens import Tokens

if TYPE_CHECKING:
    from meltemi.shell.runtime.kubelet import Kubelet

log: Any = structlog.get_logger(__name__)

Tree = dict[str, Any]

RETRY = 1.0
"""Seconds before a pod that could not be started is tried again."""


class Keeper:
    """One pod from its binding to its end."""

    def __init__(self, kubelet: "Kubelet", uid: str, pod: Tree) -> None:
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
        await asyncio.to_thread(remove_groups, place.parents[1], self._uid)
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        await self._kubelet.forget(self._pod)
