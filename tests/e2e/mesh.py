"""A running mesh, driven as a user drives it: by the command line and by requests.

Place:  tests/e2e · used by every test that needs a whole mesh
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MELTEMI = ROOT / ".venv/bin/meltemi"
SAMPLES = ROOT.parent / "shared/conformance/samples/given"
NETWORKING = SAMPLES / "master/samples/bookinfo/networking"
OLD_ROUTING = SAMPLES / "0.8.0/samples/bookinfo/routing"

OFFLINE = ("validate", "compile", "x")
"""Verbs that need no mesh."""


class MeshError(AssertionError):
    """The command line did not answer as it should."""


class Mesh:
    """One mesh in a state directory of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.address = ""
        self.before_up: Sequence[str] = ()
        """A program that runs `up`, as `unshare`."""
        self.before: Sequence[str] = ()
        """A program that runs every command, as another user."""

    def run(
        self, *arguments: str | Path, status: Sequence[int] = (0,), text: str | None = None, limit: int = 90
    ) -> str:
        """Run `meltemi VERB … --state DIR`; returns standard output."""
        verb, *rest = map(str, arguments)
        place = [] if verb in OFFLINE else ["--state", str(self.state)]
        command = [*self.before, *(self.before_up if verb == "up" else ()), str(MELTEMI), verb, *place, *rest]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=limit, check=False)
        if done.returncode not in status:
            raise MeshError(f"meltemi {' '.join((verb, *rest))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def json(self, *arguments: str | Path, status: Sequence[int] = (0,)) -> Any:
        verb, *rest = arguments
        return json.loads(self.run(verb, "-o", "json", *rest, status=status))

    def up(self, *arguments: str | Path) -> None:
        said = json.loads(self.run("up", "--detach", "-o", "json", *networks(), *arguments, limit=240))
        self.address = said["address"]

    def down(self) -> None:
        self.run("down", limit=120)
        shutil.rmtree(self.state, ignore_errors=True)

    def apply(self, *files: Path) -> None:
        """Apply files and return when every proxy has acknowledged them."""
        for file in files:
            self.run("apply", "-f", file)
        for file in files:
            self.settle(file.read_text())

    def apply_text(self, text: str) -> None:
        self.run("apply", "-f", "-", text=text)
        self.settle(text)

    def settle(self, text: str) -> None:
        """Wait until the proxies have what a text of manifests says: Services and all kinds of Istio."""
        for document in re.split(r"^---", text, flags=re.MULTILINE):
            group = re.search(r"^apiVersion: \S*istio\.io/", document, re.MULTILINE)
            kind = re.search(r"^kind: (\w+)", document, re.MULTILINE)
            name = re.search(r"^metadata:\n(?:  .*\n)*?  name: (\S+)", document, re.MULTILINE)
            space = re.search(r"^metadata:\n(?:  .*\n)*?  namespace: (\S+)", document, re.MULTILINE)
            if kind and name and (group or kind[1] == "Service"):
                where = ("-n", space[1]) if space else ()
                self.run("wait", f"{kind[1].lower()}/{name[1]}", *where, "--timeout", "20s")

    def ready(self, *deployments: str) -> None:
        for name in deployments:
            self.run("wait", f"deployment/{name}", "--timeout", "60s")

    def kill_control_plane(self) -> None:
        """Return when another one has been started."""
        file = self.state / "control-plane.pid"
        before = file.read_text()
        os.kill(int(before), signal.SIGKILL)
        eventually(lambda: file.exists() and file.read_text() not in ("", before), 30)

    def delete(self, *files: Path) -> None:
        for file in files:
            self.run("delete", "-f", file)

    def pod(self, prefix: str) -> str:
        """The name of the first running pod whose name begins so."""
        for item in self.json("get", "pods")["items"]:
            if item["metadata"]["name"].startswith(prefix) and "deletionTimestamp" not in item["metadata"]:
                return item["metadata"]["name"]
        raise MeshError(f"no pod {prefix}…")

    def exec(self, pod: str, *command: str, container: str = "", status: Sequence[int] = (0,), limit: int = 60) -> str:
        """Run a program in a pod, in its first container if none is named; returns standard output."""
        where = ("-c", container) if container else ()
        return self.run("exec", *where, pod, "--", *command, status=status, limit=limit)

    def start_exec(self, pod: str, *command: str) -> subprocess.Popen[str]:
        """Run a program in a pod in the background."""
        arguments = [*self.before, str(MELTEMI), "exec", "--state", str(self.state), pod, "--", *command]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, path: str, **headers: str) -> tuple[int, str]:
        """One GET through the gateway."""
        parts = urlsplit(self.address)
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def reviews(self, count: int = 1, **headers: str) -> Counter[str]:
        """Which versions of reviews served so many requests through the gateway, `error 5xx` among them."""
        return Counter(self._version(*self.ask("/api/v1/products/0/reviews", **headers)) for _ in range(count))

    @staticmethod
    def _version(status: int, body: str) -> str:
        if status != 200:
            return f"error {status}"
        return "-".join(json.loads(body)["podname"].split("-")[:2])


def networks() -> list[str]:
    """Networks of this run's own, so that several runs (MELTEMI_TEST_SLOT=0…7) do not meet on one machine."""
    slot = 32 * int(os.environ.get("MELTEMI_TEST_SLOT", "0"))
    return ["--pod-cidr", f"198.18.{slot}.0/19", "--service-cidr", f"198.19.{slot}.0/19"]


def host() -> str:
    """The address that this machine has towards pods."""
    return networks()[1].removesuffix("0/19") + "1"


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> object:
    """The first true result of a condition, asked again and again; fails with the last one."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise MeshError(f"{condition} still gives {result!r}")
        time.sleep(0.1)
    return result


def missing() -> str:
    """Why a whole mesh cannot run here; empty if it can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    tools = [tool for tool in ("ip", "nft", "iptables-restore") if not shutil.which(tool)]
    return f"needs {', '.join(tools)}" if tools else ""
