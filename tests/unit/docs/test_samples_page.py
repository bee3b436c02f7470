"""docs/reference/samples.md is current, and speaks of tests that exist. Else: scripts/reference."""

import ast
from pathlib import Path

import pytest

from e2e.mesh import SAMPLES
from e2e.samples_table import given, reference, runs, waits

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs ../shared/conformance/samples")


def test_the_page_is_current():
    assert (ROOT / "docs/reference/samples.md").read_text() == reference()


def test_every_file_runs_or_waits_for_something():
    shown = runs()
    assert set(shown) <= set(given())
    assert all(waits(name) for name in given() if name not in shown)


def test_the_named_tests_exist():
    for test in set(runs().values()):
        file, _, name = test.partition("[")[0].partition("::")
        tree = ast.parse((ROOT / "tests/e2e" / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test
