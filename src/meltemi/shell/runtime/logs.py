"""A container's output, a stamped line at a time, in a file that does not grow without bounds.

Place:  shell/runtime · container → [logs] → STATE/pods/UID/logs, read by node_client
Format: `TIME STREAM TEXT`, as kubelets write it (CRI), less the flags.
"""

import asyncio
import os
from datetime import UTC, datetime

LIMIT = 10 << 20
"""Bytes after which a file is put aside as `NAME.1`; so it is when the container is started again."""
LINE = 16 << 10
"""Bytes after which a line is cut."""


class LogFile:
    """One container's file. The folder is a descriptor: the path is not seen from inside the pod."""

    def __init__(self, folder: int, name: str) -> None:
        self._folder = folder
        self._name = f"{name}.log"
        self._open()

    def begin(self) -> None:
        """A new life of the container: what the one before wrote is put aside."""
        if self._size:
            self._put_aside()

    def write(self, stream: str, line: bytes) -> None:
        """One line, without its end."""
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        data = f"{stamp} {stream} ".encode() + line + b"\n"
        os.write(self._file, data)
        self._size += len(data)
        if self._size > LIMIT:
            self._put_aside()

    def _put_aside(self) -> None:
        os.close(self._file)
        os.replace(self._name, f"{self._name}.1", src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._name, flags, 0o600, dir_fd=self._folder)
        self._size = os.fstat(self._file).st_size


async def carry(pipe: int, log: LogFile, stream: str) -> None:
    """Write everything that comes through a pipe, until its last writer is gone."""
    reader = asyncio.StreamReader(limit=LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
    )
    try:
        while True:
            line = await _line(reader)
            if not line:
                return
            log.write(stream, line.rstrip(b"\n"))
    finally:
        transport.close()


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as rest:
        return rest.partial
    except asyncio.LimitOverrunError:
        return await reader.read(LINE)
