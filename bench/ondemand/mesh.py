"""A whole mesh with real Envoys, in which services come without their pods.

Place:  bench/ondemand · the command line and the API of a mesh that runs → [line, growth]

The node is stopped but while pods start: what it does with so many Services is not what is measured here.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.convergence import MELTEMI
from bench.mesh import ENDPOINTS
from meltemi.core.model.tree import Tree
from meltemi.shell.client import Client

APPS = Path(__file__).parents[1] / "apps"
BATCH = 500
"""Services that are written at a time."""
PATIENCE = 300
_PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      labels: {{app: {name}}}
      annotations: {{sidecar.istio.io/inject: "{inject}", proxy.istio.io/config: '{{proxyMetadata: {{{metadata}}}}}'}}
    spec:
      containers: [{{name: app, image: bench, command: {command}}}]
---
"""
_METRICS = "http://127.0.0.1:15000/stats/prometheus"
_START = "envoy_server_initialization_time_ms"
_NETWORKS = ("--pod-cidr", "198.18.251.0/24", "--service-cidr", "198.19.192.0/18")


class LiveMesh:
    """One that runs, with an application `server` that stands behind every service."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._client = Client(state / "api.sock")
        self._server = self.pod("server-")["status"]["podIP"]

    def write(self, numbers: Sequence[int]) -> None:
        """Services of these numbers, each with its endpoints."""
        for at in range(0, len(numbers), BATCH):
            trees = [tree for i in numbers[at : at + BATCH] for tree in (_service(i), _slice(i, self._server))]
            self._client.call(
                "POST", "/meltemi/v1/apply", {"objects": [{"object": tree} for tree in trees]}, patience=PATIENCE
            )

    def start(self, name: str, discovery: str) -> None:
        """A workload that does nothing; returns when its sidecar is ready."""
        with self._node():
            self._run("apply", "-f", "-", text=deployment(name, discovery))
            self._run("wait", f"deployment/{name}", "--timeout", f"{PATIENCE}s")

    def end(self, name: str) -> None:
        """The workload goes, and its sidecar with it."""
        with self._node():
            self._run("delete", "deployment", name)
            while any(one["metadata"]["name"].startswith(f"{name}-") for one in self._pods()):
                time.sleep(0.2)

    def ask(self, prefix: str, hosts: Sequence[str]) -> dict[str, list[float]]:
        """Milliseconds of a first and of a later request to each host but the first, from a pod."""
        return json.loads(self._python(prefix, str(APPS / "first.py"), self._server, *hosts))

    def ready_after(self, prefix: str) -> float:
        """Seconds from the start of a pod's Envoy until its listeners took connections. It tells them a little later,
        when it next counts."""
        read = f"from urllib.request import urlopen as o; print(o('{_METRICS}').read().decode())"
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = self._python(prefix, "-c", read).splitlines()
            told = dict(line.rsplit(" ", 1) for line in lines if line.startswith(_START))
            if taken := sum(float(value) for name, value in told.items() if name.startswith(f"{_START}_sum")):
                return taken / 1000
            time.sleep(0.5)
        raise RuntimeError(f"the Envoy of {prefix}… does not tell how long it took")

    def memory(self, prefix: str) -> float:
        """MB of the Envoy of a pod."""
        return resident(self._envoy(prefix))

    def most(self) -> float:
        """MB of the control plane, the most until now."""
        return resident(self._pid("control-plane"), "VmHWM")

    def pod(self, prefix: str) -> dict[str, Any]:
        return next(pod for pod in self._pods() if pod["metadata"]["name"].startswith(prefix))

    def _pods(self) -> list[dict[str, Any]]:
        return self._client.get("/api/v1/namespaces/default/pods")["items"]

    def _envoy(self, prefix: str) -> int:
        name = self.pod(prefix)["metadata"]["name"].encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "comm").read_text() == "envoy\n" and name in (folder / "environ").read_bytes():
                    return int(folder.name)
            except OSError:
                continue  # it has just ended
        raise RuntimeError(f"no Envoy of {prefix}…")

    def _python(self, prefix: str, *arguments: str) -> str:
        return self._run("exec", self.pod(prefix)["metadata"]["name"], "--", sys.executable, *arguments)

    def _run(self, verb: str, *arguments: str, text: str = "") -> str:
        return run(verb, "--state", str(self._state), *arguments, text=text)

    def _pid(self, name: str) -> int:
        return int((self._state / f"{name}.pid").read_text())

    @contextmanager
    def _node(self) -> Generator[None]:
        self.signal_node(signal.SIGCONT)
        try:
            yield
        finally:
            self.signal_node(signal.SIGSTOP)

    def signal_node(self, number: int) -> None:
        os.kill(self._pid("node"), number)


@contextmanager
def live_mesh(*names: str) -> Generator[LiveMesh]:
    """One with these workloads, whose sidecars are on demand."""
    answer = json.dumps([sys.executable, str(APPS / "answer.py"), "8080"])
    with tempfile.TemporaryDirectory() as folder:
        state, file = Path(folder) / "state", Path(folder) / "pods.yaml"
        server = _PODS.format(name="server", inject="false", metadata="", command=answer)
        file.write_text(server + "".join(deployment(name, "ondemand") for name in names))
        try:
            run("up", "--state", str(state), "--detach", *_NETWORKS, "-f", str(file))
            mesh = LiveMesh(state)
            mesh.signal_node(signal.SIGSTOP)
            try:
                yield mesh
            finally:
                mesh.signal_node(signal.SIGCONT)
        finally:
            run("down", "--state", str(state))


def resident(pid: int, word: str = "VmRSS") -> float:
    """MB of memory of a process; `VmHWM`: the most until now."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[word].split()[0]) / 1000


def deployment(name: str, discovery: str) -> str:
    """A workload that does nothing."""
    metadata = f"ISTIO_META_DISCOVERY: {discovery}"
    return _PODS.format(name=name, inject="true", metadata=metadata, command="[sleep, infinity]")


def run(*arguments: str, text: str = "") -> str:
    """`meltemi …`; returns standard output."""
    done = subprocess.run([MELTEMI, *arguments], check=False, capture_output=True, text=True, input=text)
    if done.returncode:
        raise RuntimeError(f"meltemi {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _service(i: int) -> Tree:
    ports: Tree = [{"name": "http", "port": 80, "targetPort": 8080}]
    return _object("v1", "Service", f"service-{i}", {}) | {"spec": {"ports": ports}}


def _slice(i: int, server: str) -> Tree:
    """One endpoint that is there, and others that are said to be not ready."""
    addresses = [server, *(f"198.18.{n}.{i % 250 + 1}" for n in range(1, ENDPOINTS))]
    ends: Tree = [{"addresses": [a], "conditions": {"ready": a == server}} for a in addresses]
    labels: dict[str, Tree] = {"kubernetes.io/service-name": f"service-{i}"}
    return _object("discovery.k8s.io/v1", "EndpointSlice", f"service-{i}-x", labels) | {
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": ends,
    }


def _object(version: str, kind: str, name: str, labels: dict[str, Tree]) -> dict[str, Tree]:
    metadata: dict[str, Tree] = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
