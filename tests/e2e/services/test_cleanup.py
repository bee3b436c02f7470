"""Nothing of a mesh is left on the machine, whatever was killed before; and nothing else is touched."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from e2e.services.host import Host
from meltemi.core.node.nft import ruleset
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.runtime.cleanup import cleanup
from meltemi.shell.runtime.settings import mesh_id

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]

CLEAN = (
    "import sys,pathlib,msgspec;from meltemi.shell.runtime.cleanup import cleanup;"
    "print(msgspec.json.encode(cleanup(pathlib.Path(sys.argv[1]))).decode())"
)
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def machine(state: Path) -> Generator[tuple[Host, list[str]]]:
    """A machine on which the services of a mesh were set up, and the node was killed; and how it was before."""
    settings = NodeSettings(mesh_id=mesh_id(state))
    with Host("h5b-clean", settings) as host:
        prepare = (
            "import sys,asyncio,pathlib,msgspec;from meltemi.shell.runtime.services import prepare_host;"
            "from meltemi.shell.runtime.settings import read_settings;s=pathlib.Path(sys.argv[1]);"
            "asyncio.run(prepare_host(read_settings(s),s))"
        )
        host.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward")
        host.run("nft", "add", "table", "ip", "somebody")
        host.ip("link", "add", "veth-other", "type", "veth", "peer", "name", "veth-other2")
        before = snapshot(host)
        host.run(sys.executable, "-c", prepare, str(state))
        host.run("nft", "-f", "-", text=ruleset(settings, ()))
        host.pod(2)
        yield host, before


def snapshot(host: Host) -> list[str]:
    """Everything of the machine's network that a mesh changes."""
    commands = (
        ("nft", "list", "ruleset"),
        ("ip", "-oneline", "link"),
        ("ip", "-oneline", "address"),
        ("ip", "route", "show", "table", "all"),
        ("cat", "/proc/sys/net/ipv4/ip_forward"),
    )
    return [host.run(*command) for command in commands]


def clean(host: Host, state: Path) -> dict[str, object]:
    return msgspec.json.decode(host.run(sys.executable, "-c", CLEAN, str(state)), type=dict[str, object])


def test_the_network_is_as_before(machine: tuple[Host, list[str]], state: Path) -> None:
    host, before = machine
    assert snapshot(host) != before

    clean(host, state)

    assert snapshot(host) == before


def test_a_second_time_finds_nothing(machine: tuple[Host, list[str]], state: Path) -> None:
    clean(machine[0], state)

    assert not any(clean(machine[0], state).values())


def marked(state: Path, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env={**os.environ, "MELTEMI_STATE": str(state)})


def test_processes_in_pods_end_with_their_namespace(state: Path) -> None:
    unshare = ("unshare", "--fork", "--pid", "--kill-child")
    pod = marked(state, *unshare, "sh", "-c", "trap '' TERM; sleep 60 & sleep 60")
    subprocess.run(
        ["timeout", "5", "sh", "-c", f"until pgrep -P {pod.pid} >/dev/null; do sleep 0.05; done"], check=True
    )

    report = cleanup(state)

    assert pod.wait(5) != 0
    assert len(report.processes) == 1


@pytest.mark.parametrize("argument", ["meltemi.apps.node", "shell"])
def test_only_our_own_programs_end(state: Path, argument: str) -> None:
    """Somebody's shell in which MELTEMI_STATE is set is not ours."""
    program = marked(state, sys.executable, "-c", SLEEP, argument)
    try:
        cleanup(state)

        assert (program.poll() is not None) == argument.startswith("meltemi.")
    finally:
        program.kill()
        program.wait()


def test_other_meshes_live_on(state: Path, tmp_path: Path) -> None:
    program = marked(tmp_path / "other", sys.executable, "-c", SLEEP, "meltemi.apps.node")
    try:
        assert cleanup(state).processes == ()
        assert program.poll() is None
    finally:
        program.kill()
        program.wait()


def test_runtime_files_go_and_the_store_stays(state: Path) -> None:
    (state / "pods/uid").mkdir(parents=True)
    for name in ("store.db", "settings.json", "node.pid"):
        (state / name).write_text("{}")

    cleanup(state)

    assert {file.name for file in state.iterdir()} == {"store.db", "settings.json"}


def test_mounts_below_the_state_directory_go(state: Path) -> None:
    (state / "pods/uid").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", state / "pods/uid"], check=True)

    assert cleanup(state).mounts == (str(state / "pods/uid"),)
