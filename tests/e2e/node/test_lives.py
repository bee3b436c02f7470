"""A pod's life: it starts, is probed, dies, is started again, and goes without a trace."""

import os
import signal
from pathlib import Path

import pytest

from e2e.node.machine import Machine, processes_in, shell, sleeper

pytestmark = [pytest.mark.e2e]

READY_BY_FILE = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1}


def test_a_pod_gets_an_address_and_is_ready(machine: Machine) -> None:
    machine.pod("plain", sleeper())
    machine.until(lambda: machine.ready("plain"))
    status = machine.status("plain")
    assert status["phase"] == "Running"
    assert f"{status['podIP']} dev m" in machine.at("ip", "route")


def test_init_containers_run_one_after_the_other_before_the_others(machine: Machine) -> None:
    write = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    uid = machine.pod(
        "inits",
        shell("cat /shared/order; sleep 1000", **write),
        initContainers=[
            {"name": "one", "image": "none", **shell("sleep 0.3; echo one >> /shared/order", **write)},
            {"name": "two", "image": "none", **shell("echo two >> /shared/order", **write)},
        ],
        volumes=[{"name": "shared", "emptyDir": {}}],
    )
    assert machine.until(lambda: machine.logs(uid)[:2]) == ["one", "two"]


def test_a_container_waits_for_the_hook_of_the_one_before(machine: Machine) -> None:
    mount = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "sleep 0.5; touch /shared/hooked"]}}}
    uid = machine.pod(
        "hooks",
        sleeper(lifecycle=hook, **mount),
        shell("ls /shared; sleep 1000", **mount),
        volumes=[{"name": "shared", "emptyDir": {}}],
    )
    assert machine.until(lambda: machine.logs(uid, "b")) == ["hooked"]


def test_an_unmapped_image_waits_and_says_what_to_do(machine: Machine) -> None:
    machine.pod("unmapped", {"image": "docker.example/shop-web:1"})
    waiting = machine.until(lambda: machine.container("unmapped")["state"].get("waiting", {}).get("message"))
    assert "docker.example/shop-web:1" in waiting
    assert "docs/guide/images.md" in waiting


def test_a_killed_container_is_started_again_and_its_children_go_with_it(machine: Machine) -> None:
    uid = machine.pod("killed", shell("sleep 2001 & exec sleep 2002"))
    before = machine.until(lambda: _pids(machine, uid, "sleep 2002"))
    children = machine.until(lambda: _pids(machine, uid, "sleep 2001"))
    os.kill(before[0], signal.SIGKILL)
    machine.until(lambda: machine.container("killed")["restartCount"] == 1 and _pids(machine, uid, "sleep 2002"))
    assert machine.container("killed")["lastState"]["terminated"]["exitCode"] == 137
    assert not {*before, *children} & machine.processes(uid).keys()


def test_readiness_follows_its_probe(machine: Machine) -> None:
    uid = machine.pod("probed", sleeper(readinessProbe=READY_BY_FILE))
    machine.until(lambda: machine.container("probed")["state"].get("running"))
    assert not machine.ready("probed")
    machine.exec(uid, "touch", "/tmp/ready")
    machine.until(lambda: machine.ready("probed"))
    machine.exec(uid, "rm", "/tmp/ready")
    machine.until(lambda: not machine.ready("probed"))


@pytest.mark.parametrize("probe", ["livenessProbe", "startupProbe"])
def test_a_container_that_fails_its_probe_is_started_again(machine: Machine, probe: str) -> None:
    name = probe.lower()
    machine.pod(name, sleeper(**{probe: READY_BY_FILE}))
    machine.until(lambda: machine.container(name)["restartCount"])


@pytest.mark.parametrize(
    ("kind", "asks", "ready"),
    [
        ("http", {"httpGet": {"port": "web", "path": "/"}}, True),
        ("missing", {"httpGet": {"port": 8080, "path": "/missing"}}, False),
        ("tcp", {"tcpSocket": {"port": 8080}}, True),
        ("closed", {"tcpSocket": {"port": 8081}}, False),
    ],
)
def test_probes_over_the_network(machine: Machine, kind: str, asks: dict[str, object], ready: bool) -> None:
    server = ["python3", "-m", "http.server", "8080", "-d", "/tmp"]
    probe = {**asks, "periodSeconds": 1}
    uid = machine.pod(
        kind, {"command": server, "ports": [{"name": "web", "containerPort": 8080}], "readinessProbe": probe}
    )
    if ready:
        machine.until(lambda: machine.ready(kind))
    else:
        # The server has answered by then, so it was asked in vain.
        machine.until(lambda: kind == "closed" or any("/missing" in line for line in machine.logs(uid)))
        assert not machine.ready(kind)


