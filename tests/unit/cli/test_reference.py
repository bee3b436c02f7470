"""The generated pages of docs/reference are current. Else: scripts/reference."""

from pathlib import Path

import click
import pytest

from meltemi.apps.cli import cli
from meltemi.apps.cli.reference import reference as of_commands
from meltemi.core.check.takes_effect import reference as of_effect
from meltemi.core.model.kinds import KINDS

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reference"


@pytest.mark.parametrize(("page", "text"), [("cli.md", of_commands()), ("what-takes-effect.md", of_effect())])
def test_the_page_is_current(page: str, text: str):
    assert (FOLDER / page).read_text() == text


def test_every_command_has_a_section():
    assert [line[3:] for line in of_commands().splitlines() if line.startswith("## ")] == cli.list_commands(
        click.Context(cli)
    )


def test_every_kind_is_listed():
    assert all(f"| {kind.kind} |" in of_effect() for kind in KINDS)
