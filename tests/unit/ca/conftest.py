"""Servers and the command line share a process here: what is logged must not go to the command's output."""

import sys
from collections.abc import Generator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_go_to_stderr() -> Generator[None]:
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    yield
    structlog.configure(**before)
