"""`up`, `demo` and `down` as a user meets them: twice, after a crash, in the foreground, interrupted."""

import os
import pty
import select
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from e2e.mesh import HERE, MELTEMI, Mesh, MeshError, eventually, missing, networks

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PLAIN = HERE / "manifests/plain.yaml"
DAEMONS = ("supervisor", "control-plane", "node")


@pytest.fixture(scope="module", autouse=True)
def able() -> None:
    if why := missing():
        pytest.skip(why)


@pytest.fixture
def mesh(tmp_path: Path) -> Generator[Mesh]:
    mesh = Mesh(tmp_path / "state")
    yield mesh
    mesh.run("down")


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, port: int) -> Generator[Mesh]:
    """A mesh with one pod beside its gateway."""
    mesh = Mesh(tmp_path_factory.mktemp("running") / "state")
    try:
        mesh.up("-f", PLAIN, "--gateway-port", str(port))
        yield mesh
    finally:
        mesh.run("down")


def pids(mesh: Mesh, *names: str) -> dict[str, int]:
    return {name: int((mesh.state / f"{name}.pid").read_text()) for name in names or DAEMONS}


def sandboxes(mesh: Mesh) -> dict[str, str]:
    """Pod → the number of its first process, and of every container's restarts."""
    found: dict[str, str] = {}
    for pod in mesh.json("get", "pods", "-A")["items"]:
        pid = (mesh.state / "pods" / pod["metadata"]["uid"] / "sandbox.pid").read_text()
        restarts = [one["restartCount"] for one in pod["status"]["containerStatuses"]]
        found[pod["metadata"]["name"]] = f"{pid} {restarts}"
    return found


def programs(state: Path) -> list[str]:
    """The modules of ours that run for a state directory, in order of their names."""
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if str(state) in words and "-m" in words:
            found.append(words[words.index("-m") + 1])
    return sorted(found)


# === one mesh ===


def test_the_gateway_is_served_on_the_port_that_was_asked_for(running: Mesh, port: int) -> None:
    assert running.address == f"http://127.0.0.1:{port}"
    assert running.ask("/hostname")[0] == 200


def test_up_on_a_running_mesh_applies_and_says_so(running: Mesh) -> None:
    before = pids(running) | sandboxes(running)

    done = _meltemi("up", "--detach", "-f", HERE / "manifests/extra.yaml", "--gateway-port", "1", mesh=running)

    assert done.returncode == 0
    assert "runs already" in done.stderr
    assert "--gateway-port has no effect" in done.stderr
    assert done.stdout == f"gateway: {running.address}\n"
    assert pids(running) | sandboxes(running) == before
    assert running.json("get", "configmap", "extra")["data"] == {"key": "value"}


@pytest.mark.parametrize("killed", [("supervisor",), ("control-plane", "supervisor"), ("node",), DAEMONS])
def test_up_after_a_crash_leaves_pods_alone(running: Mesh, killed: tuple[str, ...]) -> None:
    before = sandboxes(running)
    for pid in pids(running, *killed).values():
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: _meltemi("up", "--detach", "-f", PLAIN, mesh=running).returncode == 0, seconds=60)

    assert sandboxes(running) == before
    assert running.ask("/hostname")[0] == 200
    assert [one for one in programs(running.state) if one.startswith("meltemi.apps")] == [
        "meltemi.apps.control_plane",
        "meltemi.apps.node",
        "meltemi.apps.supervisor",
    ]


def test_requests_go_on_while_everything_but_the_pods_is_dead(running: Mesh) -> None:
    before = sandboxes(running)
    for pid in pids(running).values():
        os.kill(pid, signal.SIGKILL)

    assert [running.ask("/hostname")[0] for _ in range(20)] == [200] * 20

    running.up("-f", PLAIN)
    assert sandboxes(running) == before


def test_a_crashed_mesh_keeps_its_addresses(running: Mesh) -> None:
    for pid in pids(running).values():
        os.kill(pid, signal.SIGKILL)

    done = _meltemi("up", "--pod-cidr", "198.18.255.0/24", mesh=running, own=False)

    assert done.returncode == 2
    assert "was not taken down" in done.stderr
    assert running.ask("/hostname")[0] == 200
    running.up()


def test_another_mesh_leaves_a_crashed_one_alone(running: Mesh, mesh: Mesh) -> None:
    before = sandboxes(running)
    for pid in pids(running).values():
        os.kill(pid, signal.SIGKILL)

    elsewhere = ("--pod-cidr", "198.51.100.0/25", "--service-cidr", "198.51.100.128/25")
    assert _meltemi("up", "--detach", *elsewhere, mesh=mesh, own=False).returncode == 0

    running.up()
    assert sandboxes(running) == before


