"""One container: started, probed, started again, stopped.

Place:  shell/runtime · sandbox → [container] → launch
Source: Kubernetes, "Pod Lifecycle": container states, restart policy, probes, hooks.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from meltemi.shell.runtime import launch
from meltemi.shell.runtime.handlers import HandlerError, carry_out
from meltemi.shell.runtime.logs import LogFile, carry
from meltemi.shell.runtime.pod_spec import Container, Handler, Probe
from meltemi.shell.runtime.reaper import Reaper
from meltemi.shell.users import held

BACK_OFF = (0.0, 0.25, 1.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Seconds before the first, second, … restart. Kubernetes begins with 10 s; here a killed proxy serves sooner."""
OPENING = 10.0
"""Seconds that a container without a readiness probe may take to open its declared ports."""
STEADY = 600.0
"""After so many seconds of life the next death counts as the first one."""

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
        self._log = LogFile(logs, spec.name)
        self._changed = changed
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
                _signal(pid, signal.SIGTERM)
                await ended
        except TimeoutError:
            pass
        _signal_group(pid, signal.SIGKILL)

    async def finish(self, grace: float) -> None:
        """Stop, and do not start again: `run` returns."""
        self._finished = True
        await self.stop(grace)

    async def _live(self) -> int:
        """One life of the process; returns its exit code."""
        self._log.begin()
        out = self._start()
        ended = self._reaper.ended(self.pid)
        self._set({"running": {"startedAt": _stamp()}})
        carrying = [self._around.create_task(carry(pipe, self._log, stream)) for pipe, stream in out]
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(self._after_start())
            code = await ended
            probing.cancel()
        _signal_group(self.pid, signal.SIGKILL)  # what it left behind goes with it
        await _at_most(1.0, carrying)
        self._end(code)
        return code

    def _start(self) -> list[tuple[int, str]]:
        """Fork and become the container; returns the pipes of its output."""
        pipes = [os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)]
        for _, written in pipes:
            os.fchown(
                written, held(self.spec.user), held(self.spec.group)
            )  # else /dev/stdout cannot be opened again by its name
        pid = os.fork()
        if not pid:
            self._child(pipes[0][1], pipes[1][1])
        self.pid = pid
        for _, written in pipes:
            os.close(written)
        return [(pipes[0][0], "stdout"), (pipes[1][0], "stderr")]

    def _child(self, out: int, err: int) -> None:
        """Only what exec needs happens here: the parent's loop must not run on."""
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for number, wanted in ((nothing, 0), (out, 1), (err, 2)):
                os.dup2(number, wanted)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.closerange(3, 4096)
            launch.mount_volumes(self.spec, self._places)
            launch.become(self.spec, self.spec.argv)
        except BaseException as problem:  # a child must never return into the parent's code
            os.write(2, f"cannot start {self.spec.argv[:1]}: {problem}\n".encode())
        os._exit(launch.CANNOT)

    async def _after_start(self) -> None:
        """The postStart hook, then the probes, as long as the process lives."""
        try:
            await self._hook(self.spec.post_start)
        except HandlerError as problem:
            self._log.write("stderr", f"postStart hook failed: {problem}".encode())
            _signal_group(self.pid, signal.SIGKILL)
            return
        self.started.set()
        if self.spec.startup and not await self._starts_up(self.spec.startup):
            await self._kill("startup probe failed")
            return
        self._passed_startup = True
        self.up.set()
        if self.spec.readiness is None:
            await self._opens_ports()
            self._set_ready(True)
        async with asyncio.TaskGroup() as tasks:
            if self.spec.readiness:
                tasks.create_task(self._probe_ready(self.spec.readiness))
            if self.spec.liveness:
                tasks.create_task(self._probe_alive(self.spec.liveness))

    async def _opens_ports(self) -> None:
        """A container without a readiness probe is ready when its declared ports accept connections.

        Kubernetes counts it as ready when its process has begun, so that the first requests of every rolling update
        fail. A port that is declared and never opened is waited for `OPENING` seconds.
        """
        waiting = [Handler(port=port) for port in self.spec.ports]
        try:
            async with asyncio.timeout(OPENING):
                while waiting:
                    with contextlib.suppress(HandlerError):
                        await carry_out(waiting[-1], self._address, self._exec)
                        waiting.pop()
                        continue
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return

    async def _hook(self, handler: Handler | None) -> None:
        if handler:
            await carry_out(handler, self._address, self._exec)

    async def _pre_stop(self) -> None:
        try:
            await self._hook(self.spec.pre_stop)
        except HandlerError as problem:
            self._log.write("stderr", f"preStop hook failed: {problem}".encode())

    async def _starts_up(self, probe: Probe) -> bool:
        await asyncio.sleep(probe.initial_delay)
        for _ in range(probe.failure):
            if await self._succeeds(probe):
                return True
            await asyncio.sleep(probe.period)
        return False

    async def _probe_ready(self, probe: Probe) -> None:
        await asyncio.sleep(probe.initial_delay)
        row = 0
        while True:
            good = await self._succeeds(probe)
            row = max(row, 0) + 1 if good else min(row, 0) - 1
            if row >= probe.success or -row >= probe.failure or (not good and not self._ready):
                self._set_ready(row >= probe.success)
            # Until it is ready for the first time, ask often: a pod's start is what people wait for.
            await asyncio.sleep(probe.period if self._ready else min(probe.period, 0.2))

    async def _probe_alive(self, probe: Probe) -> None:
        await asyncio.sleep(probe.initial_delay)
        failures = 0
        while True:
            failures = 0 if await self._succeeds(probe) else failures + 1
            if failures >= probe.failure:
                await self._kill("liveness probe failed")
                return
            await asyncio.sleep(probe.period)

    async def _succeeds(self, probe: Probe) -> bool:
        try:
            async with asyncio.timeout(probe.timeout):
                await carry_out(probe.handler, self._address, self._exec)
        except (HandlerError, TimeoutError):
            return False
        return True

    async def _kill(self, why: str) -> None:
        self._log.write("stderr", f"{why}, the container is restarted".encode())
        await self.stop(self._grace)

    async def _exec(self, argv: tuple[str, ...]) -> int:
        """Run a program beside the container's process; its output goes to the log of nobody."""
        pid = os.fork()
        if not pid:
            try:
                os.setsid()
                nothing = os.open(os.devnull, os.O_RDWR)
                for wanted in (0, 1, 2):
                    os.dup2(nothing, wanted)
                signal.set_wakeup_fd(-1)
                os.closerange(3, 4096)
                launch.join(self.pid)
                launch.become(self.spec, argv)
            finally:
                os._exit(launch.CANNOT)
        try:
            return await self._reaper.ended(pid)
        except asyncio.CancelledError:
            _signal_group(pid, signal.SIGKILL)
            raise

    def _end(self, code: int) -> None:
        running: Tree = self._state.get("running", {})
        end: Tree = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": running.get("startedAt", _stamp()),
            "finishedAt": _stamp(),
        }
        self.pid = 0
        self._ready = self._passed_startup = False
        self._last = {"terminated": end}
        self._set({"terminated": end})

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


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        if pid:
            os.killpg(pid, number)
    except ProcessLookupError:
        return


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
