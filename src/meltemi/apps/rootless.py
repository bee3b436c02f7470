"""A mesh of somebody who is not root: everything runs in a user namespace of his own, with a network of its own.

Place:  apps · used by lifecycle, doctor and the supervisor
Source: user_namespaces(7); network_namespaces(7): a socket belongs to the network in which it was opened

The doors (of the ingress gateway, and of the API server with `--kube`) are sockets of the host's network, opened before
the namespace is entered and handed to `apps/relay` inside: so nothing of the mesh stays outside.
"""

import os
import socket
from pathlib import Path

from meltemi.apps.supervisor import RELAY
from meltemi.shell.runtime import processes
from meltemi.shell.runtime.sandbox import MESH_NETWORK

ENTER = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--")
"""Put before a command, it runs as user 0 of new namespaces; its process stays the same one."""


def is_root() -> bool:
    """Whether the mesh may use this machine's own network."""
    return os.geteuid() == 0


def entrance(state: Path) -> tuple[str, ...]:
    """What leads a command into the mesh's namespaces: those in which its pods still live, or new ones."""
    for pod in processes.find(state):
        network = Path(f"/proc/{pod.pid}/fd/{MESH_NETWORK}")
        if pod.first and network.exists():
            join = ("nsenter", "--target", str(pod.pid), "--user", "--preserve-credentials", f"--net={network}")
            return (*join, "unshare", "--mount", "--")
    return ENTER


def free_doors(state: Path) -> None:
    """End a relay whose supervisor was killed: it holds the ports."""
    processes.end((one for one in processes.find(state) if RELAY in one.command.split()), grace=1.0)


class Doors:
    """Listening sockets on 127.0.0.1, by the option of supervisor and relay that takes them."""

    def __init__(self) -> None:
        self._open: dict[str, socket.socket] = {}

    def open(self, option: str, port: int) -> int:
        """Listen on a port; 0 chooses one. Returns it. Raises OSError."""
        door = self._open[option] = socket.create_server(("127.0.0.1", port), backlog=512)
        door.set_inheritable(True)
        return door.getsockname()[1]

    @property
    def arguments(self) -> list[str]:
        """What a program that inherits them is told."""
        return [word for option, door in self._open.items() for word in (option, str(door.fileno()))]

    @property
    def numbers(self) -> list[int]:
        """Of the files that a program inherits."""
        return [door.fileno() for door in self._open.values()]

    def close(self) -> None:
        """Ours; who has inherited them keeps them."""
        for door in self._open.values():
            door.close()
