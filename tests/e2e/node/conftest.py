"""One machine for all tests of a module; each test names its pods itself."""

import os
from collections.abc import Generator

import pytest

from e2e.mesh import missing
from e2e.node.machine import Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Generator[Machine]:
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp(request.node.path.stem)
    with Machine(f"node-{os.getpid()}-{request.node.path.stem[-6:]}", folder / "state") as machine:
        yield machine
