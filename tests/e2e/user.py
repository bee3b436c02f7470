"""Somebody without root, without sudo and without groups, in a directory of his own.

Place:  tests/e2e · used by the tests of meshes without root
"""

import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.mesh import HERE

UID = 12345


@pytest.fixture(scope="module")
def home() -> Generator[Path]:
    """His own directory, where everybody may go to."""
    folder = Path(tempfile.mkdtemp(prefix="meltemi-user-", dir="/tmp"))
    shutil.chown(folder, UID, UID)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_user(home: Path) -> tuple[str, ...]:
    """What runs a command as him."""
    return ("sh", str(HERE / "as_user.sh"), str(UID), str(home), sys.executable)


def processes() -> list[str]:
    """Commands of his processes that live."""
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == UID and (command := (folder / "cmdline").read_bytes()):
                found.append(command.replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
