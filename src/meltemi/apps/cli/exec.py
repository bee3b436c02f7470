"""`meltemi exec POD -- PROGRAM …`: run a program in a container.

Place:  apps/cli · node → a process beside the container's
Exit:   the program's; 2 no such pod or container, or no node answers
"""

from pathlib import Path

import click

from meltemi.apps.cli.state import namespace_option, state_option


@click.command(help=__doc__, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@state_option
@namespace_option
@click.option("-c", "--container", default="", help="by default the pod's first")
@click.argument("pod")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="-- PROGRAM…")
def command(state: Path, *, namespace: str, container: str, pod: str, arguments: tuple[str, ...]) -> None:
    """Run it on this terminal's input and output."""
    from meltemi.apps.cli.pods import container_of
    from meltemi.apps.cli.resources import client_of, pod_named
    from meltemi.shell.runtime.node_client import execute

    container, namespace, argv = _options(arguments, container, namespace)
    client = client_of(state)
    home, name = pod_named(client, namespace, pod)
    uid, chosen = container_of(client, home, name, container)
    raise SystemExit(execute(state, uid, chosen, argv))


def _options(arguments: tuple[str, ...], container: str, namespace: str) -> tuple[str, str, list[str]]:
    """Options may stand behind the pod too, up to `--`: `exec POD -c C -- PROGRAM`. Raises click's usage error."""
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "--":
        name, joined, value = rest.pop(0).partition("=")
        if not joined:
            value = rest.pop(0) if rest else ""
        match name:
            case "-c" | "--container":
                container = value
            case "-n" | "--namespace":
                namespace = value
            case _:
                raise click.UsageError(f"option {name!r} is not known; write '--' before the program")
    argv = rest[1:] if rest[:1] == ["--"] else rest
    if not argv:
        raise click.UsageError("which program? write it behind '--'")
    return container, namespace, argv
