"""A mesh of somebody who is not root: everything runs in a user namespace of his own, with a network of its own.

Place:  apps · used by lifecycle, doctor and the supervisor
Source: user_namespaces(7); network_namespaces(7): a socket belongs to the network in which it was opened

The door of the ingress gateway is a socket of the host's network, opened before the namespace is entered and handed to
`apps/relay` inside: so nothing of the mesh stays outside.
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


def free_door(state: Path) -> None:
    """End a relay whose supervisor was killed: it holds the port."""
    processes.end((one for one in processes.find(state) if RELAY in one.command.split()), grace=1.0)


def open_door(port: int) -> socket.socket:
    """A listening socket on a port of 127.0.0.1, that processes may inherit; 0 chooses a port. Raises OSError."""
    door = socket.create_server(("127.0.0.1", port), backlog=512)
    door.set_inheritable(True)
    return door
