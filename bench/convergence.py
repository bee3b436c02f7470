"""`python -m bench.convergence`: from the write of a change until every proxy of a ten-pod mesh has acknowledged it,
and until connections that are open feel it.

Place:  bench · a whole mesh of nine sidecars and a gateway, over its API → Markdown. Needs root.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.measure import table
from meltemi.shell.client import Client
from meltemi.shell.kube.assets import missing

HEAD = ("objects in", "change", "proxies", "p50 (ms)", "p99 (ms)", "most (ms)")
MELTEMI = Path(__file__).parents[1] / ".venv/bin/meltemi"
MERGE = "application/merge-patch+json"
REPLICAS, ROUNDS = 9, 100
Change = tuple[str, str, str, str, Callable[[int], object]]
"""What it is called, the path of its group, plural and kind, and the content of each round."""
_PODS = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: bench, command: [%s]}]
"""
_COMMAND = f"{sys.executable}, {Path(__file__).parent / 'apps/answer.py'}, '8080'"
_NETWORKING, _SECURITY = "/apis/networking.istio.io/v1", "/apis/security.istio.io/v1"


STORES = {"embedded store": (), "kube-apiserver": ("--kube",)}
"""What a mesh is called that keeps its objects there → how `up` is told."""


def measure() -> list[tuple[object, ...]]:
    """One row for each store and kind of change; a real API server only where there is one to start."""
    return [row for name, said in STORES.items() if not (said and missing()) for row in _measure(name, said)]


def _measure(store: str, said: Sequence[str]) -> list[tuple[object, ...]]:
    with tempfile.TemporaryDirectory() as place, _mesh(Path(place), said) as client:
        count = len(client.get("/meltemi/v1/proxies")["proxies"])
        changes: tuple[Change, ...] = (
            ("a timeout", _NETWORKING, "virtualservices", "VirtualService", _timeout),
            ("a limit on connections", _NETWORKING, "destinationrules", "DestinationRule", _limit),
            ("STRICT and PERMISSIVE by turns", _SECURITY, "peerauthentications", "PeerAuthentication", _mode),
        )
        rows = [(store, change[0], count, *_spread(_rounds(client, change))) for change in changes]
        return [*rows, (store, "a refusal, felt on connections that are open", REPLICAS, *_spread(_felt(client)))]


def _felt(client: Client) -> list[float]:
    """Milliseconds from the write of a rule, and of its removal, until it holds on an open connection to every pod."""
    pods = client.get("/api/v1/namespaces/default/pods")["items"]
    open_ = [HTTPConnection(pod["status"]["podIP"], 8080, timeout=10) for pod in pods]
    path = f"{_SECURITY}/namespaces/default/authorizationpolicies"
    head = {
        "apiVersion": _SECURITY.removeprefix("/apis/"),
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "bench"},
    }
    taken: list[float] = []
    _until(open_, 200)
    for _ in range(ROUNDS // 2):
        start = time.perf_counter()
        client.call("POST", path, head | {"spec": {"action": "DENY", "rules": [{}]}})
        _until(open_, 403)
        written = time.perf_counter()
        client.call("DELETE", f"{path}/bench")
        _until(open_, 200)
        taken += [(written - start) * 1000, (time.perf_counter() - written) * 1000]
    return taken


def _until(connections: Sequence[HTTPConnection], status: int) -> None:
    """Ask on each connection until it answers so."""
    for connection in connections:
        while _status(connection) != status:
            pass


def _status(connection: HTTPConnection) -> int:
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _spread(taken: list[float]) -> tuple[str, ...]:
    ordered = sorted(taken)
    return tuple(f"{ordered[min(int(len(ordered) * part), len(ordered) - 1)]:.0f}" for part in (0.5, 0.99, 1.0))


def _rounds(client: Client, change: Change) -> list[float]:
    """Milliseconds of each round: write, and wait until all have acknowledged."""
    _, group, plural, kind, spec = change
    path = f"{group}/namespaces/default/{plural}"
    tree: dict[str, Any] = {"apiVersion": group.removeprefix("/apis/"), "kind": kind, "metadata": {"name": "bench"}}
    client.call("POST", path, tree | {"spec": spec(0)})
    asked = {"kind": f"{kind.lower()}.{group.split('/')[2]}", "namespace": "default", "name": "bench", "timeout": 10}
    taken: list[float] = []
    for number in range(1, ROUNDS + 1):
        start = time.perf_counter()
        client.call("PATCH", f"{path}/bench", {"spec": spec(number)}, content_type=MERGE)
        if not client.get("/meltemi/v1/wait", asked)["acknowledged"]:
            raise RuntimeError(f"{kind} was not acknowledged")
        taken.append((time.perf_counter() - start) * 1000)
    client.call("DELETE", f"{path}/bench")
    return taken


def _timeout(number: int) -> object:
    return {"hosts": ["web"], "http": [{"timeout": f"{number + 1}s", "route": [{"destination": {"host": "web"}}]}]}


def _limit(number: int) -> object:
    return {"host": "web", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": number + 1}}}}


def _mode(number: int) -> object:
    return {"mtls": {"mode": ("PERMISSIVE", "STRICT")[number % 2]}}


@contextmanager
def _mesh(folder: Path, said: Sequence[str]) -> Generator[Client]:
    state, file = folder / "state", folder / "pods.yaml"
    file.write_text(_PODS % (REPLICAS, _COMMAND))
    networks = ("--pod-cidr", "198.18.248.0/24", "--service-cidr", "198.18.249.0/24")
    try:
        _run("up", "--state", str(state), "--detach", *said, *networks, "-f", str(file))
        yield Client(state / "api.sock")
    finally:
        _run("down", "--state", str(state))


def _run(*arguments: str) -> None:
    subprocess.run([MELTEMI, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    sys.stdout.write(table(HEAD, measure()) + "\n")
