"""Cases of other people: what is accepted and refused, whom rules let in, scored by the shared judge; the samples."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from meltemi.core.check.validate import validate_bytes
from meltemi.core.model.finding import Severity

SHARED = Path(__file__).resolve().parents[3] / "shared"
JUDGE = SHARED / "tools" / "judge" / "judge"
DATA = SHARED / "conformance"

NEEDS = "networking,security,extensions,mesh-config"

pytestmark = pytest.mark.skipif(not JUDGE.exists(), reason="../shared is not there")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["validation", "validation-go", "authz"])
def test_every_case(name: str, tmp_path: Path):
    report = tmp_path / "report.json"
    command = [sys.executable, str(JUDGE), name, "--cli", f"{sys.executable} -m meltemi.apps.cli", "--data", str(DATA)]
    done = subprocess.run(
        [*command, "--needs", NEEDS, "--min", "100", "-v", "-j", "1", "--json", str(report)],
        capture_output=True,
        text=True,
        check=False,
    )
    failures = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert not failures
    assert done.returncode == 0, done.stderr


def test_every_file_of_the_samples_is_accepted():
    cases = [json.loads(line) for line in (DATA / "samples/given/cases.jsonl").read_text().splitlines()]
    refused: dict[str, list[str]] = {}
    for case in cases:
        file = DATA / "samples/given" / case["file"]
        _, findings = validate_bytes(str(file), file.read_bytes())
        errors = [f.message for f in findings if f.severity is Severity.ERROR]
        if errors:
            refused[case["name"]] = errors
    assert not refused
