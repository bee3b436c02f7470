"""`python -m bench.hops`: a request over two hops with mutual TLS, in the mesh and between two bare Envoys, in one run.

Place:  bench · a whole mesh of two pods; bench/bare → Markdown. Needs root.

The rounds of all paths take turns, so that whatever else the machine does falls on all of them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.bare import APP, ENTRY, SERVER, ask, pair
from bench.measure import table

HEAD = ("path", "p50 (ms)", "p99 (ms)", "CPU of both Envoys (µs a request)")
HERE = Path(__file__).parent
MELTEMI = HERE.parent / ".venv/bin/meltemi"
RATE, SECONDS, ROUNDS = 200, 5, 4
_ECHO = str(HERE / "apps/answer.py")


def server(name: str) -> str:
    """The manifests of a service with one pod."""
    command = f'["{sys.executable}", "{HERE / "apps/answer.py"}", "{APP}"]'
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80, targetPort: {APP}}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  containers: [{{name: {name}, image: bench, command: {command}}}]
---"""


CLIENT = """
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers: [{name: client, image: bench, command: [sleep, infinity]}]
---"""
"""The manifest of the pod that asks."""


def measure() -> list[tuple[object, ...]]:
    """One row for each path."""
    with (
        tempfile.TemporaryDirectory() as place,
        mesh_of(Path(place), server("answer") + CLIENT) as state,
        _bare(Path(place)) as envoys,
    ):
        own = envoys_of(state, "answer", "client")
        url = f"http://127.0.0.1:{ENTRY}/"
        paths: list[tuple[str, Callable[[], list[float]], Sequence[int]]] = [
            ("no proxy", lambda: ask(f"http://{SERVER[1]}:{APP}/", RATE, SECONDS), ()),
            ("two bare Envoys, one route, no log", lambda: ask(url, RATE, SECONDS), envoys),
            ("two sidecars of the mesh", lambda: in_mesh(state, "answer")[0], own),
        ]
        taken: dict[str, list[float]] = {name: [] for name, _, _ in paths}
        spent: dict[str, float] = dict.fromkeys(taken, 0.0)
        for _ in range(ROUNDS):
            for name, run, pids in paths:
                before = cpu_of(pids)
                taken[name] += run()
                spent[name] += cpu_of(pids) - before
        return [row(name, taken[name], spent[name], bool(pids)) for name, _, pids in paths]


def row(name: str, taken: list[float], spent: float, proxied: bool) -> tuple[object, ...]:
    ordered = sorted(taken)
    cpu = round(spent / len(taken) * 1e6) if proxied else "-"
    return (name, *(f"{ordered[int(len(ordered) * part)]:.2f}" for part in (0.5, 0.99)), cpu)


@contextmanager
def mesh_of(folder: Path, pods: str) -> Generator[Path]:
    """A mesh of a few pods, on addresses of its own."""
    state, file = folder / "state", folder / "pods.yaml"
    file.write_text(pods)
    networks = ("--pod-cidr", "198.18.248.0/24", "--service-cidr", "198.18.249.0/24")
    try:
        _run("up", "--state", str(state), "--detach", *networks, "-f", str(file))
        yield state
    finally:
        _run("down", "--state", str(state))


@contextmanager
def _bare(folder: Path) -> Generator[list[int]]:
    with pair(folder, [sys.executable, _ECHO, str(APP)]) as processes:
        time.sleep(3)  # until both listen
        yield [process.pid for process in processes]


def in_mesh(state: Path, *hosts: str) -> list[list[float]]:
    """Milliseconds of each answer of services to the client's pod, which asks them by turns."""
    urls = [f"http://{host}/" for host in hosts]
    client = (sys.executable, str(HERE / "apps/steady.py"), str(RATE), str(SECONDS), *urls)
    return json.loads(_run("exec", "--state", str(state), "client", "--", *client))


def _run(*arguments: str) -> bytes:
    return subprocess.run([MELTEMI, *arguments], check=True, capture_output=True).stdout


def envoys_of(state: Path, *pods: str) -> list[int]:
    """The Envoys of some pods."""
    names = [f"POD_NAME={pod}\0".encode() for pod in pods]
    found: list[int] = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command, said = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
        except OSError:
            continue
        if b"envoy-rev.json" in command and str(state).encode() in said and any(n in said for n in names):
            found.append(int(place.name))
    return found


def cpu_of(pids: Sequence[int]) -> float:
    """Seconds of CPU that processes took so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.stdout.write(table(HEAD, measure()) + "\n")
