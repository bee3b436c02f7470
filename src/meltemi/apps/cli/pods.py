"""Which container of which pod a user means, and what runs there.

Place:  apps/cli · logs, exec, proxy-config → [pods] → shell/runtime/node_client
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meltemi.apps.cli.tables import items, part

if TYPE_CHECKING:
    from meltemi.shell.client import Client

DEFAULT_CONTAINER = ("kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container")


def container_of(client: "Client", namespace: str, pod: str, wanted: str) -> tuple[str, str]:
    """The pod's uid, and the container that is meant: the one named, or the pod's default, or its first.

    Raises click's usage error.
    """
    from meltemi.apps.cli.resources import kind_called, path_of

    found: dict[str, Any] = client.get(path_of(kind_called("pods"), namespace, pod))
    spec, said = part(found, "spec"), part(part(found, "metadata"), "annotations")
    names = [str(one["name"]) for field in ("containers", "initContainers") for one in items(spec, field)]
    chosen = wanted or next((said[name] for name in DEFAULT_CONTAINER if name in said), names[0] if names else "")
    if chosen not in names:
        raise click.UsageError(f"pod {pod!r} has no container {chosen!r}\n  help: it has {', '.join(names)}")
    return found["metadata"]["uid"], chosen


def capture(state: Path, namespace: str, pod: str, container: str, argv: Sequence[str]) -> bytes:
    """What a program in a container prints. Raises click's error with what it complains about where it fails."""
    # A process of its own, since `exec` gives the program this process's own input and output.
    inside = ["exec", "--state", str(state), "-n", namespace, "-c", container, pod, "--", *argv]
    done = subprocess.run(
        [sys.executable, "-m", "meltemi.apps.cli", *inside],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise click.ClickException(f"{argv[0]} in {namespace}/{pod} ended with {done.returncode}: {said}")
    return done.stdout
