"""Requests that go on while something is changed or killed: not one may fail.

Place:  tests/e2e · used by the tests of what a user must not feel, over every store
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from e2e.mesh import HERE, Mesh

PROGRAM = str(HERE / "apps/load.py")
HOP = "http://ratings:9080/ratings/0"


@contextmanager
def load(mesh: Mesh, seconds: float, *, hop: str = HOP, rate: int = 200) -> Generator[None]:
    """While the block runs: 10 pages a second through the gateway, and `rate` calls from a pod to one hop."""
    client = mesh.pod("client-")
    pages = subprocess.Popen(
        [sys.executable, PROGRAM, mesh.address + "/productpage", "10", str(seconds)], stdout=subprocess.PIPE, text=True
    )
    hops = mesh.start_exec(client, sys.executable, PROGRAM, hop, str(rate), str(seconds))
    time.sleep(1.0)
    try:
        yield
    except BaseException:
        pages.kill()
        hops.kill()
        raise
    pages.send_signal(signal.SIGTERM)
    mesh.exec(client, "pkill", "-TERM", "-f", PROGRAM)
    results = [json.loads(process.communicate(timeout=seconds + 60)[0]) for process in (pages, hops)]
    for result in results:
        assert result["sent"] > 10
        assert result["failures"] == []
