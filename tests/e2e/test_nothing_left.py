"""After `down`, and after a `kill -9` of everything followed by `up` and `down`, the machine is as before."""

import os
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.mesh import HERE, ROOT, Mesh, missing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

BOOKINFO = ROOT / "src/meltemi/samples/manifests/bookinfo"
LOOKS = {
    "namespaces": ["ip", "netns"],
    "links": ["ip", "-br", "link"],
    "addresses": ["ip", "-br", "address"],
    "routes": ["ip", "route"],
    "rules": ["nft", "list", "ruleset"],
    "forwarding": ["sysctl", "net.ipv4.ip_forward", "net.ipv4.conf.all.route_localnet"],
}


def look() -> dict[str, str]:
    """What a mesh could leave behind on the machine."""
    seen = {
        name: subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for name, command in LOOKS.items()
    }
    return seen | {"mounts": Path("/proc/self/mounts").read_text()}


def processes(state: Path) -> list[str]:
    """Processes of a mesh: those that carry its state directory, in their environment or on their command line."""
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            said = (place / "environ").read_bytes() + (place / "cmdline").read_bytes()
        except OSError:
            continue
        if str(state).encode() in said and int(place.name) != os.getpid():
            found.append((place / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.fixture
def mesh(tmp_path: Path) -> Generator[Mesh]:
    if why := missing():
        pytest.skip(why)
    mesh = Mesh(tmp_path / "state")
    yield mesh
    mesh.run("down")


def up(mesh: Mesh) -> None:
    mesh.up("-f", BOOKINFO / "bookinfo.yaml", "-f", BOOKINFO / "gateway.yaml", "-f", HERE / "manifests/client.yaml")
    assert mesh.ask("/productpage")[0] == 200


def test_after_down(mesh: Mesh) -> None:
    before = look()
    up(mesh)

    mesh.run("down")

    assert look() == before
    assert processes(mesh.state) == []


def test_after_a_kill_of_everything(mesh: Mesh) -> None:
    before = look()
    up(mesh)
    for pid in (int(line) for line in _pids(mesh.state)):
        os.kill(pid, signal.SIGKILL)
    up(mesh)

    mesh.run("down")

    assert look() == before
    assert processes(mesh.state) == []


def test_after_a_kill_of_everything_down_is_enough(mesh: Mesh) -> None:
    before = look()
    up(mesh)
    for pid in (int(line) for line in _pids(mesh.state)):
        os.kill(pid, signal.SIGKILL)

    mesh.run("down")
    mesh.run("down")

    assert look() == before
    assert processes(mesh.state) == []


def _pids(state: Path) -> list[str]:
    """Supervisor, control plane, node and every sandbox; what is inside a pod goes with its sandbox."""
    return [file.read_text() for file in (*state.glob("*.pid"), *state.glob("pods/*/sandbox.pid"))]
