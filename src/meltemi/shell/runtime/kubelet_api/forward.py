"""Connections into a pod for `kubectl port-forward`.

Place:  runtime/kubelet_api · server → [forward] → 127.0.0.1 of the pod's network
Source: Kubernetes, port forwarding over SPDY (portforward.k8s.io): two streams a connection, data and error
"""

import asyncio
import contextlib
import socket
import threading

from meltemi.shell.runtime import kernel
from meltemi.shell.runtime.kubelet_api.session import Session, Stream

PROTOCOL = "portforward.k8s.io"
PATIENCE = 10.0
"""Seconds that a connection to the pod's port may take."""


async def forward(session: Session, pid: int) -> None:
    """Connect streams until the connection ends. `pid`: a process of the pod."""
    halves: dict[str, Stream] = {}
    async with asyncio.TaskGroup() as tasks:
        async for stream in session.opened():
            name = stream.headers.get("requestid", "")
            other = halves.pop(name, None)
            if other is None:
                halves[name] = stream
                continue
            data, error = (stream, other) if stream.headers.get("streamtype") == "data" else (other, stream)
            tasks.create_task(_serve(session, data, error, pid))


async def _serve(session: Session, data: Stream, error: Stream, pid: int) -> None:
    port = data.headers.get("port", "")
    with contextlib.suppress(ConnectionError):
        try:
            await _connected(data, pid, int(port))
        except (OSError, ValueError) as problem:
            await error.write(f"error forwarding port {port}: {problem}".encode())
        for stream in (data, error):
            await stream.close()
    session.forget(data, error)


async def _connected(data: Stream, pid: int, port: int) -> None:
    """Copy both ways until both sides have ended. Raises OSError where nobody listens."""
    reader, writer = await asyncio.open_connection(sock=await asyncio.to_thread(_connect, pid, port))
    try:
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(_send(data, writer))
            while piece := await reader.read(32 << 10):
                await data.write(piece)
            await data.close()
            sending.cancel()
    except* OSError:
        pass  # either side has broken off
    finally:
        writer.close()


async def _send(data: Stream, writer: asyncio.StreamWriter) -> None:
    async for piece in data.received():
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


def _connect(pid: int, port: int) -> socket.socket:
    """A connection made in a process's network; a thread of its own goes there, and ends there. Raises OSError."""
    found: list[socket.socket | OSError] = []

    def go() -> None:
        try:
            kernel.setns(f"/proc/{pid}/ns/net")
            found.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        except OSError as problem:
            found.append(problem)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    result = found[0]
    if isinstance(result, OSError):
        raise result
    result.setblocking(False)
    return result
