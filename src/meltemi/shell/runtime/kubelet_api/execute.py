"""A program run in a container for `kubectl exec`.

Place:  runtime/kubelet_api · server → [execute] → node_client's command line
Source: Kubernetes, remotecommand protocol v4: streams error, stdin, stdout, stderr, resize; the end as a Status
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import termios
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from meltemi.core.model.value import Value
from meltemi.shell.runtime.kubelet_api.session import Session, Stream

PROTOCOL = "v4.channel.k8s.io"
PATIENCE = 30.0
"""Seconds that the other end may take to open its streams."""
DRAIN = 0.5
"""Seconds that output may come after the program's end, from children that it left."""


class Asked(Value, frozen=True, kw_only=True):
    """What is to be run, and which streams the caller opens."""

    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    streams: frozenset[str]
    tty: bool


async def execute(session: Session, asked: Asked) -> None:
    """Run it; the session's streams are closed then. Ends it when the connection breaks."""
    streams = await _streams(session, asked.streams)
    status = await (_on_terminal if asked.tty else _on_pipes)(asked, streams)
    await streams["error"].write(json.dumps(status).encode())
    for stream in streams.values():
        await stream.close()


async def _streams(session: Session, wanted: frozenset[str]) -> Mapping[str, Stream]:
    """By type. Raises TimeoutError, ConnectionError."""
    found: dict[str, Stream] = {}
    async with asyncio.timeout(PATIENCE):
        async for stream in session.opened():
            found[stream.headers.get("streamtype", "")] = stream
            if wanted <= found.keys():
                return found
    raise ConnectionError("the connection ended before all streams were opened")


async def _on_pipes(asked: Asked, streams: Mapping[str, Stream]) -> dict[str, Any]:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *asked.command, env=dict(asked.environment), start_new_session=True, stdout=pipe, stderr=pipe,
        stdin=pipe if "stdin" in streams else asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert child.stdout is not None  # noqa: S101  (a pipe was asked for)
    assert child.stderr is not None  # noqa: S101
    async with _ended_with_us(child), asyncio.TaskGroup() as tasks:
        outputs = [
            tasks.create_task(_copy_out(child.stdout, streams.get("stdout"))),
            tasks.create_task(_copy_out(child.stderr, streams.get("stderr"))),
        ]
        inputs = tasks.create_task(_copy_in(child, streams.get("stdin")))
        code = await child.wait()
        inputs.cancel()
        await asyncio.wait(outputs, timeout=DRAIN)
        for output in outputs:
            output.cancel()
    return _status(code)


async def _on_terminal(asked: Asked, streams: Mapping[str, Stream]) -> dict[str, Any]:
    ours, theirs = os.openpty()
    try:
        child = await asyncio.create_subprocess_exec(
            *asked.command, env=dict(asked.environment), start_new_session=True,
            stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
    finally:
        os.close(theirs)
    loop = asyncio.get_running_loop()
    screen = asyncio.StreamReader()
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(screen), os.fdopen(os.dup(ours), "rb", buffering=0)
    )
    try:
        async with _ended_with_us(child), asyncio.TaskGroup() as tasks:
            output = tasks.create_task(_copy_out(screen, streams.get("stdout")))
            others = [
                tasks.create_task(_type(ours, streams.get("stdin"))),
                tasks.create_task(_resize(ours, streams.get("resize"))),
            ]
            code = await child.wait()
            await asyncio.wait([output], timeout=DRAIN)
            for task in (output, *others):
                task.cancel()
    finally:
        reading.close()
        os.close(ours)
    return _status(code)


async def _copy_out(source: asyncio.StreamReader, target: Stream | None) -> None:
    with contextlib.suppress(OSError):  # a terminal whose program has ended, or a caller who has left
        while piece := await source.read(32 << 10):
            if target:
                await target.write(piece)


async def _copy_in(child: asyncio.subprocess.Process, source: Stream | None) -> None:
    if source is None or child.stdin is None:
        return
    with contextlib.suppress(OSError):
        async for piece in source.received():
            child.stdin.write(piece)
            await child.stdin.drain()
    child.stdin.close()


async def _type(terminal: int, source: Stream | None) -> None:
    """What is typed; the end of the connection hangs up, as a modem does."""
    if source is None:
        return
    async for piece in source.received():
        await asyncio.to_thread(os.write, terminal, piece)
    await asyncio.to_thread(os.write, terminal, b"\x04")


async def _resize(terminal: int, source: Stream | None) -> None:
    if source is None:
        return
    rest = b""
    async for piece in source.received():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, OSError, struct.error):
                size = json.loads(line)
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size["Height"], size["Width"], 0, 0))


@contextlib.asynccontextmanager
async def _ended_with_us(child: asyncio.subprocess.Process) -> AsyncGenerator[None]:
    """Whoever breaks off takes the program with him."""
    try:
        yield
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()


def _status(code: int) -> dict[str, Any]:
    """A Status as remotecommand v4 has it; a signal counts as a shell counts it."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    number = code if code > 0 else 128 - code
    return {
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {number}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(number)}]},
    }  # fmt: skip


def streams_of(query: Mapping[str, Sequence[str]]) -> tuple[frozenset[str], bool]:
    """Which streams a request will open, and whether it wants a terminal."""

    def flag(name: str) -> bool:
        return (query.get(name) or [""])[0].lower() in ("1", "true")

    tty = flag("tty")
    named = {"stdin": flag("input"), "stdout": flag("output"), "stderr": flag("error") and not tty, "resize": tty}
    return frozenset({"error", *(name for name, said in named.items() if said)}), tty
