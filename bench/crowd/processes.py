"""The processes of a measurement, each on ports of loopback of its own, and what they cost.

Place:  bench/crowd · the control plane, xdsload (the crowd), floor (both built with Go from bench/xdsload)
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from bench.crowd.world import NAMESPACES
from meltemi.core.model.kinds import kind_or_unknown
from meltemi.shell.client import Client, UnreachableError

SOURCES = Path(__file__).parents[1] / "xdsload"
PATIENCE = 60.0
"""Seconds until a control plane answers."""
Told = dict[str, Any]


class Spent:
    """What a process used until now."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu(self) -> float:
        """Seconds, of all threads that live, in nanoseconds of the scheduler: a small step is less than a tick."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(one.read_text().split()[0]) for one in threads) / 1e9

    def memory(self) -> float:
        """The most that it held, in MB."""
        return self._status("VmHWM")

    def now(self) -> float:
        """What it holds, in MB."""
        return self._status("VmRSS")

    def _status(self, name: str) -> float:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        return int(lines[name].split()[0]) / 1000


_STAGE = re.compile(r'^meltemi_stage_seconds{stage="(\w+)"} (\S+)$', re.MULTILINE)


class ControlPlane(Spent):
    """The control plane's process, with what its stages took."""

    def __init__(self, pid: int, socket_path: Path) -> None:
        super().__init__(pid)
        self._socket = socket_path

    def stages(self) -> dict[str, float]:
        """Seconds of CPU by stage, as it counts them itself."""
        connection = HTTPConnection("mesh")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self._socket))
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return {stage: float(seconds) for stage, seconds in _STAGE.findall(text)}


class Crowd:
    """xdsload, asked over HTTP."""

    def __init__(self, port: int, streams: int) -> None:
        self._port = port
        self.streams = streams

    def ask(self, page: str, **query: object) -> Told:
        """What it says."""
        return _ask(self._port, page, query)

    def mark(self, touched: str = "") -> None:
        """Count from now on; `touched` is a part of all names that the change may concern."""
        self.ask("mark", touched=touched)


def go() -> str:
    """Where Go is; empty if it is nowhere."""
    return shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin") or ""


def build(folder: Path) -> tuple[Path, Path]:
    """The crowd and the floor."""
    made = folder / "xdsload", folder / "floor"
    for package, program in zip((".", "./floor"), made, strict=True):
        subprocess.run([go(), "build", "-o", program, package], cwd=SOURCES, check=True)
    return made


@contextmanager
def control_plane(state: Path, port: int) -> Generator[tuple[Client, ControlPlane]]:
    """It alone, over the embedded store: no node, which would take the CPUs for services that nobody runs."""
    state.mkdir(exist_ok=True)
    (state / "settings.json").write_text(json.dumps({"xds_port": port, "service_cidr": "10.200.0.0/16"}))
    with (
        (state / "control-plane.log").open("a") as log,
        _running([sys.executable, "-m", "meltemi.apps.control_plane", "--state", str(state)], port, log) as pid,
    ):
        client = Client(state / "api.sock")
        _until_answering(client)
        yield client, ControlPlane(pid, state / "api.sock")


def delete(client: Client, tree: Any) -> None:
    """One object, by its own words."""
    group, _, version = tree["apiVersion"].rpartition("/")
    kind = kind_or_unknown(group, tree["kind"], version)
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    about = tree["metadata"]
    client.call("DELETE", f"{root}/namespaces/{about['namespace']}/{kind.plural}/{about['name']}")


@contextmanager
def floor(program: Path, recorded: Path, port: int, control: int) -> Generator[Spent]:
    """The bare server, with what was recorded."""
    command = [
        str(program),
        "-addr",
        f"127.0.0.1:{port}",
        "-control",
        f"127.0.0.1:{control}",
        "-recorded",
        str(recorded),
    ]
    with _running(command, port, subprocess.DEVNULL) as pid:
        yield Spent(pid)


def send(control: int, phase: int) -> None:
    """Let the floor send what came after so many marks."""
    _ask(control, "send", {"phase": phase})


@contextmanager
def crowd(
    program: Path,
    port: int,
    streams: int,
    control: int,
    *,
    record: Path | None = None,
    calls: tuple[int, int] = (0, 1),
) -> Generator[Crowd]:
    """So many streams, over all namespaces by turns. `calls`: on demand, how many hosts each calls, and of how many."""
    where = ["-addr", f"127.0.0.1:{port}", "-control", f"127.0.0.1:{control}", "-ns", ",".join(NAMESPACES)]
    recording = ["-record", str(record)] if record else []
    calling = ["-calls", str(calls[0]), "-callable", str(calls[1]), "-meta", '{"DISCOVERY": "ondemand"}']
    more = [*recording, *(calling if calls[0] else ())]
    with _running([str(program), *where, "-n", str(streams), *more], control, subprocess.DEVNULL):
        yield Crowd(control, streams)


@contextmanager
def _running(command: Sequence[str], port: int, output: Any) -> Generator[int]:
    process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _until_listening(port, process)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args} has ended")


def _until_answering(client: Client) -> None:
    """Its API is there a little later than its port."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            client.get("/meltemi/v1/proxies")
        except UnreachableError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _ask(port: int, page: str, query: dict[str, object]) -> Told:
    with urlopen(f"http://127.0.0.1:{port}/{page}?{urlencode(query)}", timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text.startswith(b"{") else {}
