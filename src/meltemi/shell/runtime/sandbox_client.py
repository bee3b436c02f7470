"""A pod's sandbox, seen from the kubelet: started, found again, asked, ended.

Place:  shell/runtime · keeper → [sandbox_client] ⇄ sandbox, over STATE/pods/UID/control.sock
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from meltemi.shell.runtime.pod_spec import PodSpec
from meltemi.shell.runtime.sandbox import CONTROL, PID, SPEC
from meltemi.shell.runtime.tokens import write_volumes
from meltemi.shell.sockets import short

Tree = dict[str, Any]

ATTEMPTS = 50
"""How often, every 0.1 s, a new sandbox's socket is looked for."""
MARGIN = 5.0
"""Seconds beyond its grace period after which a pod is ended from outside."""


class SandboxGoneError(Exception):
    """The pod's first process has ended."""


class Sandbox:
    """The other end of a pod's control socket."""

    def __init__(self, place: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._place = place
        self._reader = reader
        self._writer = writer

    @classmethod
    async def reach(cls, place: Path) -> "Sandbox":
        """Raises SandboxGoneError."""
        try:
            with short(place / CONTROL) as address:
                return cls(place, *await asyncio.open_unix_connection(address, limit=1 << 20))
        except OSError:
            raise SandboxGoneError(place.name) from None

    @classmethod
    async def start(cls, state: Path, spec: PodSpec) -> "Sandbox":
        """Write the spec, start the sandbox, wait for its socket. Raises SandboxGoneError."""
        place = state / "pods" / spec.uid
        _prepare(place, spec)
        with (place / "sandbox.log").open("ab") as out:
            first = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "meltemi.shell.runtime.sandbox", "--state", str(state), spec.uid,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env=os.environ | {"MELTEMI_STATE": str(state)},
            )  # fmt: skip
        if await first.wait():
            raise SandboxGoneError(f"{place}/sandbox.log says why it could not be started")
        for _ in range(ATTEMPTS):
            try:
                return await cls.reach(place)
            except SandboxGoneError:
                await asyncio.sleep(0.1)
        raise SandboxGoneError(place.name)

    async def status(self) -> Tree:
        """The next status. Raises SandboxGoneError."""
        try:
            line = await self._reader.readline()
        except OSError:
            line = b""
        if not line:
            raise SandboxGoneError(self._place.name)
        return msgspec.json.decode(line)

    async def stop(self, grace: float) -> None:
        """End the pod; returns when it has ended."""
        try:
            self._writer.write(json.dumps({"stop": grace}).encode() + b"\n")
            async with asyncio.timeout(grace + MARGIN):
                while True:
                    await self.status()
        except TimeoutError:
            _kill(self._place)
        except (SandboxGoneError, OSError):
            pass
        finally:
            self._writer.close()


def _prepare(place: Path, spec: PodSpec) -> None:
    for name in ("logs", "root"):
        (place / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    (place.parents[1] / "node").mkdir(exist_ok=True)
    write_volumes(spec)
    file = place / SPEC
    file.touch(mode=0o600)
    file.write_bytes(msgspec.json.encode(spec))


def _kill(place: Path) -> None:
    """PID 1 does not answer: with it everything of the pod goes."""
    try:
        os.kill(int((place / PID).read_text()), signal.SIGKILL)
    except (OSError, ValueError):
        return
