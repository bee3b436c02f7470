"""The samples as programs, over real sockets."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def program(name: str, *arguments: str, **env: str) -> Generator[int]:
    """A module of meltemi.samples that serves on the port; `PORT` in the arguments is the port."""
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in arguments or ("PORT",)]
    process = subprocess.Popen([sys.executable, "-m", f"meltemi.samples.{name}", *words], env=env)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")


def ask(
    port: int, path: str, method: str = "GET", body: str | bytes = "", **headers: str
) -> tuple[HTTPResponse, bytes]:
    """One request; `_` in a header's name stands for `-`."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body or None, headers=named)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content
