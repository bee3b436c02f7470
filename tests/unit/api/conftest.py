"""A server in a process of its own, and its client."""

import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from meltemi.shell.client import Client

TESTS = Path(__file__).parents[2]


def start(state: Path) -> subprocess.Popen[bytes]:
    """A server that listens."""
    (state / "api.sock").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "unit.api.serving", str(state)], cwd=TESTS, env={"PYTHONPATH": str(TESTS)}
    )
    end = time.monotonic() + 20
    while not (state / "api.sock").exists():
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < end, "the server does not listen"
        time.sleep(0.02)
    return process


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The state directory of a running server; objects of one test stay for the others, so names differ."""
    folder = tmp_path_factory.mktemp("state")
    process = start(folder)
    yield folder
    process.kill()
    process.wait()


@pytest.fixture
def api(state: Path) -> Client:
    return Client(state / "api.sock")
