"""`meltemi validate` of one large file, the whole process.

Place:  bench · printed by `python -m bench`
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from bench.mesh import trees

DOCUMENTS, ROUNDS = 1000, 7
KINDS = ("VirtualService", "DestinationRule")


def measure() -> float:
    """Wall-clock ms of the median run."""
    found = [tree for tree in trees(DOCUMENTS // 2) if tree["kind"] in KINDS]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("---\n".join(yaml.dump(tree) for tree in found))
        file.flush()
        return sorted(_once(Path(file.name)) for _ in range(ROUNDS))[ROUNDS // 2]


def _once(file: Path) -> float:
    start = time.monotonic()
    command = [sys.executable, "-m", "meltemi.apps.cli", "validate", str(file)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.monotonic() - start) * 1000
