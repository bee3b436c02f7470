"""The life of the agent: serve its pages, wait for the control plane's socket, run Envoy, drain, end.

Place:  shell/agent · apps/agent → [run]
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.shell.agent import drain, metrics, probes
from meltemi.shell.agent.bootstrap import bootstrap
from meltemi.shell.agent.envoy import Envoy, command
from meltemi.shell.agent.health import Health
from meltemi.shell.agent.http import Request, Response, serve
from meltemi.shell.agent.log import log
from meltemi.shell.agent.overlay import overlaid
from meltemi.shell.agent.settings import Settings

if TYPE_CHECKING:
    from meltemi.shell.agent.identity import Identity

_LOOK_EVERY = 0.05
_LOCAL = frozenset({"127.0.0.1", "::1"})


class Agent:
    """One proxy and what answers for it."""

    def __init__(self, settings: Settings) -> None:
        """Nothing runs yet."""
        self._settings = settings
        self._health = Health()
        self._end = asyncio.Event()
        self._identity: Identity | None = None

    async def run(self) -> None:
        """Until SIGTERM, SIGINT or `/quitquitquit`; returns when Envoy has ended in peace."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        # Asked for both families, Python fails where the kernel has IPv6 switched off.
        everywhere = "::" if ":" in self._settings.address else "0.0.0.0"
        server = await serve(self._answer, host=everywhere, port=self._settings.status_port)
        envoy = Envoy(command(self._settings, await self._write_bootstrap()), started=self._health.forget)
        async with server, self._identified(), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._run_envoy(envoy), name="envoy")
            await self._end.wait()
            self._health.draining = True
            await drain.drain(self._settings.role, self._settings.minimum_drain)
            await envoy.stop()
            running.cancel()
        log("the agent ends")

    @asynccontextmanager
    async def _identified(self) -> AsyncGenerator[None]:
        """The workload's secrets are served before Envoy begins, which would come again late for them."""
        if not _has_place(self._settings.sds_socket):
            log("no directory for secrets: the workload has no identity", socket=self._settings.sds_socket)
            yield
            return
        from meltemi.shell.agent.identity import Identity  # noqa: PLC0415  (0.1 s that pods without one do not pay)

        self._identity = Identity(self._settings)
        self._health.waits_for = self._identity.waits_for
        async with self._identity.kept():
            yield

    async def _run_envoy(self, envoy: Envoy) -> None:
        # An Envoy without control plane could only wait, and less patiently than we do.
        socket = self._settings.xds_socket
        if not _may_connect(socket):
            log("waiting for the control plane", socket=socket)
        while not _may_connect(socket):  # noqa: ASYNC110 -- another process makes it
            await asyncio.sleep(_LOOK_EVERY)
        await envoy.run()

    async def _write_bootstrap(self) -> Path:
        file = Path(self._settings.config_path) / "envoy-rev.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps(await overlaid(self._settings, bootstrap(self._settings), file), indent=1))
        return file

    async def _answer(self, request: Request) -> Response:
        path = request.path
        if path == "/healthz/ready":
            return await self._health.ready()
        if path == "/stats/prometheus":
            return await metrics.page(self._settings, self._identity.remaining() if self._identity else {})
        if path.startswith(("/app-health/", "/app-lifecycle/")):
            return await probes.answer(request, self._settings)
        if path in {"/quitquitquit", "/drain"}:
            return self._quit(request)
        return Response(404, b"no such page\n")

    def _quit(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(405, b"POST only\n")
        if request.peer.removeprefix("::ffff:") not in _LOCAL:
            return Response(403, b"from inside the pod only\n")
        self._end.set()
        return Response(200)


def _has_place(socket: str) -> bool:
    return os.access(Path(socket).parent, os.W_OK)


def _may_connect(socket: str) -> bool:
    # It belongs to root for a moment after it is made.
    return os.access(socket, os.W_OK)


async def main(settings: Settings) -> None:
    """Run one agent to its end."""
    log("the agent starts", node=settings.node_id, concurrency=settings.concurrency)
    await Agent(settings).run()
