"""A pod: PID 1 of its namespaces, which outlives the node's process.

Place:  shell/runtime · kubelet starts it with STATE/pods/UID → [sandbox] → containers, probes, DNS

    python -m meltemi.shell.runtime.sandbox --state STATE UID

The first process opens what belongs to the host (the control socket, sockets to the host's nameservers), forks PID 1
into new namespaces, gives it a veth and ends. When PID 1 ends, the kernel takes everything of the pod away.

Over `control.sock`, JSON lines: the sandbox says its status at every change; `{"stop": SECONDS}` ends the pod.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from meltemi.core.inject.capture import DNS_PORT as CAPTURED
from meltemi.core.inject.config import PROXY_UID
from meltemi.shell.runtime import kernel
from meltemi.shell.runtime.cgroups import Group, open_groups
from meltemi.shell.runtime.container import ContainerRunner
from meltemi.shell.runtime.dns import Upstream, capture, open_upstreams, serve_dns
from meltemi.shell.runtime.order import live, stop
from meltemi.shell.runtime.pod_spec import Container, PodSpec
from meltemi.shell.runtime.reaper import Reaper
from meltemi.shell.runtime.root import HIDDEN, enter_root
from meltemi.shell.sockets import short
from meltemi.shell.users import one_user

SPEC, CONTROL, PID = "spec.json", "control.sock", "sandbox.pid"
MESH_NETWORK = 100
"""Number of a file that keeps the mesh's network alive as long as its pods. Without root nothing else does, and by it
the network is found again (apps/rootless)."""
DOWN_GRACE = 1.0
"""Seconds that containers get when the sandbox itself is told to end (`meltemi down`)."""

Tree = dict[str, Any]
Pipe = tuple[int, int]
"""Read end and write end."""


class Pod:
    """The containers of the pod, and everybody who wants to know how they are."""

    def __init__(self, spec: PodSpec, logs: int, around: asyncio.TaskGroup, groups: Mapping[str, Group]) -> None:
        self._spec = spec
        self._groups = groups
        self._around = around
        self._reaper = Reaper()
        self._init = [self._runner(one, logs, init=True) for one in spec.init]
        self._main = [self._runner(one, logs, init=False) for one in spec.containers]
        self._initialized = not spec.init
        self._listeners: set[asyncio.Event] = set()
        self._stop: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def _runner(self, spec: Container, logs: int, *, init: bool) -> ContainerRunner:
        restart = "Always" if spec.sidecar else self._spec.restart_policy
        if init and not spec.sidecar and restart == "Always":
            restart = "OnFailure"
        return ContainerRunner(
            spec,
            address=self._spec.address,
            places=self._spec.reachable,
            restart=restart,
            grace=self._spec.grace,
            reaper=self._reaper,
            logs=logs,
            changed=self._changed,
            around=self._around,
            group=self._groups.get(spec.name),
        )

    def status(self) -> Tree:
        """What the kubelet makes the Pod's status of."""
        return {
            "initialized": self._initialized,
            "initContainerStatuses": [one.status() for one in self._init],
            "containerStatuses": [one.status() for one in self._main],
            "pids": {one.spec.name: one.pid for one in (*self._init, *self._main)},
            "exitCodes": [one.exit_code for one in (*self._init, *self._main)],
        }

    def stop(self, grace: float) -> None:
        """End the pod. The first call counts."""
        if not self._stop.done():
            self._stop.set_result(grace)

    async def run(self) -> None:
        """Until told to stop; then until the containers have ended or their time is over."""
        async with asyncio.TaskGroup() as tasks:
            living = tasks.create_task(live(self._init, self._main, self._spec.grace, self._is_initialized))
            grace = await self._stop
            living.cancel()
        await stop(self._init, self._main, grace)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection over the control socket."""
        news = asyncio.Event()
        news.set()
        self._listeners.add(news)
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell(news, writer))
                while line := await reader.readline():
                    self.stop(float(json.loads(line)["stop"]))
                telling.cancel()
        except* (OSError, ValueError, KeyError):
            pass
        finally:
            self._listeners.discard(news)
            writer.close()

    async def _tell(self, news: asyncio.Event, writer: asyncio.StreamWriter) -> None:
        while True:
            await news.wait()
            news.clear()
            writer.write(msgspec.json.encode(self.status()) + b"\n")
            await writer.drain()

    def _is_initialized(self) -> None:
        self._initialized = True
        self._changed()

    def _changed(self) -> None:
        for news in self._listeners:
            news.set()


def main() -> None:
    """Entry point; returns in the first process only."""
    state, uid = Path(sys.argv[2]), sys.argv[3]
    folder = state / "pods" / uid
    spec = msgspec.json.decode((folder / SPEC).read_bytes(), type=PodSpec)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    upstreams = open_upstreams()
    control = _control_socket(folder / CONTROL)
    groups = open_groups(state, uid, {one.name: one.limits for one in (*spec.init, *spec.containers)})
    ready, go = os.pipe(), os.pipe()
    pid = _in_new_namespace(
        lambda: _first(spec, folder, control=control, upstreams=upstreams, groups=groups, ready=ready, go=go)
    )
    os.close(ready[1])
    os.close(go[0])
    if os.read(ready[0], 1) != b"+":
        sys.exit(1)
    _connect(spec, pid)
    (folder / PID).write_text(str(pid))
    os.write(go[1], b"+")


def _in_new_namespace(first: Callable[[], None]) -> int:
    """Run `first` as PID 1 of a new PID namespace; returns its number here.

    A process in between does the unshare: afterwards all its children would be in the new namespace, and `ip` among
    them would look for the pod's process there.
    """
    read, write = os.pipe()
    between = os.fork()
    if not between:
        try:
            kernel.unshare(kernel.NEW_PID)
            pid = os.fork()
            if not pid:
                first()
            os.write(write, str(pid).encode())
        except OSError:
            traceback.print_exc()
        os._exit(0)
    os.close(write)
    os.waitpid(between, 0)
    return int(os.read(read, 32))  # ValueError where nothing was written: the reason stands in the log


def _first(
    spec: PodSpec, folder: Path, *, control: socket.socket, upstreams: Sequence[Upstream],
    groups: Mapping[str, Group], ready: Pipe, go: Pipe,
) -> None:  # fmt: skip
    """PID 1 of the pod. Never returns."""
    try:
        if one_user():
            _keep_network()
        logs = os.open(folder / "logs", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        kernel.unshare(kernel.NEW_NS | kernel.NEW_NET | kernel.NEW_UTS | kernel.NEW_IPC)
        socket.sethostname(spec.hostname)
        enter_root(spec, folder / "root")
        os.write(ready[1], b"+")
        os.close(go[1])
        if os.read(go[0], 1) != b"+":
            raise OSError("the network could not be made")
        for number in (*ready, go[0]):
            os.close(number)
        _configure(spec)
        asyncio.run(_serve(spec, control, upstreams, logs, groups))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _keep_network() -> None:
    """To be called before the pod's own network is made."""
    network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(network, MESH_NETWORK, inheritable=False)
    os.close(network)


