"""`meltemi logs POD`: show what a container wrote.

Place:  apps/cli · node → terminal
Exit:   0 shown · 2 no such pod or container, or no node answers
"""

from pathlib import Path

import click

from meltemi.apps.cli.state import namespace_option, state_option


@click.command(help=__doc__)
@state_option
@click.argument("pod")
@namespace_option
@click.option("-c", "--container", default="", help="by default the pod's first")
@click.option("-f", "--follow", is_flag=True, help="go on and show what is written")
@click.option("--tail", type=click.IntRange(min=0), help="only so many lines from the end")
@click.option("-p", "--previous", is_flag=True, help="of the container that ran before")
def command(
    state: Path, *, pod: str, namespace: str, container: str, follow: bool, tail: int | None, previous: bool
) -> None:
    """Copy the log to standard output."""
    from meltemi.apps.cli.pods import container_of
    from meltemi.apps.cli.resources import client_of, pod_named
    from meltemi.shell.runtime.node_client import logs

    client = client_of(state)
    home, name = pod_named(client, namespace, pod)
    uid, chosen = container_of(client, home, name, container)
    for line in logs(state, uid, chosen, tail=tail, previous=previous, follow=follow):
        click.echo(line)
