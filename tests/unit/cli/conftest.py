"""A server in a process of its own, and the command line that talks to it."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meltemi.apps.cli import cli
from unit.api.conftest import start

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The state directory of a running server; objects of one test stay for the others, so names differ."""
    folder = tmp_path_factory.mktemp("state")
    process = start(folder)
    yield folder
    process.kill()
    process.wait()


@pytest.fixture
def run(state: Path) -> Run:
    """Run `meltemi VERB …` in this process, against the server."""

    def call(verb: str, *arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(cli, [verb, "--state", str(state), *arguments], input=text)

    return call


def read(result: Result) -> Any:
    """The JSON that a command printed."""
    return json.loads(result.stdout)
