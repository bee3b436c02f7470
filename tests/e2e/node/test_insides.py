"""What a container sees: environment, volumes, names, users, the machine's files; and what it cannot change."""

import re
from pathlib import Path

import pytest

from e2e.node.machine import Machine, Tree, shell, sleeper
from meltemi.shell.runtime.cgroups import allowed

pytestmark = [pytest.mark.e2e]

BOX: Tree = {"name": "box", "emptyDir": {}}


def test_the_environment(machine: Machine) -> None:
    machine.put("ConfigMap", "words", data={"GREETING": "hello"})
    machine.put("Secret", "secrets", data={"key": "aHVzaA=="})
    lines = machine.run_to_end(
        "environment",
        shell(
            "env",
            env=[
                {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "secrets", "key": "key"}}},
                {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                {"name": "MIB", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
                {"name": "BOTH", "value": "$(POD) $(SECRET) $$(POD) $(UNKNOWN)"},
                {
                    "name": "ABSENT",
                    "valueFrom": {"configMapKeyRef": {"name": "words", "key": "no", "optional": True}},
                },
            ],
            envFrom=[{"configMapRef": {"name": "words"}, "prefix": "P_"}],
            resources={"limits": {"cpu": "1500m", "memory": "64Mi"}},
        ),
    )
    seen = {line.partition("=")[0]: line.partition("=")[2] for line in lines}
    assert seen["NODE"] == "meltemi"
    assert seen["P_GREETING"] == "hello"
    assert seen["BOTH"] == "environment hush $(POD) $(UNKNOWN)"
    assert (seen["CPU"], seen["MIB"]) == ("2", "64")
    assert "ABSENT" not in seen
    assert seen["MELTEMI_STATE"] == str(machine.state)


def test_volumes_of_config_maps_secrets_and_the_pod_itself(machine: Machine) -> None:
    machine.put("ConfigMap", "files", data={"one": "1", "two": "2"})
    machine.put("Secret", "hidden", stringData={"key": "hush"})
    mounts = [{"name": name, "mountPath": f"/srv/{name}"} for name in ("all", "some", "secret", "self", "together")]
    mounts.append({"name": "all", "mountPath": "/srv/single", "subPath": "two"})
    together = [
        {"secret": {"name": "hidden"}},
        {"downwardAPI": {"items": [_item("ns", "metadata.namespace")]}},
    ]
    lines = machine.run_to_end(
        "volumes",
        shell("cd /srv && for f in $(find . -type f | sort) ; do echo $f $(cat $f); done", volumeMounts=mounts),
        volumes=[
            {"name": "all", "configMap": {"name": "files"}},
            {"name": "some", "configMap": {"name": "files", "items": [{"key": "two", "path": "deep/2"}]}},
            {"name": "secret", "secret": {"secretName": "hidden"}},
            {"name": "self", "downwardAPI": {"items": [_item("name", "metadata.name")]}},
            {"name": "together", "projected": {"sources": together}},
        ],
    )
    assert lines == [
        "./all/one 1",
        "./all/two 2",
        "./secret/key hush",
        "./self/name volumes",
        "./single 2",
        "./some/deep/2 2",
        "./together/key hush",
        "./together/ns default",
    ]


def test_a_read_only_mount_is_one(machine: Machine) -> None:
    mount = {"name": "box", "mountPath": "/box", "readOnly": True}
    lines = machine.run_to_end("readonly", shell("touch /box/x; echo $?", volumeMounts=[mount]), volumes=[BOX])
    assert lines[-1] == "1"


def test_names(machine: Machine) -> None:
    aliases = [{"ip": "192.0.2.9", "hostnames": ["elsewhere.example"]}]
    lines = machine.run_to_end("named", shell("hostname; cat /etc/hosts /etc/resolv.conf"), hostAliases=aliases)
    assert lines[0] == "named"
    assert "192.0.2.9\telsewhere.example" in lines
    assert "nameserver 127.0.0.1" in lines


def test_users_and_capabilities(machine: Machine) -> None:
    script = "id -u; id -g; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status"
    security = {"runAsUser": 12345, "runAsGroup": 54321, "allowPrivilegeEscalation": False}
    lines = machine.run_to_end(
        "user", shell(script, securityContext={**security, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}})
    )
    assert lines[:2] == ["12345", "54321"]
    assert {line.split()[0]: int(line.split()[1], 16) for line in lines[2:]} == {
        "CapEff:": 0,
        "CapBnd:": 1 << 12,
        "NoNewPrivs:": 1,
    }


def test_nothing_that_a_pod_writes_reaches_the_machine(machine: Machine) -> None:
    places = ["/usr/meltemi-test", "/dev/shm/meltemi-test", "/tmp/meltemi-test", "/meltemi-test-mount", "/etc/hosts.x"]
    script = (
        f"for f in {' '.join(places)}; do echo x > $f; done; echo x > /meltemi-test-mount/y; ls -d {' '.join(places)}"
    )
    mount = {"name": "box", "mountPath": "/meltemi-test-mount"}
    lines = machine.run_to_end("writer", shell(script, volumeMounts=[mount]), volumes=[BOX])
    assert sorted(line for line in lines if line.startswith("/") and ":" not in line) == sorted(places)
    assert not [place for place in places if Path(place).exists()]


