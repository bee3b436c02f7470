"""A real API server for tests: etcd and kube-apiserver on 127.0.0.1, nothing else of a cluster."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from meltemi.apps.descriptions import describe
from meltemi.core.crds.definitions import definitions
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.kube.assets import missing
from meltemi.shell.kube.install import install_definitions
from meltemi.shell.kube.place import Place, place
from meltemi.shell.kube.prepare import choose, prepare
from meltemi.shell.kube.processes import commands
from meltemi.shell.stores.kube.client import KubeClient

SETTINGS = NodeSettings(pod_cidr="127.0.0.0/16")
"""The first address of this network is where the server listens."""


class KubeApi:
    """Its processes, which a test may kill and start again."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.settings = msgspec.structs.replace(
            SETTINGS, kube=msgspec.structs.replace(choose(), controllers=False, scheduler=False)
        )
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def files(self) -> Place:
        return place(self.state)

    @property
    def kubeconfig(self) -> Path:
        return self.files.kubeconfig("control-plane")

    def start(self, *names: str) -> None:
        for name, command in commands(self.state, self.files, self.settings):
            if not names or name in names:
                with (self.state / f"{name}.log").open("ab") as log:
                    self._running[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.state)

    def kill(self, *names: str) -> None:
        for name in names or tuple(self._running):
            self._running[name].send_signal(signal.SIGKILL)
            self._running.pop(name).wait()

    async def ready(self, seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds), KubeClient(self.kubeconfig) as client:
            await client.call("GET", "/readyz")

    async def installed(self) -> None:
        async with KubeClient(self.kubeconfig) as client:
            await install_definitions(client, tuple(definitions(describe)))


@contextlib.contextmanager
def kube_api(state: Path) -> Generator[KubeApi]:
    """A server with our kinds; the test is skipped where there is none to start."""
    if lacking := missing():
        pytest.skip(f"needs {' and '.join(lacking)}: see scripts/kube-assets")
    api = KubeApi(state)
    asyncio.run(prepare(state, api.settings))
    try:
        api.start()
        asyncio.run(api.ready())
        asyncio.run(api.installed())
        yield api
    finally:
        api.kill()
