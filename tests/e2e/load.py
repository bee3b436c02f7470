"""Requests that go on while something is changed or killed: not one may fail.

Place:  tests/e2e · used by the tests of what a user must not feel, over every store
"""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from e2e.mesh import HERE, Mesh, eventually

PROGRAM = str(HERE / "apps/load.py")
HOP = "http://ratings:9080/ratings/0"
PAGES = 10
PLENTY = 600
"""Seconds after which calls end that nobody has ended."""


@contextmanager
def calls(mesh: Mesh, pod: str, url: str, *headers: str, rate: int = 200) -> Generator[None]:
    """While the block runs: so many calls a second from a pod."""
    hops = mesh.start_exec(pod, sys.executable, PROGRAM, url, str(rate), str(PLENTY), *headers)
    try:
        eventually(
            lambda: mesh.exec(pod, "pgrep", "-f", PROGRAM, status=(0, 1))
        )  # `exec` asks the API before it begins
        yield
    except BaseException:
        hops.kill()
        raise
    mesh.exec(pod, "pkill", "-TERM", "-f", PROGRAM, status=(0, 1))  # 1: it has ended, and says why
    _sound(hops, rate)


@contextmanager
def load(mesh: Mesh, *, hop: str = HOP, rate: int = 200) -> Generator[None]:
    """While the block runs: PAGES a second through the gateway, and `rate` calls from a pod to one hop."""
    pages = subprocess.Popen(
        [sys.executable, PROGRAM, mesh.address + "/productpage", str(PAGES), str(PLENTY)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with calls(mesh, mesh.pod("client-"), hop, rate=rate):
            yield
    except BaseException:
        pages.kill()
        raise
    pages.send_signal(signal.SIGTERM)
    _sound(pages, PAGES)


def _sound(process: subprocess.Popen[str], rate: int) -> None:
    """Those of a second at least were sent, and none failed."""
    said, problem = process.communicate(timeout=60)
    assert said, problem
    result = json.loads(said)
    assert result["sent"] >= rate, result
    assert not result["failures"], result["failures"]
