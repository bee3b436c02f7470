"""Serve an app on a Unix socket.

Place:  servers/api · started by apps/control_plane (and the node, for logs and exec)
"""

import contextlib
import os
import socket
from collections.abc import Generator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from meltemi.shell.servers.api.spent import Spent, counted, counting
from meltemi.shell.sockets import short

BACKLOG = 256


class QuietServer(uvicorn.Server):
    """Leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve_unix(app: Starlette, path: Path, spent: Spent = lambda _: None) -> None:
    """Serve until cancelled. The socket is its owner's only (0600); one that a killed process left is replaced.

    `spent` is told the seconds of CPU that requests take.
    """
    with _listening(path) as listener:
        # A watch never ends by itself: connections are cut when the server stops.
        config = uvicorn.Config(
            counted(app, spent), http=counting(spent), log_config=None, access_log=False, lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = QuietServer(config)
        try:
            await server.serve(sockets=[listener])
        finally:
            server.should_exit = True


@contextlib.contextmanager
def _listening(path: Path) -> Generator[socket.socket]:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        with short(path) as address:
            listener.bind(address)
    finally:
        os.umask(mask)
    try:
        listener.listen(BACKLOG)
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)
