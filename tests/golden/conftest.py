"""`pytest tests/golden --accept` writes what the compiler makes of each case; read that diff as you would code."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--accept", action="store_true", help="rewrite the *.out.yaml of golden cases")
