"""Native sidecars: init containers that go on beside the others."""

from pathlib import Path

import pytest

from e2e.node.machine import Machine, Tree, shell

pytestmark = [pytest.mark.e2e]

SHARED: Tree = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}, {"name": "host", "mountPath": "/host"}]}
VOLUMES: list[Tree] = [{"name": "shared", "emptyDir": {}}, {"name": "host", "hostPath": {"path": "/var/tmp"}}]


def sidecar(name: str, script: str, **more: object) -> Tree:
    return {"name": name, "image": "none", "restartPolicy": "Always", **shell(script, **SHARED), **more}


def test_the_next_container_waits_for_the_startup_probe_of_a_sidecar(machine: Machine) -> None:
    up = {"exec": {"command": ["test", "-e", "/shared/up"]}, "periodSeconds": 1, "failureThreshold": 30}
    uid = machine.pod(
        "beside",
        shell("cat /shared/up; sleep 1000", **SHARED),
        initContainers=[sidecar("helper", "sleep 0.5; echo up > /shared/up; sleep 1000", startupProbe=up)],
        volumes=VOLUMES,
    )

    assert machine.until(lambda: machine.logs(uid)) == ["up"]
    machine.until(lambda: machine.ready("beside"))


def test_a_pod_that_ends_takes_its_sidecar_with_it(machine: Machine) -> None:
    uid = machine.pod(
        "task",
        shell("echo done; exit 0", **SHARED),
        initContainers=[sidecar("helper", "trap 'echo told; exit 3' TERM; while :; do sleep 0.1; done")],
        volumes=VOLUMES,
        restartPolicy="Never",
    )

    machine.until(lambda: machine.status("task").get("phase") == "Succeeded")
    assert machine.until(lambda: machine.logs(uid, "helper")) == ["told"]
    ends = machine.until(lambda: machine.status("task")["initContainerStatuses"][0]["state"].get("terminated"))
    assert ends["exitCode"] == 3


def test_a_sidecar_is_started_again_and_stopped_last(machine: Machine, tmp_path: Path) -> None:
    once = "test -e /shared/once || { touch /shared/once; exit 1; }; "
    place = "/host/order"
    machine.pod(
        "order",
        shell(f"trap 'sleep 0.3; echo main >> {place}; exit 0' TERM; while :; do sleep 0.1; done", **SHARED),
        initContainers=[
            sidecar("one", f"{once}trap 'echo one >> {place}; exit 0' TERM; while :; do sleep 0.1; done"),
            sidecar("two", f"trap 'echo two >> {place}; exit 0' TERM; while :; do sleep 0.1; done"),
        ],
        volumes=[VOLUMES[0], {"name": "host", "hostPath": {"path": str(tmp_path)}}],
    )
    machine.until(lambda: machine.ready("order"))
    machine.until(lambda: machine.status("order")["initContainerStatuses"][0]["restartCount"] == 1)
    machine.until(lambda: machine.status("order")["initContainerStatuses"][0]["ready"])

    machine.delete("order")

    machine.until(lambda: "order" not in machine.pods())
    assert (tmp_path / "order").read_text().split() == ["main", "two", "one"]
