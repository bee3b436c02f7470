"""`meltemi run --name NAME --port PORT -- PROGRAM…`: put a program of this machine into the mesh, as a pod.

It runs where you are, with your PATH, behind a Service of its name. A second `run` with another `--version` puts a
second one behind the same Service. It stays, and shows what the program writes, until Ctrl-C takes the program out of
the mesh; with --detach it returns when the program is ready. Without a program, the image map says what NAME is.

Place:  apps/cli · core/node/own_program → API → node
Exit:   0 ready (and, without --detach, ended by Ctrl-C) · 1 refused, or not ready in time · 2 no mesh answers
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meltemi.apps.cli.output import SpanType, echo_findings
from meltemi.apps.cli.state import namespace_option, state_option

if TYPE_CHECKING:
    from meltemi.core.node.own_program import OwnProgram
    from meltemi.shell.client import Client

INHERITED = ("PATH", "VIRTUAL_ENV")
"""Of the caller's environment: by them `python` is the same program as on the command line."""


@click.command(help=__doc__, context_settings={"allow_interspersed_args": False})
@state_option
@namespace_option
@click.option("--name", required=True, help="of the Service by which others reach it")
@click.option("--port", "ports", multiple=True, required=True, type=click.IntRange(1, 65535), help="it listens on")
@click.option("--version", default="v1", show_default=True, help="of the program, for routing")
@click.option("--protocol", default="http", show_default=True, help="what is spoken there: http, grpc, tcp, …")
@click.option("--env", "pairs", multiple=True, metavar="NAME=VALUE", help="for the program's environment")
@click.option("--replicas", default=1, show_default=True, type=click.IntRange(0), help="how many of it")
@click.option("--detach", is_flag=True, help="return when it is ready; `meltemi delete` ends it")
@click.option("--timeout", type=SpanType(), default="60s", show_default=True, help="how long it may take to be ready")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- PROGRAM…]")
def command(
    state: Path, *, namespace: str, name: str, ports: tuple[int, ...], version: str, protocol: str,
    pairs: tuple[str, ...], replicas: int, detach: bool, timeout: float, arguments: tuple[str, ...],
) -> None:  # fmt: skip
    """Apply, wait, then return or stay."""
    from meltemi.apps.cli.resources import client_of
    from meltemi.core.node.own_program import OwnProgram

    program = OwnProgram(
        name=name,
        version=version,
        namespace=namespace,
        ports=ports,
        protocol=protocol,
        command=arguments,
        directory=str(Path.cwd()),
        environment=_environment(pairs),
        replicas=replicas,
    )
    client = client_of(state)
    if not _apply(client, program):
        raise SystemExit(1)
    try:
        if not _ready(client, program, timeout):
            raise SystemExit(1)
        click.echo(f"http://{name}.{namespace}:{ports[0]}" if protocol == "http" else f"{name}.{namespace}:{ports[0]}")
        if not detach:
            _show(state, client, program)
    except KeyboardInterrupt:
        click.echo("", err=True)
    finally:
        if not detach:
            _remove(client, program)


def _environment(pairs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = {name: os.environ[name] for name in INHERITED if name in os.environ}
    for pair in pairs:
        name, joined, value = pair.partition("=")
        if not joined:
            raise click.UsageError(f"--env {pair!r}: write NAME=VALUE")
        found[name] = value
    return tuple(found.items())


def _apply(client: "Client", program: "OwnProgram") -> bool:
    import msgspec

    from meltemi.apps.cli.apply import send
    from meltemi.core.model.shown import Shown
    from meltemi.core.node.own_program import objects

    body = {"objects": [{"object": one} for one in objects(program)], "namespace": program.namespace, "dry_run": False}
    answer = send(client, body)
    echo_findings(msgspec.convert(answer["findings"], list[Shown]))
    return not answer["refused"]


def _ready(client: "Client", program: "OwnProgram", timeout: float) -> bool:
    from meltemi.apps.cli.resources import kind_called
    from meltemi.apps.cli.wait import wait_for

    end = time.monotonic() + timeout
    result = wait_for(client, kind_called("deployment"), program.namespace, program.deployment, goal="ready", end=end)
    if not result["good"]:
        click.echo(f"{program.deployment} is not ready: {result['said']}", err=True)
    return bool(result["good"])


def _show(state: Path, client: "Client", program: "OwnProgram") -> None:
    """What the program writes, until it is interrupted."""
    from meltemi.apps.cli.pods import container_of
    from meltemi.apps.cli.resources import pod_named
    from meltemi.shell.runtime.node_client import logs

    click.echo("Ctrl-C takes it out of the mesh", err=True)
    home, pod = pod_named(client, program.namespace, f"deployment/{program.deployment}")
    uid, container = container_of(client, home, pod, program.name)
    for line in logs(state, uid, container, follow=True):
        click.echo(line)


def _remove(client: "Client", program: "OwnProgram") -> None:
    """The Deployment; Service and account too where no other version is left behind them."""
    from meltemi.apps.cli.resources import kind_called, path_of
    from meltemi.core.node.own_program import MADE_BY, MAKER
    from meltemi.shell.client import RefusedError

    deployments = kind_called("deployments")
    query = {"labelSelector": f"app={program.name},{MADE_BY}={MAKER}"}
    left = client.get(path_of(deployments, program.namespace), query)["items"]
    doomed = [(deployments, program.deployment)]
    if {one["metadata"]["name"] for one in left} <= {program.deployment}:
        doomed += [(kind_called(word), program.name) for word in ("services", "serviceaccounts")]
    for kind, name in doomed:
        try:
            client.call("DELETE", path_of(kind, program.namespace, name))
        except RefusedError as refused:
            if refused.code != 404:
                raise
