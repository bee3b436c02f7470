"""One container: started, probed, started again, stopped.

Place:  shell/runtime · sandbox → [container] → launch
Source: Kubernetes, "Pod Lifecycle": container states, restart policy, probes, hooks.
"""

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from meltemi.shell.runtime.cgroups import Group
from meltemi.shell.runtime.forking import begin, run_beside, signal_group, signal_one
from meltemi.shell.runtime.handlers import HandlerError, carry_out
from meltemi.shell.runtime.logs import LogFile, carry
from meltemi.shell.runtime.pod_spec import Container, Handler, Probe
from meltemi.shell.runtime.probing import Prober
from meltemi.shell.runtime.reaper import Reaper

BACK_OFF = (0.0, 0.25, 1.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Seconds before the first, second, … restart. Kubernetes begins with 10 s; here a killed proxy serves sooner."""
STEADY = 600.0
"""After so many seconds of life the next death counts as the first one."""
KILLED = 128 + signal.SIGKILL

Tree = dict[str, Any]


class ContainerRunner:
    """Supervises one container until it has ended for good or is stopped."""

    def __init__(
        self,
        spec: Container,
        *,
        address: str,
        places: tuple[str, ...],
        restart: str,
        grace: float,
        reaper: Reaper,
        logs: int,
        changed: Callable[[], None],
        around: asyncio.TaskGroup,
        group: Group | None = None,
    ) -> None:
        self.spec = spec
        self.pid = 0
        self.started = asyncio.Event()
        """Set when the container runs and its postStart hook is done: the next one may start."""
        self.up = asyncio.Event()
        """Set when its startup probe has succeeded too: what waits for a native sidecar may start."""
        self.exit_code: int | None = None
        """Of a container that has ended for good."""
        self._address = address
        self._places = places
        self._restart = restart
        self._grace = grace
        self._reaper = reaper
        self._prober = Prober(address, self._exec)
        self._log = LogFile(logs, spec.name)
        self._changed = changed
        self._group = group
        """Holds it to its limits."""
        self._kills = 0
        """How many of its processes the kernel had killed for want of memory when this life began."""
        self._around = around
        """Outlives `run`: what a container says while it is being stopped is still written."""
        self._finished = False
        self._restarts = 0
        self._ready = False
        self._passed_startup = False
        self._state: Tree = {"waiting": {"reason": "ContainerCreating"}}
        self._last: Tree = {}

    def status(self) -> Tree:
        """As Kubernetes' ContainerStatus."""
        return {
            "name": self.spec.name,
            "image": self.spec.image,
            "imageID": "",
            "ready": self._ready,
            "started": self._passed_startup,
            "restartCount": self._restarts,
            "state": self._state,
            "lastState": self._last,
        }

    async def run(self) -> None:
        """Start, watch and start again, as the restart policy says. Cancelling leaves the process alone."""
        if self.spec.fault:
            reason, message = self.spec.fault
            self._set({"waiting": {"reason": reason, "message": message}})
            await asyncio.Event().wait()
        deaths = 0
        while True:
            begun = asyncio.get_running_loop().time()
            code = await self._live()
            if self._finished or self._restart == "Never" or (self._restart == "OnFailure" and code == 0):
                self.exit_code = code
                self.started.set()
                self._changed()
                return
            deaths = 0 if asyncio.get_running_loop().time() - begun > STEADY else deaths
            delay = BACK_OFF[min(deaths, len(BACK_OFF) - 1)]
            deaths += 1
            if delay >= 1:
                text = f"back-off {delay:.0f}s restarting failed container={self.spec.name}"
                self._set({"waiting": {"reason": "CrashLoopBackOff", "message": text}})
            await asyncio.sleep(delay)
            if self._finished:
                return
            self._restarts += 1

    async def stop(self, grace: float) -> None:
        """preStop hook and SIGTERM within `grace` seconds, then SIGKILL.

        SIGTERM goes to the container's first process alone, as in Kubernetes: an agent first drains its proxy.
        """
        pid = self.pid
        if not pid:
            return
        ended = self._reaper.ended(pid)
        try:
            async with asyncio.timeout(grace):
                await self._pre_stop()
                signal_one(pid, signal.SIGTERM)
                await ended
        except TimeoutError:
            pass
        signal_group(pid, signal.SIGKILL)

    async def finish(self, grace: float) -> None:
        """Stop, and do not start again: `run` returns."""
        self._finished = True
        await self.stop(grace)

    async def _live(self) -> int:
        """One life of the process; returns its exit code."""
        self._log.begin()
        self._kills = self._group.kills() if self._group else 0
        self.pid, out = begin(self.spec, self._places, self._group)
        ended = self._reaper.ended(self.pid)
        self._set({"running": {"startedAt": _stamp()}})
        carrying = [self._around.create_task(carry(pipe, self._log, stream)) for pipe, stream in out]
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(self._after_start())
            code = await ended
            probing.cancel()
        signal_group(self.pid, signal.SIGKILL)  # what it left behind goes with it
        await _at_most(1.0, carrying)
        self._end(code)
        return code

    async def _after_start(self) -> None:
        """The postStart hook, then the probes, as long as the process lives."""
        try:
            await self._hook(self.spec.post_start)
        except HandlerError as problem:
            self._log.write("stderr", f"postStart hook failed: {problem}".encode())
            signal_group(self.pid, signal.SIGKILL)
            return
        self.started.set()
        if self.spec.startup and not await self._prober.starts_up(self.spec.startup):
            await self._kill("startup probe failed")
            return
        self._passed_startup = True
        self.up.set()
        if self.spec.readiness is None:
            await self._prober.opens_ports(self.spec.ports)
            self._set_ready(True)
        async with asyncio.TaskGroup() as tasks:
            if self.spec.readiness:
                tasks.create_task(self._probe_ready(self.spec.readiness))
            if self.spec.liveness:
                tasks.create_task(self._probe_alive(self.spec.liveness))

    async def _hook(self, handler: Handler | None) -> None:
        if handler:
            await carry_out(handler, self._address, self._exec)

    async def _pre_stop(self) -> None:
        try:
            await self._hook(self.spec.pre_stop)
        except HandlerError as problem:
            self._log.write("stderr", f"preStop hook failed: {problem}".encode())

    async def _probe_ready(self, probe: Probe) -> None:
        await asyncio.sleep(probe.initial_delay)
        row = 0
        while True:
            good = await self._prober.succeeds(probe)
            row = max(row, 0) + 1 if good else min(row, 0) - 1
            if row >= probe.success or -row >= probe.failure or (not good and not self._ready):
                self._set_ready(row >= probe.success)
            # Until it is ready for the first time, ask often: a pod's start is what people wait for.
            await asyncio.sleep(probe.period if self._ready else min(probe.period, 0.2))

    async def _probe_alive(self, probe: Probe) -> None:
        await asyncio.sleep(probe.initial_delay)
        failures = 0
        while True:
            failures = 0 if await self._prober.succeeds(probe) else failures + 1
            if failures >= probe.failure:
                await self._kill("liveness probe failed")
                return
            await asyncio.sleep(probe.period)

    async def _kill(self, why: str) -> None:
        self._log.write("stderr", f"{why}, the container is restarted".encode())
        await self.stop(self._grace)

    async def _exec(self, argv: tuple[str, ...]) -> int:
        return await run_beside(self.spec, self.pid, argv, self._reaper, self._group)

    def _end(self, code: int) -> None:
        running: Tree = self._state.get("running", {})
        end: Tree = {
            "exitCode": code,
            "reason": self._reason(code),
            "startedAt": running.get("startedAt", _stamp()),
            "finishedAt": _stamp(),
        }
        self.pid = 0
        self._ready = self._passed_startup = False
        self._last = {"terminated": end}
        self._set({"terminated": end})

    def _reason(self, code: int) -> str:
        if code == KILLED and self._group and self._group.kills() > self._kills:
            return "OOMKilled"
        return "Completed" if code == 0 else "Error"

    def _set(self, state: Tree) -> None:
        self._state = state
        self._changed()

    def _set_ready(self, ready: bool) -> None:
        if ready != self._ready or ready:
            self._ready = ready
            self._changed()


async def _at_most(seconds: float, tasks: list[asyncio.Task[None]]) -> None:
    """What is still in a pipe is read, but a forgotten child that holds it open is not waited for."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
