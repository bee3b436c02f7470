"""A machine in a network namespace, with a control plane and a node: real processes, pods without a proxy.

Place:  tests/e2e · used by the tests of the embedded node's pods
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from meltemi.core.model.document import Key
from meltemi.shell.runtime import node_client
from meltemi.shell.runtime.cgroups import remove_groups
from meltemi.shell.stores.remote import RemoteStore

Tree = dict[str, Any]
T = TypeVar("T")

DAEMONS = {"control-plane": "meltemi.apps.control_plane", "node": "meltemi.apps.node"}
SLEEPER = ["sleep", "1000"]


class Machine:
    """Pods are made in namespace `default`, which is not labelled for injection."""

    def __init__(self, name: str, state: Path) -> None:
        self.name = name
        self.state = state
        self.store = RemoteStore(state / "api.sock")
        self._inside = ("nsenter", f"--net=/run/netns/{name}")
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Machine":
        self.state.mkdir(mode=0o700)
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.at("ip", "link", "set", "lo", "up")
        for daemon in DAEMONS:
            self.start(daemon)
        return self

    def __exit__(self, *_: object) -> None:
        for daemon in list(self._daemons):
            self.kill(daemon)
        for file in self.state.glob("pods/*/sandbox.pid"):
            _signal(int(file.read_text()), signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", self.name], check=True)
        remove_groups(self.state)

    def at(self, *command: str) -> str:
        """Run a program in the machine's network; returns its output."""
        return subprocess.run([*self._inside, *command], capture_output=True, text=True, check=True, timeout=30).stdout

    # === the daemons ===

    def start(self, daemon: str) -> None:
        with (self.state / f"{daemon}.log").open("ab") as log:
            program = [sys.executable, "-m", DAEMONS[daemon], "--state", str(self.state)]
            self._daemons[daemon] = subprocess.Popen(
                [*self._inside, *program], stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, daemon: str) -> None:
        """With SIGKILL."""
        process = self._daemons.pop(daemon)
        process.kill()
        process.wait()

    def alive(self, daemon: str) -> bool:
        return self._daemons[daemon].poll() is None

    # === objects ===

    def put(self, kind: str, name: str, **tree: Any) -> Tree:
        metadata = {"name": name, "namespace": "default"}
        body = msgspec.json.encode({"apiVersion": "v1", "kind": kind, "metadata": metadata, **tree})
        return msgspec.json.decode(asyncio.run(self.store.put(_key(kind, name), body)).body)

    def pod(self, name: str, *containers: Tree, **spec: Any) -> str:
        """Make a pod; containers without a name are called a, b, …. Returns its uid."""
        named = [{"name": "abcdef"[number], "image": "none", **one} for number, one in enumerate(containers)]
        quick = {"terminationGracePeriodSeconds": 5, **spec, "containers": named}
        return self.put("Pod", name, spec=quick)["metadata"]["uid"]

    def run_to_end(self, name: str, container: Tree, **spec: Any) -> list[str]:
        """Make a pod that ends by itself; returns what its container wrote."""
        uid = self.pod(name, container, restartPolicy="Never", **spec)
        self.until(lambda: self.status(name).get("phase") in ("Succeeded", "Failed"))
        return self.logs(uid)

    def get(self, name: str) -> Tree:
        return msgspec.json.decode(asyncio.run(self.store.get(_key("Pod", name))).body)

    def pods(self) -> list[str]:
        return [one.key.name for one in asyncio.run(self.store.list("", "Pod"))[0]]

    def status(self, name: str) -> Tree:
        return self.get(name).get("status") or {}

    def container(self, name: str, number: int = 0) -> Tree:
        """A container's status."""
        listed: list[Tree] = self.status(name).get("containerStatuses") or []
        return listed[number] if listed else {"state": {}, "lastState": {}, "ready": False, "restartCount": 0}

    def ready(self, name: str) -> bool:
        conditions: list[Tree] = self.status(name).get("conditions") or []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def delete(self, name: str) -> None:
        """As a user does."""
        asyncio.run(self.store.delete_gracefully(_key("Pod", name)))

    def until(self, condition: Callable[[], T], seconds: float = 20.0) -> T:
        """The first true result of a condition; fails with the last one."""
        end = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < end, f"still {result!r}\n{self.said()}"
            time.sleep(0.05)
        return result

    def said(self) -> str:
        """What the node and the sandboxes have to say."""
        files = [self.state / "node.log", *self.state.glob("pods/*/sandbox.log")]
        return "\n".join(file.read_text()[-3000:] for file in files)

    # === insides ===

    def logs(self, uid: str, container: str = "a", *, previous: bool = False) -> list[str]:
        try:
            return list(node_client.logs(self.state, uid, container, previous=previous))
        except node_client.NodeError:
            return []

    def exec(self, uid: str, *command: str, container: str = "a", text: str = "") -> subprocess.CompletedProcess[str]:
        """What `meltemi exec` does, seen from its own process."""
        program = (
            "import sys, pathlib; from meltemi.shell.runtime.node_client import execute\n"
            "sys.exit(execute(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))"
        )
        whole = [sys.executable, "-c", program, str(self.state), uid, container, *command]
        return subprocess.run(whole, input=text, capture_output=True, text=True, check=False, timeout=30)

    def sandbox(self, uid: str) -> int:
        """The process that is the pod's PID 1, as the machine numbers it."""
        return int((self.state / "pods" / uid / "sandbox.pid").read_text())

    def processes(self, uid: str) -> dict[int, str]:
        """Everything that runs in a pod, PID 1 left out: number → command line."""
        space = Path(f"/proc/{self.sandbox(uid)}/ns/pid").readlink()
        return {pid: line for pid, line in processes_in(space).items() if pid != self.sandbox(uid)}


def processes_in(space: Path) -> dict[int, str]:
    """Everything that runs in a PID namespace (`pid:[…]`): number → command line."""
    found: dict[int, str] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "ns/pid").readlink() == space:
                found[int(place.name)] = (place / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue
    return found


def shell(text: str, **more: Any) -> Tree:
    """A container that runs a shell script."""
    return {"command": ["sh", "-c", text], **more}


def sleeper(**more: Any) -> Tree:
    """A container that does nothing for long, and ends at once when told to."""
    return shell("trap 'exit 0' TERM; while :; do sleep 0.1; done", **more)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _key(kind: str, name: str) -> Key:
    return Key(group="", kind=kind, namespace="default", name=name)
