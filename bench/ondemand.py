"""`python -m bench.ondemand [SERVICES]`: sidecars that hold what their workloads call, in a mesh of many services.

Place:  bench · a whole mesh with real Envoys, over its API → Markdown. Needs root.

The node is stopped once the pods run: what it does with so many Services is not what is measured here.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.convergence import MELTEMI
from bench.measure import table
from bench.mesh import ENDPOINTS
from meltemi.core.model.tree import Tree
from meltemi.shell.client import Client

HEAD = ("what", "figure", "to reach")
SERVICES, CALLED, FIRST = 10_000, 20, 300
WRITERS = 8
"""Objects that are written at a time."""
_APPS = Path(__file__).parent / "apps"
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


def measure(services: int = SERVICES) -> list[tuple[object, ...]]:
    """One row for each figure."""
    with tempfile.TemporaryDirectory() as place, _mesh(Path(place)) as mesh:
        return mesh.rows(services)


class _Mesh:
    def __init__(self, state: Path) -> None:
        self._state = state
        self._client = Client(state / "api.sock")

    def rows(self, services: int) -> list[tuple[object, ...]]:
        server = self._pod("server-")["status"]["podIP"]
        alone = self._envoy("caller-")
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(lambda i: self._write(i, server), range(services)))
        names = [f"service-{i}" for i in range(services)]
        self._ask("caller-", server, names[-1:])  # settled, once it is answered
        before = self._envoy("caller-")
        self._ask("caller-", server, names[:CALLED])
        after = self._envoy("caller-")
        taken = self._ask("timer-", server, names[: FIRST + 1])
        first, later = sorted(taken["first"]), sorted(taken["later"])
        most = _memory(self._pid("control-plane"), "VmHWM")  # before one holds all
        everything = self._full()
        return [
            ("a sidecar without services", f"{alone:.0f} MB", ""),
            (f"… that has called one of {services:,}", f"{before:.0f} MB", ""),
            (f"… that has called {CALLED} of them", f"{after:.0f} MB", f"≤ {alone + 20:.0f} MB"),
            ("… that holds all (full)", f"{everything:.0f} MB", ""),
            ("control plane, the most", f"{most:.0f} MB", "≤ 600 MB"),
            (f"a first request, p50 of {FIRST}", f"{_part(first, 0.5):.1f} ms", ""),
            ("a later request, p50", f"{_part(later, 0.5):.1f} ms", ""),
            ("a first request, p99", f"{_part(first, 0.99):.1f} ms", f"≤ {_part(later, 0.99) + 50:.1f} ms"),
            ("a later request, p99", f"{_part(later, 0.99):.1f} ms", ""),
        ]

    def _full(self) -> float:
        """The memory of a sidecar that holds all, when it has stopped to grow."""
        self._signal("node", signal.SIGCONT)
        _run("apply", "--state", str(self._state), "-f", "-", text=_deployment("whole", "full"))
        _run("wait", "--state", str(self._state), "deployment/whole", "--timeout", "300s")
        return self._envoy("whole-")

    def _write(self, i: int, server: str) -> None:
        space = "/namespaces/default"
        self._client.call("POST", f"/api/v1{space}/services", _service(i))
        self._client.call("POST", f"/apis/discovery.k8s.io/v1{space}/endpointslices", _slice(i, server))

    def _ask(self, prefix: str, server: str, hosts: list[str]) -> dict[str, list[float]]:
        pod = self._pod(prefix)["metadata"]["name"]
        script = (sys.executable, str(_APPS / "first.py"), server)
        return json.loads(_run("exec", "--state", str(self._state), pod, "--", *script, *hosts))

    def _pod(self, prefix: str) -> dict[str, dict[str, str]]:
        pods = self._client.get("/api/v1/namespaces/default/pods")["items"]
        return next(pod for pod in pods if pod["metadata"]["name"].startswith(prefix))

    def _envoy(self, prefix: str) -> float:
        """MB of memory of the Envoy of a pod."""
        name = self._pod(prefix)["metadata"]["name"].encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "comm").read_text() == "envoy\n" and name in (folder / "environ").read_bytes():
                    return _memory(int(folder.name), "VmRSS")
            except OSError:
                continue  # it has just ended
        raise RuntimeError(f"no Envoy of {prefix}…")

    def _pid(self, name: str) -> int:
        return int((self._state / f"{name}.pid").read_text())

    def _signal(self, name: str, number: int) -> None:
        os.kill(self._pid(name), number)

    def stop_node(self) -> None:
        self._signal("node", signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal("node", signal.SIGCONT)


def _deployment(name: str, discovery: str) -> str:
    return _PODS.format(
        name=name, inject="true", metadata=f"ISTIO_META_DISCOVERY: {discovery}", command="[sleep, infinity]"
    )


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


def _memory(pid: int, word: str) -> float:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[word].split()[0]) / 1000


def _part(ordered: list[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


@contextmanager
def _mesh(folder: Path) -> Generator[_Mesh]:
    state, file = folder / "state", folder / "pods.yaml"
    answer = json.dumps([sys.executable, str(_APPS / "answer.py"), "8080"])
    server = _PODS.format(name="server", inject="false", metadata="", command=answer)
    file.write_text(server + "".join(_deployment(name, "ondemand") for name in ("caller", "timer")))
    networks = ("--pod-cidr", "198.18.251.0/24", "--service-cidr", "198.19.192.0/18")
    try:
        _run("up", "--state", str(state), "--detach", *networks, "-f", str(file))
        mesh = _Mesh(state)
        mesh.stop_node()
        try:
            yield mesh
        finally:
            mesh.go_on()
    finally:
        _run("down", "--state", str(state))


def _run(*arguments: str, text: str = "") -> str:
    done = subprocess.run([MELTEMI, *arguments], check=False, capture_output=True, text=True, input=text)
    if done.returncode:
        raise RuntimeError(f"meltemi {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    start = time.monotonic()
    sys.stdout.write(table(HEAD, measure(*map(int, sys.argv[1:]))) + "\n")
    sys.stderr.write(f"{time.monotonic() - start:.0f} s\n")
