"""Pods outlive the node's process, and the node outlives the loss of a pod's first process."""

import os
import signal

import pytest

from e2e.node.machine import Machine, shell, sleeper

pytestmark = [pytest.mark.e2e]


def test_a_killed_node_disturbs_no_pod_and_finds_it_again(machine: Machine) -> None:
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 1}
    uid = machine.pod("survivor", sleeper(readinessProbe=probe))
    machine.until(lambda: machine.ready("survivor"))
    first, address = machine.sandbox(uid), machine.status("survivor")["podIP"]

    machine.kill("node")
    machine.start("node")
    machine.exec(uid, "touch", "/tmp/ill")

    machine.until(lambda: not machine.ready("survivor"))
    assert machine.sandbox(uid) == first
    assert machine.status("survivor")["podIP"] == address
    assert machine.container("survivor")["restartCount"] == 0


def test_a_new_node_gives_no_address_twice(machine: Machine) -> None:
    machine.pod("older", sleeper())
    machine.until(lambda: machine.ready("older"))
    machine.kill("node")
    machine.start("node")
    machine.pod("younger", sleeper())
    machine.until(lambda: machine.ready("younger"))
    assert machine.status("older")["podIP"] != machine.status("younger")["podIP"]


def test_a_pod_that_is_deleted_while_no_node_runs_goes_later(machine: Machine) -> None:
    uid = machine.pod("leaving", sleeper())
    machine.until(lambda: machine.ready("leaving"))
    machine.kill("node")
    machine.delete("leaving")
    machine.start("node")
    machine.until(lambda: "leaving" not in machine.pods())
    assert not (machine.state / "pods" / uid).exists()


def test_a_pod_ends_while_the_control_plane_is_away(machine: Machine) -> None:
    script = "trap 'echo bye; sleep 2; exit 0' TERM; while :; do sleep 0.1; done"
    uid = machine.pod("unheard", shell(script))
    machine.until(lambda: machine.ready("unheard"))
    machine.delete("unheard")
    machine.until(lambda: machine.logs(uid) == ["bye"])
    machine.kill("control-plane")
    try:
        machine.until(lambda: not (machine.state / "pods" / uid).exists())
    finally:
        machine.start("control-plane")
    machine.until(lambda: "unheard" not in machine.pods())
    assert machine.alive("node")


def test_a_pod_whose_first_process_is_killed_is_made_again(machine: Machine) -> None:
    uid = machine.pod("beheaded", sleeper())
    machine.until(lambda: machine.ready("beheaded"))
    first = machine.sandbox(uid)
    os.kill(first, signal.SIGKILL)
    machine.until(lambda: not machine.ready("beheaded"))
    machine.until(lambda: machine.ready("beheaded"))
    assert machine.sandbox(uid) != first


def test_a_pod_that_runs_once_fails_with_its_first_process(machine: Machine) -> None:
    uid = machine.pod("once", sleeper(), restartPolicy="Never")
    machine.until(lambda: machine.ready("once"))
    os.kill(machine.sandbox(uid), signal.SIGKILL)
    machine.until(lambda: machine.status("once")["phase"] == "Failed")
    assert not machine.ready("once")


def test_ten_pods_are_ready_together(machine: Machine) -> None:
    names = [f"many-{number}" for number in range(10)]
    for name in names:
        machine.pod(name, sleeper())
    machine.until(lambda: all(machine.ready(name) for name in names))
    assert len({machine.status(name)["podIP"] for name in names}) == 10
