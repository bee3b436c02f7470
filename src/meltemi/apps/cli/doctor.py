"""`meltemi doctor`: what this machine lacks to run a mesh, and the command that mends it.

Place:  apps/cli · machine → apps/doctor → terminal
The programs of a real Kubernetes API are looked for too; a mesh without `--kube` does without them.

Exit:   0 nothing is missing that every mesh needs · 1 something is
"""

from typing import TYPE_CHECKING

import click

from meltemi.apps.cli.output import output_option

if TYPE_CHECKING:
    from meltemi.apps.doctor import Check


@click.command(help=__doc__)
@output_option
@click.pass_context
def command(context: click.Context, output: str) -> None:
    """Print every check."""
    import msgspec

    from meltemi.apps.doctor import examine, examine_more

    checks = (*examine(), *examine_more())
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode({"checks": checks})).decode())
    else:
        for check in checks:
            _tell(check)
    context.exit(0 if all(check.good or check.only_for for check in checks) else 1)


def _tell(check: "Check") -> None:
    word, colour = ("ok", "green") if check.good else ("missing", "yellow" if check.only_for else "red")
    click.echo(f"{click.style(f'{word:>8}', fg=colour)}  {check.name}: {check.found}")
    if not check.good:
        if check.only_for:
            click.echo(f"          only for: {check.only_for}")
        click.echo(f"          mend: {check.mend}")
