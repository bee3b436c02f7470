"""A pod's resolver: its nameservers' sockets are opened on the machine, then it moves into the pod.

Run as a program on the test's machine: `resolver.py TABLE RESOLV_CONF POD` (a namespace).
"""

import asyncio
import ctypes
import sys
from pathlib import Path

from meltemi.shell.runtime.dns import open_upstreams, serve_dns


def enter(namespace: str) -> None:
    with Path("/run/netns", namespace).open("rb") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


if __name__ == "__main__":
    upstreams = open_upstreams(Path(sys.argv[2]))
    enter(sys.argv[3])
    asyncio.run(serve_dns(Path(sys.argv[1]), upstreams=upstreams))
