"""Logs and programs of this machine's pods, for the command line.

Place:  shell/runtime · apps/cli → [node_client] → STATE/pods/UID

Nothing runs in between: logs are read where the sandbox writes them, programs enter the pod's namespaces themselves; so
both work while the node's process is away. Needs root, as everything of the embedded node.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from meltemi.shell.runtime.pod_spec import Container, PodSpec
from meltemi.shell.runtime.sandbox import CONTROL, PID, SPEC

POLL = 0.1
"""Seconds between two looks at a log that is followed."""


class NodeError(Exception):
    """There is no such pod or container here, or it does not run; the text says which."""

    explained = True


class NodeClient:
    """The pods of one state directory."""

    def __init__(self, state: Path) -> None:
        self._pods = state / "pods"

    def logs(
        self, namespace: str, pod: str, container: str, *, follow: bool = False, tail: int | None = None
    ) -> Iterator[bytes]:
        """The lines that a container wrote, all or the last ones; then, where asked to, what it goes on to write.

        Raises NodeError.
        """
        file = self._place(namespace, pod) / "logs" / f"{container}.log"
        try:
            opened = file.open("rb")
        except FileNotFoundError:
            raise NodeError(f"container {container!r} has written nothing yet") from None
        with opened:
            lines = opened.readlines()
            yield from map(_text, lines if tail is None else lines[len(lines) - min(tail, len(lines)) :])
            while follow:
                line = opened.readline()
                if line:
                    yield _text(line)
                else:
                    time.sleep(POLL)

    def exec(
        self, namespace: str, pod: str, container: str, argv: Sequence[str], *, stdin: int, stdout: int, stderr: int
    ) -> int:
        """Run a program beside a container's on these file descriptors; returns its exit code. Raises NodeError."""
        place = self._place(namespace, pod)
        spec, pid = _container(place, container)
        enter = ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", "--"]
        inner = _pid_inside(place, container)
        launch = [sys.executable, "-m", "meltemi.shell.runtime.launch", str(inner), _handed(spec), *argv]
        return subprocess.run([*enter, *launch], stdin=stdin, stdout=stdout, stderr=stderr, check=False).returncode

    def _place(self, namespace: str, pod: str) -> Path:
        """The pod's directory; the youngest one where an old pod of this name is still ending."""
        found: list[Path] = []
        for place in self._pods.iterdir() if self._pods.is_dir() else ():
            try:
                spec = msgspec.json.decode((place / SPEC).read_bytes(), type=PodSpec)
            except (OSError, msgspec.DecodeError):
                continue
            if (spec.namespace, spec.name) == (namespace, pod):
                found.append(place)
        if not found:
            raise NodeError(f"pod {namespace}/{pod} does not run on this machine")
        return max(found, key=lambda place: (place / SPEC).stat().st_mtime)


def _handed(spec: Container) -> str:
    """A container as an argument: its environment is the pod's own and no secret from it, the rest is public."""
    return msgspec.json.encode(spec).decode()


def _container(place: Path, name: str) -> tuple[Container, int]:
    try:
        spec = msgspec.json.decode((place / SPEC).read_bytes(), type=PodSpec)
        pid = int((place / PID).read_text())
    except (OSError, ValueError):
        raise NodeError("the pod does not run here") from None
    found = next((one for one in (*spec.init, *spec.containers) if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in spec.containers)
        raise NodeError(f"the pod has no container {name!r}; there are {names}")
    return found, pid


def _pid_inside(place: Path, container: str) -> int:
    """The number of a container's process in its pod, which the sandbox tells."""
    import socket  # noqa: PLC0415  (logs do not need it)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        try:
            control.connect(str(place / CONTROL))
            status: dict[str, Any] = msgspec.json.decode(control.makefile("rb").readline())
        except (OSError, msgspec.DecodeError):
            raise NodeError("the pod does not run here") from None
    pid: int = status["pids"].get(container, 0)
    if not pid:
        raise NodeError(f"container {container!r} does not run")
    return pid


def _text(line: bytes) -> bytes:
    """A stored line is `TIME STREAM TEXT`."""
    return line.split(b" ", 2)[-1]
