"""`meltemi down`: end the mesh, and leave nothing behind.

Place:  apps/cli · apps/lifecycle → shell/runtime/cleanup
Exit:   0 nothing of the mesh is left · 2 could not
"""

from pathlib import Path

import click

from meltemi.apps.cli.output import echo_json, output_option
from meltemi.apps.cli.state import state_option


@click.command(help=__doc__)
@state_option
@output_option
def command(state: Path, output: str) -> None:
    """Take down a mesh, or what a killed one left."""
    from meltemi.apps.lifecycle import Lifecycle, Options

    removed = Lifecycle(Options(state=state), say=lambda text: click.echo(text, err=True)).down()
    if output == "json":
        echo_json({"removed": list(removed)})
        return
    for line in removed:
        click.echo(line)
    click.echo("the mesh is down" if removed else "there was no mesh")