async def _serve(
    spec: PodSpec, control: socket.socket, upstreams: Sequence[Upstream], logs: int, groups: Mapping[str, Group]
) -> None:
    async with asyncio.TaskGroup() as tasks:
        pod = Pod(spec, logs, tasks, groups)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, pod.stop, DOWN_GRACE)
        names = capture(spec.namespace, int(CAPTURED), user=None if one_user() else PROXY_UID)
        tasks.create_task(serve_dns(HIDDEN / "node/dns.json", upstreams=upstreams, captured=names))
        async with await asyncio.start_unix_server(pod.converse, sock=control):
            await pod.run()
            os._exit(0)  # whoever still listens or talks ends with the process


def _control_socket(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short(path) as address:
        control.bind(address)
    path.chmod(0o600)
    control.listen(16)
    return control


def _connect(spec: PodSpec, pid: int) -> None:
    """In the host's namespace: the veth, and the way to the pod."""
    _ip(
        f"link add {spec.interface} type veth peer name eth0 netns {pid}",
        f"link set {spec.interface} up",
        f"route replace {spec.address}/32 dev {spec.interface}",
    )


def _configure(spec: PodSpec) -> None:
    """In the pod's namespace: its address, and the way out."""
    _ip(
        "link set lo up",
        f"address add {spec.address}/32 dev eth0",
        "link set eth0 up",
        f"route add {spec.gateway} dev eth0 scope link",
        f"route add default via {spec.gateway} dev eth0",
    )


def _ip(*commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True, timeout=20)


if __name__ == "__main__":
    main()
