"""Unix sockets at paths of any length: an address holds 108 bytes, a state directory's path may be longer.

Place:  shell · used by everybody who listens on or connects to a socket below the state directory
Source: unix(7), sun_path
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 100
"""Bytes of a path that is used as it is."""


@contextmanager
def short(path: Path) -> Generator[str]:
    """Another name of `path` that fits into an address, while the block runs. Raises OSError without its folder."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
