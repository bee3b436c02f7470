"""`meltemi code CODE`: explain the code of a finding.

Place:  apps/cli · code → catalogue → terminal
Exit:   0 known · 1 unknown
"""

import click

from meltemi.apps.cli.output import echo_json, output_option


@click.command(help=__doc__)
@click.argument("code", required=False)
@click.option("--all", "everything", is_flag=True, help="all codes, as docs/reference/codes.md has them")
@output_option
def command(code: str | None, everything: bool, output: str) -> None:
    """Print the page of one code, or the whole reference."""
    from meltemi.core.check.catalogue import CATALOGUE, page, reference

    if everything:
        click.echo(reference(), nl=False)
        return
    entry = CATALOGUE.get((code or "").upper())
    if entry is None:
        known = ", ".join(CATALOGUE)
        click.echo(
            f"error: {'no code given' if not code else f'no such code: {code!r}'}\n  help: known: {known}", err=True
        )
        raise SystemExit(1)
    if output == "json":
        echo_json({"code": entry.code, "name": entry.name, "severity": entry.severity, "page": entry.page})
    else:
        click.echo(page(entry), nl=False)
