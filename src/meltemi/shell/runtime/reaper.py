"""Children and orphans of PID 1: whoever waits for one is told how it ended, all others are just buried.

Place:  shell/runtime · sandbox → [reaper] ← container
"""

import asyncio
import os
import signal


class Reaper:
    """Collects ended processes at every SIGCHLD. One a process."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[int]] = {}
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def ended(self, pid: int) -> asyncio.Future[int]:
        """The exit code to come (128 + signal for a killed process). To be called right after the fork."""
        future = self._waiting.get(pid)
        if future is None:
            future = self._waiting[pid] = asyncio.get_running_loop().create_future()
        return _shared(future)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            future = self._waiting.pop(pid, None)
            if future and not future.done():
                future.set_result(code if code >= 0 else 128 - code)


def _shared(future: asyncio.Future[int]) -> asyncio.Future[int]:
    """Whoever is cancelled while waiting must not cancel it for the others."""
    return asyncio.shield(future)
