"""Random configurations and random bytes, many more than CI asks for.

Place:  bench · run by `python -m bench`, prints what the tests of tests/property say
"""

import os
import subprocess
import sys
from pathlib import Path

CONFIGURATIONS, FUZZ = 2000, 10
"""Meshes offered to a live Envoy; times 20,000 random texts and trees."""
ROOT = Path(__file__).resolve().parents[1]


def measure() -> str:
    """The last line of pytest, for both; all of it on standard error where something failed."""
    more = {"MELTEMI_CONFIGURATIONS": str(CONFIGURATIONS), "MELTEMI_FUZZ": str(FUZZ)}
    files = ("tests/property/test_random_configurations.py", "tests/unit/parse/test_property.py")
    command = [sys.executable, "-m", "pytest", "-q", *files]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | more, capture_output=True, text=True, timeout=7200, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
    return done.stdout.strip().splitlines()[-1]
