"""`meltemi exec POD -- PROGRAM …`: run a program in a container.

Place:  apps/cli · node → a process beside the container's
Exit:   the program's; 2 no such pod or container, or no node answers
"""

import sys
from pathlib import Path

import click

from meltemi.apps.cli.state import namespace_option, state_option

FLAGS = {"-i": False, "--stdin": False, "-t": True, "--tty": True, "-it": True, "-ti": True}
"""Options without a value that may stand behind the pod too; whether they ask for a terminal."""


@click.command(help=__doc__, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@state_option
@namespace_option
@click.option("-c", "--container", default="", help="by default the pod's first")
@click.option("-i", "--stdin", is_flag=True, help="pass standard input on, which is always done")
@click.option(
    "-t", "--tty", is_flag=True, help="on a terminal of the program's own: shells edit lines and control jobs"
)
@click.argument("pod")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="-- PROGRAM…")
def command(
    state: Path, *, namespace: str, container: str, stdin: bool, tty: bool, pod: str, arguments: tuple[str, ...]
) -> None:
    """Run it on this terminal's input and output."""
    del stdin  # for the fingers of kubectl's users
    from meltemi.apps.cli.pods import container_of
    from meltemi.apps.cli.resources import client_of, pod_named
    from meltemi.shell.runtime.node_client import execute

    tty = tty or _wants_terminal(arguments)
    if tty and not sys.stdin.isatty():
        raise click.UsageError("standard input is no terminal: leave '-t' out")
    container, namespace, argv = _options(arguments, container, namespace)
    client = client_of(state)
    home, name = pod_named(client, namespace, pod)
    uid, chosen = container_of(client, home, name, container)
    raise SystemExit(execute(state, uid, chosen, argv, terminal=tty))


def _wants_terminal(arguments: tuple[str, ...]) -> bool:
    """`exec POD -it -- PROGRAM`."""
    own = arguments[: arguments.index("--")] if "--" in arguments else ()
    return any(FLAGS.get(one) for one in own)


def _options(arguments: tuple[str, ...], container: str, namespace: str) -> tuple[str, str, list[str]]:
    """Options may stand behind the pod too, up to `--`: `exec POD -c C -- PROGRAM`. Raises click's usage error."""
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "--":
        if rest[0] in FLAGS:
            rest.pop(0)
            continue
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
