"""The command as a process: exit codes and plain words."""

import subprocess
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from meltemi.apps.cli import cli


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


def commands(above: click.Group, *names: str) -> Iterator[tuple[str, ...]]:
    """The words of every command, and of every command in one."""
    context = click.Context(above)
    for name in above.list_commands(context):
        yield (*names, name)
        if isinstance(found := above.get_command(context, name), click.Group):
            yield from commands(found, *names, name)


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_help_has_the_lines_that_were_written(words: tuple[str, ...]) -> None:
    """Examples too: none is run together with the next, or indented another way."""
    said = CliRunner().invoke(cli, [*words, "--help"]).output
    found: click.Command = cli
    for word in words:
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), word) or found
    assert found.callback is not None
    lines = [line.removeprefix("  ") for line in said.splitlines()]
    docs = (sys.modules[found.callback.__module__].__doc__, found.callback.__doc__)
    [text] = [text for text in (cleandoc(doc or "") for doc in docs) if text.partition("\n")[0] in lines]

    assert "Place:" not in said
    assert [line for line in text.splitlines() if line not in lines and not line.startswith("Place:")] == []
