"""What the command line wants of a running pod: its logs, and programs run inside.

Place:  apps/cli · logs, exec, proxy-config → [pods] → shell/runtime/node_client → node.sock
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import click

from meltemi.apps.cli.tables import items

if TYPE_CHECKING:
    from meltemi.shell.client import Client

DEFAULT_CONTAINER = ("kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container")


class Node(Protocol):
    """What node_client offers."""

    def logs(self, namespace: str, pod: str, container: str, *, follow: bool, tail: int | None) -> Iterator[bytes]:
        """What a container wrote, the last `tail` lines or all; then, where asked to, what it goes on to write."""
        ...

    def exec(
        self, namespace: str, pod: str, container: str, argv: Sequence[str], *, stdin: int, stdout: int, stderr: int
    ) -> int:
        """Run a program beside a container's on these file descriptors; returns its exit code."""
        ...


def node_of(state: Path) -> Node:
    """The node of the mesh in a state directory."""
    # Imported by name: the node's world is large, and needed by three commands only.
    module: Any = import_module("meltemi.shell.runtime.node_client")
    return cast("Node", module.NodeClient(state / "node.sock"))


def container_of(client: "Client", namespace: str, pod: str, wanted: str) -> str:
    """The container that is meant: the one named, or the pod's default, or its first. Raises click's errors."""
    from meltemi.apps.cli.resources import kind_called, path_of

    found: dict[str, Any] = client.get(path_of(kind_called("pods"), namespace, pod))
    spec: dict[str, Any] = found.get("spec", {})
    names = [str(one["name"]) for part in ("containers", "initContainers") for one in items(spec, part)]
    said: dict[str, str] = found["metadata"].get("annotations") or {}
    chosen = wanted or next((said[name] for name in DEFAULT_CONTAINER if name in said), names[0] if names else "")
    if chosen not in names:
        raise click.UsageError(f"pod {pod!r} has no container {chosen!r}\n  help: it has {', '.join(names)}")
    return chosen


def run_inside(state: Path, namespace: str, pod: str, container: str, argv: Sequence[str]) -> int:
    """Run a program in a container on this terminal; its exit code."""
    sys.stdout.flush()
    return node_of(state).exec(namespace, pod, container, argv, stdin=0, stdout=1, stderr=2)


def capture(state: Path, namespace: str, pod: str, container: str, argv: Sequence[str]) -> bytes:
    """What a program in a container prints. Raises click's error with what it complains about where it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
        code = node_of(state).exec(
            namespace, pod, container, argv, stdin=nothing.fileno(), stdout=out.fileno(), stderr=err.fileno()
        )
        out.seek(0)
        err.seek(0)
        if code:
            said = err.read().decode(errors="replace").strip()
            raise click.ClickException(f"{argv[0]} in {namespace}/{pod} ended with {code}: {said}")
        return out.read()