def test_the_state_directory_is_out_of_reach(machine: Machine) -> None:
    lines = machine.run_to_end("curious", shell(f"find {machine.state} /.meltemi -mindepth 1; echo found"))
    assert lines == ["found"]


def test_namespaces_of_its_own(machine: Machine) -> None:
    lines = machine.run_to_end("spaces", shell("for n in pid net mnt uts ipc; do readlink /proc/self/ns/$n; done"))
    outside = [str(Path(f"/proc/self/ns/{name}").readlink()) for name in ("pid", "net", "mnt", "uts", "ipc")]
    assert len(lines) == 5
    assert not set(lines) & set(outside)


def test_orphans_are_buried(machine: Machine) -> None:
    uid = machine.pod("orphans", shell("(sleep 0.1 &) ; (sleep 0.1 &) ; exec sleep 1000"))
    machine.until(lambda: machine.ready("orphans"))
    machine.until(lambda: list(machine.processes(uid).values()) == ["sleep 1000"])


def test_a_program_beside_the_container(machine: Machine) -> None:
    mount = {"name": "box", "mountPath": "/box"}
    environment = [{"name": "WORD", "value": "hello"}]
    uid = machine.pod("entered", sleeper(env=environment, volumeMounts=[mount]), volumes=[BOX])
    machine.until(lambda: machine.ready("entered"))
    done = machine.exec(uid, "sh", "-c", "cat > /box/in; cat /box/in; echo $WORD $(hostname); exit 7", text="given\n")
    assert (done.stdout, done.returncode) == ("given\nhello entered\n", 7)
    assert machine.exec(uid, "no-such-program").returncode == 127


def test_what_ran_before_has_a_log_of_its_own(machine: Machine) -> None:
    script = "test -e /box/been && { echo second; exec sleep 1000; }; touch /box/been; echo first; exit 1"
    uid = machine.pod("logs", shell(script, volumeMounts=[{"name": "box", "mountPath": "/box"}]), volumes=[BOX])
    assert machine.until(lambda: machine.container("logs")["restartCount"] and machine.logs(uid)) == ["second"]
    assert machine.logs(uid, previous=True) == ["first"]


def test_errors_and_long_lines_are_in_the_log(machine: Machine) -> None:
    script = "echo wrong >&2; head -c 40000 /dev/zero | tr '\\0' x; echo; printf unfinished"
    lines = machine.run_to_end("talker", shell(script))
    assert "wrong" in lines
    assert "unfinished" in lines
    assert sum(line.count("x") for line in lines if set(line) == {"x"}) == 40000


def _item(path: str, field: str) -> Tree:
    return {"path": path, "fieldRef": {"fieldPath": field}}


def test_a_volume_in_memory_holds_to_its_size(machine: Machine) -> None:
    lines = machine.run_to_end(
        "memory",
        shell(
            "stat -f -c %T /srv/box; head -c 900k /dev/zero >/srv/box/fits && echo fits;"
            " head -c 300k /dev/zero >/srv/box/more || echo full",
            volumeMounts=[{"name": "box", "mountPath": "/srv/box"}],
        ),
        volumes=[{"name": "box", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}],
    )

    assert [line for line in lines if "No space" not in line] == ["tmpfs", "fits", "full"]


def test_who_must_not_be_root_is_not_started_as_root(machine: Machine) -> None:
    machine.pod("humble", {**sleeper(), "securityContext": {"runAsNonRoot": True}})
    waiting: Tree = machine.until(lambda: machine.container("humble")["state"].get("waiting"))

    assert waiting["reason"] == "CreateContainerConfigError"
    assert "runAsNonRoot" in waiting["message"]
    machine.delete("humble")
    machine.pod("modest", {**sleeper(), "securityContext": {"runAsNonRoot": True, "runAsUser": 1000}})
    machine.until(lambda: machine.ready("modest"))


held = pytest.mark.skipif(allowed() is None, reason="cgroups are not allowed here")


@held
def test_who_takes_more_memory_than_allowed_is_killed(machine: Machine) -> None:
    greedy = {"command": ["python3", "-c", "kept = bytearray(200 << 20); print(len(kept))"]}
    uid = machine.pod("greedy", {**greedy, "resources": {"limits": {"memory": "64Mi"}}}, restartPolicy="Never")
    machine.until(lambda: machine.status("greedy").get("phase") == "Failed")

    ended: Tree = machine.container("greedy")["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    machine.delete("greedy")
    machine.until(lambda: "greedy" not in machine.pods())
    assert [*Path("/sys/fs/cgroup").glob(f"**/{uid}")] == []


@held
def test_who_takes_more_cpu_than_allowed_is_throttled(machine: Machine) -> None:
    busy = {"command": ["sh", "-c", "while :; do :; done"], "resources": {"limits": {"cpu": "50m"}}}
    uid = machine.pod("busy", {**busy, "name": "busy"})

    def throttled() -> int:
        files = [*Path("/sys/fs/cgroup").glob(f"**/{uid}/busy/cpu.stat")]
        return max(
            (int(word) for file in files for word in re.findall(r"nr_throttled (\d+)", file.read_text())), default=0
        )

    machine.until(lambda: throttled() > 3)
    machine.delete("busy")
