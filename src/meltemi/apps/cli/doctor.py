"""`meltemi doctor`: what this machine lacks to run a mesh, and the command that mends it.

Place:  apps/cli · machine → apps/doctor → terminal
Exit:   0 nothing is missing · 1 something is
"""

import click

from meltemi.apps.cli.output import output_option


@click.command(help=__doc__)
@output_option
@click.pass_context
def command(context: click.Context, output: str) -> None:
    """Print every check."""
    import msgspec

    from meltemi.apps.doctor import examine

    checks = tuple(examine())
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode({"checks": checks})).decode())
    else:
        for check in checks:
            sign = click.style("ok", fg="green") if check.good else click.style("missing", fg="red")
            click.echo(f"{sign:>8}  {check.name}: {check.found}")
            if not check.good:
                click.echo(f"          mend: {check.mend}")
    context.exit(0 if all(check.good for check in checks) else 1)
