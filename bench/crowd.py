"""`python -m bench.crowd`: many simulated Envoys on one control plane, from the embedded store and a real API server.

Place:  bench · `up --xds-port`, ../shared/tools/xdsload (built with Go) → Markdown. Needs root.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bench.convergence import MELTEMI, MERGE
from bench.measure import table
from bench.mesh import slice_of, trees, virtual_service
from meltemi.shell.client import Client
from meltemi.shell.kube.assets import missing

HEAD = ("store", "what", "CPU (s)", "to the last (ms)", "MB sent", "most memory (MB)")
SERVICES, STREAMS, ROUNDS = 1000, 500, 10
WRITERS = 8
"""Objects that are written at a time."""
PATIENCE = 300.0
"""Seconds that the crowd may take."""
TOOL = Path(__file__).parents[2] / "shared/tools/xdsload"
_XDS_PORT, _CONTROL_PORT = 15310, 15311
_TICK = os.sysconf("SC_CLK_TCK")
Row = tuple[object, ...]
Told = dict[str, Any]
CHANGES: tuple[tuple[str, str, Callable[[int], object]], ...] = (
    (
        "a timeout",
        "/apis/networking.istio.io/v1/namespaces/default/virtualservices/service-7",
        lambda n: virtual_service(7, timeout=f"{n + 6}s"),
    ),
    (
        "an endpoint",
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/service-7-x",
        lambda n: slice_of(7, last=n + 1),
    ),
)


def unable() -> str:
    """Why this cannot be measured here; empty if it can."""
    if os.geteuid():
        return "Not measured: needs root."
    if not TOOL.is_dir():
        return "Not measured: the load client is not here."
    return "" if _go() else "Not measured: needs Go, to build the load client."


def measure() -> list[Row]:
    """Rows of each store that is there."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tool = _build(folder)
        stores: dict[str, tuple[str, ...]] = {"embedded": ()} | ({} if missing() else {"kube-apiserver": ("--kube",)})
        rows: list[Row] = []
        for name, options in stores.items():
            for row in _one(folder / name, options, tool):
                rows.append(row)
                sys.stderr.write(" | ".join(map(str, row)) + "\n")  # it takes minutes: say how far it is
        return rows


def _create(client: Client, tree: Any) -> None:
    group = "/api/v1" if tree["apiVersion"] == "v1" else f"/apis/{tree['apiVersion']}"
    client.call("POST", f"{group}/namespaces/default/{tree['kind'].lower()}s", tree)


def _objects() -> Iterator[Any]:
    """The mesh; Services' addresses are the store's choice."""
    for tree in trees(SERVICES):
        written = json.loads(json.dumps(tree))
        if written["kind"] == "Service":
            del written["spec"]["clusterIP"]
        yield written


def _one(state: Path, options: tuple[str, ...], tool: Path) -> Iterator[Row]:
    name = state.name
    with _mesh(state, options) as client:
        with ThreadPoolExecutor(WRITERS) as writers:  # an API server takes its time for each object
            list(writers.map(partial(_create, client), _objects()))
        pid = int((state / "control-plane.pid").read_text())
        before = _cpu(pid)
        with _crowd(tool):
            told = _until(lambda said: said["Ready"] == STREAMS, "status")
            memory, sent = _memory(pid), told["Bytes"]
            yield (
                name,
                f"{STREAMS} connect",
                f"{_cpu(pid) - before:.1f}",
                f"{told['AllReadyMs']:.0f}",
                _mb(sent),
                memory,
            )
            path = "/apis/networking.istio.io/v1/namespaces/default/virtualservices/service-7"
            yield name, "a timeout", *_changes(client, pid, path, lambda n: virtual_service(7, timeout=f"{n + 6}s")), ""
            path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/service-7-x"
            yield name, "an endpoint", *_changes(client, pid, path, lambda n: slice_of(7, last=n + 1)), ""


def _changes(client: Client, pid: int, path: str, content: Callable[[int], object]) -> tuple[str, str, str]:
    """CPU, time to the last stream and bytes of a change: the median time, the mean of the others."""
    times: list[float] = []
    before, sent = _cpu(pid), 0
    for number in range(ROUNDS):
        _ask("mark")
        client.call("PATCH", path, content(number), content_type=MERGE)
        told = _until(lambda said: said["Streams"] == STREAMS, "report")
        times.append(told["Last"]["max_ms"])
        sent += told["Bytes"]
    return f"{(_cpu(pid) - before) / ROUNDS:.2f}", f"{sorted(times)[ROUNDS // 2]:.0f}", _mb(sent / ROUNDS)


def _until(done: Callable[[Told], bool], page: str) -> Told:
    end = time.monotonic() + PATIENCE
    while True:
        told = _ask(page)
        if done(told):
            return told
        if time.monotonic() > end:
            raise RuntimeError(f"the crowd is not served: {told}")
        time.sleep(0.2)


def _ask(page: str) -> Told:
    with urlopen(f"http://127.0.0.1:{_CONTROL_PORT}/{page}", timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text.startswith(b"{") else {}


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory(pid: int) -> str:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return f"{int(lines['VmHWM'].split()[0]) / 1000:.0f}"


def _mb(count: float) -> str:
    return f"{count / 1e6:.1f}"


def _go() -> str:
    return shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin") or ""


def _build(folder: Path) -> Path:
    shutil.copytree(TOOL, folder / "xdsload")
    subprocess.run([_go(), "build", "-o", "tool", "."], cwd=folder / "xdsload", check=True, capture_output=True)
    return folder / "xdsload/tool"


@contextmanager
def _crowd(tool: Path) -> Generator[None]:
    where = ("-addr", f"127.0.0.1:{_XDS_PORT}", "-control", f"127.0.0.1:{_CONTROL_PORT}")
    process = subprocess.Popen([tool, *where, "-n", str(STREAMS)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.0)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def _mesh(state: Path, options: tuple[str, ...]) -> Generator[Client]:
    networks = ("--pod-cidr", "198.18.248.0/24", "--service-cidr", "198.19.240.0/20")
    try:
        _run("up", "--state", str(state), "--detach", *networks, "--xds-port", str(_XDS_PORT), *options)
        yield Client(state / "api.sock")
    finally:
        _run("down", "--state", str(state))


def _run(*arguments: str) -> None:
    done = subprocess.run([MELTEMI, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"meltemi {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    sys.stdout.write((unable() or table(HEAD, measure())) + "\n")
