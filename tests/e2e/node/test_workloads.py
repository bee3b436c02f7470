"""StatefulSets, DaemonSets, Jobs and CronJobs on a real node."""

import asyncio
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from e2e.node.machine import Machine, shell
from meltemi.apps.cli import cli
from meltemi.core.model.document import Key

pytestmark = [pytest.mark.e2e]

LABELS = {"app": "db"}


def put(machine: Machine, group: str, kind: str, name: str, **spec: Any) -> None:
    api = f"{group}/v1" if group else "v1"
    tree = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec}
    key = Key(group=group, kind=kind, namespace="default", name=name)
    asyncio.run(machine.store.put(key, msgspec.json.encode(tree)))


def status(machine: Machine, group: str, kind: str, name: str) -> dict[str, Any]:
    key = Key(group=group, kind=kind, namespace="default", name=name)
    return msgspec.json.decode(asyncio.run(machine.store.get(key)).body).get("status") or {}


def template(script: str, restart: str = "Always") -> dict[str, Any]:
    spec = {
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "a", "image": "none", **shell(script)}],
    }
    return {"metadata": {"labels": LABELS}, "spec": spec}


def wait(machine: Machine, what: str) -> Result:
    """By the command line."""
    return CliRunner().invoke(cli, ["wait", "--state", str(machine.state), what, "--timeout", "20s"])


def test_pods_of_a_stateful_set_know_each_other_by_name(machine: Machine) -> None:
    put(machine, "", "Service", "db", clusterIP="None", selector=LABELS, ports=[{"port": 80, "name": "http"}])
    put(machine, "apps", "StatefulSet", "db", replicas=2, serviceName="db", selector={"matchLabels": LABELS},
        template=template("sleep 1000"))  # fmt: skip
    assert wait(machine, "statefulset/db").exit_code == 0
    assert status(machine, "apps", "StatefulSet", "db")["availableReplicas"] == 2

    said = machine.run_to_end("ask", shell("for i in $(seq 50); do getent hosts db-1.db && exit; sleep 0.1; done"))

    assert said[0].split() == [machine.status("db-1")["podIP"], "db-1.db.default.svc.cluster.local"]


def test_a_job_runs_to_its_end(machine: Machine) -> None:
    put(machine, "batch", "Job", "sum", completions=2, parallelism=2, completionMode="Indexed",
        template=template("echo number $JOB_COMPLETION_INDEX", "Never"))  # fmt: skip

    assert wait(machine, "job/sum").exit_code == 0

    uids = [machine.get(name)["metadata"]["uid"] for name in machine.pods() if name.startswith("sum-")]
    assert sorted(line for uid in uids for line in machine.logs(uid)) == ["number 0", "number 1"]


def test_a_job_that_fails_says_so(machine: Machine) -> None:
    put(machine, "batch", "Job", "bad", backoffLimit=0, template=template("exit 3", "Never"))

    done = wait(machine, "job/bad")

    assert done.exit_code == 1
    assert "failed: BackoffLimitExceeded" in done.stderr
    said: list[dict[str, str]] = status(machine, "batch", "Job", "bad")["conditions"]
    assert [(one["type"], one["reason"]) for one in said] == [("Failed", "BackoffLimitExceeded")]


def test_a_daemon_set_has_one_pod(machine: Machine) -> None:
    put(machine, "apps", "DaemonSet", "agent", selector={"matchLabels": LABELS}, template=template("sleep 1000"))

    assert wait(machine, "daemonset/agent").exit_code == 0
    assert len([name for name in machine.pods() if name.startswith("agent-")]) == 1


@pytest.mark.timeout(120)
def test_a_cron_job_runs_within_a_minute_or_two(machine: Machine) -> None:
    """A schedule has no shorter step than a minute."""
    inner = {"spec": {"template": template("echo tidied", "Never")}}
    put(machine, "batch", "CronJob", "tidy", schedule="* * * * *", jobTemplate=inner)

    machine.until(lambda: status(machine, "batch", "CronJob", "tidy").get("lastSuccessfulTime"), 100)