# === what cannot be ===


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pod-cidr", "everywhere"], "--pod-cidr"),
        (["--pod-cidr", "198.18.0.1/16"], "host bits"),
        (["--service-cidr", "198.19.0.0/30"], "fewer than"),
        (["--pod-cidr", "198.18.240.0/20", "--service-cidr", "198.18.240.0/24"], "share addresses"),
    ],
)
def test_networks_that_cannot_be(mesh: Mesh, options: list[str], said: str) -> None:
    done = _meltemi("up", *options, mesh=mesh, own=False)

    assert done.returncode == 2
    assert said in done.stderr
    assert "help:" in done.stderr
    assert programs(mesh.state) == []


def test_addresses_of_a_living_mesh_are_refused(running: Mesh, mesh: Mesh) -> None:
    done = _meltemi("up", mesh=mesh)

    assert done.returncode == 2
    assert str(running.state) in done.stderr
    assert not (mesh.state / "settings.json").exists()
    assert running.ask("/hostname")[0] == 200


# === the end ===


def test_down_twice(running: Mesh) -> None:
    assert _meltemi("down", mesh=running).stdout.endswith("the mesh is down\n")
    assert _meltemi("down", mesh=running).stdout == "there was no mesh\n"
    assert programs(running.state) == []


# === in the foreground ===


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_the_mesh_down(mesh: Mesh, number: signal.Signals) -> None:
    with Foreground(mesh, "up", *networks(), "-f", str(PLAIN)) as up:
        up.read_until("Ctrl-C takes it down")
        up.process.send_signal(number)
        up.wait()
    assert programs(mesh.state) == []


def test_ctrl_c_while_it_starts(mesh: Mesh) -> None:
    with Foreground(mesh, "up", *networks(), "-f", str(PLAIN)) as up:
        up.read_until("pods are ready")
        up.type(b"\x03")
        assert up.wait() == 130
    assert programs(mesh.state) == []


def test_an_impatient_ctrl_c_leaves_nothing_behind(mesh: Mesh) -> None:
    with Foreground(mesh, "up", *networks(), "-f", str(PLAIN)) as up:
        up.read_until("Ctrl-C takes it down")
        for _ in range(5):
            up.type(b"\x03")
            time.sleep(0.1)
        up.wait()
    assert programs(mesh.state) == []


def test_down_ends_a_mesh_in_the_foreground(mesh: Mesh) -> None:
    with Foreground(mesh, "up", *networks(), "-f", str(PLAIN)) as up:
        up.read_until("Ctrl-C takes it down")
        mesh.run("down")
        assert up.wait() == 0


def test_the_demo(mesh: Mesh, port: int) -> None:
    for _ in range(2):
        with Foreground(mesh, "demo", *networks(), "--gateway-port", str(port)) as demo:
            demo.read_until("Ctrl-C takes the mesh down")
            assert f"open http://127.0.0.1:{port}/productpage" in demo.said
            assert "requests through the gateway" in demo.said
            assert "reviews-v3" in demo.said
            assert "nobody" not in demo.said
            assert _status(port, "/productpage") == 200
            demo.type(b"\x03")
            assert demo.wait() == 0
        assert programs(mesh.state) == []


class Foreground:
    """A command on a terminal."""

    def __init__(self, mesh: Mesh, verb: str, *arguments: str) -> None:
        self._terminal, inner = pty.openpty()
        # `setsid --ctty`: the terminal is the command's own, so that Ctrl-C is a signal to it.
        command = ["setsid", "--ctty", str(MELTEMI), verb, "--state", str(mesh.state), *arguments]
        environment = os.environ | {"COLUMNS": "120"}
        self.process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
        os.close(inner)
        self.said = ""

    def __enter__(self) -> "Foreground":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._terminal)

    def read_until(self, text: str, seconds: float = 150.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.said:
            if (not self._read() and self.process.poll() is not None) or time.monotonic() > end:
                raise MeshError(f"{text!r} was not said, but:\n{self.said}")

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def wait(self, seconds: float = 60.0) -> int:
        """The exit code."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            self._read()
            assert time.monotonic() < end, self.said
        return self.process.returncode

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], 0.1)[0]:
            return False
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # nobody writes any more
            return False
        self.said += data.decode(errors="replace")
        return bool(data)


def _meltemi(verb: str, *arguments: str | Path, mesh: Mesh, own: bool = True) -> subprocess.CompletedProcess[str]:
    networked = networks() if verb == "up" and own else []
    command = [str(MELTEMI), verb, "--state", str(mesh.state), *networked, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def _status(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