def test_what_ends_well_is_not_started_again_on_failure_only(machine: Machine) -> None:
    machine.pod("well", shell("exit 0"), restartPolicy="OnFailure")
    machine.until(lambda: machine.status("well").get("phase") == "Succeeded")


def test_what_fails_has_failed_where_nothing_is_started_again(machine: Machine) -> None:
    machine.pod("ill", shell("exit 3"), restartPolicy="Never")
    machine.until(lambda: machine.status("ill").get("phase") == "Failed")
    assert machine.container("ill")["state"]["terminated"]["exitCode"] == 3


def test_an_ended_container_has_time_for_its_last_words(machine: Machine) -> None:
    mount = {"volumeMounts": [{"name": "out", "mountPath": "/out"}]}
    out = Path(machine.state).with_name("words")
    script = "trap 'sleep 0.5; echo bye > /out/words; exit 0' TERM; while :; do sleep 0.1; done"
    volumes = [{"name": "out", "hostPath": {"path": str(out), "type": "DirectoryOrCreate"}}]
    machine.pod("words", shell(script, **mount), volumes=volumes)
    machine.until(lambda: machine.ready("words"))
    machine.delete("words")
    machine.until(lambda: "words" not in machine.pods())
    assert (out / "words").read_text() == "bye\n"


def test_a_hook_that_fails_takes_no_time_from_the_others(machine: Machine) -> None:
    mount = {"volumeMounts": [{"name": "out", "mountPath": "/out"}]}
    out = Path(machine.state).with_name("hook")
    script = "trap 'sleep 0.5; echo bye > /out/words; exit 0' TERM; while :; do sleep 0.1; done"
    machine.pod(
        "badhook",
        sleeper(lifecycle={"preStop": {"exec": {"command": ["false"]}}}),
        shell(script, **mount),
        volumes=[{"name": "out", "hostPath": {"path": str(out), "type": "DirectoryOrCreate"}}],
    )
    machine.until(lambda: machine.ready("badhook"))
    machine.delete("badhook")
    machine.until(lambda: "badhook" not in machine.pods())
    assert (out / "words").read_text() == "bye\n"


def test_what_does_not_listen_is_killed_after_its_grace(machine: Machine) -> None:
    machine.pod("deaf", shell("trap '' TERM; while :; do sleep 0.1; done"), terminationGracePeriodSeconds=1)
    machine.until(lambda: machine.ready("deaf"))
    machine.delete("deaf")
    machine.until(lambda: "deaf" not in machine.pods())


def test_nothing_is_left_of_a_pod(machine: Machine) -> None:
    uid = machine.pod("traceless", sleeper())
    machine.until(lambda: machine.ready("traceless"))
    space = Path(f"/proc/{machine.sandbox(uid)}/ns/pid").readlink()
    address = machine.status("traceless")["podIP"]
    interface = machine.at("ip", "-o", "route", "get", address).split(" dev ")[1].split()[0]

    machine.delete("traceless")
    machine.until(lambda: "traceless" not in machine.pods())

    machine.until(lambda: interface not in machine.at("ip", "link"))
    assert address not in machine.at("ip", "route")
    machine.until(lambda: not processes_in(space))
    assert not (machine.state / "pods" / uid).exists()
    assert uid not in Path("/proc/self/mounts").read_text()


def test_a_pod_that_makes_no_sense_harms_nobody(machine: Machine) -> None:
    mount = {"volumeMounts": [{"name": "nowhere", "mountPath": "/x"}]}
    machine.pod("senseless", sleeper(readinessProbe={"tcpSocket": {"port": "nothing"}}))
    machine.pod("volumeless", sleeper(**mount))
    machine.until(lambda: machine.container("senseless")["state"].get("waiting", {}).get("message"))
    machine.pod("sensible", sleeper())
    machine.until(lambda: machine.ready("sensible"))
    assert machine.alive("node")


def test_a_pod_that_waits_for_a_config_map_starts_when_it_is_there(machine: Machine) -> None:
    entry = {"name": "WORD", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "word"}}}
    uid = machine.pod("waiting", shell("echo $WORD; sleep 1000", env=[entry]))
    reason = machine.until(lambda: machine.container("waiting")["state"].get("waiting", {}).get("reason"))
    assert reason == "CreateContainerConfigError"
    machine.put("ConfigMap", "late", data={"word": "here"})
    assert machine.until(lambda: machine.logs(uid)) == ["here"]


def _pids(machine: Machine, uid: str, command: str) -> list[int]:
    try:
        return [pid for pid, line in machine.processes(uid).items() if line == command]
    except OSError:
        return []  # the sandbox is being made
