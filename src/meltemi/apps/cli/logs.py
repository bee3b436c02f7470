"""`meltemi logs POD`: show what a container wrote.

Place:  apps/cli · node → terminal
Exit:   0 shown · 2 no such pod or container, or no node answers
"""

import sys
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
def command(state: Path, *, pod: str, namespace: str, container: str, follow: bool, tail: int | None) -> None:
    """Copy the log to standard output."""
    from meltemi.apps.cli.pods import container_of, node_of
    from meltemi.apps.cli.resources import client_of, pod_named

    client = client_of(state)
    home, name = pod_named(client, namespace, pod)
    chosen = container_of(client, home, name, container)
    for part in node_of(state).logs(home, name, chosen, follow=follow, tail=tail):
        sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
