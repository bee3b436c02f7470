"""The command as a process: exit codes and plain words."""

import subprocess
import sys
from pathlib import Path


def meltemi(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meltemi.apps.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_no_mesh_is_said_in_plain_words(tmp_path: Path) -> None:
    done = meltemi("get", "--state", str(tmp_path), "pods")

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: no mesh answers on {tmp_path}/api.sock")
    assert "help: start one with 'meltemi up'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_read_is_said_in_plain_words(tmp_path: Path) -> None:
    done = meltemi("apply", "--state", str(tmp_path), "-f", "/nowhere.yaml")

    assert (done.returncode, done.stderr) == (2, "error: No such file or directory: /nowhere.yaml\n")


def test_wrong_usage_is_2() -> None:
    assert meltemi("get").returncode == meltemi("nonsense").returncode == 2


def test_help_names_the_commands_and_imports_none_of_them() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from meltemi.apps.cli import cli; "
        "print(CliRunner().invoke(cli, ['--help']).output); "
        "print('msgspec' in sys.modules, 'meltemi.apps.cli.get' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert "apply" in done.stdout
    assert done.stdout.endswith("False False\n")
